# SPDX-License-Identifier: Apache-2.0
"""The public headers in the languages of client programs: every standard of C and C++ that they may be written in, with clang
and with gcc, which has no blocks."""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import harness  # noqa: E402

HEADERS = os.path.join(harness.PREFIX, "sdk", "client", "include")
C = ("gnu89", "c99", "c11", "c17")
CPP = ("c++14", "c++17", "c++20", "c++23")
# <opendext/client.hpp> needs concepts and spans.
MODERN = ("c++20", "c++23")
COMPILERS = [(c, cpp) for c, cpp in (("clang-19", "clang++-19"), ("gcc", "g++")) if shutil.which(c) and shutil.which(cpp)]


def headers(suffix):
    found = []
    for folder, _, files in os.walk(HEADERS):
        found += [os.path.relpath(os.path.join(folder, name), HEADERS) for name in files if name.endswith(suffix)]
    return sorted(found)


class Headers(unittest.TestCase):
    def compile(self, jobs):
        """Each (what it is, command, source): compiled without a warning, two at a time."""
        def run(job):
            name, command, source = job
            result = subprocess.run([*command, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", HEADERS, "-"], input=source, text=True,
                                    capture_output=True, check=False)
            return f"{name}:\n{result.stderr}" if result.returncode else None

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            wrong = [problem for problem in pool.map(run, jobs) if problem]
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertGreater(len(jobs), 0)

    def test_every_standard(self):
        plain = "".join(f"#include <{name}>\n" for name in headers(".h"))
        modern = "".join(f"#include <{name}>\n" for name in headers(".hpp"))
        jobs = []
        for c, cpp in COMPILERS:
            jobs += [(f"{c} -std={standard}", [c, "-x", "c", f"-std={standard}"], plain) for standard in C]
            jobs += [(f"{cpp} -std={standard}", [cpp, "-x", "c++", f"-std={standard}"], plain + (modern if standard in MODERN else ""))
                     for standard in CPP]
        jobs.append(("with blocks", ["clang-19", "-x", "c", "-std=gnu17", "-fblocks"], plain))
        jobs.append(("without exceptions and RTTI", ["clang++-19", "-x", "c++", "-std=c++20", "-fno-exceptions", "-fno-rtti"], plain + modern))
        self.compile(jobs)

    def test_every_header_can_be_included_alone(self):
        jobs = [(name, ["clang-19", "-x", "c", "-std=c99"], f"#include <{name}>\n") for name in headers(".h")]
        jobs += [(name, ["clang++-19", "-x", "c++", "-std=c++20"], f"#include <{name}>\n") for name in headers(".hpp")]
        self.assertGreater(len(jobs), 30)
        self.compile(jobs)


if __name__ == "__main__":
    harness.main()
