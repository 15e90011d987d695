# SPDX-License-Identifier: Apache-2.0
"""opendext doctor and match on a realm with drivers: each link of the chain broken once."""

import json
import os
import plistlib
import shutil
import subprocess
import tempfile

import harness
import schema
import sources

SUITE = os.path.join(harness.SOURCE, "tests", "clients", "suite")
BUNDLE = "org.example.suite"


class Doctor(harness.RealmCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-doctor-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        harness.build_dext(SUITE, cls.built, BUNDLE, "-I", os.path.join(harness.SOURCE, "tests", "dexts", "common"))

    def bundle(self, identifier, *personalities):
        """A copy of the dext with another identifier and these personalities only, changed."""
        path = os.path.join(self.folder, identifier + ".dext")
        shutil.copytree(os.path.join(self.built, "Suite.dext"), path)
        information = os.path.join(path, "Info.plist")
        with open(information, "rb") as file:
            plist = plistlib.load(file)
        plist["CFBundleIdentifier"] = identifier
        own = {}
        for number, (name, changes) in enumerate(personalities):
            personality = {**plist["IOKitPersonalities"][name], **changes, "CFBundleIdentifier": identifier, "IOUserServerName": identifier}
            if "IOMatchCategory" not in changes:
                personality["IOMatchCategory"] = f"{identifier}.{number}"
            own[name] = personality
        plist["IOKitPersonalities"] = own
        with open(information, "wb") as file:
            plistlib.dump(plist, file)
        return path

    def install(self, identifier, *personalities):
        self.tool("opendext", "install", self.bundle(identifier, *personalities))

    def examine(self, *arguments, status=None):
        """The diagnoses; `status` is what the exit status has to be."""
        result = self.realm.run("opendext", "doctor", "--json", *arguments)
        report = json.loads(result.stdout)
        self.assertEqual(schema.problems(report, schema.read("opendext-doctor")), [])
        self.assertEqual(result.returncode, 0 if report["healthy"] else 1, result.stderr)
        if status is not None:
            self.assertEqual(result.returncode, status, result.stdout + self.realm.log_text()[-4000:])
        return report

    def broken(self, *arguments):
        """{subject: broken link} and the findings themselves."""
        findings = [finding for diagnosis in self.examine(*arguments)["diagnoses"] for finding in diagnosis["findings"]]
        return {finding["subject"]: finding["broken"] for finding in findings}, findings

    def test_a_chain_that_holds(self):
        self.install("org.example.good", ("Main", {}))
        report = self.examine("good", "--open", "0", status=0)
        finding = report["diagnoses"][0]["findings"][0]
        self.assertEqual((finding["broken"], finding["fix"]), ("none", ""))
        self.assertIn("opened and closed", finding["text"])
        self.assertEqual(finding["pid"], self.services("suite-main")[0]["pid"])
        self.assertEqual(self.examine("SuiteService", status=0)["diagnoses"][0]["findings"][0]["entry"], finding["entry"])

    def test_what_is_not_registered_not_matched_and_not_there(self):
        self.install("org.example.silent", ("Silent", {}))
        self.install("org.example.unmatched", ("Plain", {"IONameMatch": "IOUserResourcez"}))
        self.wait_for(lambda: self.broken("silent")[0] == {"Silent": "registered"}, "the silent driver to run")
        links, findings = self.broken()
        self.assertEqual(links, {"Silent": "registered", "Plain": "matched"})
        texts = {finding["subject"]: finding for finding in findings}
        self.assertIn("RegisterService", texts["Silent"]["fix"])
        self.assertIn("did you mean IOUserResources?", texts["Plain"]["text"])
        links, findings = self.broken("SuiteServise")
        self.assertEqual(links, {"SuiteServise": "name"})
        self.assertEqual(findings[0]["fix"], "did you mean SuiteService?")
        # A program looks for a class that is installed and does not run: the personality is told.
        self.assertEqual(self.broken("SuitePlain")[0], {"Plain": "matched"})
        text = self.realm.run("opendext", "doctor").stdout
        self.assertIn("broken  Plain at 'matched': ", text)

    def test_a_driver_that_another_keeps_away_or_that_cannot_start(self):
        self.install("org.example.first", ("Main", {"IOMatchCategory": "same", "IOProbeScore": 100}))
        self.install("org.example.second", ("Plain", {"IOMatchCategory": "same"}))
        self.install("org.example.missing", ("Plain", {"IOUserClass": "NoSuchClass"}))
        links, findings = self.broken("second")
        self.assertEqual(links, {"Plain": "started"})
        self.assertIn("org.example.first", findings[0]["text"])
        self.wait_for(lambda: "NoSuchClass" in self.realm.log_text(), "the refusal in the log")
        links, findings = self.broken("missing")
        self.assertEqual(links, {"Plain": "started"})
        self.assertIn("NoSuchClass", findings[0]["text"])

    def test_a_driver_that_crashes(self):
        prefix = sources.random_prefix()
        source = sources.write_dext(self.folder, prefix)
        self.tool("opendext", "build", source, "-o", self.folder, "--bundle-id", "org.example.crashing", "-D", "CRASH_IN_START", "--quiet",
                  timeout=300)
        bundle = [name for name in os.listdir(self.folder) if name.endswith(".dext")][0]
        self.tool("opendext", "install", os.path.join(self.folder, bundle))

        def process_broken():
            # After some crashes it is put into quarantine, with the same report.
            found = [finding for finding in self.broken("crashing")[1] if finding["broken"] in ("process", "quarantined")]
            return found and found[0]
        finding = self.wait_for(process_broken, "the crash to be named")
        self.assertTrue(os.path.exists(finding["report"]), finding)
        self.assertIn("signal", finding["text"])
        self.tool("opendext", "uninstall", "org.example.crashing")

    def test_an_application_without_access(self):
        """The refusal is told from the log, by --open, and is over when the entitlement is granted."""
        environment = self.realm.environment(OPENDEXT_POLICY="strict")
        subprocess.run([harness.program("opendext"), "start"], env=environment, check=True, capture_output=True, timeout=120)
        self.realm.note_processes()
        self.install("org.example.guarded", ("Main", {}))
        self.wait_for(lambda: self.broken("guarded")[0] == {"Main": "none"}, "the driver")
        links, findings = self.broken("guarded", "--open", "1")
        self.assertEqual(links, {"Main": "access"}, findings)
        self.assertIn("lacks", findings[0]["text"])
        self.assertIn("programs", findings[0]["fix"])
        links, findings = self.broken("guarded")
        self.assertEqual(links, {"Main": "access"}, "by the log")
        self.assertIn("an application was refused", findings[0]["text"])
        os.makedirs(os.path.join(self.realm.root, "programs"), exist_ok=True)
        with open(os.path.join(self.realm.root, "programs", "doctor.plist"), "wb") as file:
            plistlib.dump({"User": str(os.getuid()), "Entitlements": {
                "com.apple.developer.driverkit.userclient-access": ["org.example.guarded"],
                "com.apple.developer.driverkit.administrator": True, "org.example.suite.access": True}}, file)
        links, findings = self.broken("guarded", "--open", "1")
        self.assertEqual(links, {"Main": "none"}, findings)

    def test_match_tells_why_nothing_is_selected(self):
        self.install("org.example.good", ("Main", {}))
        answer = json.loads(self.tool("opendext", "match", "--class", "SuiteService", "--property", "SuiteName=suite-main", "--json"))
        self.assertEqual(schema.problems(answer, schema.read("opendext-match")), [])
        self.assertEqual(len(answer[0]["selected"]), 1)
        result = self.realm.run("opendext", "match", "--class", "SuiteService", "--property", "SuiteName=other", "--property", "Color=red",
                                "--json")
        self.assertEqual(result.returncode, 1, result.stderr)
        answer = json.loads(result.stdout)
        self.assertEqual(schema.problems(answer, schema.read("opendext-match")), [])
        self.assertEqual({each["key"]: each["selected"] for each in answer[0]["conditions"]},
                         {"IOProviderClass": 1, "IOPropertyMatch/SuiteName": 0, "IOPropertyMatch/Color": 0})
        self.assertEqual(answer[0]["nearest"][0]["failed"],
                         ['IOPropertyMatch/Color: it has no property Color',
                          'IOPropertyMatch/SuiteName: its SuiteName is the string "suite-main", not the string "other"'])

    def test_a_realm_that_is_not_up(self):
        report = self.examine("anything", status=1)
        self.assertFalse(report["up"])
        self.assertIn("is not up", report["problem"])
        self.assertEqual(self.examine()["problem"], "")
        self.assertFalse(os.path.exists(self.realm.root), "it starts nothing")


if __name__ == "__main__":
    harness.main()
