#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes IOHIDUsageTables.h from docs/facts/driverkit-api.csv: make_usage_tables.py CSV OUTPUT"""

import csv
import re
import sys

HEADER = "IOHIDUsageTables.h"
HEAD = """\
// SPDX-License-Identifier: Apache-2.0
// Made by families/hid/sdk/make_usage_tables.py from docs/facts/driverkit-api.csv.
#ifndef HIDDRIVERKIT_IOHIDUSAGETABLES_H
#define HIDDRIVERKIT_IOHIDUSAGETABLES_H

/// Usage pages and usages, named as in the HID Usage Tables of the USB Implementers Forum, which say what each means.
/// Numbers are those of report descriptors and of getUsagePage() and getUsage(). kHIDPage_X is a page, kHIDUsage_P_X a
/// usage on page P: GD Generic Desktop, Sim Simulation, VR, Sprt Sport, Game, GenDevControls Generic Device Controls, LED,
/// Button, Ord Ordinal, Tfon Telephony, Csmr Consumer, Dig Digitizer, Haptics, PID Physical Interface Device, AD
/// Alphanumeric Display, Snsr Sensor, BD Braille Display, PD Power Device, BS Battery System, BCS Bar Code Scanner, WD
/// Weighing Device, MSR Magnetic Stripe Reader, CC Camera Control, FIDO. kHIDUsage_KeyboardX and kHIDUsage_KeypadX are on
/// kHIDPage_KeyboardOrKeypad.
"""


def group_and_value(row):
    """Pages first, then the usages of each page, by number."""
    value = int(row["signature"].split(" = ")[1].removesuffix("ull"), 0)
    match = re.match(r"kHIDUsage_([A-Za-z]+?)_", row["member"])
    group = "" if row["member"].startswith("kHIDPage_") else match.group(1) if match else "Keyboard"
    return group, value, row["member"]


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with open(sys.argv[1], newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file)
                if row["framework"] == "HIDDriverKit" and row["source"].split(" + ")[0] == HEADER]
    if not rows:
        raise SystemExit("%s has no row of HIDDriverKit for %s" % (sys.argv[1], HEADER))
    lines, group = [], None
    for row in sorted(rows, key=group_and_value):
        if group_and_value(row)[0] != group:
            lines += ["};" if group is not None else "", "", "enum {"]
            group = group_and_value(row)[0]
        lines.append("    %s," % row["signature"])
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(HEAD + "\n".join(lines[1:]) + "\n};\n\n#endif /* HIDDRIVERKIT_IOHIDUSAGETABLES_H */\n")


if __name__ == "__main__":
    main()
