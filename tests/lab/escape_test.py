# SPDX-License-Identifier: Apache-2.0
"""The escape suite (tests/isolation) on a stock kernel: as root and as an ordinary user, each in a control group that is
delegated to the realm, so that every part of the sandbox is there."""

import os

import harness
from control_group_test import GroupCase

SUITE = os.path.join(harness.PREFIX, "tests", "isolation_test")


class EscapeCase(GroupCase):
    """Not of the glutton: the suite brings keeper, stand-ins and escape artist of its own."""

    def escape(self):
        result = self.in_group(SUITE, "--gtest_brief=1", timeout=600)
        self.assertEqual(result.returncode, 0, result.stdout[-6000:] + result.stderr[-2000:])
        self.assertIn("PASSED", result.stdout)


class Root(EscapeCase):
    def test_nothing_gets_out(self):
        self.escape()


class OrdinaryUser(EscapeCase):
    ordinary_user = True

    def test_nothing_gets_out(self):
        self.escape()


if __name__ == "__main__":
    harness.main()
