# SPDX-License-Identifier: Apache-2.0
"""Which test shows which row: reads the `Facts:` comments of tests (docs/guide/adding-a-fact.md)."""

import pathlib
import re
import subprocess

import rows as facts

SOURCES = (".cpp", ".cc", ".c", ".h", ".hpp", ".mm", ".iig", ".py")


def is_test_file(path):
    """Folders of tests, and files that say so."""
    name = path.name
    return any(part in ("tests", "test") for part in path.parts) or re.search(r"(^test_|_test\.)", name) is not None


def test_files(root):
    listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.splitlines()
    else:  # a copy without its history
        names = [str(path.relative_to(root)) for path in root.rglob("*") if "build" not in path.parts]
    for name in sorted(set(names)):
        path = pathlib.PurePath(name)
        if path.suffix in SOURCES and is_test_file(path) and (root / name).is_file():
            yield name


class Claim:
    """One name of a `Facts:` comment."""

    def __init__(self, text, file, test, body):
        self.text, self.file, self.test, self.body = text, file, test, body

    @property
    def where(self):
        return "%s: %s" % (self.file, self.test)


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.S)


def cpp_body(lines, start):
    """(name, text) of what stands below the comment: a test or function, or the rest of the block around it."""
    depth, seen, body = 0, False, []
    for line in lines[start:]:
        body.append(line)
        code = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|//.*', "", line)
        for letter in code:
            if letter == "{":
                depth, seen = depth + 1, True
            elif letter == "}":
                depth -= 1
        if depth < 0 or (seen and depth == 0 and lines[start][:1].strip()):
            break
    text = without_comments("\n".join(body))
    match = re.search(r"\bTEST(?:_F|_P)?\s*\(\s*(\w+)\s*,\s*(\w+)", text)
    if match:
        return "%s.%s" % match.groups(), text
    match = re.search(r"(\w+)\s*\(", text)
    return match.group(1) if match else "?", text


KEYWORDS = {"if", "for", "while", "switch", "catch", "return", "sizeof", "TEST", "TEST_F", "TEST_P", "defined"}
DEFINITION = re.compile(r"(?:\b(?:class|struct)\s+(\w+)[^;{}()]*|\b(\w+)\s*\([^;{}]*\)[^;{}()]*(?:\([^;{}]*\)[^;{}()]*)?)\{")


def closing(text, start):
    """Index behind the brace that closes the one at `start`."""
    depth = 0
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    return len(text)


def definitions(text):
    """Functions, classes and macros of a file of tests, by name: what a test calls may call the row's member."""
    found = {}
    text = without_comments(text)
    for match in re.finditer(r"^[ \t]*#define (\w+)(?:\\\n|.)*", text, flags=re.M):
        found[match.group(1)] = match.group(0)
    text = re.sub(r"^[ \t]*#(?:\\\n|.)*", "", text, flags=re.M)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    for match in DEFINITION.finditer(text):
        name = match.group(1) or match.group(2)
        if name not in KEYWORDS:
            found[name] = found.get(name, "") + text[match.start():closing(text, match.end() - 1)]
    return found


def with_helpers(body, helpers):
    """`body` and the bodies of all that it calls."""
    seen, queue, parts = set(), [body], []
    while queue:
        part = queue.pop()
        parts.append(part)
        for name in set(re.findall(r"\w+", part)) - seen:
            seen.add(name)
            if name in helpers:
                queue.append(helpers[name])
    return "\n".join(parts)


def python_body(lines, start):
    match = re.match(r"(\s*)(?:async )?(?:def|class) (\w+)", lines[start]) if start < len(lines) else None
    if not match:
        return "?", lines[start] if start < len(lines) else ""
    body = [lines[start]]
    for line in lines[start + 1:]:
        if line.strip() and len(line) - len(line.lstrip()) <= len(match.group(1)):
            break
        body.append(line)
    return match.group(2), "\n".join(body)


def helpers_of(root, name, text):
    """The definitions of a file, the methods of its interface file, and the definitions of headers beside it."""
    found = definitions(text)
    interface = (root / name).with_suffix(".iig")
    if interface.is_file() and not name.endswith(".iig"):
        for method in without_comments(interface.read_text(encoding="utf-8", errors="replace")).split(";"):
            declared = re.search(r"(\w+)\s*\(", method)  # its words tell which callback it is
            if declared:
                found.setdefault(declared.group(1), method)
    for header in re.findall(r'#include "(?:[\w/]+/)?(\w+\.h)"', text):
        path = (root / name).parent / header
        if path.is_file():
            found = {**definitions(path.read_text(encoding="utf-8", errors="replace")), **found}
    return found


def dexts_of(folder):
    """The sources of the folders beside a Python test, by the folder's name: what it builds and runs."""
    found = {}
    for path in sorted(folder.glob("*/**/*")):
        if path.suffix in SOURCES and path.suffix != ".py":
            name = path.relative_to(folder).parts[0]
            found[name] = found.get(name, "") + without_comments(path.read_text(encoding="utf-8", errors="replace"))
    return found


def claims_of(root, name, text):
    python = name.endswith(".py")
    helpers = dexts_of((root / name).parent) if python else helpers_of(root, name, text)
    mark = "#" if python else "//"
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        match = re.match(r"\s*%s Facts: (.*)" % mark, lines[index])
        if not match:
            index += 1
            continue
        # Goes on where a line ends with a comma or the next one says so; the formatter may have moved words between lines.
        said = ""
        while match:
            said += " " + match.group(1)
            index += 1
            more = r"\s*%s (?:Facts: )?(.*)" if said.rstrip().endswith(",") else r"\s*%s (.*\bFacts: .*)"
            match = index < len(lines) and re.match(more % mark, lines[index])
        names = facts.split_top(said.replace("Facts:", ","), "(", ")")
        while index < len(lines) and re.match(r"\s*(%s.*)?$" % mark, lines[index]):
            index += 1
        test, body = (python_body if python else cpp_body)(lines, index)
        body = with_helpers(body, helpers)
        for item in names:
            yield Claim(item.rstrip("."), name, test, body)


# Members that a test calls without writing their name.
CALLED_AS = {
    "free": r"\b(free|release|[Oo]wned|OSSafeReleaseNULL|OSSafeRelease|reset|adopt|OSSharedPtr|IODelete|delete)\b",
    "init": r"\b(init\w*|with\w*|[Cc]reate\w*|OSTypeAlloc|OSObjectAllocate|mainBundle|New\w*)\b",
    "retain": r"\b(retain|OSRetain|OSSharedPtr)\b",
}


def mentions(row, body):
    """Whether the body of the test can be calling the row's member."""
    member = row.member
    if member.startswith("operator"):
        # Conversions and placement new have no sign of their own; [] and () have something between.
        sign = member.removeprefix("operator").strip()
        return sign[:1] in body or bool(re.match(r"[\w-]", sign)) or sign == ""
    if member.startswith("~") or member == row.class_name:
        # Constructors and destructors; OSBoundedPtr and its like are names of the same classes.
        plain = member.lstrip("~").replace("_", "").lower()
        return plain in body.replace("_", "").lower() or "ivars" in body
    if row.kind == "static" and not re.search(r"\b%s\b" % row.class_name, body):
        return False
    # What iig made of a dispatchable method for the system's side has the class in its name.
    if re.search(r"\b%s_%s(_ID)?\b" % (row.class_name, re.escape(member)), body):
        return True
    return bool(re.search(CALLED_AS.get(member, r"(?<!\w)(CreateAction)?%s(?!\w)" % re.escape(member)), body))


ASSERTION = re.compile(r"EXPECT_|ASSERT_|ADD_FAILURE|FAIL\(|\.assert|\bassert\b")


def is_test(claim):
    """A whole test, which has to assert something; a dext's statement is asserted by who runs the dext."""
    return claim.file.endswith(".py") or re.search(r"\bTEST(_F|_P)?\s*\(", claim.body) is not None


def read(rows, root=facts.ROOT, elsewhere=frozenset()):
    """(tests of each row: {line: [claim]}, complaints). `elsewhere`: names of other files of facts, passed over."""
    names = facts.Names(rows)
    shown, complaints = {}, []
    for name in test_files(root):
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        if "Facts: " not in text:
            continue
        for claim in claims_of(root, name, text):
            found, complaint = names.find(claim.text)
            if complaint:
                if not {re.split(r"[\s(]", claim.text)[0], claim.text.split("(")[0].strip()} & set(elsewhere):
                    complaints.append("%s: %s" % (claim.where, complaint))
                continue
            silent = [row for row in found if not mentions(row, claim.body)]
            if silent:
                complaints.append("%s: does not call %s" % (claim.where, claim.text))
                continue
            if is_test(claim) and not ASSERTION.search(claim.body):
                complaints.append("%s: asserts nothing about %s" % (claim.where, claim.text))
                continue
            for row in found:
                shown.setdefault(row.line, []).append(claim)
    return shown, complaints
