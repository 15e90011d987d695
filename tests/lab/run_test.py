# SPDX-License-Identifier: Apache-2.0
"""lab/run itself: what comes out of the guest, and how it ends. Runs on the host."""

import os
import subprocess
import sys
import tempfile
import unittest

import harness

RUN = [sys.executable, "-B", os.path.join(harness.SOURCE, "lab", "run")]
CHECK = subprocess.run([*RUN, "--check"], capture_output=True, text=True, check=False)


def lab(*arguments, **environment):
    return subprocess.run([*RUN, *arguments], text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=240 * harness.PATIENCE,
                          env={**os.environ, **environment}, check=False)


class CommandLine(unittest.TestCase):
    def test_bad_words_are_refused(self):
        for arguments, words in (((), "which command?"), (("--with", "piano", "true"), "there is keyboard, tablet, usb-serial"),
                                 (("--time-limit", "soon", "true"), "--time-limit")):
            result = lab(*arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(words, result.stderr)

    def test_where_something_is_missing_it_is_skipped_and_says_what(self):
        with tempfile.TemporaryDirectory() as empty:
            result = lab("true", OPENDEXT_LAB_CACHE=empty)
        self.assertEqual(result.returncode, 77)
        self.assertRegex(result.stdout, r"^lab: skipped: .*\./test --lab")


@unittest.skipIf(CHECK.returncode, CHECK.stdout.strip().removeprefix("lab: skipped: "))
class Guest(unittest.TestCase):
    def test_output_and_status_come_out(self):
        result = lab("--user", "--", "sh", "-c", 'echo "to \'$1\'"; id -un >&2; pwd; exit 37', "sh", "a b;c")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (37, f"to 'a b;c'\nlab\n{harness.SOURCE}\n", ""))

    def test_much_output_is_whole(self):
        result = lab("seq", "100000")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "".join(f"{number}\n" for number in range(1, 100001)))

    def test_the_time_limit_ends_the_guest(self):
        result = lab("--time-limit", "12", "sh", "-c", "echo begun; sleep 1000", OPENDEXT_TEST_PATIENCE="1")
        self.assertEqual(result.returncode, 124, result.stderr)
        self.assertIn("the guest was not done after 12 s", result.stderr)

    def test_a_panic_is_shown(self):
        result = lab("sh", "-c", "echo c > /proc/sysrq-trigger")
        self.assertEqual(result.returncode, 125)
        self.assertIn("sysrq triggered crash", result.stderr)

    def test_kernel_parameters_and_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "word"), "w", encoding="utf-8") as file:
                file.write("from the host\n")
            result = lab("--share", folder, "--kernel-options", "lsm=yama sysctl.kernel.yama.ptrace_scope=2", "--", "cat",
                         "/proc/sys/kernel/yama/ptrace_scope", "/sys/kernel/security/lsm", os.path.join(folder, "word"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^2\n\S*yama\S*from the host\n$")
        self.assertNotIn("landlock", result.stdout)


if __name__ == "__main__":
    harness.main()
