# SPDX-License-Identifier: Apache-2.0
"""Seeded faults: a provider, and personalities that would run on it but for one thing.

`make(seed)` gives the provider's properties and the mismatches. Each knows what `opendext explain` has to say: the key
that is to blame, what it wants and what there is, and the hint where something comes near.
"""

import random
from dataclasses import dataclass, field

COLORS = ["amber", "beige", "crimson", "indigo", "magenta", "turquoise", "vermilion"]
ABSENT = object()


@dataclass
class Mismatch:
    name: str
    # What is planted: changes of the personality (None removes a key), and of the bundle's entitlements.
    personality: dict = field(default_factory=dict)
    entitlements: dict = field(default_factory=dict)
    # What explain has to say. "unreadable": a rule of bundles is broken, which is told with file, line and key.
    state: str = "mismatched"
    key: str = ""  # the first check that does not fit
    wanted: object = ABSENT
    found: object = ABSENT  # ABSENT: the provider has nothing
    says: tuple = ()  # parts of reason, fix and notes


def swapped(chance, word):
    """The word with two neighbours in the wrong order."""
    places = [i for i in range(1, len(word) - 1) if word[i] != word[i + 1]]
    place = chance.choice(places)
    return word[:place] + word[place + 1] + word[place] + word[place + 2:]


def shortened(chance, word):
    """The word without one of its letters."""
    place = chance.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1:]


def make(seed):
    """The properties of the provider, and what is wrong with each personality that ought to match it."""
    chance = random.Random(seed)
    color, other = chance.sample(COLORS, 2)
    model = chance.randrange(1000, 60000)
    revision = chance.randrange(1, 1000)
    provider = {"WhyColor": color, "WhyModel": model, "WhyRevision": str(revision), "WhyReady": True, "WhyName": f"widget-{model}"}
    name = provider["WhyName"]
    wrong_color, wrong_name = shortened(chance, color), swapped(chance, name)

    def properties(**wanted):
        return {"IOPropertyMatch": wanted}

    cases = [
        Mismatch("a property's name is misspelt", properties(WhyColour=color), key="IOPropertyMatch/WhyColour", wanted=color,
                 says=("has no property WhyColour", f'is WhyColor meant? It is "{color}"')),
        Mismatch("a property's name in lower case", properties(whymodel=model), key="IOPropertyMatch/whymodel", wanted=model,
                 says=("has no property whymodel", f"is WhyModel meant? It is {model}")),
        Mismatch("a property that is nowhere", properties(Entirely="different"), key="IOPropertyMatch/Entirely", wanted="different",
                 says=("has no property Entirely", "attach the device")),
        Mismatch("a text in place of a number", properties(WhyModel=str(model)), key="IOPropertyMatch/WhyModel", wanted=str(model), found=model,
                 says=(f"the number {model}", f'the string "{model}"', f"<integer>{model}</integer>")),
        Mismatch("a hexadecimal text in place of a number", properties(WhyModel=hex(model)), key="IOPropertyMatch/WhyModel", wanted=hex(model),
                 found=model, says=(f'the string "{hex(model)}"', "write a number")),
        Mismatch("a number in place of a text", properties(WhyRevision=revision), key="IOPropertyMatch/WhyRevision", wanted=revision,
                 found=str(revision), says=(f"<string>{revision}</string>",)),
        Mismatch("a number in place of true", properties(WhyReady=1), key="IOPropertyMatch/WhyReady", wanted=1, found=True,
                 says=("the boolean true", "the number 1", "write <true/>")),
        Mismatch("another number", properties(WhyModel=model + 1), key="IOPropertyMatch/WhyModel", wanted=model + 1, found=model,
                 says=(f"is {model}, wanted {model + 1}",)),
        Mismatch("another text", properties(WhyColor=other), key="IOPropertyMatch/WhyColor", wanted=other, found=color,
                 says=(f'is "{color}", wanted "{other}"',)),
        Mismatch("a misspelt text", properties(WhyColor=wrong_color), key="IOPropertyMatch/WhyColor", wanted=wrong_color, found=color,
                 says=(f'is "{color}" meant?',)),
        Mismatch("a text in capitals", properties(WhyColor=color.upper()), key="IOPropertyMatch/WhyColor", wanted=color.upper(), found=color,
                 says=("upper and lower case",)),
        Mismatch("the second of two properties", properties(WhyColor=color, WhyRevision=str(revision + 1)), key="IOPropertyMatch/WhyRevision",
                 wanted=str(revision + 1), found=str(revision), says=(f'wanted "{revision + 1}"',)),
        Mismatch("none of several property tables", {"IOPropertyMatch": [{"WhyModel": 1}, {"WhyColor": other}]}, key="IOPropertyMatch",
                 wanted=[{"WhyModel": 1}, {"WhyColor": other}], says=("wanted 1; ", f'wanted "{other}"')),
        Mismatch("a property table that is a text", {"IOPropertyMatch": "WhyColor"}, state="unreadable",
                 says=("IOPropertyMatch", 'the string "WhyColor"', "must be a dictionary or an array of dictionaries")),
        Mismatch("a property that has to exist", {"IOPropertyExistsMatch": "WhyRead"}, key="IOPropertyExistsMatch", wanted="WhyRead",
                 says=("has no property", "is WhyReady meant?")),
        Mismatch("a misspelt class of the provider", {"IOProviderClass": "WhyDirver"}, key="IOProviderClass", wanted="WhyDirver",
                 found="IOUserService", says=('is "WhyDriver" meant?',)),
        Mismatch("another class of the provider", {"IOProviderClass": "IOUserServer"}, key="IOProviderClass", wanted="IOUserServer",
                 found="IOUserService", says=("neither the class IOUserService",)),
        Mismatch("a misspelt name", {"IONameMatch": wrong_name}, key="IONameMatch", wanted=wrong_name, found=name,
                 says=(f'is "{name}" meant?',)),
        Mismatch("none of several names", {"IONameMatch": ["gadget", "gizmo"]}, key="IONameMatch", wanted=["gadget", "gizmo"], found=name,
                 says=('("gadget", "gizmo")',)),
        Mismatch("names that are numbers", {"IONameMatch": [model]}, state="unreadable",
                 says=("IONameMatch", "must be a string or an array of strings")),
        Mismatch("a location", {"IOLocationMatch": str(revision)}, key="IOLocationMatch", wanted=str(revision), found="",
                 says=('the location is ""',)),
        Mismatch("a location of the wrong type", {"IOLocationMatch": model}, state="unreadable",
                 says=("IOLocationMatch", f"the number {model}", "must be a string or a dictionary")),
        Mismatch("a table for the provider below", {"IOLocationMatch": {"IONameMatch": "IOUserResource"}}, key="IOLocationMatch",
                 wanted={"IONameMatch": "IOUserResource"}, found="IOUserResources", says=('is not the name "IOUserResources"',)),
        Mismatch("no parent fits", {"IOParentMatch": {"IOProviderClass": "WhyBus"}}, key="IOParentMatch",
                 wanted={"IOProviderClass": "WhyBus"}, found="IOUserResources", says=("no entry below fits",)),
        Mismatch("a path without its plane", {"IOPathMatch": f"/OpenDext/IOUserResources/{name}"}, key="IOPathMatch",
                 wanted=f"/OpenDext/IOUserResources/{name}", found=f"IOService:/OpenDext/IOUserResources/{name}", says=("write the plane too",)),
        Mismatch("the id of something else", {"IORegistryEntryID": 7}, key="IORegistryEntryID", wanted=7, says=("IORegistryEntryID 7",)),
        Mismatch("clients that it has not", {"IOMatchedServiceCountMatch": 41}, key="IOMatchedServiceCountMatch", wanted=41,
                 says=("IOMatchedServiceCountMatch 41",)),
        Mismatch("a BSD name", {"BSD Name": "why0"}, key="BSD Name", wanted="why0", says=("BSD Name: the provider has no such property",)),
        Mismatch("a score that is a text", {"IOProbeScore": "1000"}, state="unreadable", says=("IOProbeScore", "<integer>1000</integer>")),
        Mismatch("no name of a server", {"IOUserServerName": None}, state="unreadable", says=("IOUserServerName",)),
        Mismatch("no class of the driver", {"IOUserClass": None}, state="unreadable", says=("IOUserClass",)),
        Mismatch("the provider that drivers cannot have", {"IOProviderClass": "IOResources"}, state="unreadable",
                 says=("IOResources", "IOUserResources")),
        Mismatch("a resource that nobody publishes", {"IOProviderClass": "IOUserResources", "IOResourceMatch": "IOKitt"}, key="IOResourceMatch",
                 wanted="IOKitt", says=("resource IOKitt is not published", "is IOKit meant?")),
        # What fits, and could not be started.
        Mismatch("a misspelt class of the driver", {"IOUserClass": "WhyDrover"}, state="refused",
                 says=('IOUserClass "WhyDrover": the executable has no such class', 'is "WhyDriver" meant?')),
        Mismatch("a class of the system that there is not", {"IOClass": "IOUserServise"}, state="refused",
                 says=('IOClass "IOUserServise" is no class of this system', 'is "IOUserService" meant?')),
        Mismatch("a class of the system that is not for drivers", {"IOClass": "IOPlatformExpertDevice"}, state="refused",
                 says=("is a class that no driver can have",)),
        Mismatch("an entitlement of every driver", entitlements={"com.apple.developer.driverkit": None}, state="refused",
                 says=("every driver asks for the entitlement com.apple.developer.driverkit", "add <key>com.apple.developer.driverkit</key>")),
        Mismatch("an entitlement that the personality asks for", {"IOServiceDEXTEntitlements": ["org.example.why." + color]}, state="refused",
                 says=(f"the entitlement org.example.why.{color}, which the dext lacks",)),
        # What fits too well: a key that nobody reads narrows nothing.
        Mismatch("a misspelt key of matching", {"IOPropertyMatsh": {"WhyColor": color}}, state="fits",
                 says=("nobody reads the key IOPropertyMatsh; is IOPropertyMatch meant?",)),
    ]
    return provider, cases
