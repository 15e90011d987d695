# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of return codes and message numbers that programs use from the one list in docs/facts.

    return_codes.py library OUTPUT    what drivers and libIOKit name: C++ initialisers {code, name, text}
    return_codes.py tool OUTPUT       what `opendext errno` explains: {code, group, name, meaning}
    return_codes.py python OUTPUT     the module opendext.returns; --check compares instead of writing"""

import argparse
import csv
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUBSYSTEMS = "IOReturn subsystem code"
# Groups whose numbers are results; the others are messages.
RESULTS = ("IOReturn", "kern_return_t", "mach_msg_return_t", "MIG", "USB host return", "USB return (older IOUSBFamily names)")
# What is put into words for drivers and client programs: what a call can give in OpenDext.
LIBRARY = ("IOReturn", "USB host return", "kern_return_t")
EXTENSION_ERRORS = "OSSystemExtensionErrorCode"

# What the codes of requests for system extensions mean; their numbers stand in docs/facts/iokit-client-api.csv.
EXTENSION_MEANINGS = {
    "Unknown": "An error that has no code of its own",
    "MissingEntitlement": "The app, or the extension, lacks an entitlement that it needs",
    "UnsupportedParentBundleLocation": "The app lies in a place from which extensions are not taken",
    "ExtensionNotFound": "There is no such extension in the app, or none is installed",
    "ExtensionMissingIdentifier": "The extension's Info.plist has no CFBundleIdentifier",
    "DuplicateExtensionIdentifer": "Two extensions have the same identifier",
    "UnknownExtensionCategory": "It cannot be told what kind of extension it is",
    "CodeSignatureInvalid": "The signature is missing or does not fit what is in the bundle",
    "ValidationFailed": "The bundle was looked at and found wrong; the reason says what",
    "ForbiddenBySystemPolicy": "The system's policy does not allow the extension",
    "RequestCanceled": "The request was cancelled",
    "RequestSuperseded": "A later request for the same extension took its place",
    "AuthorizationRequired": "Somebody with the right to do so has to approve it",
}


def facts(name):
    with open(ROOT / "docs" / "facts" / name, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def codes():
    """(code, group, name, meaning) of every number with a name of its own, in the order of the list."""
    for row in facts("ioreturn.csv"):
        if row["group"] != SUBSYSTEMS and row["name"].isidentifier():
            yield int(row["value_hex"], 16), row["group"], row["name"], row["meaning"]


def subsystems():
    """(number, name) of the subsystems of IOKit."""
    for row in facts("ioreturn.csv"):
        if row["group"] == SUBSYSTEMS and row["name"].startswith("sub_"):
            yield int(row["value_hex"], 16) >> 14, row["name"]


def extension_errors():
    """(code, name, meaning)"""
    for row in facts("iokit-client-api.csv"):
        if row["class"] == EXTENSION_ERRORS and row["kind"] == "constant":
            name, value = re.fullmatch(r"(\w+) = (\d+)", row["signature"]).groups()
            yield int(value), name, EXTENSION_MEANINGS[name.removeprefix("OSSystemExtensionError")]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def library():
    lines = ["// SPDX-License-Identifier: Apache-2.0",
             "// Written by scripts/return_codes.py from docs/facts/ioreturn.csv: {code, name, text}; the first name of a number wins."]
    for group in LIBRARY:
        for code, of, name, meaning in codes():
            if of == group:
                brief = meaning.split(";")[0]
                text = f"{name}: {brief}" if brief else name
                lines.append(f"{{static_cast<int32_t>(0x{code:08x}), {quoted(name)}, {quoted(text)}}},")
    return lines


def tool():
    lines = ["// Written by scripts/return_codes.py.", "constexpr Code kCodes[] = {"]
    for code, group, name, meaning in codes():
        lines.append(f"    {{0x{code:08x}, {quoted(group)}, {'true' if group in RESULTS else 'false'}, {quoted(name)}, {quoted(meaning)}}},")
    for code, name, meaning in extension_errors():
        lines.append(f"    {{0x{code:08x}, {quoted(EXTENSION_ERRORS)}, true, {quoted(name)}, {quoted(meaning)}}},")
    lines += ["};", "constexpr Subsystem kSubsystems[] = {"]
    lines += [f"    {{{number}, {quoted(name)}}}," for number, name in subsystems()]
    return [*lines, "};"]


def python():
    names = {}
    for group in LIBRARY:
        for code, of, name, meaning in codes():
            if of == group:
                names.setdefault(code, (name, meaning))
    messages = {code: (name, meaning) for code, group, name, meaning in codes() if group not in RESULTS}
    lines = ["# SPDX-License-Identifier: Apache-2.0",
             '"""Return codes and message numbers: names, numbers, meanings. Written by scripts/return_codes.py from',
             'docs/facts/ioreturn.csv; do not edit. Numbers are unsigned."""', "", "from typing import Final", ""]
    exported = [(code, name) for code, group, name, _ in codes() if group in LIBRARY or group == "IOMessage"]
    exported += [(code, name) for code, name, _ in extension_errors()]
    lines += [f"{name}: Final = 0x{code:08x}" for code, name in exported]
    lines.append("")
    errors = {code: (name, meaning) for code, name, meaning in extension_errors()}
    for variable, table in (("_RETURNS", names), ("_MESSAGES", messages), ("_EXTENSION_ERRORS", errors)):
        lines.append(f"{variable}: Final[dict[int, tuple[str, str]]] = {{")
        lines += [f"    0x{code:08x}: ({quoted(name)}, {quoted(meaning)})," for code, (name, meaning) in table.items()]
        lines += ["}", ""]
    lines += [
        "",
        "def name(code: int) -> str:",
        '    """kIOReturnBadArgument and so on; "" for a number without a name."""',
        '    return _RETURNS.get(code & 0xffffffff, ("", ""))[0]',
        "",
        "",
        "def meaning(code: int) -> str:",
        '    """What a code stands for, in words; "" where nothing is known."""',
        '    return _RETURNS.get(code & 0xffffffff, ("", ""))[1]',
        "",
        "",
        "def message_name(message: int) -> str:",
        '    """kIOMessageServiceIsTerminated and so on, for what an interest notification says."""',
        '    return _MESSAGES.get(message & 0xffffffff, ("", ""))[0]',
        "",
        "",
        "def extension_error_name(code: int) -> str:",
        '    """OSSystemExtensionErrorMissingEntitlement and so on, for the code of an ExtensionError."""',
        '    return _EXTENSION_ERRORS.get(code, ("", ""))[0]',
        "",
        "",
        "__all__ = [",
        *[f"    {quoted(name)}," for _, name in exported],
        "]",
    ]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("form", choices=("library", "tool", "python"))
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="fail if OUTPUT is not what would be written")
    arguments = parser.parse_args()
    text = "\n".join({"library": library, "tool": tool, "python": python}[arguments.form]()) + "\n"
    if arguments.check:
        if arguments.output.read_text(encoding="utf-8") != text:
            print(f"{arguments.output} is not what docs/facts/ioreturn.csv says; run: scripts/return_codes.py "
                  f"{arguments.form} {arguments.output}", file=sys.stderr)
            return 1
        return 0
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
