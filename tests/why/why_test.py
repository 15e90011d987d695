# SPDX-License-Identifier: Apache-2.0
"""opendext explain on seeded mismatches: the key that is to blame, what was wanted and what is there, text by text."""

import json
import os
import plistlib
import shutil
import subprocess

import harness
import mismatches
import schema
import sources
from why_case import PROVIDER, SEED, WhyCase


class Why(WhyCase):
    def test_seeded_mismatches(self):
        """Each by its first key that does not fit, with what it wants and what there is; live, and from a saved registry."""
        nub = self.install_provider()
        saved = os.path.join(self.folder, "saved.json")
        with open(saved, "w", encoding="utf-8") as file:
            file.write(self.tool("ioreg", "-l", "--json"))
        texts = {}
        self.assertGreaterEqual(len(self.cases), 30)
        for number, case in enumerate(self.cases):
            with self.subTest(case=case.name, seed=SEED):
                changes = self.on_nub(case.personality)
                on = ["--on", hex(nub["id"])]
                if case.key == "IOResourceMatch":
                    on = ["--on", "IOUserResources"]
                path = self.bundle(f"org.example.why.case{number}", changes, entitlements=case.entitlements)
                if case.state == "unreadable":
                    said = self.refused("opendext", "explain", "--bundle", path, *on).replace(path, "")
                    self.assertRegex(said, r"Info\.plist(:\d+:\d+)?: ")
                    for part in case.says:
                        self.assertIn(part, said)
                    self.assertNotIn(said, texts)
                    texts[said] = case.name
                    continue
                live = self.explain("--bundle", path, *on)["subjects"][0]["standings"][0]
                offline = self.explain("--bundle", path, "--registry", saved, *on)["subjects"][0]["standings"][0]
                self.check(case, live)
                # The same code decides there; what is alike is told alike.
                for key in ("state", "reason", "fix", "checks", "notes", "entitlements", "score", "provider"):
                    self.assertEqual(offline[key], live[key], key)
                said = (live["reason"], live["fix"], *live["notes"])
                self.assertNotIn(said, texts, f"{case.name} is explained as {texts.get(said)}")
                texts[said] = case.name
                printed = self.realm.run("opendext", "explain", "--bundle", path, *on)
                self.assertEqual(printed.returncode, 0 if case.state == "fits" else 1, printed.stdout + printed.stderr)
                for part in (live["reason"], live["fix"], *live["notes"]):
                    self.assertIn(part, printed.stdout)
        self.assertGreaterEqual(len(texts), 30)

    def check(self, case, standing):
        self.assertEqual(standing["state"], case.state, standing)
        wrong = [one for one in standing["checks"] if not one["fits"]]
        if case.state == "mismatched":
            self.assertEqual(wrong[0]["key"], case.key, wrong)
            self.assertEqual(wrong[0]["wanted"], case.wanted)
            if case.found is not mismatches.ABSENT:
                self.assertTrue(wrong[0]["there"])
                self.assertEqual(wrong[0]["found"], case.found)
            self.assertEqual(standing["reason"], wrong[0]["text"], "the reason is that of the first key")
            self.assertEqual(standing["rank"], 0)
            # One fault was planted, and one is found.
            self.assertEqual(len(wrong), 1, wrong)
        else:
            self.assertEqual(wrong, [])
        said = " ".join([standing["reason"], standing["fix"], *standing["notes"]])
        for part in case.says:
            self.assertIn(part, said)

    def test_without_a_provider_the_nearest_is_named(self):
        nub = self.install_provider()
        path = self.bundle("org.example.why.far", self.on_nub({"IOPropertyMatch": {"WhyColor": "no such", "WhyModel": self.provider["WhyModel"]}}))
        standings = self.explain("--bundle", path)["subjects"][0]["standings"]
        self.assertEqual(len(standings), 3)
        self.assertEqual(standings[0]["provider"]["id"], nub["id"], standings)
        self.assertEqual([one["key"] for one in standings[0]["checks"] if not one["fits"]], ["IOPropertyMatch/WhyColor"])

    def test_who_is_kept_away_by_another(self):
        """The better of a category runs; the other is told by whom it is outranked, with both scores."""
        nub = self.install_provider()
        category = "org.example.why.shared"
        low = self.bundle("org.example.why.low", self.on_nub({"IOMatchCategory": category, "IOProbeScore": 10, "WhyName": "low"}))
        self.install("org.example.why.high", self.on_nub({"IOMatchCategory": category, "IOProbeScore": 500, "WhyName": "high"}))
        self.wait_for(lambda: self.standing("org.example.why.high")["state"] == "runs", "the better one")
        self.tool("opendext", "install", low)
        lower = self.wait_for(lambda: (one := self.standing("org.example.why.low"))["state"] == "outranked" and one, "the answer")
        self.assertEqual((lower["rank"], lower["score"]), (2, 10))
        self.assertEqual(lower["driver"]["label"], "org.example.why.high/Main")
        self.assertIn("is taken by org.example.why.high/Main with score 500, this one has 10", lower["reason"])
        self.assertIn("raise IOProbeScore above 500", lower["fix"])
        # Of the provider: all that name its class, best first.
        subject = [one for one in self.explain(hex(nub["id"]))["subjects"] if one["kind"] == "entry"][0]
        order = [(one["bundle"], one["rank"], one["state"]) for one in subject["standings"] if one["category"] == category]
        self.assertEqual(order, [("org.example.why.high", 1, "runs"), ("org.example.why.low", 2, "outranked")])

    def test_who_was_first_of_equals(self):
        self.install_provider()
        for identifier in ("org.example.why.early", "org.example.why.late"):
            self.install(identifier, self.on_nub({"IOMatchCategory": "org.example.why.equal", "WhyName": identifier}))
        late = self.wait_for(lambda: (one := self.standing("org.example.why.late"))["state"] == "outranked" and one, "the answer")
        self.assertIn("it was there first", late["fix"])

    def test_two_personalities_of_which_one_fits(self):
        self.install_provider()
        self.install("org.example.why.two", self.on_nub({"IOMatchCategory": "org.example.why.two", "WhyName": "two"}),
                     more={"Second": {"IOPropertyMatch": {"WhyColor": "none"}, "IOMatchCategory": "org.example.why.second"}})
        self.wait_for(lambda: self.standing("org.example.why.two/Main")["state"] == "runs", "the first")
        second = self.standing("org.example.why.two/Second")
        self.assertEqual((second["state"], second["last"]["attempts"]), ("mismatched", 0))

    def test_a_driver_whose_start_fails_crashes_or_says_nothing(self):
        self.install_provider()
        for behaviour in ("refuse", "crash", "silent"):
            self.install("org.example.why." + behaviour, self.on_nub({"IOMatchCategory": behaviour, "WhyBehaviour": behaviour}))
        refused = self.wait_for(lambda: (one := self.standing("org.example.why.refuse"))["state"] == "failed" and one, "the failed Start")
        self.assertIn("Start returned an error (0xe00002c0", refused["reason"])
        self.assertIn("opendext errno 0xe00002c0", refused["fix"])
        # Each personality that is installed is a reason for another round.
        self.assertIn(refused["last"]["attempts"], (1, 2, 3))
        self.assertEqual((refused["last"]["failures"], refused["last"]["crashes"]), (refused["last"]["attempts"], 0))
        crashed = self.wait_for(lambda: (one := self.standing("org.example.why.crash"))["state"] in ("crashed", "barred") and one, "the crash")
        self.assertGreaterEqual(crashed["last"]["crashes"], 1)
        self.assertIn("opendext crash show", crashed["fix"])
        silent = self.wait_for(lambda: (one := self.standing("org.example.why.silent"))["state"] == "runs" and one, "the silent one")
        self.assertEqual(silent["reason"], "its driver is started")
        self.assertIn("RegisterService", silent["fix"])
        # What is matched with it has to wait for that.
        entry = [one for one in self.explain(hex(silent["driver"]["id"]))["subjects"] if one["kind"] == "entry"][0]
        self.assertIn("programs do not find it", " ".join(entry["facts"]))

    def test_processes_and_programs(self):
        nub = self.install_provider()
        driver = [one for one in self.explain(str(nub["pid"]))["subjects"] if one["kind"] == "driver"][0]
        self.assertEqual(driver["drivers"][0]["pid"], nub["pid"])
        self.assertEqual(driver["drivers"][0]["bundle"], PROVIDER)
        self.assertIn(nub["id"], driver["drivers"][0]["objects"])
        self.assertTrue(driver["drivers"][0]["sandbox"])
        by_path = self.explain("/OpenDext/IOUserResources/" + self.provider["WhyName"])["subjects"][0]
        self.assertEqual(by_path["kind"], "entry")
        self.assertIn("its process is " + str(nub["pid"]), by_path["facts"])
        self.assertIn("neither a driver nor a program", self.refused("opendext", "explain", str(os.getpid())))
        self.assertIn("did you mean", self.refused("opendext", "explain", "WhyDrivr"))

    def test_what_cannot_be_read(self):
        for text, says in (("", "no saved registry"), ("{", ""), ('{"class": 1}', "no class or no name"), ("<plist><array/></plist>", "")):
            path = os.path.join(self.folder, "bad")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            problem = self.refused("opendext", "explain", "--registry", path, "--bundle", self.original)
            self.assertIn("bad", problem)
            if says and text:
                self.assertIn(says, problem)
        self.assertIn("--registry needs", self.refused("opendext", "explain", "--registry", path, "x"))
        # A personality that breaks a rule is explained by that rule.
        broken = self.bundle("org.example.why.broken", {"IOUserServerName": None})
        self.assertIn("IOUserServerName", self.refused("opendext", "explain", "--bundle", broken))


class SetAside(WhyCase):
    """What is installed and not started, though it fits: not approved, quarantined."""

    policy = "dev"
    realm_settings = {"restart.quarantine-after": "1"}

    def broken(self, name):
        """What doctor says of it."""
        report = json.loads(self.realm.run("opendext", "doctor", "--json", name).stdout)
        self.assertEqual(schema.problems(report, schema.read("opendext-doctor")), [])
        return report["diagnoses"][0]["findings"][0]

    def test_a_driver_in_quarantine(self):
        nub = self.install_provider()
        self.install("org.example.why.crash", self.on_nub({"WhyBehaviour": "crash"}))
        barred = self.wait_for(lambda: (one := self.standing("org.example.why.crash"))["state"] == "barred" and one, "the quarantine")
        self.assertEqual(barred["provider"]["id"], nub["id"])
        self.assertIn("opendext quarantine lift org.example.why.crash/Main", barred["fix"])
        self.assertEqual(barred["last"]["crashes"], 1)
        finding = self.broken("org.example.why.crash")
        self.assertEqual(finding["broken"], "quarantined", finding)
        self.assertIn(barred["reason"], finding["text"])
        # It stands at the provider too, and the next candidate is told to have its place.
        self.install("org.example.why.next", self.on_nub({"WhyName": "next"}))
        self.wait_for(lambda: self.standing("org.example.why.next")["state"] == "runs", "the next candidate")

    def test_an_extension_that_waits_for_its_user(self):
        self.install_provider()
        self.tool("systemextensionsctl", "approval", "ask")
        identifier = "org.example.why.waiting"
        application = os.path.join(self.folder, "Why.app", "Contents")
        extensions = os.path.join(application, "Library", "SystemExtensions")
        program = os.path.join(application, "MacOS", "program")
        for folder in (extensions, os.path.dirname(program)):
            os.makedirs(folder)
        with open(os.path.join(application, "Info.plist"), "wb") as file:
            plistlib.dump({"CFBundleIdentifier": "org.example.why.application"}, file)
        shutil.move(self.bundle(identifier, self.on_nub({})), os.path.join(extensions, "Why.dext"))
        library = os.path.join(harness.PREFIX, "lib")
        subprocess.run(["clang-19", "-std=c11", "-isystem", sources.client_headers(),
                        os.path.join(harness.SOURCE, "tests", "extensions", "requests.c"), "-o", program, "-L" + library,
                        "-l:libIOKit.so.0", "-Wl,-rpath," + library], check=True)
        asking = subprocess.Popen([program, "main", "replace", "activate", identifier], env=self.realm.environment(),
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(asking.wait)
        self.addCleanup(asking.kill)
        self.addCleanup(asking.stdin.close)
        waiting = self.wait_for(lambda: (one := self.standing(identifier))["state"] == "disabled" and one, "the answer")
        self.assertEqual(waiting["reason"], "the extension is activated waiting for user")
        self.assertEqual(waiting["fix"], f"systemextensionsctl approve {identifier}")
        self.assertEqual(self.broken(identifier)["broken"], "enabled")
        self.tool("systemextensionsctl", "approve", identifier)
        self.wait_for(lambda: self.standing(identifier)["state"] == "runs", "it to run")


if __name__ == "__main__":
    harness.main()
