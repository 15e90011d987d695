# SPDX-License-Identifier: Apache-2.0
"""A program with BSD's names for a terminal's controls is compiled against the client headers and used on a port."""

import errno
import os
import subprocess

import harness
from loop_line_case import OPENED, LoopLineCase

HEADERS = os.path.join(harness.PREFIX, "sdk", "client", "include")
LIBRARY = os.path.join(harness.PREFIX, "lib")
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bsd_names.c")


class BsdNames(LoopLineCase):
    def compile(self, compiler, *options):
        program = os.path.join(self.folder, "bsd_names")
        built = subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", "-isystem", HEADERS, *options, SOURCE, "-o", program,
                                "-L" + LIBRARY, "-l:libIOKit.so.0", "-Wl,-rpath," + LIBRARY],
                               capture_output=True, text=True, check=False)
        self.assertEqual(built.returncode, 0, built.stderr)
        return program

    def results(self, program):
        done = subprocess.run([program], env=self.realm.environment(), capture_output=True, text=True,
                              timeout=60 * harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
        self.assertEqual(lines.pop("path"), self.device)
        return {name: tuple(map(int, text.split())) for name, text in lines.items()}

    # Facts: IOServiceMatching, IOServiceGetMatchingServices, IORegistryEntryCreateCFProperty
    def test_what_a_port_can_is_done_and_the_rest_refused(self):
        results = self.results(self.compile(["gcc", "-std=gnu17"]))
        self.assertGreaterEqual(results.pop("open")[0], 0)
        refused = ("IOSSDATALAT", "IOSSPREEMPT", "TIOCSDTR", "TIOCCDTR", "TIOCMSET", "TIOCMGET")
        wanted = {name: (-1, errno.ENOTTY) if name in refused else (0, 0) for name in results}
        self.assertEqual(results, wanted)
        self.wait_for(lambda: self.calls()[-1:] == ["deactivate"], "the close")
        speeds = [call.split()[1] for call in self.calls("baud", "uart")]
        for speed in ("250000", "12345678"):
            self.assertIn(speed, speeds)
        self.assertIn("flow 0x24 17 19", self.calls("flow"))
        self.assertEqual(speeds[-1], "9600", "as it was")
        self.assertEqual(self.calls("activate", "mcr")[:2], [OPENED[0], OPENED[-1]])

    def test_plain_ioctl_knows_none_of_them(self):
        results = self.results(self.compile(["clang-19", "-std=gnu17"], "-DOPENDEXT_PLAIN_IOCTL"))
        for name in ("IOSSIOSPEED", "TIOCSDTR", "TIOCDRAIN"):
            self.assertEqual(results[name], (-1, errno.ENOTTY), name)

    def test_headers_go_with_cplusplus(self):
        source = os.path.join(self.folder, "one.cpp")
        with open(source, "w", encoding="utf-8") as file:
            file.write("#include <IOKit/serial/ioss.h>\n#include <sstream>\n"
                       "int speed(int fd) { speed_t s = 1; return ::ioctl(fd, IOSSIOSPEED, &s); }\n"
                       "int lines(int fd) { int l = 0; return ioctl(fd, TIOCMGET, &l) | ioctl(fd, TIOCEXCL); }\n"
                       "int flags() { return CCTS_OFLOW | CRTS_IFLOW; }\n")
        for compiler in ("g++", "clang++-19"):
            built = subprocess.run([compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", HEADERS, "-c", source,
                                    "-o", source + ".o"], capture_output=True, text=True, check=False)
            self.assertEqual(built.returncode, 0, built.stderr)


if __name__ == "__main__":
    harness.main()
