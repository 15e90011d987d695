#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A51: an ivars struct that holds an OS object by value does not compile, and the compiler says which member it is and
that a pointer belongs there."""

import os
import pathlib
import subprocess
import unittest

SDK = pathlib.Path(os.environ.get("OPENDEXT_PREFIX", "build")) / "sdk"
COMPILER = os.environ.get("OPENDEXT_CLANG", "clang++-19")
CLASSES = ["OSString", "OSNumber", "OSBoolean", "OSData", "OSArray", "OSDictionary", "OSSet", "OSOrderedSet",
           "OSSerialization", "OSCollection", "OSContainer"]


def compile_ivars(member):
    """(exit status, messages) for a driver whose ivars have this member in line 4."""
    source = "#include <DriverKit/DriverKit.h>\nstruct MyDriver_IVars {\n    uint64_t count;\n    %s\n};\n" % member
    source += "MyDriver_IVars *make() { return IONewZero(MyDriver_IVars, 1); }\n"
    run = subprocess.run(
        [COMPILER, "@" + str(SDK / "dext-flags.rsp"), "-fsyntax-only", "-isystem", str(SDK / "platform"), "-isystem",
         str(SDK / "include"), "-x", "c++", "-"], input=source, capture_output=True, text=True, check=False)
    return run.returncode, run.stderr


class ObjectsByValue(unittest.TestCase):
    def test_a_pointer_compiles(self):
        for name in CLASSES:
            status, said = compile_ivars("%s *object;" % name)
            self.assertEqual((status, said), (0, ""), name)
        self.assertEqual(compile_ivars("OSSharedPtr<OSString> name;")[0], 0)

    def test_an_object_by_value_is_an_error_in_its_line(self):
        for name in CLASSES:
            status, said = compile_ivars("%s object;" % name)
            self.assertNotEqual(status, 0, name)
            first = said.splitlines()[0]
            self.assertIn(":4:", first)
            self.assertIn("error: field type '%s' is an abstract class" % name, first)
            self.assertIn("declare_a_pointer_to_it_instead", said)

    def test_the_note_stands_beside_the_fix(self):
        _, said = compile_ivars("OSBoolean connected;")
        note = [line for line in said.splitlines() if "note: unimplemented" in line][0]
        header, line = note.split(":")[:2]
        above = pathlib.Path(header).read_text(encoding="utf-8").splitlines()[int(line) - 4:int(line) - 1]
        self.assertIn("`OSString *name;`", " ".join(above))


if __name__ == "__main__":
    unittest.main()
