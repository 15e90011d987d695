# SPDX-License-Identifier: Apache-2.0
"""opendext build of an Xcode project of a thousand lines, beside ninja running the same compilations without iig and without
putting a bundle together: all of it, nothing changed, one file changed."""

import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = os.path.join(HERE, "..", "..", "project", "tests", "projects", "synchronized")
FILES, FUNCTIONS = 8, 24  # with the driver itself about 1,000 lines


def source(number):
    lines = ["// SPDX-License-Identifier: Apache-2.0", "#include <DriverKit/DriverKit.h>", '#include "Synced.h"', ""]
    for index in range(FUNCTIONS):
        lines += [f"kern_return_t step_{number}_{index}(Synced *driver, OSDictionary *properties)", "{",
                  f"    auto value = OSDynamicCast(OSNumber, properties->getObject(\"Key{index}\"));",
                  f"    if (driver == nullptr || value->unsigned32BitValue() == {index}) return kIOReturnBadArgument;",
                  "    return kIOReturnSuccess;", "}"]
    return "\n".join(lines) + "\n"


def make_project(place):
    shutil.copytree(SAMPLE, place)
    for number in range(FILES):
        with open(os.path.join(place, "Synced", f"Part{number}.cpp"), "w", encoding="utf-8") as file:
            file.write(source(number))


def timed(command, cwd):
    begin = time.monotonic()
    result = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{shlex.join(command)} failed:\n{result.stdout}{result.stderr}")
    return time.monotonic() - begin


def ninja_file(place, folder):
    """The compilations of the project as a build file of ninja."""
    with open(os.path.join(place, "build", "Release", "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    lines = ["rule cc", "  command = $words", "  depfile = $out.d", "  deps = gcc"]
    objects = []
    for number, one in enumerate(commands):
        words = one["arguments"]
        output = f"{number}.o"
        words = words[:words.index("-MD")] + ["-MD", "-MF", output + ".d", "-MT", output, "-c", one["file"], "-o", output]
        escaped = one["file"].replace(" ", "$ ")
        lines += [f"build {output}: cc {escaped}", "  words = " + shlex.join(words).replace("$", "$$")]
        objects.append(output)
    with open(os.path.join(folder, "build.ninja"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def run(options, row):
    program = os.path.join(os.environ["OPENDEXT_PREFIX"], "libexec", "opendext", "opendext-build")
    rounds = 1 if options.quick else 3
    times = {}

    def note(case, ours, peer):
        times.setdefault(case, []).append((ours, peer))

    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="opendext-bench-") as folder:
            place = os.path.join(folder, "project")
            peer = os.path.join(folder, "peer")
            os.mkdir(peer)
            make_project(place)
            build = [program, place]
            first = timed(build, place)
            ninja_file(place, peer)
            note("1,000 lines, first build", first, timed(["ninja"], peer))
            nothing = min(timed(build, place) for _ in range(5))
            note("1,000 lines, nothing changed", nothing, min(timed(["ninja"], peer) for _ in range(5)))
            with open(os.path.join(place, "Synced", "Part0.cpp"), "a", encoding="utf-8") as file:
                file.write("// changed\n")
            note("1,000 lines, one file changed", timed(build, place), timed(["ninja"], peer))
    for case, pairs in times.items():
        yield row("build", case, "time", "s", statistics.median(one for one, _ in pairs),
                  statistics.median(two for _, two in pairs), "ninja")
