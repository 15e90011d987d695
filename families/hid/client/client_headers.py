#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the headers of the HID family that hold nothing but names and values, as client programs include them, from
docs/facts: keys, types, constants, usage tables. Those with functions are written by hand (include/).

    client_headers.py FOLDER      writes FOLDER/IOKit/hid/…
    client_headers.py --list      names what it writes
"""

import csv
import pathlib
import re
import sys

FACTS = pathlib.Path(__file__).resolve().parents[3] / "docs" / "facts"
CLIENT = "iokit-client-api.csv"
DRIVER = "driverkit-api.csv"  # the usage tables are the same on both sides
# Header: (facts, what it is, what it includes).
HEADERS = {
    "IOHIDBase.h": (CLIENT, "The objects of HID and their call-backs.",
                    ["CoreFoundation/CoreFoundation.h", "IOKit/IOKitLib.h", "IOKit/hid/IOHIDDeviceTypes.h"]),
    "IOHIDKeys.h": (CLIENT, "Options, and keys of properties and of matching dictionaries.",
                    ["IOKit/IOReturn.h", "IOKit/hid/IOHIDDeviceKeys.h", "IOKit/hid/IOHIDDeviceTypes.h",
                     "IOKit/hid/IOHIDEventServiceKeys.h", "IOKit/hid/IOHIDProperties.h"]),
    "IOHIDDeviceKeys.h": (CLIENT, "Keys of a device's properties. kIOHIDRequestTimeoutKey and kIOHIDReportIntervalKey are in microseconds.", []),
    "IOHIDDeviceTypes.h": (CLIENT, "Types of reports and elements. The times are in milliseconds.",
                           ["IOKit/IOReturn.h", "IOKit/IOTypes.h"]),
    "IOHIDEventServiceKeys.h": (CLIENT, "Keys of an event service's properties.", []),
    "IOHIDEventServiceTypes.h": (CLIENT, "Options of events.", []),
    "IOHIDProperties.h": (CLIENT, "Properties of event services that programs set.", []),
    "IOHIDDevicePlugIn.h": (CLIENT, "The interfaces that IOCreatePlugInInterfaceForService() gives for an IOHIDDevice and kIOHIDDeviceTypeID. Time-outs "
                                    "are in milliseconds; the rest is as in IOHIDDevice.h, IOHIDQueue.h and IOHIDTransaction.h.",
                            ["IOKit/IOCFPlugIn.h", "IOKit/hid/IOHIDBase.h", "IOKit/hid/IOHIDKeys.h"]),
    "IOHIDUsageTables.h": (DRIVER, "Usage pages and usages.", []),
}
# A macro of a row may need these.
MESSAGES = """\
#ifndef sub_iokit_hidsystem
#define sub_iokit_hidsystem err_sub(14)
#endif
#ifndef iokit_family_msg
#define iokit_family_msg(sub, message) ((uint32_t)(err_system(0x38) | (sub) | (message)))
#endif
"""


# Fields of a struct that a macro stands for: macro, struct, and which of its fields (the facts cut the macro's own row).
FIELD_MACROS = {
    "IOHID_DEVICE_DEVICE_FUNCS_V1": ("IOHIDDeviceDeviceInterface", range(2, 13)),
    "IOHID_DEVICE_DEVICE_FUNCS_V2": ("IOHIDDeviceTimeStampedDeviceInterface", range(3, 4)),
}


def rows_of(header):
    facts = HEADERS[header][0]
    with open(FACTS / facts, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"].split(" + ")[0] == header]
    if not rows:
        raise SystemExit("docs/facts/%s has no row with source %s" % (facts, header))
    for row in rows:
        if row["kind"] not in ("macro", "constant", "typedef", "enum", "struct", "field"):
            raise SystemExit("docs/facts/%s: %s of %s is a %s: such a header is written by hand" % (
                facts, row["member"], header, row["kind"]))
    return rows


def enumerators(rows):
    return ["    %s," % row["signature"] for row in rows if " = " in row["signature"]]


def body(header):
    rows = rows_of(header)
    enums = {row["member"]: [] for row in rows if row["kind"] == "enum"}
    loose, macros, early, late, structs = [], [], [], [], {}
    for row in rows:
        if row["kind"] == "constant":
            enums.get(row["class"], loose).append(row)
        elif row["kind"] == "macro":
            if row["member"] not in FIELD_MACROS:
                macros.append(row["signature"])
        elif row["kind"] == "typedef":
            # Types of functions may use all the others.
            (late if "(*" in row["signature"] else early).append(row["signature"] + ";")
        elif row["kind"] == "struct":
            structs[row["member"]] = []
    for row in rows:
        if row["kind"] == "field":
            order = int(re.search(r"field (\d+)", row["attributes"])[1])
            structs[row["class"]].append((order, "    %s;" % row["signature"]))
    for name, (struct, fields) in FIELD_MACROS.items():
        if struct in structs:
            functions = [text for order, text in structs[struct] if order in fields]
            structs[struct] = [item for item in structs[struct] if item[0] not in fields]
            macros.append("#define %s \\\n%s" % (name, " \\\n".join(functions).rstrip(";")))
    parts = []
    if any("iokit_family_msg" in macro for macro in macros):
        parts.append(MESSAGES.rstrip())
    parts.append("\n".join(early))
    for name, members in enums.items():
        parts.append("\n".join(["typedef enum %s {" % name, *enumerators(members), "} %s;" % name]))
    if loose:
        parts.append("\n".join(["enum {", *enumerators(loose), "};"]))
    parts.append("\n".join(macros))
    parts.append("\n".join(late))
    for name, members in structs.items():
        parts.append("\n".join(["typedef struct %s {" % name, *(text for _, text in sorted(members)), "} %s;" % name]))
    return "\n\n".join(part for part in parts if part)


def text_of(header):
    facts, what, includes = HEADERS[header]
    guard = "OPENDEXT_IOKIT_HID_%s_" % header.upper().replace(".", "_")
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             "/* Written by families/hid/client/client_headers.py from docs/facts/%s; do not edit. */" % facts,
             "#ifndef " + guard, "#define " + guard, "", "/* %s */" % what, "", "#include <stdint.h>",
             *("#include <%s>" % include for include in includes), "", body(header), "", "#endif", ""]
    return "\n".join(lines)


def write(folder):
    target = pathlib.Path(folder) / "IOKit" / "hid"
    target.mkdir(parents=True, exist_ok=True)
    for header in HEADERS:
        (target / header).write_text(text_of(header), encoding="utf-8")


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join("IOKit/hid/" + header for header in HEADERS))
    elif len(sys.argv) == 2:
        write(sys.argv[1])
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
