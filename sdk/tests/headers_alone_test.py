#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every header of the SDK, those of families with it, compiles as the only include of a source: as dexts are compiled, in the oldest and in the newest
language that projects name, and as plain C++ without the definitions of dexts. Twice in a row it is still one. Headers
that C sources may include compile as C."""

import concurrent.futures
import os
import pathlib
import subprocess
import tempfile
import unittest

PREFIX = pathlib.Path(os.environ.get("OPENDEXT_PREFIX", "build"))
COMPILER = os.environ.get("OPENDEXT_CLANG", "clang++-19")
SDK = PREFIX / "sdk"
# For a driver they are system headers, whose warnings are hidden: here they count.
PATHS = ["-I", str(SDK / "platform"), "-I", str(SDK / "include"), "-Wall", "-Wextra", "-Werror"]
C_HEADERS = ["DriverKit/IOLib.h", "DriverKit/IOReturn.h", "DriverKit/IOTypes.h", "DriverKit/IOKitKeys.h",
             "DriverKit/queue.h"]


def dext_flags(standard):
    flags = (SDK / "dext-flags.rsp").read_text(encoding="utf-8").split()
    return [standard if flag.startswith("-std=") else flag for flag in flags if flag not in ("-O2", "-g")]


def headers(*folders):
    return sorted(str(path.relative_to(SDK / folder)) for folder in folders or ("include", "platform")
                  for path in (SDK / folder).rglob("*.h"))


def compile_alone(header, language, flags, folder):
    """What the compiler says, "" if nothing."""
    suffix = "cpp" if language == "c++" else "c"
    source = pathlib.Path(folder) / (header.replace("/", "_") + "." + suffix)
    source.write_text("#include <%s>\n#include <%s>\nint opendext_alone;\n" % (header, header), encoding="utf-8")
    run = subprocess.run([COMPILER, "-x", language, "-fsyntax-only", *flags, *PATHS, str(source)],
                         capture_output=True, text=True, check=False)
    return run.stderr if run.returncode != 0 else ""


class HeadersAlone(unittest.TestCase):
    maxDiff = None

    def check(self, names, flags, language="c++"):
        self.assertTrue(names)
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            said = list(pool.map(lambda name: compile_alone(name, language, flags, folder), names))
        broken = ["<%s>: %s" % (name, text) for name, text in zip(names, said) if text]
        self.assertEqual(broken, [], "\n".join(broken))

    def test_as_dexts_in_the_oldest_language(self):
        self.check(headers(), dext_flags("-std=gnu++14"))

    def test_as_dexts_in_the_newest_language(self):
        self.check(headers(), dext_flags("-std=gnu++23"))

    def test_without_the_definitions_of_dexts(self):
        self.check(headers(), ["-std=gnu++20", "-fblocks", "-fno-exceptions", "-fno-rtti"])

    def test_as_c(self):
        flags = [flag for flag in dext_flags("-std=gnu11") if flag not in ("-fno-exceptions", "-fno-rtti")]
        self.check(headers("platform") + C_HEADERS, flags, "c")


if __name__ == "__main__":
    unittest.main()
