#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs CTest in a build folder and counts the single test cases inside its programs.

usage: run_tests.py BUILD [CTEST ARGUMENTS]

Prints the output of what failed, the cases that were skipped with their reasons, and at the end one plain line:
N passed, N failed, N skipped
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

GTEST_END = re.compile(r"^\[\s*(OK|FAILED|SKIPPED)\s*\] ([\w/.]+)(?:, where .*)? \(\d+ ms\)$", re.M)
UNITTEST_SUM = re.compile(r"^Ran (\d+) tests? in [\d.]+s\n+(?:OK|FAILED)(?: \((.*)\))?$", re.M)
UNITTEST_BAD = re.compile(r"^(?:FAIL|ERROR): (\S+) \((\S+?)\)", re.M)
UNITTEST_NAME = re.compile(r"^\w+ \((\S+?)\)", re.M)
PROGRAM_SKIP = re.compile(r"^[\w-]+: skipped: (.*)$", re.M)
UNITTEST_SKIP = re.compile(r"\.\.\. skipped (?:'(.*)'|\"(.*)\")$", re.M)


def gtest_cases(output):
    """(name, result, reason) of each case of a GoogleTest program."""
    cases = []
    for match in GTEST_END.finditer(output):
        result = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[match[1]]
        reason = ""
        if result == "skipped":
            begin = output.rfind("[ RUN      ] " + match[2], 0, match.start())
            lines = [line.strip() for line in output[begin:match.start()].splitlines()[1:]]
            reason = " ".join(line for line in lines if line and not re.match(r".*: Skipped$|Skipped$", line))
        cases.append((match[2], result, reason))
    return cases


def unittest_cases(output):
    """(name, result, reason) of each case of a Python unittest program. The counts are those of its last lines, since a
    test may print between its name and its result."""
    summary = UNITTEST_SUM.search(output)
    if not summary:
        return []
    counts = {key: int(value) for key, value in re.findall(r"(\w[\w ]*)=(\d+)", summary[2] or "")}
    failed = [(match[2], "failed", "") for match in UNITTEST_BAD.finditer(output)]
    bad = counts.get("failures", 0) + counts.get("errors", 0)
    failed += [("(a case)", "failed", "")] * (bad - len(failed))
    skipped = []
    for match in UNITTEST_SKIP.finditer(output):
        names = UNITTEST_NAME.findall(output, 0, match.start())
        skipped.append((names[-1] if names else "(a case)", "skipped", match[1] or match[2] or ""))
    skipped += [("(a case)", "skipped", "")] * (counts.get("skipped", 0) - len(skipped))
    passed = max(0, int(summary[1]) - len(failed) - len(skipped))
    return [*failed, *skipped, *[("", "passed", "")] * passed]


def main():
    build, *arguments = sys.argv[1:]
    report = os.path.join(build, "Testing", "junit.xml")
    os.makedirs(os.path.dirname(report), exist_ok=True)
    if os.path.exists(report):
        os.remove(report)
    command = ["ctest", "--test-dir", build, "-j2", "--output-on-failure", "--no-tests=error", "--output-junit", report,
               "--test-output-size-passed", "10000000", "--test-output-size-failed", "10000000", *arguments]
    status = subprocess.run(command, check=False).returncode
    if not os.path.exists(report):
        return status or 1

    counts = {"passed": 0, "failed": 0, "skipped": 0}
    skipped, failed = [], []
    for test in ET.parse(report).getroot().iter("testcase"):
        output = test.findtext("system-out") or ""
        outcome = test.get("status")
        cases = gtest_cases(output) or unittest_cases(output)
        bad = outcome == "fail"
        if not cases or (bad and not any(result == "failed" for _, result, _ in cases)):
            # A program without cases, or one that ended badly outside of them: it counts by itself.
            result = "failed" if bad else "skipped" if outcome in ("notrun", "disabled") else "passed"
            reason = test.find("skipped").get("message", "") if test.find("skipped") is not None else ""
            said = PROGRAM_SKIP.search(output)
            reason = said[1] if said else reason
            cases = [*[case for case in cases if bad], ("(program)", result, reason)]
        for name, result, reason in cases:
            counts[result] += 1
            if result == "skipped":
                skipped.append(f"{test.get('name')}: {name}: {reason or 'no reason given'}")
            elif result == "failed":
                failed.append(f"{test.get('name')}: {name}")
    if skipped:
        print(f"\nSkipped ({len(skipped)}):")
        for line in skipped:
            print("  " + line)
    if failed:
        print(f"\nFailed ({len(failed)}):")
        for line in failed:
            print("  " + line)
    print(f"\n{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if status or counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
