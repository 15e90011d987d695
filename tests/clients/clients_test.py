# SPDX-License-Identifier: Apache-2.0
"""One suite through C, C++ and Python: the cases of cases/, each step with what it has to print, done by a runner in each
language against the same driver. A case is added in one place.

By hand: clients_test.py --script FILE prints what a runner would read."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
sys.path.insert(0, HERE)

import case_files  # noqa: E402
import harness  # noqa: E402

PYTHON = ["/usr/bin/python3", "-B", os.path.join(HERE, "python", "runner.py")]


def runner(language):
    """The command of the runner in a language."""
    if language == "python":
        return PYTHON
    return [os.path.join(harness.PREFIX, "tests", {"c": "clients-c", "c++": "clients-cpp"}[language])]


def python_path():
    """Where the module opendext is: installed next to the programs, or in the source tree."""
    installed = os.path.join(harness.PREFIX, "lib", "python3", "dist-packages")
    return installed if os.path.isdir(installed) else os.path.join(harness.SOURCE, "python")


class Suite(harness.RealmCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-clients-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        harness.build_dext(os.path.join(HERE, "suite"), cls.built, "org.example.suite")

    def run_cases(self, language, cases, policy):
        """The lines that the runner printed, by case."""
        self.realm.root = os.path.join(self.folder, "realm-" + policy)
        self.realm.configure(harness.KILLED_OFTEN)
        os.environ["OPENDEXT_POLICY"] = policy
        self.addCleanup(os.environ.pop, "OPENDEXT_POLICY", None)
        self.tool("opendext", "install", os.path.join(self.built, "Suite.dext"))
        environment = self.realm.environment(PYTHONPATH=python_path())
        process = subprocess.run(runner(language), input="".join(case.script() for case in cases), env=environment, text=True,
                                 capture_output=True, timeout=600 * harness.PATIENCE, check=False)
        self.realm.note_processes()
        printed = {}
        for line in process.stdout.splitlines():
            if line.startswith("case "):
                lines = printed[line[5:]] = []
            else:
                lines.append(line)
        return printed, f"{process.stderr}\nthe runner ended with {process.returncode}"

    def check(self, language):
        wrong = []
        for strict, policy in ((False, "dev"), (True, "strict")):
            cases = [case for case in case_files.every_case() if case.strict == strict and (case.only is None or language in case.only)]
            if os.environ.get("CASES"):
                cases = [case for case in cases if os.environ["CASES"] in case.name]
            if not cases:
                continue
            printed, end = self.run_cases(language, cases, policy)
            wrong += [text for case in cases if (text := case_files.difference(case, printed.get(case.name, [])))]
            if wrong or not end.endswith("with 0"):
                wrong.append(end)
                break
            self.assertEqual(self.realm.stop(), [])
        self.assertEqual(wrong, [], f"\n{language}:\n" + "\n".join(wrong))

    def test_c(self):
        self.check("c")

    def test_cpp(self):
        self.check("c++")

    def test_python(self):
        self.check("python")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--script"]:
        sys.stdout.write("".join(case.script() for case in case_files.read(sys.argv[2])))
    else:
        harness.main()
