#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""DriverKit's own interface files have the words of docs/facts/driverkit-api.csv, unless the file gives a reason.
Signatures and values are compared by sdk/facts/api_status.py."""

import csv
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk" / "DriverKit"

# Implemented in the driver's process with us; each file says why.
MADE_LOCAL = {
    "IOMemoryDescriptor": "all",
    "IOBufferMemoryDescriptor": "all",
    "IODMACommand": "all",
    "IOExtensiblePaniclog": "all",
    "IOService": {"CopyDispatchQueue"},
    "IOUserClient": {"KernelCompletion", "CreateMemoryDescriptorFromClient"},
}
# The facts lack "pure" where only documentation was read; a callback has no implementation.
MADE_PURE = {("IOTimerDispatchSource", "TimerOccurred"), ("IOInterruptDispatchSource", "InterruptOccurred")}
WORDS = ("LOCAL", "LOCALONLY", "LOCALHOST", "KERNEL", "REPLY", "INVOKEREPLY")


def facts():
    with open(ROOT / "docs/facts/driverkit-api.csv", newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["framework"] == "DriverKit"]


def squeezed(text):
    """Tokens with single spaces, `*` and punctuation on their own."""
    return " ".join(re.findall(r"[A-Za-z_0-9:]+|\S", text))


def without_words(declaration):
    declaration = re.sub(r"\b(TYPE|QUEUENAME|EXTENDS)\s*\([^)]*\)", " ", declaration)
    words = WORDS + ("NATIVE", "TARGET", "PORTMAKESEND", "PORTCOPYSEND", "override", "virtual")
    return re.sub(r"\b(%s)\b" % "|".join(words), " ", declaration)


def declarations(class_name):
    """The declarations in the body of a class: text up to each ';' outside of comments."""
    text = (SDK / (class_name + ".iig")).read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    body = re.search(r"class[^;{]*\b%s\s*:[^{]*\{(.*?)\n\};" % class_name, text, flags=re.S).group(1)
    body = re.sub(r"\b(public|private|protected)\s*:", " ", body)
    return [item.strip() for item in body.split(";") if item.strip()]


INTERFACES = sorted(path.stem for path in SDK.glob("*.iig"))


class Facts(unittest.TestCase):
    def test_no_method_is_there_that_the_facts_do_not_have(self):
        known = {(row["class"], row["member"]) for row in facts()}
        surplus = []
        for name in INTERFACES:
            for item in declarations(name):
                method = re.search(r"(\w+)\s*\(", re.sub(r"\b(TYPE|QUEUENAME)\s*\([^)]*\)", "", item)).group(1)
                # Overrides are not in the facts for every class.
                if (name, method) not in known and method not in ("init", "free", "CheckForWork"):
                    surplus.append(name + "::" + method)
        self.assertEqual(surplus, [])

    def test_words_are_those_of_the_facts_or_the_reason_is_known(self):
        different = []
        for row in facts():
            if row["class"] not in INTERFACES or row["kind"] not in ("method", "static"):
                continue
            found = [item for item in declarations(row["class"])
                     if squeezed(without_words(re.sub(r"=\s*0$", "", item))) == squeezed(row["signature"])]
            if len(found) != 1:
                continue  # the first test says it
            declaration = found[0]
            attributes = row["attributes"].split(";")
            wanted = {word for word in WORDS if word in attributes}
            have = {word for word in WORDS if re.search(r"\b%s\b" % word, declaration)}
            local = MADE_LOCAL.get(row["class"], set())
            if local == "all" or row["member"] in local:
                wanted = wanted - {"KERNEL"} | (set() if "LOCALONLY" in wanted or "override" in attributes
                                                and row["member"] in ("init", "free") else {"LOCAL"})
            if have != wanted:
                different.append("%s::%s has %s, the facts have %s" % (row["class"], row["member"], have, wanted))
            for kind in ("virtual", "override"):
                if (kind in attributes) and not re.search(r"\b%s\b" % kind, declaration):
                    different.append("%s::%s is not %s" % (row["class"], row["member"], kind))
            pure = bool(re.search(r"=\s*0$", declaration))
            if pure != ("pure" in attributes) and (row["class"], row["member"]) not in MADE_PURE:
                different.append("%s::%s: pure is %s" % (row["class"], row["member"], pure))
            for parameter in re.findall(r"param (\w+) TARGET", row["attributes"]):
                if not re.search(r"\b%s TARGET\b" % parameter, declaration):
                    different.append("%s::%s: %s lacks TARGET" % (row["class"], row["member"], parameter))
            for type_word in re.findall(r"(?:TYPE|QUEUENAME)\([^)]*\)", row["attributes"]):
                if squeezed(type_word) not in squeezed(declaration):
                    different.append("%s::%s lacks %s" % (row["class"], row["member"], type_word))
        self.assertEqual(different, [])

    def test_class_words_and_super_classes(self):
        different = []
        for row in facts():
            if row["class"] not in INTERFACES or row["kind"] != "class":
                continue
            text = (SDK / (row["class"] + ".iig")).read_text(encoding="utf-8")
            head = re.search(r"^class ([^;{]*)\b%s\s*:\s*public (\w+)" % row["class"], text, flags=re.M)
            words = set(head.group(1).split())
            wanted = {word for word in ("KERNEL", "NATIVE", "LOCAL", "LOCALONLY") if word in row["attributes"].split(";")}
            if words != wanted or (row["superclass"] and head.group(2) != row["superclass"]):
                different.append("%s: %s %s" % (row["class"], words, head.group(2)))
        self.assertEqual(different, [])


if __name__ == "__main__":
    unittest.main()
