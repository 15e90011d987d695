# SPDX-License-Identifier: Apache-2.0
"""opendext build on whole projects, as an author runs it: what is built, what is said, and that what was built starts."""

import json
import os
import plistlib
import re
import shutil
import subprocess
import time
import unittest

import harness

PROJECTS = os.path.join(harness.SOURCE, "project", "tests", "projects")


class BuildCase(harness.RealmCase):
    """Each test works on a copy of a project below self.folder."""

    def copy(self, name):
        place = os.path.join(self.folder, name)
        shutil.copytree(os.path.join(PROJECTS, name), place)
        return place

    def build(self, path, *options, status=0):
        """Runs opendext build; gives standard output and error."""
        result = subprocess.run([harness.program("opendext-build"), path, *options], env=self.realm.environment(),
                                text=True, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=300 * harness.PATIENCE, check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout, result.stderr

    def failure(self, path, *options):
        return self.build(path, *options, status=1)[1]

    def edit(self, path, old, new):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def info(self, bundle):
        with open(os.path.join(bundle, "Info.plist"), "rb") as file:
            return plistlib.load(file)

    def start(self, bundle, words):
        """Installs the bundle in the test's realm; the driver starts and says `words`."""
        self.tool("opendext", "install", bundle)
        self.wait_for(lambda: words in self.realm.log_text(), f"the driver to say {words!r}")


class XcodeTest(BuildCase):
    """A project in the style of Xcode 12: groups, a library, an application that embeds the driver, .xcconfig files."""

    def setUp(self):
        super().setUp()
        self.place = self.copy("Blinker Süd")
        self.project = os.path.join(self.place, "Blinker.xcodeproj")
        self.dext = os.path.join(self.place, "build", "Release", "Blinker Driver.dext")

    def test_builds_unmodified_and_starts(self):
        out, err = self.build(self.place)
        self.assertIn("built " + self.dext, out)
        self.assertIn('step "Stamp the version" is a script that OpenDext does not run: echo "stamped"', err)
        self.assertIn("flag -fnot-a-flag-of-any-compiler is left out", err)
        info = self.info(self.dext)
        self.assertEqual(info["CFBundleIdentifier"], "com.example.blinker")
        self.assertEqual(info["CFBundleExecutable"], "Blinker Driver")
        self.assertEqual(info["CFBundleShortVersionString"], "2.5")
        self.assertEqual(info["CFBundleVersion"], "25")
        self.assertEqual(info["OSBundleUsageDescription"], "Blinks.")
        self.assertEqual(info["IOKitPersonalities"]["Blinker"]["IOMatchCategory"], "com.example.blinker")
        with open(os.path.join(self.dext, "firmware.bin"), "rb") as file:
            self.assertEqual(file.read(), b"blink")

        application = os.path.join(self.place, "build", "Release", "Blinker App.app")
        inside = os.path.join(application, "Contents", "Library", "SystemExtensions", "Blinker Driver.dext")
        self.assertEqual(self.info(inside), info)
        self.assertEqual(self.info(os.path.join(application, "Contents"))["CFBundleIdentifier"],
                         "com.example.blinker.app")
        self.assertIn("the program of application Blinker App is not built", err)

        with open(os.path.join(self.place, "build", "Release", "compile_commands.json"), encoding="utf-8") as file:
            commands = json.load(file)
        lamp = next(one for one in commands if one["file"].endswith("Lamp.code"))
        self.assertIn("-std=gnu++20", lamp["arguments"])
        subprocess.run(lamp["arguments"], cwd=lamp["directory"], check=True, timeout=120)
        self.start(inside, "Blinker blinks 1 time")

    def test_a_second_build_has_nothing_to_do(self):
        self.build(self.place)
        begin = time.monotonic()
        out, err = self.build(self.place)
        self.assertLess(time.monotonic() - begin, 5 * harness.PATIENCE)
        self.assertIn("up to date: " + self.dext, out)
        self.assertNotRegex(err, r"\[\d+/\d+\]")
        # One header: only what includes it is compiled again.
        self.edit(os.path.join(self.place, "Common", "counter.h"), "#pragma once", "#pragma once\n// changed")
        err = self.build(self.place)[1]
        self.assertEqual(sorted(re.findall(r"\] (\w+ .*)", err)),
                         ["compile Blinker Driver/Blinker.cpp", "compile Common/counter.c"][:len(re.findall(r"\] compile", err))]
                         + re.findall(r"\] (link .*)", err))
        self.assertIn("compile Blinker Driver/Blinker.cpp", err)
        self.assertNotIn("Lamp", err)

    def test_configuration_and_settings_of_the_command_line(self):
        self.build(self.project, "--configuration", "Debug", "--target", "Blinker Driver", "--set",
                   "MARKETING_VERSION=9.9", "-o", os.path.join(self.folder, "out put"))
        bundle = os.path.join(self.folder, "out put", "Blinker Driver.dext")
        self.assertEqual(self.info(bundle)["CFBundleShortVersionString"], "9.9")
        with open(os.path.join(bundle, "Blinker Driver"), "rb") as file:
            self.assertIn(b"Blinker Debug", file.read())
        self.assertIn("has no configuration Profile: it has Debug, Release",
                      self.failure(self.project, "--configuration", "Profile"))

    def test_list_names_targets_types_and_configurations(self):
        out = self.build(self.place, "--list")[0]
        self.assertIn("project Blinker (" + self.project + ")", out)
        self.assertRegex(out, r"Blinker Driver +driver-extension com\.example\.blinker")
        self.assertRegex(out, r"Blinker App +application, embeds Blinker Driver")
        self.assertRegex(out, r"Common +library\.static")
        self.assertRegex(out, r"configurations:\n  Debug\n  Release \(default\)")
        self.assertFalse(os.path.exists(os.path.join(self.place, "build")), "listing builds nothing")

    def test_target_may_be_the_application(self):
        self.build(self.place, "--target", "Blinker App")
        self.assertTrue(os.path.isdir(self.dext))
        self.assertIn("target Common is no driver extension and embeds none: give Blinker Driver",
                      self.failure(self.place, "--target", "Common"))
        self.assertIn("has no target Nobody: it has Blinker App, Blinker Driver, Common",
                      self.failure(self.place, "--target", "Nobody"))

    def test_errors_are_clangs_with_the_authors_path(self):
        source = os.path.join(self.place, "Blinker Driver", "Blinker.cpp")
        self.edit(source, "return RegisterService();", "return RegisterServise();")
        err = self.failure(self.place)
        self.assertRegex(err, re.escape(source) + r":\d+:\d+: error: use of undeclared identifier 'RegisterServise'")
        self.edit(source, "RegisterServise", "IOServiceFrobnicate")
        err = self.failure(self.place)
        self.assertIn("no version of DriverKit that OpenDext knows has IOServiceFrobnicate", err)
        interface = os.path.join(self.place, "Blinker Driver", "Blinker.iig")
        self.edit(interface, "virtual kern_return_t Start(", "virtual kern_retrun_t Start(")
        err = self.failure(self.place)
        self.assertRegex(err, re.escape(interface) + r":\d+:\d+: error: ")
        self.assertFalse(os.path.exists(self.dext), "nothing is left of a build that failed")

    def test_a_framework_that_is_not_there_is_named(self):
        self.edit(os.path.join(self.place, "Blinker Driver", "Blinker.cpp"), "#include <os/log.h>",
                  "#include <os/log.h>\n#include <FancyDriverKit/IOFancy.h>")
        err = self.failure(self.place)
        self.assertIn("'FancyDriverKit/IOFancy.h' file not found", err)
        self.assertIn("needs the framework FancyDriverKit, which this OpenDext does not have yet; it has DriverKit", err)

    def test_absent_sources_name_the_step(self):
        shutil.rmtree(os.path.join(self.place, "Blinker Driver"))
        err = self.failure(self.place)
        self.assertRegex(err, r"project\.pbxproj:\d+:\d+: the sources of target Blinker Driver are absent: none of its 3")
        self.assertIn("restore it from version control", err)

    def test_a_file_made_before_the_build_names_its_maker(self):
        info = os.path.join(self.place, "Blinker Driver", "Info.plist")
        os.rename(info, info + ".in")
        with open(os.path.join(self.place, "Makefile"), "w", encoding="utf-8") as file:
            file.write("all:\n\tpython3 fill.py Info.plist\n")
        err = self.failure(self.place)
        self.assertRegex(err, r"project\.pbxproj:\d+:\d+: INFOPLIST_FILE of target Blinker Driver names")
        self.assertIn("a step before the build makes it from Info.plist.in beside it (see " +
                      os.path.join(self.place, "Makefile") + ")", err)

    def test_missing_configuration_files_name_the_step(self):
        os.remove(os.path.join(self.place, "Configuration", "Organization.xcconfig"))
        err = self.failure(self.place)
        self.assertIn("Base.xcconfig:2:1: includes Organization.xcconfig, which is not there", err)
        shutil.rmtree(os.path.join(self.place, "Configuration"))
        err = self.failure(self.place)
        self.assertIn("of the project names " + os.path.join(self.place, "Configuration", "Base.xcconfig") +
                      ", which is not there", err)
        self.edit(os.path.join(self.project, "project.pbxproj"), "path = Configuration/Base.xcconfig",
                  'path = "Pods/Target Support Files/Base.xcconfig"')
        self.assertIn("CocoaPods makes it: run `pod install` in " + self.place, self.failure(self.place))

    def test_a_damaged_project_file_names_the_place(self):
        self.edit(os.path.join(self.project, "project.pbxproj"), "objectVersion = 54;", "objectVersion = 54")
        err = self.failure(self.place)
        self.assertIn("project.pbxproj:8:2: expected ; behind the value of objectVersion", err)

    def test_through_links_and_a_workspace(self):
        link = os.path.join(self.folder, "link")
        os.symlink(self.place, link)
        workspace = os.path.join(self.folder, "All.xcworkspace")
        os.mkdir(workspace)
        with open(os.path.join(workspace, "contents.xcworkspacedata"), "w", encoding="utf-8") as file:
            file.write('<Workspace version="1.0"><Group location="container:link">'
                       '<FileRef location = "group:Blinker.xcodeproj"></FileRef></Group>'
                       '<FileRef location="group:Pods/Pods.xcodeproj"></FileRef></Workspace>')
        self.build(workspace, "-o", os.path.join(self.folder, "out"))
        self.assertTrue(os.path.isdir(os.path.join(self.folder, "out", "Blinker Driver.dext")))


class OtherProjectsTest(BuildCase):
    def test_progress_is_one_line_on_a_terminal(self):
        place = self.copy("synchronized")
        reading, writing = os.openpty()
        process = subprocess.Popen([harness.program("opendext-build"), place], env=self.realm.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writing)
        os.close(writing)
        seen = b""
        try:
            while chunk := os.read(reading, 4096):
                seen += chunk
        except OSError:
            pass  # the other end is closed
        os.close(reading)
        self.assertEqual(process.wait(timeout=60), 0, seen)
        self.assertIn(b"\r\x1b[K[1/5] generate Synced.h", seen)
        self.assertIn(b"\r\x1b[K[5/5] link com.example.synced", seen)
        self.assertNotIn(b"\n", seen)
        # The colours of a terminal are no reason to build again.
        self.assertIn("up to date", self.build(place)[0])

    def test_list_of_other_projects(self):
        self.assertIn("Cooked_dext  driver-extension", self.build(self.copy("cmake"), "--list")[0])
        self.assertRegex(self.build(self.copy("xcodegen"), "--list")[0], r"Generated +driver-extension com\.example\.Generated")
        folder = os.path.join(self.folder, "cmake", "src")
        self.assertIn("Cooked  driver-extension", self.build(folder, "--list")[0])

    def test_synchronised_folders_with_exceptions(self):
        place = self.copy("synchronized")
        self.build(place)
        bundle = os.path.join(place, "build", "Release", "com.example.synced.dext")
        info = self.info(bundle)
        self.assertEqual((info["CFBundleIdentifier"], info["CFBundleShortVersionString"], info["CFBundleVersion"]),
                         ("com.example.synced", "1.4", "4"))
        self.assertEqual(info["CFBundleDisplayName"], "Synced Driver")
        self.start(bundle, "synced, entry 3")

    def test_a_new_file_in_a_synchronised_folder_is_built(self):
        place = self.copy("synchronized")
        with open(os.path.join(place, "Synced", "New.cpp"), "w", encoding="utf-8") as file:
            file.write("int new_file() { return 1; }\n")
        self.assertIn("compile Synced/New.cpp", self.build(place)[1])

    def test_project_yml(self):
        place = self.copy("xcodegen")
        self.build(place)
        bundle = os.path.join(place, "build", "Release", "Generated.dext")
        info = self.info(bundle)
        self.assertEqual((info["CFBundleIdentifier"], info["CFBundleShortVersionString"], info["CFBundleVersion"]),
                         ("com.example.Generated", "3.1", "1"))
        personality = info["IOKitPersonalities"]["Generated"]
        self.assertEqual((personality["GeneratedNumber"], personality["GeneratedFlag"]), (17, True))
        self.assertTrue(os.path.isdir(os.path.join(place, "build", "Release", "GeneratedApp.app", "Contents",
                                                   "Library", "SystemExtensions", "Generated.dext")))
        self.start(bundle, "generated and started")

    def test_cmake(self):
        place = self.copy("cmake")
        self.build(place)
        bundle = os.path.join(place, "build", "Cooked.dext")
        self.assertIn("up to date: " + bundle, self.build(place)[0])
        self.start(bundle, "cooked 5")

    def test_a_folder_with_several_projects_names_them(self):
        self.copy("synchronized")
        self.copy("xcodegen")
        err = self.failure(self.folder)
        self.assertIn("has several projects (synchronized/Synced.xcodeproj, xcodegen/project.yml): give the one to build", err)
        shutil.rmtree(os.path.join(self.folder, "xcodegen"))
        self.build(self.folder, "-o", os.path.join(self.folder, "out"))
        self.assertTrue(os.path.isdir(os.path.join(self.folder, "out", "com.example.synced.dext")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
