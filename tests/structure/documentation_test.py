# SPDX-License-Identifier: Apache-2.0
"""What the documentation says is true: the commands in it are run, the manual pages have every option, links lead somewhere."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import harness  # noqa: E402

SOURCE = harness.SOURCE


def documents():
    """Every Markdown file of the tree, build folders left out."""
    found = []
    for folder, folders, files in os.walk(SOURCE):
        folders[:] = [name for name in folders if not name.startswith(".") and not name.startswith("build") and name != "node_modules"]
        found += [os.path.relpath(os.path.join(folder, name), SOURCE) for name in files if name.endswith(".md")]
    return sorted(found)


def console_blocks(text):
    """[(command, expected output)] of the ```console blocks: `$ ` begins a command, `> ` goes on with it."""
    steps = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.S | re.M):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append([line[2:], []])
            elif line.startswith("> ") or line == ">":
                steps[-1][0] += "\n" + line[2:]
            else:
                steps[-1][1].append(line)
    return steps


def matches(expected, output):
    """Whether the lines that a document shows are what was printed; `…` stands for anything, alone for any lines."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.split("…")) + "\n"
    return re.fullmatch(pattern, output) is not None


class Commands(harness.RealmCase):
    """One test for each document with commands, in a realm and a folder of its own."""

    def run_document(self, name):
        with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
            steps = console_blocks(file.read())
        work = os.path.join(self.folder, "work")
        os.makedirs(work)
        shell = ["set -u", 'fail() { printf "MARK fail\\n"; exit 1; }']
        for number, (command, _) in enumerate(steps):
            shell.append(f"printf 'MARK {number}\\n'")
            shell.append("{ " + command + "\n} 2>&1 || fail")
        environment = self.realm.environment(PATH=os.path.join(harness.PREFIX, "bin") + ":" + os.environ["PATH"], OPENDEXT_SOURCE=SOURCE)
        result = subprocess.run(["bash", "-c", "\n".join(shell)], cwd=work, env=environment, text=True, stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=600 * harness.PATIENCE, check=False)
        self.realm.note_processes()
        parts = re.split(r"^MARK (\w+)\n", result.stdout, flags=re.M)
        outputs = dict(zip(parts[1::2], parts[2::2]))
        self.assertNotIn("fail", outputs, f"{name}: a command failed:\n{result.stdout}{result.stderr}")
        for number, (command, expected) in enumerate(steps):
            output = outputs.get(str(number), "")
            self.assertTrue(matches(expected, output), f"{name}: $ {command}\nprinted:\n{output}\nthe document says:\n" + "\n".join(expected))


def add_command_tests():
    for name in documents():
        with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
            if not console_blocks(file.read()):
                continue

        def test(self, name=name):
            self.run_document(name)

        setattr(Commands, "test_" + re.sub(r"\W", "_", name[:-3]), test)


add_command_tests()


# Words that begin a command rather than code.
PROGRAMS = ("./", "opendext", "cmake", "ctest", "ninja", "git", "apt", "ioreg", "systemextensionsctl", "man ", "sudo", "cd ", "pkg-config")
NOT_RUN = "# not run by the tests: "


class Blocks(unittest.TestCase):
    """No command of README.md, CONTRIBUTING.md and the guide is left out of the tests without a reason that readers see."""

    def pages(self):
        return ["README.md", "CONTRIBUTING.md", *(name for name in documents() if name.startswith("docs/guide/"))]

    def test_commands_are_run_or_say_why_not(self):
        wrong = []
        for name in self.pages():
            with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
                text = file.read()
            for kind, block in re.findall(r"^```([^\n]*)\n(.*?)^```", text, re.S | re.M):
                first = block.split("\n", 1)[0]
                if kind == "console":
                    if not first.startswith("$ "):
                        wrong.append(f"{name}: a console block that begins with {first!r}, not with a command")
                elif kind in ("sh", "bash", "shell", ""):
                    if not (first.startswith(NOT_RUN) and len(first) > len(NOT_RUN) + 10):
                        wrong.append(f"{name}: the block {first!r} is not run and does not say why: make it console, or begin with {NOT_RUN}")
            outside = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
            for line in re.findall(r"(?m)^(?: {4,}|\t)(.*)$", outside):
                if line.lstrip("$ ").startswith(PROGRAMS):
                    wrong.append(f"{name}: the command {line!r} stands in an indented block, which is not run")
        self.assertEqual(wrong, [])

    def test_every_page_of_the_guide_is_in_its_list(self):
        with open(os.path.join(SOURCE, "docs", "guide", "README.md"), encoding="utf-8") as file:
            listed = set(re.findall(r"\]\(([\w-]+\.md)\)", file.read()))
        self.assertEqual(listed, {name for name in os.listdir(os.path.join(SOURCE, "docs", "guide")) if name.endswith(".md") and name != "README.md"})


class ManualPages(unittest.TestCase):
    # How the program of a page is asked for its options.
    HELP = {
        "opendext.1": ["opendext", "--help"],
        "opendext-build.1": ["opendext-build", "--help"],
        "opendext-lint.1": ["opendext-lint", "--help"],
        "opendext-new.1": ["opendext-new", "--help"],
        "opendext-doctor.1": ["opendext-doctor", "--help"],
        "opendext-errno.1": ["opendext-errno", "--help"],
        "opendext-explain.1": ["opendext-explain", "--help"],
        "opendext-match.1": ["opendext-match", "--help"],
        "opendext-stuck.1": ["opendext-stuck", "--help"],
        "opendext-ports.1": ["opendext-ports", "--help"],
        "ioreg.1": ["ioreg", "--help"],
        "iig.1": ["iig", "--help"],
        "systemextensionsctl.1": ["systemextensionsctl", "--help"],
        "opendext-serial.1": ["opendext-serial", "--help"],
    }

    # Said once, in opendext(1), for all tools.
    COMMON = {"--help", "--version", "--realm"}

    def test_every_option_of_help_is_in_the_page(self):
        for page, command in self.HELP.items():
            with self.subTest(page=page):
                result = subprocess.run([harness.program(command[0]), *command[1:]], text=True, capture_output=True, timeout=60, check=False)
                text = result.stdout + result.stderr
                with open(os.path.join(SOURCE, "docs", "man", page), encoding="utf-8") as file:
                    man = file.read().replace("\\-", "-")
                options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
                self.assertTrue(options, f"{command} told no options:\n{text}")
                missing = sorted(option for option in options if option not in man and option not in self.COMMON)
                self.assertEqual(missing, [], f"{page} lacks options of {' '.join(command)}")

    def test_pages_are_there_for_every_program(self):
        for name in sorted(os.listdir(os.path.join(harness.PREFIX, "bin"))):
            pages = [name + ".1", name + ".8"]
            self.assertTrue(any(os.path.exists(os.path.join(SOURCE, "docs", "man", page)) for page in pages), f"{name} has no manual page")


class Links(unittest.TestCase):
    def test_links_between_documents_lead_somewhere(self):
        broken = []
        for name in documents():
            with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
                text = re.sub(r"^```.*?^```", "", file.read(), flags=re.S | re.M)
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                if "://" not in target and not os.path.exists(os.path.join(SOURCE, os.path.dirname(name), target)):
                    broken.append(f"{name}: {target}")
            for target in re.findall(r"\b(docs/[\w./-]+\.(?:md|csv))\b", text):
                if not os.path.exists(os.path.join(SOURCE, target)):
                    broken.append(f"{name}: {target}")
        self.assertEqual(broken, [])


if __name__ == "__main__":
    sys.exit(harness.main())
