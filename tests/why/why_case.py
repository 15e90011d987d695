# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: copies of the one dext, and what explain says of them."""

import json
import os
import plistlib
import shutil
import subprocess
import tempfile
import time

import harness
import mismatches
import schema

SEED = int(os.environ.get("OPENDEXT_SEED") or time.time_ns() % 1_000_000)
DEXT = os.path.join(harness.SOURCE, "tests", "why", "dext")
PROVIDER = "org.example.why.provider"


class WhyCase(harness.RealmCase):
    """A realm of which the dext of this folder is installed as often as wanted, with what its personality says."""

    policy = "strict"
    realm_settings = {}  # of realm.conf

    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-why-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        realm = harness.Realm(os.path.join(cls.built, "no-realm"))
        result = realm.run("opendext", "build", DEXT, "-o", cls.built, "--bundle-id", PROVIDER, "--quiet", timeout=300)
        assert result.returncode == 0, result.stdout + result.stderr
        cls.original = [os.path.join(cls.built, name) for name in os.listdir(cls.built) if name.endswith(".dext")][0]

    def setUp(self):
        super().setUp()
        self.provider, self.cases = mismatches.make(SEED)
        if self.realm_settings:
            self.realm.configure(self.realm_settings)
        subprocess.run([harness.program("opendext"), "start"], env=self.realm.environment(OPENDEXT_POLICY=self.policy), check=True,
                       capture_output=True, timeout=120 * harness.PATIENCE)
        self.realm.note_processes()

    def bundle(self, identifier, changes=None, entitlements=None, name="Main", more=None):
        """A copy of the dext with another identifier, whose personality and entitlements are changed."""
        path = os.path.join(self.folder, identifier + ".dext")
        shutil.copytree(self.original, path)
        information = os.path.join(path, "Info.plist")
        with open(information, "rb") as file:
            plist = plistlib.load(file)
        plist["CFBundleIdentifier"] = identifier
        base = {**plist["IOKitPersonalities"]["Main"], "CFBundleIdentifier": identifier, "IOUserServerName": identifier}
        personality = {**base, **(changes or {})}
        personality = {key: value for key, value in personality.items() if value is not None}
        plist["IOKitPersonalities"] = {name: personality}
        for other, its in (more or {}).items():
            plist["IOKitPersonalities"][other] = {**personality, **its}
        with open(information, "wb") as file:
            plistlib.dump(plist, file)
        if entitlements:
            place = [os.path.join(path, each) for each in os.listdir(path) if each.endswith(".entitlements")][0]
            with open(place, "rb") as file:
                granted = {**plistlib.load(file), **entitlements}
            with open(place, "wb") as file:
                plistlib.dump({key: value for key, value in granted.items() if value is not None}, file)
        return path

    def install(self, identifier, changes=None, **more):
        self.tool("opendext", "install", self.bundle(identifier, changes, **more))

    def install_provider(self):
        self.install(PROVIDER, {**self.provider, "IOMatchCategory": PROVIDER})
        name = self.provider["WhyName"]
        return self.wait_for(lambda: [one for one in self.services("IOUserService") if one["name"] == name and one["registered"]],
                             "the provider")[0]

    def explain(self, *arguments):
        result = self.realm.run("opendext", "explain", "--json", *arguments)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.assertTrue(result.stdout, result.stderr)
        answer = json.loads(result.stdout)
        self.assertEqual(schema.problems(answer, schema.read("opendext-explain")), [])
        return answer

    def standing(self, word, provider=None):
        """The one standing of a personality that is installed."""
        standings = [one for subject in self.explain(word)["subjects"] if subject["kind"] == "personality" for one in subject["standings"]]
        return [one for one in standings if provider is None or one["provider"]["id"] == provider][0]

    def on_nub(self, changes):
        return {"IOProviderClass": "WhyDriver", "IOResourceMatch": None, **changes}
