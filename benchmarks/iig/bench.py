# SPDX-License-Identifier: Apache-2.0
"""iig on an interface file, all outputs written, beside clang that only parses the same file."""

import os
import resource
import statistics
import subprocess
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INPUTS = (
    ("a first driver, 25 lines", "iig/tests/inputs/Tutorial.iig"),
    ("every form, 110 lines", "iig/tests/inputs/Everything.iig"),
    ("with std headers", "iig/tests/accepted/std_headers.iig"),
)


def shims(sdk, folder):
    """What stands for interface files while clang reads one: X.h brings X.iig."""
    for framework in os.listdir(os.path.join(sdk, "include")):
        path = os.path.join(sdk, "include", framework)
        if not os.path.isdir(path):
            continue
        os.makedirs(os.path.join(folder, framework))
        for name in os.listdir(path):
            if name.endswith(".iig"):
                with open(os.path.join(folder, framework, name[:-4] + ".h"), "w", encoding="utf-8") as file:
                    file.write(f'#import "{os.path.join(path, name)}"\n')


def measure(command):
    """(wall, CPU) of a program in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def run(options, row):
    prefix = os.environ["OPENDEXT_PREFIX"]
    sdk = os.path.join(prefix, "sdk")
    flags = ["@" + os.path.join(sdk, "dext-flags.rsp"), "-isystem", os.path.join(sdk, "platform"), "-isystem", os.path.join(sdk, "include")]
    with tempfile.TemporaryDirectory(prefix="opendext-bench-") as folder:
        shims(sdk, os.path.join(folder, "shims"))
        for case, name in INPUTS:
            path = os.path.join(SOURCE, name)
            out = os.path.join(folder, "Out")
            ours = [os.path.join(prefix, "bin", "iig"), "--no-sdk", "--def", path, "--header", out + ".h", "--impl", out + ".iig.cpp",
                    "--system", out + ".system.h", "--", *flags]
            peer = ["clang-19", "-x", "c++", "-w", "-D__IIG=1", "-DKERNEL=IIG_KERNEL", "-I", os.path.join(folder, "shims"), *flags,
                    "-fsyntax-only", path]
            times = {"ours": [], "peer": []}
            for _ in range(5 if options.quick else 21):
                for which, command in (("ours", ours), ("peer", peer)):
                    times[which].append(measure(command))
            for index, metric in enumerate(("wall", "CPU")):
                yield row("iig", case, metric, "ms", statistics.median(one[index] for one in times["ours"]),
                          statistics.median(one[index] for one in times["peer"]), "clang")
