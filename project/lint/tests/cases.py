# SPDX-License-Identifier: Apache-2.0
"""The mistakes that lint has to find: each an edit of the driver in good/."""

import dataclasses


@dataclasses.dataclass
class Case:
    rule: str
    file: str
    old: str  # replaced once; "" appends
    new: str
    at: str  # the finding points at the first place of this text; "" = the file as a whole
    says: str  # part of the message
    fix: str  # part of the fix
    where: str = ""  # another file than `file` in which the finding stands
    more: tuple = ()  # further edits: (file, old, new)
    also: tuple = ()  # rules that may be broken with it


def key(name):
    return f"<key>{name}</key>"


def pair(name, value):
    return f"<key>{name}</key>\n\t\t\t{value}\n"


PRODUCT = "\t\t\t<key>idProduct</key>\n\t\t\t<integer>22136</integer>\n"
VENDOR = "\t\t\t<key>idVendor</key>\n\t\t\t<integer>4660</integer>\n"
PROVIDER = "<string>IOUSBHostDevice</string>"
INTERFACE = "<string>IOUSBHostInterface</string>"
DRIVER_BODY = "    return RegisterService();\n"


def provider(name, old, new, **more):
    """A personality on another provider: the transport entitlement has to go with it."""
    return {"old": old, "new": new, "more": (("Info.plist", PROVIDER, f"<string>{name}</string>"), *more.get("more", ()))}


CASES = [
    # Syntax: place and fix of what a parser only calls malformed.
    Case("plist-syntax", "Info.plist", "<key>CFBundleVersion</key>", "<key>CFBundleVersion</key", "</key\n", "`</key` has no closing `>`",
         "write </key>"),
    Case("plist-syntax", "Info.plist", "<string>7</string>", "<string>7", "<key>OSBundleUsageDescription",
         "<key> inside <string>", "close it first with </string>"),
    Case("plist-syntax", "Lamp.entitlements", "<true/>", "<yes/>", "<yes/>", "unknown element", "true or false"),
    # Keys of Info.plist.
    Case("plist-missing-key", "Info.plist", pair("IOUserServerName", "<string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>"), "", key("Lamp"),
         "IOUserServerName: is missing", "add <key>IOUserServerName</key>"),
    Case("plist-missing-key", "Info.plist", "\t\t\t<key>IOProviderClass</key>\n\t\t\t<string>IOUSBHostDevice</string>\n", "", key("Lamp"),
         "IOProviderClass: is missing", "add <key>IOProviderClass</key>"),
    Case("plist-type", "Info.plist", "<integer>22136</integer>", "<string>0x5678</string>", key("idProduct"), 'must be a number or "*"',
         "write <integer>"),
    Case("plist-type", "Info.plist", "<integer>100</integer>", "<string>100</string>", key("IOProbeScore"), "must be an integer", "<integer>"),
    Case("plist-value", "Info.plist", "<integer>100</integer>", "<integer>99999999999</integer>", key("IOProbeScore"), "does not fit into 32 bits",
         "2147483647", also=("match-probe-score",)),
    Case("plist-value", "Info.plist", PROVIDER, "<string>IOResources</string>", key("IOProviderClass"), "takes no driver extensions",
         "use IOUserResources", also=("match-resource",)),
    Case("plist-forbidden-key", "Info.plist", key("CFBundlePackageType"), "<key>OSKernelResource</key>\n\t<true/>\n\t<key>CFBundlePackageType</key>",
         key("OSKernelResource"), "belongs to kernel extensions", "remove it"),
    Case("plist-unknown-key", "Info.plist", key("IOProbeScore"), key("IOProbScore"), key("IOProbScore"), "has no meaning", "did you mean IOProbeScore?"),
    Case("plist-unknown-key", "Info.plist", key("OSBundleUsageDescription"), key("OSBundleUsageDescripton"), key("OSBundleUsageDescripton"),
         "has no meaning", "did you mean OSBundleUsageDescription?", also=("plist-usage-description",)),
    Case("plist-variable", "Info.plist", "<string>7</string>", "<string>$(NO_SUCH_SETTING)</string>", key("CFBundleVersion"),
         "$(NO_SUCH_SETTING) has no value", "--set NO_SUCH_SETTING=VALUE"),
    Case("plist-version", "Info.plist", "\t<key>CFBundleVersion</key>\n\t<string>7</string>\n", "", "", "CFBundleVersion is missing",
         "$(CURRENT_PROJECT_VERSION)"),
    Case("plist-version", "Info.plist", "<string>1.2</string>", "<string>newest</string>", key("CFBundleShortVersionString"), "is no version", "1.0.2"),
    Case("plist-usage-description", "Info.plist", "\t<key>OSBundleUsageDescription</key>\n\t<string>Switches a lamp</string>\n", "", "",
         "OSBundleUsageDescription is missing", "add <key>OSBundleUsageDescription</key>"),
    # Matching.
    Case("match-never", "Info.plist", PRODUCT, "", key("idVendor"), "idVendor is no set of keys that an IOUSBHostDevice can match",
         "add idProduct: idVendor + idProduct matches, with score 90000"),
    Case("match-never", "Info.plist", PROVIDER, INTERFACE, key("idProduct"), "idProduct + idVendor is no set of keys that an IOUSBHostInterface",
         "add bConfigurationValue and bInterfaceNumber"),
    Case("match-never", "Info.plist", PRODUCT + VENDOR,
         pair("bInterfaceClass", "<integer>255</integer>") + pair("bInterfaceSubClass", "<integer>1</integer>"), key("bInterfaceClass"),
         "is no set of keys", "idVendor + bInterfaceSubClass matches", more=(("Info.plist", PROVIDER, INTERFACE),)),
    Case("match-ignored-key", "Info.plist", PRODUCT, PRODUCT + "\t\t\t" + pair("bInterfaceNumber", "<integer>0</integer>"), key("bInterfaceNumber"),
         "bInterfaceNumber is not looked at for an IOUSBHostDevice", "IOUSBHostInterface"),
    Case("match-ignored-key", "Info.plist", PRODUCT + VENDOR, "\t\t\t" + pair("DeviceUsage", "<integer>6</integer>"), key("DeviceUsage"),
         "counts only together with DeviceUsagePage", "add DeviceUsagePage",
         more=(("Info.plist", PROVIDER, "<string>IOHIDInterface</string>"),
               ("Lamp.entitlements", "com.apple.developer.driverkit.allow-any-userclient-access", "com.apple.developer.driverkit.transport.hid"))),
    Case("match-value", "Info.plist", "<integer>22136</integer>", "<integer>221360</integer>", key("idProduct"), "which no device has", "from 0 to 65535"),
    Case("match-value", "Info.plist", PRODUCT + VENDOR, "\t\t\t" + pair("IOPCIMatch", "<string>0x1234cafe lamp</string>"), key("IOPCIMatch"),
         '"lamp" is no VALUE or VALUE&MASK', "hexadecimal",
         more=(("Info.plist", PROVIDER, "<string>IOPCIDevice</string>"),
               ("Lamp.entitlements", "com.apple.developer.driverkit.transport.usb", "com.apple.developer.driverkit.transport.pci"),
               ("Lamp.entitlements", "<key>idVendor</key>\n\t\t\t<integer>4660</integer>", "<key>IOPCIMatch</key>\n\t\t\t<string>0x1234cafe</string>"))),
    Case("match-probe-score", "Info.plist", "<integer>100</integer>", "<integer>20000</integer>", key("IOProbeScore"), "is cut to 9000", "9000 or less"),
    Case("match-resource", "Info.plist", PRODUCT, PRODUCT + "\t\t\t" + pair("IOResourceMatch", "<string>IOKit</string>"), key("IOResourceMatch"),
         "IOResourceMatch has no meaning for an IOUSBHostDevice: left over", "remove it"),
    Case("match-resource", "Info.plist", PRODUCT + VENDOR, "\t\t\t" + pair("IOMatchCategory", "<string>lamp</string>"), key("IOProviderClass"),
         "IOResourceMatch is missing", "<string>IOKit</string>", more=(("Info.plist", PROVIDER, "<string>IOUserResources</string>"),)),
    Case("match-category", "Info.plist", PRODUCT + VENDOR, "\t\t\t" + pair("IOResourceMatch", "<string>IOKit</string>"), key("IOProviderClass"),
         "competes with every other one", "IOMatchCategory", more=(("Info.plist", PROVIDER, "<string>IOUserResources</string>"),)),
    # Classes.
    Case("class-undefined", "Info.plist", "<string>Lamp</string>", "<string>Lamb</string>", "<key>IOUserClass</key>\n\t\t\t<string>Lamb",
         "declares a class Lamb", "did you mean Lamp?", also=("class-unused",)),
    Case("class-unused", "LampClient.iig", "#endif", "class Spare : public IOService\n{\npublic:\n    virtual kern_return_t Start(IOService * provider) override;\n};\n#endif",
         "Spare : public", "class Spare is named nowhere", "IOUserClass"),
    Case("user-client-entry", "Info.plist", "<string>LampClient</string>", "<string>IOUserAudioDriverUserClient</string>", "LampClient : public",
         "user client LampClient has no entry", "UserClientProperties", where="LampClient.iig", also=("class-undefined",)),
    Case("create-key", "Lamp.cpp", '"LampClientProperties"', '"LampClientProperty"', '"LampClientProperty"', 'has a dictionary "LampClientProperty"',
         "did you mean LampClientProperties?"),
    Case("class-family", "Info.plist", "<string>IOUserUserClient</string>", "<string>IOUserService</string>",
         "<key>IOClass</key>\n\t\t\t\t<string>IOUserService", "LampClient derives from IOUserClient", "write <string>IOUserUserClient</string>"),
    Case("class-family", "Lamp.iig", "class Lamp : public IOService", "class Lamp : public IOUserSerial", "<key>IOClass</key>\n\t\t\t<string>IOUserService",
         "Lamp derives from IOUserSerial", "write <string>IOUserSerial</string>", where="Info.plist",
         more=(("Lamp.iig", "#include <DriverKit/IOService.iig>", "#include <SerialDriverKit/IOUserSerial.iig>"),),
         also=("entitlement-missing", "kernel-bundle", "source-incomplete", "interface-refused")),
    Case("provider-unknown", "Info.plist", PROVIDER, "<string>IOUSBHostDevic</string>", key("IOProviderClass"), "nobody knows a class IOUSBHostDevic",
         "did you mean IOUSBHostDevice?"),
    Case("kernel-bundle", "Info.plist", "<string>com.apple.kpi.iokit</string>", "<string>com.apple.iokit.IOHIDFamily</string>",
         key("CFBundleIdentifierKernel"), "does not hold the class of IOClass", "com.apple.kpi.iokit"),
    Case("kernel-bundle", "Info.plist", "\t\t\t<key>CFBundleIdentifierKernel</key>\n\t\t\t<string>com.apple.kpi.iokit</string>\n", "",
         key("IOClass"), "CFBundleIdentifierKernel is missing", "com.apple.kpi.iokit"),
    # Entitlements.
    Case("entitlement-missing", "Lamp.entitlements", "com.apple.developer.driverkit.transport.usb", "com.apple.developer.driverkit.transport.pci",
         key("IOProviderClass"), "a driver of an IOUSBHostDevice needs the entitlement com.apple.developer.driverkit.transport.usb",
         "<key>com.apple.developer.driverkit.transport.usb</key><array><dict>", where="Info.plist", also=("entitlement-unknown",)),
    Case("entitlement-missing", "Lamp.entitlements", "\t<key>com.apple.developer.driverkit</key>\n\t<true/>\n", "", "", "every driver needs the entitlement",
         "<key>com.apple.developer.driverkit</key><true/>"),
    Case("entitlement-type", "Lamp.entitlements", "<true/>", "<string>YES</string>", key("com.apple.developer.driverkit"), "must be a boolean", "<true/>"),
    Case("entitlement-type", "Lamp.entitlements", "<integer>4660</integer>", "<string>0x1234</string>", key("idVendor"), 'must be a number or "*"',
         "<integer>", also=("entitlement-transport",)),
    Case("entitlement-value", "Lamp.entitlements", "userclient-access</key>\n\t<true/>", "userclient-access</key>\n\t<false/>",
         key("com.apple.developer.driverkit.allow-any-userclient-access"), "is false", "<true/>"),
    Case("entitlement-unknown", "Lamp.entitlements", "allow-any-userclient-access", "allow-any-user-client-access",
         key("com.apple.developer.driverkit.allow-any-user-client-access"), "has no meaning", "did you mean"),
    Case("entitlement-unknown", "Lamp.entitlements", "allow-any-userclient-access", "unlimited-power", key("com.apple.developer.driverkit.unlimited-power"),
         "does not exist", "remove it"),
    Case("entitlement-not-for-drivers", "Lamp.entitlements", "com.apple.developer.driverkit.allow-any-userclient-access",
         "com.apple.developer.system-extension.install", key("com.apple.developer.system-extension.install"), "belongs to the app", "app's entitlements"),
    Case("entitlement-transport", "Lamp.entitlements", "<integer>4660</integer>", "<integer>4661</integer>",
         key("com.apple.developer.driverkit.transport.usb"), "covers no device that the personality Lamp matches", "keys and values"),
    # What Apple's toolchain would refuse.
    Case("cxx-exceptions", "Lamp.cpp", DRIVER_BODY, "    try {\n        return RegisterService();\n    } catch (...) {\n        return kIOReturnError;\n    }\n",
         "try {", "drivers are built without exceptions", "check the result"),
    Case("cxx-exceptions", "Lamp.cpp", DRIVER_BODY, "    if (provider == nullptr) throw 5;\n" + DRIVER_BODY, "throw 5", "without exceptions",
         "return a kern_return_t"),
    Case("cxx-rtti", "Lamp.cpp", DRIVER_BODY, "    struct A { virtual ~A() {} }; struct B : A {} b;\n    A * a = &b;\n    if (dynamic_cast<B *>(a) == nullptr) return kIOReturnError;\n" + DRIVER_BODY,
         "dynamic_cast", "without RTTI", "OSDynamicCast"),
    Case("cxx-rtti", "Lamp.cpp", DRIVER_BODY, "    if (typeid(int).name() == nullptr) return kIOReturnError;\n" + DRIVER_BODY, "typeid(int)", "without RTTI",
         "OSDynamicCast", more=(("Lamp.cpp", '#include "Lamp.h"', '#include <typeinfo>\n#include "Lamp.h"'),), also=("cxx-header",)),
    Case("cxx-header", "Lamp.cpp", '#include "Lamp.h"', '#include <iostream>\n#include "Lamp.h"', "#include <iostream>", "does not have", "os_log"),
    Case("message-unbounded", "Lamp.iig", "Switch(uint32_t on);", "Switch(uint32_t on);\n    virtual kern_return_t Say(const char * words);",
         "words);", "has no bound", "use a fixed array", also=("source-incomplete",)),
    Case("message-type", "Lamp.iig", "Switch(uint32_t on);", "Switch(uint32_t on);\n    virtual kern_return_t Keep(void * memory);", "memory);",
         "cannot be sent", "LOCALONLY", also=("source-incomplete",)),
    Case("interface-refused", "Lamp.iig", "virtual kern_return_t Switch(uint32_t on);", "virtual OSString * Switch(uint32_t on);",
         "Switch(uint32_t on)", "Switch", "", also=("source-incomplete",)),
    Case("ivars-object", "Lamp.cpp", "OSString* name;", "OSString name;", "name;", "is an OSString by value", "write OSString * name;",
         also=("source-incomplete",)),
    Case("ivars-object", "Lamp.cpp", "    OSString* name;\n", "    OSString* name;\n    OSBoolean flags[2];\n", "flags[2]", "is an array of OSBoolean by value",
         "OSBoolean *", also=("source-incomplete",), more=(("Lamp.cpp", "#include <DriverKit/OSString.h>", "#include <DriverKit/OSString.h>\n#include <DriverKit/OSBoolean.h>"),)),
    Case("source-incomplete", "Lamp.cpp", '#include "Lamp.h"', '#include <NoSuchDriverKit/NoSuch.h>\n#include "Lamp.h"', "<NoSuchDriverKit",
         "file not found", "opendext build"),
]
