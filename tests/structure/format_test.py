# SPDX-License-Identifier: Apache-2.0
"""C and C++ sources are as clang-format leaves them."""

import re
import shutil
import subprocess
import sys
import unittest

from structure_test import SOURCE, tracked_files

FORMATTER = "clang-format-19"
ENDINGS = (".cpp", ".cc", ".c", ".h", ".hpp")
# Words that are still to be replaced, and what a tutorial prints: as their authors wrote it.
AS_WRITTEN = re.compile(r"(^|/)templates?/|^tests/dexts/tutorial/")


@unittest.skipUnless(shutil.which(FORMATTER), FORMATTER + " is not installed")
class Format(unittest.TestCase):
    def test_every_source_is_formatted(self):
        names = [name for name in tracked_files() if name.endswith(ENDINGS) and not AS_WRITTEN.search(name)]
        self.assertGreater(len(names), 100)
        run = subprocess.run([FORMATTER, "--dry-run", "-Werror", *names], cwd=SOURCE, text=True, capture_output=True,
                             check=False)
        unformatted = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error:", run.stderr, flags=re.M)))
        self.assertEqual(unformatted, [], "run: %s -i %s" % (FORMATTER, " ".join(unformatted)))
        self.assertEqual(run.returncode, 0, run.stderr[-2000:])


if __name__ == "__main__":
    sys.exit(unittest.main())
