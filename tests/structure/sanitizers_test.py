# SPDX-License-Identifier: Apache-2.0
"""scripts/sanitizers/run_test.py fails a test for the reports of its processes, and skips with a reason."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness

FOLDER = os.path.join(harness.SOURCE, "scripts", "sanitizers")
OVERFLOW = r"""
#include <stdlib.h>
int main(int argc, char** argv) {
    char* volatile piece = calloc(1, 8);
    char found = piece[argc > 1 ? 8 : 0];
    free(piece);
    return found;
}
"""
LEAK = r"""
#include <stdlib.h>
static void* volatile kept;
int main(int argc, char** argv) { kept = malloc(8); if (argc > 1) kept = 0; return 0; }
"""
RACE = r"""
#include <pthread.h>
static int number;
static void* add(void* nothing) { ++number; return nothing; }
int main(int argc, char** argv) {
    pthread_t thread;
    pthread_create(&thread, 0, add, 0);
    if (argc > 1) add(0);
    pthread_join(thread, 0);
    return 0;
}
"""


def lines(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read().splitlines()


class RunTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="opendext-sanitizers-")
        self.addCleanup(shutil.rmtree, self.folder)

    def run_test(self, *command, sanitize="address,undefined", name="some_test", **environment):
        return subprocess.run([sys.executable, "-B", os.path.join(FOLDER, "run_test.py"), "--sanitize", sanitize,
                               "--name", name, "--", *command], env=dict(os.environ, **environment), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=100 * harness.PATIENCE, check=False)

    def compiled(self, source, sanitize):
        compiler = shutil.which("clang-19")
        if not compiler:
            self.skipTest("needs clang-19")
        program = os.path.join(self.folder, "program")
        result = subprocess.run([compiler, "-x", "c", "-", "-g1", f"-fsanitize={sanitize}", "-o", program], input=source,
                                text=True, capture_output=True, check=False)
        if "libclang_rt" in result.stderr:
            self.skipTest("needs libclang-rt-19-dev")
        self.assertEqual(result.returncode, 0, result.stderr)
        return program

    def test_the_end_of_the_command_is_that_of_the_test(self):
        for status in (0, 1, 77):
            self.assertEqual(self.run_test("sh", "-c", f"exit {status}").returncode, status)
        self.assertEqual(self.run_test("sh", "-c", "kill -KILL $$").returncode, 128 + 9)

    def test_a_finding_in_a_process_that_nobody_asks_fails_the_test(self):
        for sanitize, source, words in (("address,undefined", OVERFLOW, "heap-buffer-overflow"),
                                        ("address,undefined", LEAK, "detected memory leaks"),
                                        ("thread", RACE, "data race")):
            program = self.compiled(source, sanitize)
            with self.subTest(words):
                good = self.run_test("sh", "-c", f"{program}; true", sanitize=sanitize)
                self.assertEqual(good.returncode, 0, good.stdout)
                if words == "detected memory leaks" and "ptrace" in self.run_test(program, "x").stdout:
                    self.skipTest("LeakSanitizer may not trace here")
                bad = self.run_test("sh", "-c", f"{program} x; true", sanitize=sanitize)
                self.assertEqual(bad.returncode, 66, bad.stdout)
                self.assertIn(words, bad.stdout)
                self.assertIn("1 processes left a sanitizer's report", bad.stdout)

    def test_a_report_that_a_driver_left_fails_the_test(self):
        left = 'echo "==2==ERROR: AddressSanitizer: heap-use-after-free" > $OPENDEXT_SANITIZER_REPORTS/driver.org.example'
        result = self.run_test("sh", "-c", left)
        self.assertEqual(result.returncode, 66)
        self.assertIn("driver.org.example", result.stdout)
        words = self.run_test("sh", "-c", "echo hello > $OPENDEXT_SANITIZER_REPORTS/driver.org.example")
        self.assertEqual((words.returncode, words.stdout), (0, ""))

    def test_tests_are_given_time_and_own_options_win(self):
        environment = dict(ASAN_OPTIONS="detect_leaks=0", OPENDEXT_TEST_PATIENCE="3")
        result = self.run_test("sh", "-c", "echo $OPENDEXT_TEST_PATIENCE $OPENDEXT_SANITIZE $ASAN_OPTIONS", **environment)
        self.assertRegex(result.stdout, r"^3 address .*:detect_leaks=0\n$")

    def test_what_cannot_run_is_skipped_with_its_reason(self):
        skipped = [line.split(None, 2) for line in lines("skipped.txt") if line and not line.startswith("#")]
        self.assertTrue(skipped)
        for sanitizers, pattern, reason in skipped:
            self.assertIn(sanitizers, ("all", "address", "thread"))
            sanitize = "thread" if sanitizers == "thread" else "address,undefined"
            name = pattern.replace("*", "any_test")
            self.assertTrue(fnmatch.fnmatchcase(name, pattern))
            result = self.run_test("false", name=name, sanitize=sanitize)
            self.assertEqual(result.returncode, 77, result.stdout)
            self.assertRegex(result.stdout, rf"^{name}: skipped: \w+ sanitizer: {re.escape(reason)}\n$")

    def test_each_suppression_has_a_reason_above_it(self):
        for name in ("leaks.supp", "races.supp"):
            before = ""
            for line in lines(name)[2:]:
                if line and not line.startswith("#"):
                    self.assertTrue(before.startswith("# "), f"{name}: {line} has no reason")
                before = line


if __name__ == "__main__":
    harness.main()
