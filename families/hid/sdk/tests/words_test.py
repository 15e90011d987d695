#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The interface files of HIDDriverKit have the words of docs/facts/driverkit-api.csv: where a method runs, which parameter
is an action's target, which callback a method implements. Signatures are compared by sdk/facts/api_status.py."""

import pathlib
import re
import sys
import unittest

SDK = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SDK.parents[2] / "sdk/facts"))

import rows as facts  # noqa: E402

WORDS = {"KERNEL", "LOCAL", "LOCALONLY"}
# What runs in the driver's process here: Start and Stop of the service are made of messages of our own.
MADE_LOCAL = {("IOHIDEventService", "Start"), ("IOHIDEventService", "Stop")}
# They become TYPE with the USB family, whose pipes call them. getReport: the facts call both overloads overrides.
WITHOUT_TYPE = {"IOUSBHostPipe", "IOUSBHostDevice"}


def classes():
    """{class: (words before its name, super class or extended class, [declaration])}"""
    found = {}
    for path in sorted(SDK.glob("*.iig")):
        text = re.sub(r"//[^\n]*", " ", path.read_text(encoding="utf-8"))
        for match in re.finditer(r"\nclass ((?:[A-Z]+(?:\((\w+)\))? )*)(\w+)(?: : public (\w+))?\s*\{(.*?)\n\};", text, flags=re.S):
            words, extended, name, above, body = match.groups()
            body = re.sub(r"\b(public|private|protected):", " ", body)
            found[name] = (words.split(), above or extended, [" ".join(item.split()) for item in body.split(";") if item.strip()])
    return found


def member_of(declaration):
    return re.search(r"(\w+)\s*\(", re.sub(r"\bTYPE\([^)]*\)", "", declaration)).group(1)


def parameters_of(declaration, member):
    """With the words of parameters left out."""
    plain = re.sub(r"\b(TARGET|TYPE\([^)]*\))", "", declaration)
    return facts.parameter_types(plain, member)


class Words(unittest.TestCase):
    def setUp(self):
        self.classes = classes()
        self.rows = [row for row in facts.framework_rows("HIDDriverKit") if row.class_name in self.classes]

    def declaration_of(self, row):
        found = [item for item in self.classes[row.class_name][2]
                 if member_of(item) == row.member and parameters_of(item, row.member).removesuffix("const") == row.parameters]
        return found[0] if found else None

    def test_every_interface_class_has_the_words_and_the_super_class_of_its_row(self):
        self.assertEqual(len(self.classes), 10)
        for row in facts.framework_rows("HIDDriverKit"):
            if row.kind != "class" or row.member not in self.classes:
                continue
            words, above, _ = self.classes[row.member]
            self.assertEqual(set(words), {word for word in row.attributes if re.match(r"(KERNEL|EXTENDS)\b", word)}, row.member)
            if row.super_class:
                self.assertEqual(above, row.super_class, row.member)

    def test_methods_run_where_the_facts_say(self):
        different = []
        for row in self.rows:
            if row.kind == "class" or not {"virtual", "nonvirtual", "static"} & set(row.attributes):
                continue  # documentation alone says nothing of words
            declaration = self.declaration_of(row)
            if declaration is None:
                different.append("%s is not in its class" % row.name)
                continue
            have = {word for word in WORDS if re.search(r"\b%s\b" % word, declaration)}
            wanted = WORDS & set(row.attributes) | ({"LOCAL"} if (row.class_name, row.member) in MADE_LOCAL else set())
            if "override" in row.attributes:  # the first declaration's words hold, repeated or not
                wanted = have & (wanted | set(facts.first_attributes(row)))
            if row.class_name.endswith("Private"):  # of a class that extends, KERNEL is said for each method
                have.discard("KERNEL")
            if have != wanted:
                different.append("%s has %s, the facts have %s" % (row.name, sorted(have), sorted(wanted)))
            if ("pure" in row.attributes) != declaration.endswith("= 0"):
                different.append("%s: pure is wrong" % row.name)
            for kind in ("virtual", "override"):
                if kind in row.attributes and kind not in declaration.split() and row.member != "getReport":
                    different.append("%s is not %s" % (row.name, kind))
            for parameter in re.findall(r"param (\w+) TARGET", ";".join(row.attributes)):
                if "%s TARGET" % parameter not in declaration:
                    different.append("%s: %s lacks TARGET" % (row.name, parameter))
            for callback in re.findall(r"TYPE\(([\w:]+)\)", ";".join(row.attributes)):
                if callback.split("::")[0] not in WITHOUT_TYPE and "TYPE(%s)" % callback not in declaration:
                    different.append("%s lacks TYPE(%s)" % (row.name, callback))
        self.assertEqual(different, [])

    def test_what_the_facts_do_not_have_is_between_the_halves_or_an_override(self):
        known = {(row.class_name, row.member) for row in self.rows}
        surplus = [name + "::" + member_of(item) for name, (_, _, items) in self.classes.items() for item in items
                   if (name, member_of(item)) not in known and not (name.endswith("Private") and member_of(item).startswith("_"))]
        # Life of objects that the families' own implementation needs to see.
        self.assertEqual(sorted(surplus), ["IOHIDDevice::free", "IOUserHIDDevice::Stop"])


if __name__ == "__main__":
    unittest.main()
