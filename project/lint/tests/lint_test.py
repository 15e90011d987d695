# SPDX-License-Identifier: Apache-2.0
"""opendext lint finds each mistake of cases.py where it stands, and nothing in drivers that are right."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import schema

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cases  # noqa: E402

GOOD = os.path.join(HERE, "good")


def run(*arguments):
    environment = dict(os.environ, OPENDEXT_PREFIX=harness.PREFIX)
    return subprocess.run([harness.program("opendext"), "lint", *map(str, arguments)], env=environment, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=300 * harness.PATIENCE, check=False)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def place_of(text, part):
    """Line and column of the first place of `part`."""
    before = text[:text.index(part)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class LintCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="opendext-lint-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.driver = os.path.join(self.folder, "Lamp")
        shutil.copytree(GOOD, self.driver)

    def edit(self, name, old, new):
        path = os.path.join(self.driver, name)
        text = read(path)
        self.assertIn(old, text, f"{name} has no {old!r}")
        write(path, text.replace(old, new, 1))

    def findings(self, *arguments):
        """The findings of a run with --json, its status and schema checked."""
        result = run(*arguments, "--json")
        self.assertIn(result.returncode, (0, 2), result.stdout + result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(schema.problems(report, schema.read("lint")), [])
        severities = [finding["severity"] for finding in report["findings"]]
        self.assertEqual((report["errors"], report["warnings"]), (severities.count("error"), severities.count("warning")))
        self.assertEqual(result.returncode, 2 if report["errors"] else 0)
        return report["findings"]


class Mistakes(LintCase):
    def check(self, case):
        self.edit(case.file, case.old, case.new)
        for edit in case.more:
            self.edit(*edit)
        found = self.findings(self.driver)
        # What was not meant is not found beside it.
        self.assertEqual({finding["rule"] for finding in found} - {case.rule, *case.also}, set(), json.dumps(found, indent=1))
        mine = [finding for finding in found if finding["rule"] == case.rule and case.says in finding["message"]]
        self.assertEqual(len(mine), 1, json.dumps(found, indent=1))
        finding = mine[0]
        self.assertIn(case.fix, finding["fix"])
        file = os.path.join(self.driver, case.where or case.file)
        self.assertEqual(os.path.realpath(finding["file"]), os.path.realpath(file))
        if case.at:
            text = read(file)
            if case.file.endswith((".plist", ".entitlements")) and case.at.startswith("<key>") or case.where.endswith(".plist"):
                self.assertEqual((finding["line"], finding["column"]), place_of(text, case.at))
            else:
                line, column = place_of(text, case.at)
                self.assertEqual(finding["line"], line)
                self.assertLessEqual(abs(finding["column"] - column), 60)
                self.assertGreater(finding["column"], 0)
        else:
            self.assertEqual(finding["line"], 0)

    def test_every_rule_has_a_case(self):
        listed = [line.split()[0] for line in run("--help").stdout.split("rules (E error, W warning):")[1].split("exit status")[0].splitlines() if line.strip()]
        self.assertEqual(sorted(listed), listed)
        here = {case.rule for case in cases.CASES} | {"bundle-invalid"}  # that one has a test below
        self.assertEqual(here, set(listed))

    def test_severity_is_that_of_the_help(self):
        text = run("--help").stdout
        for finding in self.broken_findings():
            self.assertRegex(text, rf"(?m)^  {finding['rule']} +{finding['severity'][0].upper()} ")

    def broken_findings(self):
        self.edit("Info.plist", "<key>OSBundleUsageDescription</key>", "<key>OSKernelResource</key>")
        return self.findings(self.driver)


def add_cases():
    for number, case in enumerate(cases.CASES):
        def test(self, case=case):
            self.check(case)

        setattr(Mistakes, f"test_{case.rule.replace('-', '_')}_{number}", test)


add_cases()


class Inputs(LintCase):
    def test_good_driver_is_clean_and_silent(self):
        result = run(self.driver)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(self.findings(self.driver), [])

    def test_text_is_one_line_for_a_program_and_one_with_the_fix(self):
        self.edit("Info.plist", "<key>CFBundleVersion</key>", "<key>CFBundleVersion</key")
        result = run(self.driver)
        line, column = place_of(read(os.path.join(self.driver, "Info.plist")), "</key\n")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stdout.splitlines(),
                         [f"{self.driver}/Info.plist:{line}:{column}: error: `</key` has no closing `>` [plist-syntax]", "    fix: write </key>",
                          "1 error, 0 warnings"])

    def test_only_warnings_are_no_failure(self):
        self.edit("Info.plist", "<integer>100</integer>", "<integer>20000</integer>")
        self.assertEqual([finding["severity"] for finding in self.findings(self.driver)], ["warning"])

    def test_ignored_rules_are_left_out(self):
        self.edit("Info.plist", cases.PRODUCT, "")
        self.assertEqual(run(self.driver).returncode, 2)
        self.assertEqual(run(self.driver, "--ignore", "match-never").returncode, 0)
        self.assertEqual(run(self.driver, "--ignore", "no-such-rule").returncode, 1)

    def test_wrong_use_is_told_apart_from_a_wrong_driver(self):
        for arguments in (["--no-such-option"], [os.path.join(self.folder, "absent")], [self.driver, self.driver], ["--set", "X", self.driver]):
            result = run(*arguments)
            self.assertEqual(result.returncode, 1, arguments)
            self.assertTrue(result.stderr)
        os.makedirs(os.path.join(self.folder, "empty"))
        self.assertEqual(run(os.path.join(self.folder, "empty")).returncode, 1)

    def test_single_property_lists(self):
        self.assertEqual(self.findings(os.path.join(self.driver, "Info.plist")), [])
        self.assertEqual(self.findings(os.path.join(self.driver, "Lamp.entitlements")), [])
        self.edit("Info.plist", cases.PRODUCT, "")
        self.assertEqual([finding["rule"] for finding in self.findings(os.path.join(self.driver, "Info.plist"))], ["match-never"])
        self.edit("Info.plist", "<string>7</string>", "<string>$(SOME_SETTING_OF_THE_PROJECT)</string>")
        self.assertEqual([finding["rule"] for finding in self.findings(os.path.join(self.driver, "Info.plist"))], ["match-never"])
        self.edit("Lamp.entitlements", "<true/>", "<string>yes</string>")
        self.assertEqual([finding["rule"] for finding in self.findings(os.path.join(self.driver, "Lamp.entitlements"))], ["entitlement-type"])

    def test_built_bundle(self):
        output = os.path.join(self.folder, "out")
        built = subprocess.run([harness.program("opendext"), "build", self.driver, "-o", output, "--bundle-id", "org.example.lamp", "--quiet",
                                "--provider-class", "IOUSBHostDevice"], env=dict(os.environ, OPENDEXT_PREFIX=harness.PREFIX), text=True,
                               capture_output=True, check=False)
        self.assertEqual(built.returncode, 0, built.stderr)
        bundle = os.path.join(output, "Lamp.dext")
        self.assertEqual(self.findings(bundle), [])
        info = os.path.join(bundle, "Info.plist")
        text = read(info)
        write(info, text.replace("<string>LampClient</string>", "<string>LambClient</string>"))
        self.assertIn("class-undefined", [finding["rule"] for finding in self.findings(bundle)])
        write(info, text)
        os.truncate(os.path.join(bundle, "Lamp"), 10)
        self.assertEqual([finding["rule"] for finding in self.findings(bundle)], ["bundle-invalid"])

    def test_driver_without_entitlements(self):
        os.remove(os.path.join(self.driver, "Lamp.entitlements"))
        found = self.findings(self.driver)
        self.assertEqual({finding["rule"] for finding in found}, {"entitlement-missing"})
        self.assertTrue(all("no .entitlements file" in finding["message"] for finding in found))

    def test_driver_may_be_its_own_user_client(self):
        self.edit("Lamp.iig", "DriverKit/IOService.iig", "DriverKit/IOUserClient.iig")
        self.edit("Lamp.iig", "class Lamp : public IOService", "class Lamp : public IOUserClient")
        self.edit("Info.plist", "<string>LampClient</string>", "<string>Lamp</string>")
        for name in ("LampClient.iig", "LampClient.cpp"):
            os.remove(os.path.join(self.driver, name))
        self.assertEqual(self.findings(self.driver), [])

    def test_family_that_is_not_there_is_no_error_of_the_driver(self):
        self.edit("Lamp.iig", "#include <DriverKit/IOService.iig>", "#include <DriverKit/IOService.iig>\n#include <NoSuchDriverKit/Thing.iig>")
        self.assertEqual({finding["rule"] for finding in self.findings(self.driver)}, {"source-incomplete"})

    def test_xcodegen_project_and_cmake_project(self):
        write(os.path.join(self.folder, "project.yml"), """
name: Lamp
settings: {base: {GENERATE_INFOPLIST_FILE: YES, CURRENT_PROJECT_VERSION: 3, MARKETING_VERSION: 2.0}}
targets:
  Lamp:
    type: driver-extension
    platform: macOS
    sources: [Lamp]
    settings:
      base: {PRODUCT_BUNDLE_IDENTIFIER: com.example.lamp, INFOPLIST_FILE: Lamp/Info.plist, CODE_SIGN_ENTITLEMENTS: Lamp/Lamp.entitlements}
""")
        self.assertEqual(self.findings(self.folder), [])
        self.edit("Info.plist", "\t<key>CFBundleVersion</key>\n\t<string>7</string>\n", "")
        self.assertEqual(self.findings(self.folder), [], "Xcode generates the version")
        self.edit("Info.plist", cases.PRODUCT, "")
        self.assertEqual([finding["rule"] for finding in self.findings(self.folder)], ["match-never"])
        os.remove(os.path.join(self.folder, "project.yml"))
        write(os.path.join(self.folder, "CMakeLists.txt"), """
cmake_minimum_required(VERSION 3.20)
project(Lamp LANGUAGES CXX)
find_package(OpenDext REQUIRED)
add_dext(Lamp FOLDER Lamp BUNDLE_ID com.example.lamp)
""")
        self.assertEqual([finding["rule"] for finding in self.findings(self.folder)], ["plist-version", "match-never"])
        self.assertEqual(sorted(os.listdir(self.folder)), ["CMakeLists.txt", "Lamp"], "nothing is written beside the sources")

    def test_broken_property_list_hides_nothing_of_the_sources(self):
        self.edit("Info.plist", "</plist>", "")
        self.edit("Lamp.cpp", cases.DRIVER_BODY, "    throw 1;\n")
        self.assertEqual({finding["rule"] for finding in self.findings(self.driver)}, {"plist-syntax", "cxx-exceptions"})

    def test_hostile_property_lists_end_in_a_finding(self):
        for number, text in enumerate(("", "\0" * 100, "<plist>" + "<dict><key>a</key>" * 2000, "bplist00" + "\xff" * 64, "<plist><array/></plist>",
                                       '<plist version="1.0"><string>text</string></plist>')):
            with self.subTest(number=number):
                write(os.path.join(self.driver, "Info.plist"), text)
                self.assertTrue([finding for finding in self.findings(self.driver) if finding["severity"] == "error"])


class Tree(unittest.TestCase):
    """The drivers of this repository."""

    maxDiff = None

    def test_shipped_drivers_are_clean(self):
        folders = []
        for path, names, files in os.walk(os.path.join(harness.SOURCE, "apps")):
            if "Info.plist" in files:
                folders.append(path)
        self.assertTrue(folders)
        for folder in folders:
            with self.subTest(folder=folder):
                result = run(folder)
                self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_drivers_of_the_tests_have_no_errors(self):
        folders = []
        for path, names, files in os.walk(os.path.join(harness.SOURCE, "tests")):
            if "Info.plist" in files and any(name.endswith(".iig") for name in files):
                folders.append(path)
        self.assertGreater(len(folders), 5)
        common = os.path.join(harness.SOURCE, "tests", "dexts", "common")
        for folder in folders:
            with self.subTest(folder=folder):
                # Some of them ask Create() for a key that is not there, or name a class that does not go with
                # theirs, to see it refused; these two do to their process what a driver does not.
                ignored = ["create-key", "class-family"]
                if os.path.basename(folder) in ("crasher", "glutton"):
                    ignored.append("cxx-header")
                result = run(folder, "-I", common, "--ignore", ",".join(ignored))
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_templates_are_clean(self):
        folder = tempfile.mkdtemp(prefix="opendext-lint-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for family in os.listdir(os.path.join(harness.PREFIX, "share", "opendext", "templates")):
            if family == "common":
                continue
            made = os.path.join(folder, family)
            subprocess.run([harness.program("opendext"), "new", "Fresh", "--family", family, "--directory", made], check=True,
                           stdout=subprocess.DEVNULL, env=dict(os.environ, OPENDEXT_PREFIX=harness.PREFIX))
            for path in (made, os.path.join(made, "Driver"), os.path.join(made, "Driver", "Info.plist")):
                with self.subTest(path=path):
                    result = run(path)
                    self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_shipped_bundles_are_clean(self):
        dexts = os.path.join(harness.PREFIX, "share", "opendext", "dexts")
        bundles = [name for name in os.listdir(dexts) if name.endswith(".dext")]
        self.assertTrue(bundles)
        for name in bundles:
            result = run(os.path.join(dexts, name))
            self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)


if __name__ == "__main__":
    harness.main()
