# SPDX-License-Identifier: Apache-2.0
"""What the guide of client programs shows of its programs is what stands in them."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import harness  # noqa: E402

GUIDE = os.path.join(harness.SOURCE, "docs", "guide")


class Excerpts(unittest.TestCase):
    def test_they_are_in_the_programs(self):
        with open(os.path.join(GUIDE, "writing-clients.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```(?:c|cpp|python)\n(.*?)^```", file.read(), re.S | re.M)
        programs = ""
        for name in sorted(os.listdir(os.path.join(GUIDE, "clients"))):
            if name.endswith((".c", ".cpp", ".py")):
                with open(os.path.join(GUIDE, "clients", name), encoding="utf-8") as file:
                    programs += file.read()
        self.assertGreater(len(blocks), 4)
        for block in blocks:
            self.assertIn(block, programs)


if __name__ == "__main__":
    harness.main()
