#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of sdk/tests/values_test.cpp: every constant and macro with its value, and every struct with its
fields, as the facts have them beside as the SDK has them.

    emit_values.py --build DIR --output FILE
"""

import argparse
import csv
import pathlib
import re

import checks
import rows as facts


def value_of(row):
    """The wanted value: a C++ literal, or None."""
    if row.member in checks.IIG_WORDS or checks.key_of(row) in checks.handwritten()[0]:
        return None
    pattern = r"\w+ = (%s)( .*)?" if row.kind == "constant" else r"#define \w+ (%s)()"
    number = re.fullmatch(pattern % checks.NUMBER, row.signature)
    if number:
        return checks.as_unsigned(number.group(1))
    text = re.fullmatch(r'#define \w+ (".*")', row.signature)
    return text.group(1) if text else None


def tables(rows):
    numbers, strings, fields = [], [], []
    # A function may have the name of a struct, as mach_timebase_info does.
    tagged = {row.member for row in rows if row.kind == "struct" and row.signature.startswith("struct ")}
    for row in rows:
        if row.kind in ("constant", "macro"):
            value = value_of(row)
            if value is None:
                continue
            target = strings if value.startswith('"') else numbers
            have = row.member if target is strings else "NUMBER(%s)" % row.member
            target.append('    {%d, "%s", %s, %s},' % (row.line, row.member, have, value))
        elif row.kind == "field" and checks.check_field(row) and row.class_name not in checks.TEMPLATES and not row.signature.endswith("[]"):
            owner = ("struct " if row.class_name in tagged else "") + row.class_name
            fields.append('    FIELD(%d, %s, %s),' % (row.line, owner, row.member))
    return numbers, strings, fields


# Codes of other frameworks and of client programs' headers.
NOT_DRIVERKIT = ("USB", "IOMessage")


def result_codes():
    """Numbers of docs/facts/ioreturn.csv that DriverKit's headers have."""
    with open(facts.ROOT / "docs/facts/ioreturn.csv", newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        return ['    {%d, "%s", NUMBER(%s), %s},' % (reader.line_num, row["name"], row["name"],
                                                    checks.as_unsigned(row["value_hex"]))
                for row in reader if not row["group"].startswith(NOT_DRIVERKIT) and row["name"].isidentifier()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    numbers, strings, fields = tables(facts.framework_rows())
    text = ["// Written by sdk/facts/emit_values.py."]
    for header in checks.headers_of(arguments.build):
        text.append("#if __has_include(<%s>)\n#include <%s>\n#endif" % (header, header))
    for name, lines in (("Number kNumbers", numbers), ("Number kResultCodes", result_codes()), ("String kStrings", strings), ("Field kFields", fields)):
        text += ["const %s[] = {" % name, *lines, "};"]
    output = pathlib.Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
