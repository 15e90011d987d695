#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which rows of docs/facts/iokit-client-api.csv are done: compares every declaration of the client headers with its row,
reads what libIOKit exports and which tests show what, and writes docs/client-api-status.md.

    client_status.py [--missing [HEADER]] [--write] [--check]
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import annotations
import api_status
import checks
import client_rows
import rows as facts

PAGE = facts.ROOT / "docs/client-api-status.md"
# The library's own headers, then those that families add; some of these are made from the facts by a script of the family.
MAKERS = sorted(facts.ROOT.glob("families/*/client/client_headers.py"))
INCLUDES = [facts.ROOT / "iokit/include", *sorted(facts.ROOT.glob("families/*/client/include"))]
SYMBOLS = facts.ROOT / "iokit/libIOKit.symbols"
# Why a row is not as the facts say, by its key.
DEVIATIONS = {
    "IOPhysSize: #define IOPhysSize 32": "is 64, as physical addresses are here",
}

def declared_type(parameter):
    """The type of a parameter that is a block or a pointer to a function; otherwise as checks.py has it."""
    match = re.search(r"\(([\^*])(\w*)\)", parameter)
    if match:
        return parameter.replace(match.group(0), "(%s)" % match.group(1))
    return facts.without_parameter_name(parameter)


def check_function(row):
    parts = facts.split_signature(row.signature, row.member)
    if not parts:
        return None
    result = re.sub(r"\b(static|extern|inline)\b", " ", parts[0]).strip()
    types = [declared_type(item) for item in facts.split_top(parts[1])]
    return "using od_s%d = %s(%s); static_assert(static_cast<od_s%d *>(&::%s) != nullptr);" % (
        row.line, result, ", ".join(types), row.line, row.member)


def check_objective_c(row):
    """That the C form, and the C++ class, are there."""
    if row.kind in ("method", "static", "field"):
        where = "&::%s" % row.member if not row.class_name else "&::%s::%s" % (row.class_name, row.member)
        return "static_assert(%s != nullptr);" % where
    if row.kind == "class":
        return "static_assert(std::is_class_v<opendext::system_extensions::%s>);" % row.member
    if row.kind == "enum":
        return "static_assert(std::is_enum_v<::%s>);" % row.member
    if "extern" in row.signature:
        return "static_assert(std::is_convertible_v<decltype(::%s), CFStringRef>);" % row.member
    return checks.check_constant(row)


def check_variable(row):
    """extern const TYPE NAME"""
    match = re.fullmatch(r"extern (.*?)(\w+)(\[\])?", row.signature)
    return match and "static_assert(std::is_same_v<std::remove_cv_t<decltype(::%s)>, std::remove_cv_t<%s>>);" % (
        row.member, match.group(1).strip())


def check_member(row):
    """A field; arrays and pointers to functions too."""
    match = re.search(r"\(([\^*])%s\)" % re.escape(row.member), row.signature)
    if match:
        wanted = row.signature.replace(match.group(0), "(%s)" % match.group(1))
        return "static_assert(std::is_same_v<decltype(::%s::%s), od_type<%s>>);" % (row.class_name, row.member, wanted)
    if row.signature == row.member:  # a macro that stands for several members
        return check_struct(facts.Row(row.line, "", "", row.class_name, "struct", "", (), ""))
    if row.signature.endswith("[]"):  # at the end of a struct: no elements, in C++
        return "static_assert(sizeof(::%s::%s) == 0);" % (row.class_name, row.member)
    return checks.check_field(row)


def check_type(row):
    declaration = row.signature.removeprefix("typedef ")
    match = re.search(r"\(([\^*])%s\)" % re.escape(row.member), declaration)
    if match:
        wanted = declaration.replace(match.group(0), "(%s)" % match.group(1))
        return "static_assert(std::is_same_v<::%s, od_type<%s>>);" % (row.member, wanted)
    return checks.check_typedef(row)


def check_macro(row):
    match = re.fullmatch(r"#define \w+ ((?!PRI)\S+)", row.signature)
    return (match and checks.check_macro(row)) or checks.defined(row)


def check_enum(row):
    # Some are a typedef of an integer, with enumerators beside it.
    return "static_assert(std::is_enum_v<::%s> || std::is_integral_v<::%s>);" % (row.member, row.member)


def check_struct(row):
    return "static_assert(sizeof(::%s) > 0);" % row.member


def check_of(row):
    if row.objective_c:
        return check_objective_c(row)
    if row.kind == "constant" and row.signature.startswith("extern"):
        return check_variable(row)
    rules = {"function": check_function, "constant": checks.check_constant, "macro": check_macro, "typedef": check_type,
             "field": check_member, "struct": check_struct, "enum": check_enum}
    return rules[row.kind](row)


def made_headers(folder):
    """Writes those of the families' headers that are made, and gives their folder."""
    for maker in MAKERS:
        subprocess.run([sys.executable, "-B", str(maker), folder], check=True)
    return pathlib.Path(folder)


def headers(includes):
    """{name in #include: file}"""
    found = {str(path.relative_to(folder)): path for folder in includes for path in sorted(folder.rglob("*.h"))}
    cpp = "SystemExtensions/SystemExtensions.hpp"
    return found | {cpp: INCLUDES[0] / cpp}


def inline_names(found):
    """Functions that are defined in the headers and so exported by nobody."""
    text = "".join(path.read_text(encoding="utf-8") for path in found.values())
    return set(re.findall(r"(?:CF_INLINE|static inline)[^;{}()]*?\b(\w+)\s*\(", text))


def find_out(compiler):
    """([Status], complaints)."""
    with tempfile.TemporaryDirectory() as folder:
        return find_out_with(compiler, [*INCLUDES, made_headers(folder)])


def find_out_with(compiler, includes):
    rows = client_rows.client_rows()
    checks.CSV_NAME = str(client_rows.CSV.relative_to(facts.ROOT))
    found = headers(includes)
    text = ["#include <%s>" % header for header in found] + [checks.PRELUDE]
    without_check = set()
    for row in rows:
        check = check_of(row)
        if check:
            text.append('#line %d "%s"\n%s' % (row.line, checks.CSV_NAME, check))
        else:
            without_check.add(row.line)
    text.append("}  // namespace od_facts\n")
    messages, stray = checks.run_compiler(
        "\n".join(text), [compiler, "-std=c++20", "-fblocks",
                          *(word for folder in includes for word in ("-isystem", str(folder))),
                          "-isystem", str(facts.ROOT / "sdk/platform")])
    complaints = ["a header does not compile: " + line for line in stray]
    exported = set(SYMBOLS.read_text(encoding="utf-8").split())
    inline = inline_names(found)
    for row in rows:
        if row.kind == "function" and row.line not in messages and row.member not in exported | inline:
            messages[row.line] = "undeclared: not exported by libIOKit"
    shown, _ = annotations.read(rows)  # names of other facts are theirs to judge: api_status.py
    for row in rows:
        if checks.key_of(row) in DEVIATIONS:
            messages.pop(row.line, None)
    return api_status.statuses(rows, messages, without_check, shown, {}, DEVIATIONS), complaints


def page(found):
    lines = ["<!-- SPDX-License-Identifier: Apache-2.0 -->",
             "<!-- Written by sdk/facts/client_status.py --write; do not edit. -->",
             "# Client library: state of every declaration", "",
             "Every row of docs/facts/iokit-client-api.csv. *done*: declared with that signature or value,",
             "exported if it is a function, and shown by the test named; \"generated\" is sdk/facts, which compiles a check made",
             "from the row. *missing*: not declared, or (where it says so) declared and not yet shown by a test; what is not",
             "declared does not compile. Rows marked core are what nearly every program needs: all of them are done.", "",
             api_status.totals_line(found) + ".", "",
             "| Header | rows | done | missing |", "|---|---|---|---|"]
    groups = api_status.grouped(found)
    for name, items in groups.items():
        lines.append("| %s | %d | %d | %d |" % (name, len(items), api_status.count(items, "done"),
                                                api_status.count(items, "missing")))
    for name, items in groups.items():
        lines += ["", "## " + name, "", "| Row | Kind | State | Shown by, or reason |", "|---|---|---|---|"]
        for status in items:
            lines.append("| `%s` | %s%s | %s | %s |" % (
                status.row.signature.replace("|", "\\|"), status.row.kind, ", core" if status.row.core else "", status.state,
                api_status.escaped(status.why)))
    return "\n".join(lines) + "\n"


def check(found, complaints):
    wrong = list(complaints)
    wrong += ["%s:%d: %s %s" % (client_rows.CSV.relative_to(facts.ROOT), status.row.line, status.row.signature, status.why)
              for status in found if status.differs]
    wrong += ["core, but missing: %s (%s)" % (checks.key_of(status.row), status.why)
              for status in found if status.row.core and status.state != "done"]
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page(found):
        wrong.append("docs/client-api-status.md is stale: /usr/bin/python3 sdk/facts/client_status.py --write")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--compiler", default=os.environ.get("OPENDEXT_COMPILER", "clang++-19"))
    parser.add_argument("--missing", nargs="?", const="", metavar="HEADER", help="list what is missing or has no test")
    parser.add_argument("--write", action="store_true", help="write docs/client-api-status.md")
    parser.add_argument("--check", action="store_true", help="fail if a declaration differs, a core row is missing or the page stale")
    arguments = parser.parse_args()
    found, complaints = find_out(arguments.compiler)
    if arguments.missing is not None:
        api_status.print_missing(found, arguments.missing)
    if arguments.write:
        PAGE.write_text(page(found), encoding="utf-8")
    wrong = check(found, complaints) if arguments.check else []
    print("\n".join(wrong if arguments.check else complaints))
    print(api_status.totals_line(found))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
