# SPDX-License-Identifier: Apache-2.0
"""What cmake --install leaves is complete, can be moved, and serves a project outside of the tree: find_package(OpenDext),
add_dext(), OpenDext::IOKit, pkg-config."""

import os
import shlex
import shutil
import subprocess
import tempfile
import unittest

import harness
import sources

PROJECT = """
cmake_minimum_required(VERSION 3.20)
project(Outside LANGUAGES C CXX)
find_package(OpenDext REQUIRED)

add_dext(@P@
    SOURCES @SOURCES@
    INFO_PLIST driver/Info.plist
    ENTITLEMENTS driver/@P@.entitlements
    BUNDLE_ID @ID@
    DEFINITIONS "OUTSIDE_TEXT=\\"a < b & c\\"" SET MARKETING_VERSION=3.1)

add_executable(client client.c)
target_link_libraries(client OpenDext::IOKit)
"""


def clean_environment(**more):
    """Without what would lead a moved installation back to the build tree."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENDEXT_", "CMAKE_", "LD_"))}
    environment.update(more)
    return environment


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="opendext-package-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        first = os.path.join(cls.folder, "first")
        subprocess.run(["cmake", "--install", harness.PREFIX, "--prefix", first], check=True, stdout=subprocess.DEVNULL)
        cls.prefix = os.path.join(cls.folder, "moved here", "opendext")  # blanks are common in home folders
        os.makedirs(os.path.dirname(cls.prefix))
        os.rename(first, cls.prefix)

    def setUp(self):
        self.work = tempfile.mkdtemp(dir=self.folder)
        self.realm = os.path.join(self.work, "realm")
        self.environment = clean_environment(OPENDEXT_REALM=self.realm, PATH=os.path.join(self.prefix, "bin") + ":" + os.environ["PATH"],
                                             CMAKE_PREFIX_PATH=self.prefix,
                                             PKG_CONFIG_PATH=os.path.join(self.prefix, "lib", "pkgconfig"))
        self.addCleanup(self.run_program, "opendext", "stop", check=False)

    def run_program(self, *command, check=True, **options):
        result = subprocess.run(command, env=self.environment, text=True, capture_output=True, timeout=600 * harness.PATIENCE, check=False,
                                stdin=subprocess.DEVNULL, **options)
        if check:
            self.assertEqual(result.returncode, 0, f"{shlex.join(command)}:\n{result.stdout}{result.stderr}")
        return result

    def project(self, prefix, text=PROJECT):
        """Writes an outside project; gives its folder and the driver's bundle identifier."""
        folder = os.path.join(self.work, "project")
        os.makedirs(folder)
        os.rename(sources.write_dext(folder, prefix), os.path.join(folder, "driver"))
        files = sorted(name for name in os.listdir(os.path.join(folder, "driver")) if name.endswith((".iig", ".cpp")))
        identifier = "org.example." + prefix.lower()
        text = text.replace("@P@", prefix).replace("@ID@", identifier).replace("@SOURCES@", " ".join("driver/" + name for name in files))
        with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write(text)
        with open(os.path.join(folder, "client.c"), "w", encoding="utf-8") as file:
            file.write(sources.CLIENT)
        return folder, identifier

    def configure(self, folder, check=True):
        return self.run_program("cmake", "-S", folder, "-B", os.path.join(folder, "out"), "-DCMAKE_BUILD_TYPE=Release", check=check)

    def call_when_there(self, *command):
        return harness.wait_for(lambda: (answer := self.run_program(*command, check=False)).returncode == 0 and answer, "the driver's answer")

    def test_outside_project_builds_starts_and_is_called(self):
        prefix = sources.random_prefix()
        folder, identifier = self.project(prefix)
        self.configure(folder)
        self.run_program("cmake", "--build", os.path.join(folder, "out"))
        bundle = os.path.join(folder, "out", prefix + ".dext")
        self.assertEqual(sorted(os.listdir(bundle)), sorted(["Info.plist", prefix, prefix + ".entitlements"]))
        self.assertIn("installed", self.run_program("opendext", "install", bundle).stdout)
        answer = self.call_when_there(os.path.join(folder, "out", "client"), prefix + "Reader", "0")
        self.assertEqual(answer.stdout, "call 0x00000000\nsum 42, turned reward\n")
        self.assertIn(f"{identifier} (3.1/1)", self.run_program("systemextensionsctl", "list").stdout)

        # A client of pkg-config, built by the other compiler.
        flags = shlex.split(self.run_program("pkg-config", "--cflags", "--libs", "opendext-iokit").stdout)
        client = os.path.join(self.work, "client")
        self.run_program("gcc", "-std=gnu17", "-Wall", "-Werror", os.path.join(folder, "client.c"), "-o", client, *flags,
                         "-Wl,-rpath," + os.path.join(self.prefix, "lib"))
        self.assertIn("sum 42", self.run_program(client, prefix + "Reader", "0").stdout)

        self.assertNotIn("ompil", self.run_program("cmake", "--build", os.path.join(folder, "out")).stdout, "nothing is compiled again")

    def test_folder_form_and_target_description(self):
        prefix = sources.random_prefix()
        folder, identifier = self.project(prefix, """
cmake_minimum_required(VERSION 3.20)
project(Outside LANGUAGES CXX)
# A scope of its own: what add_dext() needs must not be lost with it.
function(find_it)
    find_package(OpenDext 0.1 REQUIRED)
endfunction()
find_it()
add_dext(@P@ FOLDER driver BUNDLE_ID @ID@ OUTPUT bundles EXCLUDE_FROM_ALL)
""")
        self.configure(folder)
        self.run_program("cmake", "--build", os.path.join(folder, "out"))
        self.assertFalse(os.path.exists(os.path.join(folder, "out", "bundles")), "it is not part of all")
        self.run_program("cmake", "--build", os.path.join(folder, "out"), "--target", prefix + "_dext")
        self.assertIn(prefix, os.listdir(os.path.join(folder, "out", "bundles", prefix + ".dext")))
        # The description that CMake wrote builds by hand too.
        description = os.path.join(folder, "out", "opendext-targets", prefix + ".dexttarget")
        self.run_program("opendext", "build", "-o", os.path.join(self.work, "by-hand"), description)
        with open(os.path.join(self.work, "by-hand", prefix + ".dext", "Info.plist"), encoding="utf-8") as file:
            self.assertIn(identifier, file.read())

    def test_mistakes_are_told_when_cmake_configures(self):
        for arguments, message in (
                ("SOURCES driver/Absent.cpp", "Absent.cpp is not there"),
                ("SOURCES driver/Info.plist", "no .iig, C\\+\\+, C or header file"),
                ("SOURCES @SOURCES@", "Info.plist is not there"),
                ("SOURCES @SOURCES@ FOLDER driver", "not both"),
                ("FOLDER driver INFO_PLIST driver/Info.plist", "go with SOURCES"),
                ("FOLDER driver SET WRONG", "needs VAR=VALUE"),
                ("driver/Some.cpp", "unknown argument")):
            with self.subTest(arguments=arguments):
                shutil.rmtree(os.path.join(self.work, "project"), ignore_errors=True)
                folder, _ = self.project(sources.random_prefix(), f"""
cmake_minimum_required(VERSION 3.20)
project(Outside LANGUAGES CXX)
find_package(OpenDext REQUIRED)
add_dext(@P@ {arguments})
""")
                result = self.configure(folder, check=False)
                self.assertNotEqual(result.returncode, 0)
                self.assertRegex(" ".join(result.stderr.split()), message)

    def test_installation_is_complete(self):
        for path in ("bin/opendext", "bin/opendextd", "bin/opendext-keeper", "bin/iig", "bin/ioreg", "bin/systemextensionsctl",
                     "libexec/opendext/opendext-build", "libexec/opendext/opendext-driver", "lib/libDriverKit.so.0", "lib/libIOKit.so",
                     "lib/cmake/OpenDext/OpenDextConfig.cmake", "lib/pkgconfig/opendext.pc", "sdk/dext-flags.rsp",
                     "sdk/include/DriverKit/IOService.iig", "sdk/include/DriverKit/IOService.h", "sdk/platform/os/log.h",
                     "sdk/client/include/IOKit/IOKitLib.h", "share/man/man1/opendext.1", "share/man/man8/opendextd.8",
                     "share/opendext/schemas/ioreg.json", "share/opendext/facts/plist-keys.csv", "share/opendext/templates/none/project.yml",
                     "share/opendext/templates/common/.gitignore"):
            self.assertTrue(os.path.exists(os.path.join(self.prefix, path)), path)
        # Every program of the build is in the installation, and runs from there.
        for folder in ("bin", "libexec/opendext"):
            built = sorted(os.listdir(os.path.join(harness.PREFIX, folder)))
            self.assertEqual(sorted(os.listdir(os.path.join(self.prefix, folder))), built)
            for name in built:
                if name == "opendext-driver":
                    continue  # only the keeper runs it
                result = self.run_program(os.path.join(self.prefix, folder, name), "--help")
                self.assertIn("usage", (result.stdout + result.stderr).lower(), name)
        self.assertEqual(sorted(name for name in os.listdir(os.path.join(self.prefix, "lib")) if ".so" in name),
                         sorted(name for name in os.listdir(os.path.join(harness.PREFIX, "lib")) if ".so" in name))

    def test_the_python_module_finds_the_library_beside_it(self):
        self.environment["PYTHONPATH"] = os.path.join(self.prefix, "lib", "python3", "dist-packages")
        result = self.run_program("/usr/bin/python3", "-B", "-c", "import opendext; from opendext import _library; "
                                  "print(_library.library._name, opendext.Error(opendext.kIOReturnBusy).name)")
        self.assertEqual(result.stdout, os.path.join(self.prefix, "lib", "libIOKit.so.0") + " kIOReturnBusy\n")
        self.assertTrue(os.path.exists(os.path.join(self.environment["PYTHONPATH"], "opendext", "py.typed")))

    def test_completions_offer_what_help_lists(self):
        def complete(*words):
            script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _opendext; '
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            file = os.path.join(self.prefix, "share", "bash-completion", "completions", "opendext")
            return self.run_program("bash", "-c", script, "bash", file, *words).stdout.split()

        self.assertLessEqual({"build", "install", "lint", "logs", "new", "start", "stop", "uninstall"}, set(complete("opendext", "")))
        self.assertEqual(complete("opendext", "ne"), ["new"])
        self.assertIn("none", complete("opendext", "new", "Foo", "--family", ""))
        self.assertEqual(complete("opendext", "lint", "--jso"), ["--json"])
        self.assertIn("match-never", complete("opendext", "lint", "--ignore", "match-"))

    def test_nothing_of_the_build_tree_is_in_the_installation(self):
        """Text files name no folder of the machine that built them; programs look for libraries beside themselves."""
        for folder, _, files in os.walk(self.prefix):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    data = file.read()
                if data[:4] == b"\x7fELF":
                    listed = subprocess.run(["readelf", "-d", path], text=True, capture_output=True, check=True).stdout
                    runpath = [line for line in listed.splitlines() if "RUNPATH" in line or "RPATH" in line]
                    for line in runpath:
                        self.assertNotIn(harness.PREFIX, line, path)
                else:
                    self.assertNotIn(harness.PREFIX.encode(), data, path)


if __name__ == "__main__":
    harness.main()
