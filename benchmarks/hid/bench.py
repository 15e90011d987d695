# SPDX-License-Identifier: Apache-2.0
"""From a report of a keyboard to the event that a program reads, through a driver, beside a plain loop from hidraw to uinput and
beside the kernel alone; and how many instructions each takes. In the lab: README.md."""

import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
DRIVER, LOOP, KERNEL = "2", "98", "99"  # as in guest.py
INSTRUCTIONS_PER_US = 500  # lab/run --instructions


def lab(*words, **options):
    return subprocess.run([sys.executable, "-B", os.path.join(SOURCE, "lab", "run"), *words], text=True, stdout=subprocess.PIPE, check=False,
                          **options)


def run(options, row):
    if lab("--check", stderr=subprocess.STDOUT).returncode != 0:
        print("hid: " + lab("--check", stderr=subprocess.STDOUT).stdout.strip() + "; nothing was measured", file=sys.stderr)
        return
    prefix = os.environ["OPENDEXT_PREFIX"]
    with tempfile.TemporaryDirectory(prefix="opendext-bench-") as folder:
        events = os.path.join(folder, "events")
        subprocess.run(["clang++-19", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", os.path.join(HERE, "events.cpp"), "-o", events], check=True)
        subprocess.run([os.path.join(prefix, "bin", "opendext"), "build", os.path.join(SOURCE, "families", "hid", "tests", "plain_events"), "-o", folder,
                        "--bundle-id", "org.example.plainevents", "--quiet"], check=True)
        # Short turns: what the host takes away changes within tenths of a second, and is to hit driver and loop alike.
        rounds, reports = (60, 20) if options.quick else (300, 20)
        seldom = rounds // 4
        for case, turns, gap, options_of_lab in (("back to back", rounds, 0, ()), ("5 ms between reports", seldom, 5000, ()),
                                                 ("instructions", seldom, 0, ("--instructions",))):
            done = lab(*options_of_lab, "--modules", "uhid,uinput,hid-generic,evdev", "--share", folder, "--time-limit", "280", "--", sys.executable, "-B",
                       os.path.join(HERE, "guest.py"), events, os.path.join(folder, "PlainEvents.dext"), str(turns), str(reports), str(gap),
                       env={**os.environ, "PYTHONPATH": os.pathsep.join(os.path.join(SOURCE, "tests", name) for name in ("e2e", "lab"))})
            if done.returncode != 0:
                raise RuntimeError(f"the lab ended with status {done.returncode}:\n{done.stdout}")
            unit, factor = ("instructions", INSTRUCTIONS_PER_US) if options_of_lab else ("us", 1)
            for placement, all_times in json.loads(done.stdout.strip().splitlines()[-1]).items():
                name = f"report to event, {case}, {placement}"
                for quantile in ("p50", "p99"):
                    times = {keyboard: statistics.median(turn[keyboard][quantile] for turn in all_times) * factor for keyboard in all_times[0]}
                    yield row("hid", name, quantile, unit, times[DRIVER], times[LOOP], "loop")
                    yield row("hid", name, quantile, unit, times[DRIVER], times[KERNEL], "kernel")
                ratio = statistics.median(turn[DRIVER]["p50"] / turn[LOOP]["p50"] for turn in all_times)
                yield row("hid", name, "p50, turn by turn", "of loop", ratio, 1.0, "loop")
