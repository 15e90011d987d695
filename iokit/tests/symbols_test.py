# SPDX-License-Identifier: Apache-2.0
"""What libIOKit exports is its public interface: the recorded list, and what the headers declare."""

import os
import re
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "..", "libIOKit.symbols")
INCLUDE = os.path.join(os.environ["OPENDEXT_PREFIX"], "sdk", "client", "include")  # with what families add
LIBRARY = os.path.join(os.environ["OPENDEXT_PREFIX"], "lib", "libIOKit.so.0")


def exported():
    lines = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], check=True, text=True, capture_output=True).stdout
    names = {line.split()[-1].split("@")[0] for line in lines.splitlines()}
    return sorted(names - {"LIBIOKIT_0"})


def declared():
    """Names behind an export macro or attribute of the headers."""
    names = set()
    headers = [os.path.join(folder, name) for folder, _, files in os.walk(INCLUDE) for name in files]
    for header in [*headers, os.path.join(HERE, "..", "..", "sdk", "platform", "os", "log.h")]:  # one file for drivers and programs
        with open(header, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        text = re.sub(r"(?m)^#define\s+\w*EXPORT\b.*$", "", text)
        for match in re.finditer(r'(?:\w*_EXPORT|visibility\("default"\)\)\))\s+([^;]*?);', text):
            head = re.sub(r"\(.*", "", match[1], flags=re.S)
            names.add(re.findall(r"\w+", head)[-1])
    return sorted(names)


class Symbols(unittest.TestCase):
    maxDiff = None

    def test_the_recorded_list_is_what_is_exported(self):
        """A name that goes breaks programs; one that comes belongs into the list, and stays there."""
        if os.environ.get("OPENDEXT_UPDATE_SYMBOLS"):
            with open(RECORD, "w", encoding="utf-8") as file:
                file.write("# SPDX-License-Identifier: Apache-2.0\n# What libIOKit.so.0 exports.\n")
                file.write("".join(name + "\n" for name in exported()))
        with open(RECORD, encoding="utf-8") as file:
            recorded = [line.strip() for line in file if not line.startswith("#")]
        self.assertEqual(recorded, exported())

    def test_headers_and_library_agree(self):
        self.assertEqual(declared(), exported())

    def test_every_header_compiles_alone_in_c_and_c_plus_plus(self):
        for folder, _, files in os.walk(INCLUDE):
            for name in files:
                header = os.path.relpath(os.path.join(folder, name), INCLUDE)
                languages = [["-xc", "-std=c11"], ["-xc", "-fblocks"], ["-xc++", "-std=c++17"]]
                for language in languages if header.endswith(".h") else [["-xc++", "-std=c++20"]]:
                    words = ["clang-19", *language, "-Wall", "-Wextra", "-Werror", "-I", INCLUDE, "-fsyntax-only", "-"]
                    result = subprocess.run(words, input=f"#include <{header}>\n", text=True, capture_output=True, check=False)
                    self.assertEqual(result.returncode, 0, f"{header} {language}:\n{result.stderr}")

    def test_the_soname_is_the_one_that_programs_ask_for(self):
        dynamic = subprocess.run(["readelf", "-d", LIBRARY], check=True, text=True, capture_output=True).stdout
        self.assertIn("soname: [libIOKit.so.0]", dynamic)


if __name__ == "__main__":
    unittest.main(verbosity=2)
