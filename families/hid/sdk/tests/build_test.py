# SPDX-License-Identifier: Apache-2.0
"""Drivers that use HIDDriverKit are built by `opendext build`: classes derived from each of its classes, and a call of
every method that the facts have, each of which the library has to export."""

import os
import re
import shutil
import sys
import tempfile
import unittest

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(harness.SOURCE, "sdk", "facts"))

import checks  # noqa: E402
import rows as facts  # noqa: E402

HEAD = """// SPDX-License-Identifier: Apache-2.0
#include <HIDDriverKit/HIDDriverKit.h>
// The compiler may not know what becomes of the address.
template <typename T> static void use(T method) {
    asm volatile("" : : "r"(&method) : "memory");
}
extern "C" __attribute__((visibility("default"))) void every_method() {
"""


def calls():
    """One line for each method: its address is taken, with the type that the facts give it."""
    lines = []
    for row in facts.framework_rows("HIDDriverKit"):
        check = checks.CHECKS[row.kind](row) if row.kind in ("method", "static") else None
        if check:
            lines.append(re.sub(r"static_assert\((static_cast<.*>\(&.*\)) != nullptr\);", r"use(\1);", check))
    return lines


class Build(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="opendext-hid-build-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.project = os.path.join(self.folder, "every_class")
        shutil.copytree(os.path.join(HERE, "every_class"), self.project)

    def test_a_class_derived_from_each(self):
        harness.build_dext(self.project, self.folder, "org.example.everyclass")
        self.assertIn("EveryClass.dext", os.listdir(self.folder))

    def test_every_method_is_there_to_be_called(self):
        lines = calls()
        self.assertGreater(len(lines), 190, "methods were left out")
        self.assertTrue(all("use(" in line for line in lines))
        with open(os.path.join(self.project, "Calls.cpp"), "w", encoding="utf-8") as file:
            file.write(HEAD + "\n".join("    " + line for line in lines) + "\n}\n")
        harness.build_dext(self.project, self.folder, "org.example.everymethod")


if __name__ == "__main__":
    harness.main()
