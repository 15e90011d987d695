# SPDX-License-Identifier: Apache-2.0
"""./test counts what really ran."""

import importlib.util
import os
import sys
import unittest

SOURCE = os.environ.get("OPENDEXT_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPEC = importlib.util.spec_from_file_location("run_tests", os.path.join(SOURCE, "scripts", "run_tests.py"))
run_tests = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(run_tests)

GTEST = """[==========] Running 4 tests from 2 test suites.
[ RUN      ] Queue.IsSerial
[       OK ] Queue.IsSerial (3 ms)
[ RUN      ] Sandbox.HidesFiles
sandbox_test.cpp:12: Skipped
no user namespaces on this machine

[  SKIPPED ] Sandbox.HidesFiles (0 ms)
[ RUN      ] All/Table.Matches/1
table_test.cpp:9: Failure
[  FAILED  ] All/Table.Matches/1, where GetParam() = 4 (1 ms)
[ RUN      ] Queue.Cancels
noise [       OK ] nothing
[       OK ] Queue.Cancels (0 ms)
[----------] 4 tests from 2 test suites (4 ms total)
[  PASSED  ] 2 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] Sandbox.HidesFiles
[  FAILED  ] 1 test, listed below:
[  FAILED  ] All/Table.Matches/1, where GetParam() = 4
"""

UNITTEST = """test_a (__main__.T.test_a) ... ok
test_b (__main__.T.test_b) ... a line that the test prints
ok
test_c (__main__.T.test_c)
A first line of its description. ... skipped 'picocom is not installed'
test_d (__main__.T.test_d) ... skipped "it's late"
test_e (__main__.T.test_e) ... FAIL
test_f (__main__.T.test_f) ... ERROR

======================================================================
ERROR: test_f (__main__.T.test_f)
----------------------------------------------------------------------
Traceback (most recent call last):
======================================================================
FAIL: test_e (__main__.T.test_e)
----------------------------------------------------------------------
AssertionError: False is not true

----------------------------------------------------------------------
Ran 6 tests in 0.003s

FAILED (failures=1, errors=1, skipped=2)
"""

LAB = """lab: skipped: qemu-system-x86_64 is not installed (package qemu-system-x86)
"""


class Counting(unittest.TestCase):
    def test_a_program_that_is_skipped_says_why(self):
        self.assertEqual(run_tests.PROGRAM_SKIP.search(LAB)[1], "qemu-system-x86_64 is not installed (package qemu-system-x86)")
        self.assertIsNone(run_tests.PROGRAM_SKIP.search(UNITTEST))

    def test_googletest(self):
        self.assertEqual(run_tests.gtest_cases(GTEST), [
            ("Queue.IsSerial", "passed", ""),
            ("Sandbox.HidesFiles", "skipped", "no user namespaces on this machine"),
            ("All/Table.Matches/1", "failed", ""),
            ("Queue.Cancels", "passed", ""),
        ])

    def test_unittest(self):
        cases = run_tests.unittest_cases(UNITTEST)
        self.assertEqual(sorted(cases), sorted([
            ("__main__.T.test_e", "failed", ""),
            ("__main__.T.test_f", "failed", ""),
            ("__main__.T.test_c", "skipped", "picocom is not installed"),
            ("__main__.T.test_d", "skipped", "it's late"),
            ("", "passed", ""),
            ("", "passed", ""),
        ]))
        self.assertEqual(run_tests.unittest_cases("Ran 2 tests in 0.1s\n\nOK\n"), [("", "passed", "")] * 2)
        self.assertEqual(run_tests.unittest_cases("Segmentation fault"), [])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
