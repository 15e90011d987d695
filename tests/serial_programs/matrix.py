# SPDX-License-Identifier: Apache-2.0
"""The matrix of program and feature. A test says what it shows; the page is made from that and from nothing else.

    @shows("minicom", "speed", YES)
    @shows("minicom", "modem lines", no("shows them as offline"))
    def test_…

usage: matrix.py > docs/serial-programs.md
"""

import importlib
import os
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(SOURCE, "tests", "serial_programs")

# The columns, in the order of the page.
FEATURES = {
    "open": "opens the port, settings and all",
    "bytes": "bytes both ways, unchanged",
    "speed": "a speed of termios reaches the driver",
    "any speed": "a speed that termios has no constant for reaches the driver",
    "stop bits": "two stop bits reach the driver",
    "flow": "RTS/CTS and XON/XOFF reach the driver",
    "7E1": "seven data bits, parity",
    "modem lines": "DTR, RTS set; CTS, DSR, DCD, RI read",
    "break": "a break at the far end",
    "flush": "a flush reaches the driver",
    "drain": "waits until the bytes have left",
    "exclusive": "a second opening is refused",
    "low latency": "the low-latency setting",
    "list": "the program's own list of ports",
    "reconnect": "the far end goes and comes back, the program stays",
}


class Verdict:
    def __init__(self, works, text=""):
        self.works, self.text = works, text


YES = Verdict("yes")


def no(why):
    """It does not work: what happens instead, and why."""
    return Verdict("no", why)


def partly(what):
    """It works with a limit."""
    return Verdict("partly", what)


def shows(program, feature, verdict):
    """The decorated test shows that `feature` of `program` is as the verdict says."""
    if feature not in FEATURES:
        raise ValueError(f"no such feature: {feature}")

    def mark(test):
        test.shows = [(program, feature, verdict), *getattr(test, "shows", [])]
        return test
    return mark


def modules():
    return sorted(name[:-3] for name in os.listdir(FOLDER) if name.endswith("_test.py") and name != "matrix_test.py")


def collect():
    """{program: {feature: (verdict, test)}} of all tests, and [(program, version, how)] in the order of the modules."""
    cells, programs = {}, []
    for module_name in modules():
        module = importlib.import_module(module_name)
        programs += module.PROGRAMS
        for case in vars(module).values():
            if not isinstance(case, type) or case.__module__ != module_name:
                continue
            for name, test in vars(case).items():
                for program, feature, verdict in getattr(test, "shows", []):
                    row = cells.setdefault(program, {})
                    if feature in row:
                        raise ValueError(f"{program}, {feature}: shown by {row[feature][1]} and by {module_name}.py {name}")
                    row[feature] = (verdict, f"{module_name}.py {case.__name__}.{name}")
    return cells, programs


HEAD = """<!-- SPDX-License-Identifier: Apache-2.0 -->
# Serial programs at a port

What unmodified programs can do with a port of OpenDext, whose backend is a pseudo-terminal: made from the tests in
`tests/serial_programs` by `python3 tests/serial_programs/matrix.py`, and compared with them by a test. Each cell is what a test
asserts, also the "no"s. An empty cell is a feature that the program does not have or that no test was made for.
`opendext serial set NAME …` sets at the far end what the program cannot.
"""


def page():
    cells, programs = collect()
    lines = [HEAD]
    names = [name for name, _, _ in programs]
    unknown = sorted(set(cells) - set(names))
    if unknown or len(set(names)) != len(names):
        raise ValueError(f"programs without a line in PROGRAMS, or with two: {unknown}")
    notes = []

    def note(text):
        if text not in notes:
            notes.append(text)
        return notes.index(text) + 1

    used = [feature for feature in FEATURES if any(feature in row for row in cells.values())]
    lines.append("| program | " + " | ".join(used) + " |")
    lines.append("|" + "---|" * (len(used) + 1))
    for name in names:
        row = []
        for feature in used:
            verdict, _ = cells.get(name, {}).get(feature, (Verdict(""), ""))
            row.append(verdict.works + (f" [{note(verdict.text)}]" if verdict.text else ""))
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    lines.append("\n## Notes\n")
    lines += [f"{number}. {text}" for number, text in enumerate(notes, 1)]
    lines.append("\n## Features\n")
    lines += [f"- {feature}: {FEATURES[feature]}" for feature in used]
    lines.append("\n## Programs\n\n| program | version | how it is used |\n|---|---|---|")
    lines += [f"| {name} | {version} | {how} |" for name, version, how in programs]
    lines.append("\n## Tests\n\n| program | feature | test |\n|---|---|---|")
    for name in names:
        by_test = {}
        for feature in used:
            if feature in cells.get(name, {}):
                by_test.setdefault(cells[name][feature][1], []).append(feature)
        lines += [f"| {name} | {', '.join(features)} | `{test}` |" for test, features in by_test.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # The tests import this file by its name: one module, not two.
    sys.path[:0] = [FOLDER, os.path.join(SOURCE, "tests", "e2e")]
    sys.stdout.write(importlib.import_module("matrix").page())
