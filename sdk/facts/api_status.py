#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which rows of docs/facts/driverkit-api.csv are done: compares every declaration of a framework with its row, reads which
tests show what, and writes docs/api-status.md, or docs/api-status-X.md for the framework XDriverKit.
docs/guide/adding-a-fact.md says how to use it.

    api_status.py --build DIR [--framework NAME [--handwritten FILE]] [--missing [CLASS]] [--write] [--check [--complete]]
"""

import argparse
import csv
import dataclasses
import os
import sys

import annotations
import checks
import client_rows
import rows as facts

DECLARED_ONLY = facts.ROOT / "docs/api-declared-only.csv"
MOST_DECLARED_ONLY = 40  # in a framework
# Messages of the compiler that say that a thing is not there at all; any other says that it is different.
ABSENT = ("no member named", "undeclared identifier", "no type named", "unknown type name", "is not declared",
          "incomplete type", "no template named", "undeclared", "is not a class", "unknown class name", "no struct named",
          "type-id cannot have a name", "no member function")


@dataclasses.dataclass
class Status:
    row: facts.Row
    state: str  # done, declared only, missing
    why: str
    declared: bool  # as the row says

    @property
    def differs(self):
        return not self.declared and self.why.startswith("differs")


def page_of(framework):
    part = framework.removesuffix(facts.CORE).lower()
    return facts.ROOT / "docs" / ("api-status-%s.md" % part if part else "api-status.md")


def declared_only(rows, path, elsewhere=frozenset()):
    """{line: reason}, complaints. `elsewhere`: names of other frameworks, passed over."""
    names, reasons, complaints = facts.Names(rows), {}, []
    with open(path, newline="", encoding="utf-8") as file:
        for item in csv.DictReader(file):
            if item["row"].strip().split("(")[0] in elsewhere:
                continue
            found, complaint = names.find(item["row"].strip())
            reason = (item["reason"] or "").strip()
            if not complaint and not reason:
                complaint = item["row"] + " has no reason"
            if complaint:
                complaints.append("docs/api-declared-only.csv: " + complaint)
            for row in found:
                reasons[row.line] = reason
    return reasons, complaints


def find_out(build, compiler, framework=facts.CORE, by_hand_path=None):
    """([Status], complaints)."""
    rows = facts.framework_rows(framework)
    own = framework == facts.CORE
    by_hand_path = by_hand_path or (checks.HERE / "handwritten.cpp" if own else os.devnull)
    by_hand, deviations = checks.handwritten(by_hand_path)
    unknown = (set(by_hand) | set(deviations)) - {checks.key_of(row) for row in rows}
    complaints = ["%s: the facts have no row %s" % (by_hand_path, key) for key in sorted(unknown)]
    words = [row for row in rows if checks.is_iig_word(row)]
    others = [row for row in rows if not checks.is_iig_word(row)]
    text, unchecked = checks.generate(others, checks.headers_of(build, framework), by_hand,
                                      checks.prelude_by_hand() if own else "")
    messages, stray = checks.compile_checks(text, build, compiler)
    iig_text, iig_unchecked = checks.generate(words, ["DriverKit/IORPC.h"], by_hand)
    iig_messages, iig_stray = checks.compile_checks(iig_text, build, compiler, ["-D__IIG=1"])
    messages.update(iig_messages)
    complaints += ["a header does not compile: " + line for line in stray + iig_stray]
    without_check = {row.line for row in unchecked + iig_unchecked}
    others = facts.names_of_others(framework)
    shown, wrong_claims = annotations.read(rows, elsewhere=client_rows.names() | others)
    reasons, wrong_reasons = declared_only(rows, DECLARED_ONLY, others)
    complaints += wrong_claims + wrong_reasons
    return statuses(rows, messages, without_check, shown, reasons, deviations), complaints


def statuses(rows, messages, without_check, shown, reasons, deviations):
    """The state of each row from what the compiler said of it, its tests, and the reason not to have any."""
    found = []
    for row in rows:
        message = messages.get(row.line)
        if row.line in without_check:
            status = Status(row, "missing", "no check is written: sdk/facts/handwritten.cpp", False)
        elif message and any(word in message for word in ABSENT):
            status = Status(row, "missing", "not declared: " + message, False)
        elif message:
            status = Status(row, "missing", "differs: " + message, False)
        elif row.line in reasons:
            status = Status(row, "declared only", reasons[row.line], True)
        elif not row.needs_test:
            different = deviations.get(checks.key_of(row))
            status = Status(row, "done", "generated" + (", but " + different if different else ""), True)
        elif row.line in shown:
            where = sorted({claim.where for claim in shown[row.line]})
            status = Status(row, "done", where[0] + (" and %d more" % (len(where) - 1) if where[1:] else ""), True)
        else:
            status = Status(row, "missing", "no test", True)
        found.append(status)
    return found


def grouped(found):
    groups = {}
    for status in found:
        groups.setdefault(status.row.group, []).append(status)
    return dict(sorted(groups.items(), key=lambda item: item[0].lower()))


def count(found, state):
    return sum(status.state == state for status in found)


def totals_line(found):
    return "%d rows: %d done, %d declared only, %d missing (%d not declared, %d without a test)" % (
        len(found), count(found, "done"), count(found, "declared only"), count(found, "missing"),
        sum(not status.declared for status in found), sum(status.why == "no test" for status in found))


def escaped(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def page(found, framework=facts.CORE):
    lines = ["<!-- SPDX-License-Identifier: Apache-2.0 -->",
             "<!-- Written by sdk/facts/api_status.py --write; do not edit. -->",
             "# %s: state of every declaration" % framework, "",
             "Every row of the %s framework in docs/facts/driverkit-api.csv. *done*: declared with that signature or" % framework,
             "value, and shown by the test named; \"generated\" is sdk/facts, which compiles a check made from the row.",
             "*declared only*: gives kIOReturnUnsupported and says so once in the log, for the reason named.", "",
             totals_line(found) + ".", "",
             "| Class or header | rows | done | declared only | missing |", "|---|---|---|---|---|"]
    groups = grouped(found)
    for name, items in groups.items():
        lines.append("| %s | %d | %d | %d | %d |" % (name, len(items), count(items, "done"),
                                                     count(items, "declared only"), count(items, "missing")))
    for name, items in groups.items():
        lines += ["", "## " + name, "", "| Row | Kind | State | Shown by, or reason |", "|---|---|---|---|"]
        for status in items:
            lines.append("| `%s` | %s | %s | %s |" % (status.row.signature.replace("|", "\\|"), status.row.kind,
                                                      status.state, escaped(status.why)))
    return "\n".join(lines) + "\n"


def print_missing(found, wanted):
    for name, items in grouped(found).items():
        left = [status for status in items if status.state == "missing"]
        if not left or (wanted and wanted not in (name, *(status.row.class_name for status in left))):
            continue
        print("%s: %d of %d" % (name, len(left), len(items)))
        for status in left:
            print("    %s %s  <- %s" % (status.row.kind, status.row.signature[:150], status.why))


def check(found, complaints, complete, framework=facts.CORE, most_declared_only=MOST_DECLARED_ONLY):
    """What the test fails for."""
    wrong = list(complaints)
    wrong += ["docs/facts/driverkit-api.csv:%d: %s %s" % (status.row.line, status.row.signature, status.why)
              for status in found if status.differs]
    if count(found, "declared only") > most_declared_only:
        wrong.append("%d rows are declared only, at most %d may be" % (count(found, "declared only"), most_declared_only))
    if complete:
        wrong += ["missing: %s (%s)" % (checks.key_of(status.row), status.why)
                  for status in found if status.state == "missing"]
        path = page_of(framework)
        if not path.exists() or path.read_text(encoding="utf-8") != page(found, framework):
            wrong.append("docs/%s is stale: sdk/facts/api_status.py --build DIR%s --write" % (
                path.name, "" if framework == facts.CORE else " --framework " + framework))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default=os.environ.get("OPENDEXT_BUILD", str(facts.ROOT / "build")),
                        help="build directory with the SDK made (default: build)")
    parser.add_argument("--framework", default=facts.CORE, help="default: %(default)s")
    parser.add_argument("--handwritten", metavar="FILE", help="the framework's checks that no rule can make")
    parser.add_argument("--compiler", default="clang++-19")
    parser.add_argument("--missing", nargs="?", const="", metavar="CLASS", help="list what is missing or has no test")
    parser.add_argument("--write", action="store_true", help="write the page: docs/api-status.md, docs/api-status-X.md")
    parser.add_argument("--check", action="store_true", help="fail if a declaration differs or a Facts: comment is wrong")
    parser.add_argument("--most-declared-only", type=int, default=MOST_DECLARED_ONLY, metavar="N", help="default: %(default)s")
    parser.add_argument("--complete", action="store_true", help="with --check: fail if anything is missing or stale too")
    arguments = parser.parse_args()
    framework = arguments.framework
    if framework not in facts.all_rows():
        parser.error("the facts have no framework %s; they have %s" % (framework, ", ".join(sorted(facts.all_rows()))))
    found, complaints = find_out(arguments.build, arguments.compiler, framework, arguments.handwritten)
    if arguments.missing is not None:
        print_missing(found, arguments.missing)
    if arguments.write:
        page_of(framework).write_text(page(found, framework), encoding="utf-8")
    if arguments.check:
        wrong = check(found, complaints, arguments.complete, framework, arguments.most_declared_only)
        print("\n".join(wrong))
    else:
        wrong = []
        print("\n".join(complaints))
    print(totals_line(found))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
