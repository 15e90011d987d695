# SPDX-License-Identifier: Apache-2.0
"""All tests of this folder in one program, which builds their driver once."""

import unittest

import harness
from completions_test import Completions
from connections_test import Connections
from faults_test import Faults, Probes
from hostile_test import Hostile
from rows_test import Ring, Rows


def load_tests(loader, _tests, _pattern):
    cases = (Completions, Connections, Faults, Probes, Hostile, Ring, Rows)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    harness.main()
