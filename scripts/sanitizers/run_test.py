#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one test of a build with sanitizers, and fails it if any process of the test left a report.

usage: run_test.py --sanitize address,undefined|thread --name TEST -- COMMAND…

Programs end with status 66 at a finding, and each process writes its reports into a folder that this program makes: so a
finding in a driver, in opendextd or in a tool fails the test, whatever the test itself makes of the process's end. A driver
process cannot open files; it gets its file from the process that it was forked from (keeper/prepared/sanitized.h).

Options of the sanitizers that are set already (ASAN_OPTIONS …) win. Tests in skipped.txt are not run; the reason is printed."""

import argparse
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77  # SKIP_RETURN_CODE of such tests
FOUND = 66
# How much longer things may take.
PATIENCE = {"address": "5", "thread": "10"}
# What a report begins with; other words in these files are none.
REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|Sanitizer:|runtime error:|Sanitizer CHECK failed")


def reason_to_skip(sanitizer, test):
    """The reason in skipped.txt: SANITIZER|all TEST REASON, TEST with * as in the shell; None to run it."""
    for line in (HERE / "skipped.txt").read_text(encoding="utf-8").splitlines():
        words = line.split(None, 2)
        if len(words) == 3 and words[0] in ("all", sanitizer) and fnmatch.fnmatchcase(test, words[1]):
            return words[2]
    return None


def options(sanitizer, folder):
    """The environment: what each sanitizer's runtime is told."""
    common = f"exitcode={FOUND}:log_path={folder}/report:log_exe_name=1"
    leaks = HERE / "leaks.supp"
    races = HERE / "races.supp"
    return {
        # What is too large is refused, as malloc does. The runtime comes last into programs that are built without it.
        "ASAN_OPTIONS": f"{common}:detect_leaks=1:allocator_may_return_null=1:verify_asan_link_order=0",
        "LSAN_OPTIONS": f"suppressions={leaks}:print_suppressions=0",
        "UBSAN_OPTIONS": f"{common}:print_stacktrace=1",
        # Tests play the other process in a forked child, which may have threads.
        "TSAN_OPTIONS": f"{common}:die_after_fork=0:suppressions={races}:print_suppressions=0:second_deadlock_stack=1:"
                        "allocator_may_return_null=1",
        "OPENDEXT_SANITIZE": sanitizer,
        "OPENDEXT_SANITIZER_REPORTS": folder,
        "OPENDEXT_TEST_PATIENCE": PATIENCE[sanitizer],
    }


def environment(sanitizer, folder):
    result = dict(os.environ)
    for name, value in options(sanitizer, folder).items():
        if name.endswith("SAN_OPTIONS") and name in result:
            value += ":" + result[name]  # the last one counts
        elif name == "OPENDEXT_TEST_PATIENCE":
            value = result.get(name, value)
        result[name] = value
    return result


def reports(folder):
    """(name, text) of each file with a report in it."""
    for file in sorted(pathlib.Path(folder).iterdir()):
        text = file.read_text(encoding="utf-8", errors="replace")
        if REPORT.search(text):
            yield file.name, text


def main():
    parser = argparse.ArgumentParser(description="Runs one test of a build with sanitizers.")
    parser.add_argument("--sanitize", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("command", nargs="+")
    line = parser.parse_args()
    sanitizer = "thread" if "thread" in line.sanitize else "address"

    reason = reason_to_skip(sanitizer, line.name)
    if reason:
        print(f"{line.name}: skipped: {sanitizer} sanitizer: {reason}")
        return SKIPPED

    folder = tempfile.mkdtemp(prefix="opendext-reports-")
    os.chmod(folder, 0o1777)  # some tests are those of another user
    try:
        status = subprocess.run(line.command, env=environment(sanitizer, folder), check=False).returncode
        sys.stdout.flush()
        found = list(reports(folder))
        for name, text in found:
            print(f"\n{line.name}: a sanitizer's report, {name}:\n{text}")
        if found:
            print(f"{line.name}: {len(found)} processes left a sanitizer's report, see above")
            return FOUND
        return status if status >= 0 else 128 - status
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
