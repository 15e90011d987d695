# SPDX-License-Identifier: Apache-2.0
"""The page of programs and features is what the tests show."""

import inspect
import os
import unittest

import harness
import matrix


class Matrix(unittest.TestCase):
    maxDiff = None

    def test_page_is_what_the_tests_show(self):
        with open(os.path.join(harness.SOURCE, "docs", "serial-programs.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), matrix.page(),
                             "make it again: python3 tests/serial_programs/matrix.py > docs/serial-programs.md")

    def test_every_program_has_rows_and_every_row_a_test_that_asserts(self):
        cells, programs = matrix.collect()
        for name, _, _ in programs:
            self.assertIn("open", cells.get(name, {}), f"{name}: nothing says whether it opens a port")
        for module_name in matrix.modules():
            for case in vars(__import__(module_name)).values():
                for name, test in vars(case).items() if isinstance(case, type) else ():
                    if getattr(test, "shows", []):
                        self.assertTrue(name.startswith("test_"), name)
                        self.assertRegex(inspect.getsource(test), r"self\.(assert\w+|expect\w*|check\w*|wait_for)\(", name)

    def test_two_tests_of_one_cell_are_refused(self):
        with self.assertRaises(ValueError):
            matrix.shows("x", "colour", matrix.YES)


if __name__ == "__main__":
    harness.main()
