# SPDX-License-Identifier: Apache-2.0
"""A driver's binary outlives one version of the runtime: no symbol that a dext may be linked against goes away unnoticed."""

import os
import subprocess
import sys
import unittest

SOURCE = os.environ["OPENDEXT_SOURCE"]
LIBRARY = os.path.join(os.environ["OPENDEXT_PREFIX"], "lib", "libDriverKit.so.0")
LIST = os.path.join(SOURCE, "runtime", "exports.txt")
NO_INTERFACE = {"__bss_start", "_edata", "_end"}


def exported():
    names = subprocess.run(["nm", "-D", "--defined-only", "-C", "--format=posix", LIBRARY], capture_output=True, text=True,
                           check=True).stdout
    # "name with spaces T address size"
    found = {line.rsplit(" ", 3)[0] for line in names.splitlines()}
    return {name.split("@@")[0] for name in found} - NO_INTERFACE


class Exports(unittest.TestCase):
    def test_every_recorded_symbol_is_there(self):
        with open(LIST, encoding="utf-8") as lines:
            recorded = {line for line in lines.read().splitlines() if not line.startswith("#")}
        missing = sorted(recorded - exported())
        self.assertEqual(missing, [], "libDriverKit lacks symbols that dexts may use; if that is meant, raise its soname")
        new = sorted(exported() - recorded)
        self.assertEqual(new, [], "new symbols: record them with runtime/tests/exports_test.py --record")

    def test_nothing_internal_is_visible(self):
        for name in exported():
            self.assertNotRegex(name, r"^(std::|__gnu_cxx::|opendext::(?!family::))", "hide it")


def record():
    with open(LIST, "w", encoding="utf-8") as lines:
        lines.write("# SPDX-License-Identifier: Apache-2.0\n")
        lines.write("".join(name + "\n" for name in sorted(exported())))


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:  # with OPENDEXT_SOURCE and OPENDEXT_PREFIX (the build tree) set
        record()
    else:
        unittest.main()
