# SPDX-License-Identifier: Apache-2.0
"""One suite through C, C++ and Python: the cases of cases.txt, each step with what it has to print, done by a runner in each
language. A case is added in one place."""

import os
import re
import subprocess
import sys

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
DESCRIPTOR = "0600ff0901a101" "150026ff0075089501" "8501" "09028102" "0903b102" "8502" "09049102" "c0"
RUNNERS = {
    "c": [os.path.join(harness.PREFIX, "tests", "hid-suite-c")],
    "cpp": [os.path.join(harness.PREFIX, "tests", "hid-suite-cpp")],
    "python": [sys.executable, "-B", os.path.join(HERE, "runner.py")],
}


def cases():
    """{name: [(step, what it prints)]}"""
    found, steps = {}, None
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("case "):
                steps = found.setdefault(line[5:], [])
            elif line.startswith("> "):
                steps[-1] = (steps[-1][0], line[2:])
            elif line and not line.startswith("#"):
                steps.append((line, None))
    return found


class Suite(harness.RealmCase):
    maxDiff = None

    def run_with(self, language):
        self.tool("opendext", "start")
        environment = self.realm.environment(PYTHONPATH=os.path.join(harness.PREFIX, "lib", "python3", "dist-packages"))
        found = cases()
        self.assertGreater(len(found), 3)
        for name, steps in found.items():
            with self.subTest(case=name):
                script = "".join(step.replace("$DESCRIPTOR", DESCRIPTOR) + "\n" for step, _ in steps)
                result = subprocess.run(RUNNERS[language], input=script, env=environment, text=True, capture_output=True,
                                        timeout=300 * harness.PATIENCE, check=False)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                printed = result.stdout.splitlines()
                wrong = [f"{step}\n  printed {line!r}\n  not     {expected!r}" for (step, expected), line in zip(steps, printed)
                         if not re.fullmatch(".*".join(map(re.escape, expected.split("…"))), line)]
                self.assertEqual(wrong, [], "\n".join(wrong) + result.stderr)
                self.assertEqual(len(printed), len(steps), result.stdout)

    def test_c(self):
        self.run_with("c")

    def test_cpp(self):
        self.run_with("cpp")

    def test_python(self):
        self.run_with("python")


if __name__ == "__main__":
    harness.main()
