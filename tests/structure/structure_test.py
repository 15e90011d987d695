# SPDX-License-Identifier: Apache-2.0
"""The rules that the repository keeps, read from its files."""

import csv
import os
import re
import subprocess
import sys
import unittest

SOURCE = os.environ.get("OPENDEXT_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What may not know any family: the core that a family is added to without a change.
CORE = ("iig", "rpc", "crash", "runtime", "keeper", "daemon", "iokit", "bundle", "project", "tools")
SOURCE_ENDINGS = (".cpp", ".h", ".hpp", ".c", ".cc", ".iig", ".py", ".sh", ".cmake", ".rsp")
# Files that cannot carry a comment.
NO_COMMENT = re.compile(r"(\.csv|\.json|\.rsp|\.txt\.in|\.entitlements|\.png|\.bin|^LICENSE)$|/corpus/|/golden/|/fuzz/(seeds|formats)/")
MAXIMUM_LINES = 800
MOST_OF_KEEPER = 2100  # lines of the program with privilege, without comments and blank ones


def git(*arguments):
    return subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, *arguments], text=True, capture_output=True,
                          check=True).stdout


def tracked_files():
    """Paths of the repository, as git knows them; in an unpacked archive, everything but build folders."""
    if os.path.exists(os.path.join(SOURCE, ".git")):
        names = git("ls-files", "-z").split("\0")
    else:
        names = []
        for folder, folders, files in os.walk(SOURCE):
            folders[:] = [name for name in folders if name not in ("build", ".git", "__pycache__")]
            names += [os.path.relpath(os.path.join(folder, name), SOURCE) for name in files]
    return sorted(name for name in names if name and os.path.isfile(os.path.join(SOURCE, name)))


FILES = tracked_files()


def text_of(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def without_comments(name, text):
    """Source text without its comments, with the same number of lines."""
    def blank(match):
        return "\n" * match[0].count("\n")

    if name.endswith((".py", ".sh", ".cmake", "CMakeLists.txt")):
        return re.sub(r"(?m)(^|\s)#.*$", "", text)
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    return re.sub(r"(?m)(^|[^:\"'])//.*$", r"\1", text)


def family_names():
    """Every name that belongs to a family: its folder, its frameworks, its headers and its classes."""
    classes, words = set(), set()
    for name in FILES:
        parts = name.split("/")
        if parts[0] != "families" or len(parts) < 3:
            continue
        words.add("families/" + parts[1])
        if parts[2] == "sdk":
            stem = os.path.splitext(parts[-1])[0]
            if name.endswith((".iig", ".h")):
                classes.add(stem)
            for match in re.finditer(r"\b([A-Z]\w+DriverKit)\b", "/".join(parts) + " " + text_of(name)):
                words.add(match[1])
            if name.endswith(".iig"):
                declared = re.findall(r"(?m)^\s*class\s+(?:(?:KERNEL|NATIVE|LOCAL|EXTENDS\s*\(\w+\))\s+)*(\w+)\s*(?:final\s*)?:",
                                      text_of(name))
                classes.update(declared)
        # Classes of the kernel's side that only a system half knows.
        if parts[2] == "system" and name.endswith((".cpp", ".h")):
            classes.update(re.findall(r"\"((?:IO|Apple)[A-Z]\w+)\"", text_of(name)))
    return classes, words


class Licences(unittest.TestCase):
    maxDiff = None

    def test_every_file_says_its_licence(self):
        missing = []
        for name in FILES:
            if NO_COMMENT.search(name):
                continue
            head = "\n".join(text_of(name).splitlines()[:5])
            if "SPDX-License-Identifier: Apache-2.0" not in head:
                missing.append(name)
        self.assertEqual(missing, [], "no SPDX line in the first lines of these files")


class Layering(unittest.TestCase):
    maxDiff = None

    def core_sources(self):
        return [name for name in FILES if name.split("/")[0] in CORE and "/tests/" not in name and "/fuzz/" not in name
                and (name.endswith(SOURCE_ENDINGS) or name.endswith("CMakeLists.txt"))]

    def test_no_core_source_names_a_family(self):
        classes, words = family_names()
        self.assertTrue(classes, "no family was found: this test would pass without having looked")
        # Names that DriverKit itself, or the platform, defines too are not a family's own.
        own = set()
        for name in FILES:
            if name.startswith("sdk/"):
                own.add(os.path.splitext(os.path.basename(name))[0])
                if name.endswith((".iig", ".h")):
                    own.update(re.findall(r"(?m)^\s*class\s+(?:[A-Z]+\s+)*(\w+)\s*(?:final\s*)?:", text_of(name)))
        with open(os.path.join(SOURCE, "docs", "facts", "plist-keys.csv"), encoding="utf-8") as file:
            keys = {row["key"] for row in csv.DictReader(file) if row["required_or_domain"] in ("", "yes", "yes for dexts", "forbidden")}
        general = {"IOService", "IORegistryEntry", "IOResources", "IOUserResources", "IOUserService", "IOUserUserClient",
                   "IOUserServer", "IOServicePlane"} | own | keys
        names = (classes | words) - general
        pattern = re.compile(r"(?<![\w])(" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + r")(?![\w])")
        found = []
        for name in self.core_sources():
            for number, line in enumerate(without_comments(name, text_of(name)).splitlines(), 1):
                match = pattern.search(line)
                if match:
                    found.append(f"{name}:{number}: {match[1]}")
        self.assertEqual(found, [], "the core names a family")

    def test_arrows_point_one_way(self):
        allowed = {
            "rpc": {"rpc"},
            "bundle": {"bundle", "rpc"},
            "keeper": {"keeper", "rpc", "runtime/driver_main.h"},
            "runtime": {"runtime", "rpc"},
            "crash": {"crash", "rpc"},
            "daemon": {"daemon", "rpc", "bundle", "crash"},
            "iokit": {"iokit", "rpc"},
            "project": {"project", "bundle", "rpc", "tools", "iig"},
        }
        found = []
        for name in self.core_sources():
            folder = name.split("/")[0]
            if folder not in allowed:
                continue
            for number, line in enumerate(text_of(name).splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
                if not match or "/" not in match[1]:
                    continue
                target = match[1].split("/")[0]
                known = target in CORE or target in ("families", "apps")
                if known and target not in allowed[folder] and match[1] not in allowed[folder]:
                    found.append(f"{name}:{number}: includes {match[1]}")
        self.assertEqual(found, [], "an include against the direction of the layers")


class Shape(unittest.TestCase):
    def test_no_file_is_too_long(self):
        long = [f"{name}: {count} lines" for name in FILES
                if name.endswith(SOURCE_ENDINGS) and (count := text_of(name).count("\n")) > MAXIMUM_LINES]
        self.assertEqual(long, [], f"files of more than {MAXIMUM_LINES} lines: split them by responsibility")

    def test_the_program_with_privilege_does_not_grow(self):
        lines = [line.strip() for name in FILES if re.fullmatch(r"keeper/\w+\.(cpp|h)", name) for line in text_of(name).splitlines()]
        code = [line for line in lines if line and not line.startswith("//")]
        self.assertLess(len(code), MOST_OF_KEEPER, "keeper/README.md, \"Size\": what can leave it instead?")

    def test_every_folder_of_sources_has_a_readme(self):
        folders = {name.split("/")[0] for name in FILES if "/" in name}
        folders |= {"/".join(name.split("/")[:2]) for name in FILES if name.split("/")[0] in ("families", "apps", "tests") and name.count("/") >= 2}
        missing = [folder for folder in sorted(folders) if not folder.startswith(".") and folder != "cmake"
                   and f"{folder}/README.md" not in FILES]
        self.assertEqual(missing, [], "folders without a README.md")

    def test_nothing_of_a_workplace_is_in_the_tree(self):
        pattern = re.compile(r"(^|[^A-Za-z0-9_.])/(work|root)/|/home/[a-z]+/|\.\./shared\b")
        found = []
        for name in FILES:
            if name == "tests/structure/structure_test.py":
                continue
            for number, line in enumerate(text_of(name).splitlines(), 1):
                if pattern.search(line):
                    found.append(f"{name}:{number}: {line.strip()[:80]}")
        self.assertEqual(found, [], "paths of a particular machine")

    def test_commands_are_executable(self):
        for name in ("run", "test", "bench", ".ci/run"):
            self.assertTrue(os.access(os.path.join(SOURCE, name), os.X_OK), f"{name} is not executable")
        self.assertIn("./test", text_of(".ci/run"))


# Made before this test was; history is not rewritten for a title.
EXCUSED_COMMITS = ("9c3b887", "89bf99a", "b33e022", "ceb479e", "91549de", "f9a4e69", "984d3c0",
                   "377fa98")


@unittest.skipUnless(os.path.exists(os.path.join(SOURCE, ".git")), "not a git clone: no commits to look at")
class Commits(unittest.TestCase):
    def test_titles_say_where_and_what(self):
        wrong = []
        for line in git("log", "--no-merges", "--format=%h %s").splitlines():
            commit, title = line.split(" ", 1)
            if commit.startswith(EXCUSED_COMMITS):
                continue
            if len(title) > 72 or not re.match(r"^[a-z][a-z0-9/_,. -]*: [A-Z]", title) or title.endswith("."):
                wrong.append(line)
        self.assertEqual(wrong, [], 'commit titles are "area: What it does", at most 72 characters, no full stop')


@unittest.skipUnless(any(os.access(os.path.join(folder, "shellcheck"), os.X_OK) for folder in os.environ.get("PATH", "").split(":")),
                     "shellcheck is not installed")
class Scripts(unittest.TestCase):
    def test_shell_scripts_are_clean(self):
        scripts = [name for name in FILES if text_of(name).startswith(("#!/usr/bin/env bash", "#!/bin/bash", "#!/bin/sh"))]
        self.assertIn("run", scripts)
        result = subprocess.run(["shellcheck", "-x", *scripts], cwd=SOURCE, text=True, capture_output=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
