# SPDX-License-Identifier: Apache-2.0
"""The ways of writing drivers: each folder here is built by `opendext build` as its author left it, runs in a realm, and
says in the log, in the registry and to a client what it found."""

import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
import sources

HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = ("-I", os.path.join(HERE, "common"))
# What is given to `opendext build`, by the name of the dext in lower case.
TARGETS = {name: (os.path.join(HERE, name), *COMMON, "--bundle-id", "org.example.conformance." + name)
           for name in ("forms", "styles", "logging", "queues", "nubs", "clients")}
TARGETS.update({name.lower(): (os.path.join(HERE, "standards"), "--target", name) for name in ("Styles17", "Styles23")})


def bundle_id(name):
    return "org.example.conformance." + name


class Built:
    """The bundles, made once for all tests, two at a time."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="opendext-dexts-")
        realm = harness.Realm(os.path.join(self.folder, "no-realm"))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            self.results = dict(zip(TARGETS, pool.map(lambda name: self.build(realm, name), TARGETS)))

    def build(self, realm, name):
        return realm.run("opendext", "build", *TARGETS[name], "-o", os.path.join(self.folder, name), "--quiet", timeout=300)

    def bundle(self, case, name):
        result = self.results[name]
        case.assertEqual((result.returncode, result.stderr), (0, ""), f"{name} was not built without a word")
        return os.path.join(self.folder, name, name.capitalize() + ".dext")


class Conformance(harness.RealmCase):
    @classmethod
    def setUpClass(cls):
        cls.built = Built()
        cls.addClassCleanup(shutil.rmtree, cls.built.folder, ignore_errors=True)

    def messages(self, name):
        """What the driver wrote to the log, oldest first."""
        return [line for line in self.realm.log() if line["bundle"] == bundle_id(name)]

    def install(self, name):
        self.tool("opendext", "install", self.built.bundle(self, name))

    def wait_for_line(self, name, text):
        self.wait_for(lambda: any(text in line["message"] for line in self.messages(name)), f"{text!r} in the log of {name}")

    def objects(self, class_name):
        """Registry entries of objects of a dext's class, whatever their names."""
        found = []

        def walk(entry):
            if entry.get("properties", {}).get("IOUserClass") == class_name:
                found.append(entry)
            for child in entry.get("children") or []:
                walk(child)

        walk(self.registry())
        return found

    def passes_its_checks(self, name, least, says=None):
        """The driver made at least so many checks of itself, and none failed."""
        self.install(name)
        pattern = re.compile((says or name) + r": (\d+) checks passed, (\d+) failed")
        done = self.wait_for(lambda: [found for line in self.messages(name) if (found := pattern.fullmatch(line["message"]))],
                             f"{name} to say that its checks are done")[0]
        self.assertEqual([line["message"] for line in self.messages(name) if ": failed: " in line["message"]], [])
        self.assertEqual(done.group(2), "0")
        self.assertGreaterEqual(int(done.group(1)), least, "checks were left out")

    def test_forms_of_interface_files(self):
        self.passes_its_checks("forms", 30)
        self.assertEqual(len(self.objects("FormsDriver")), 1)

    def test_styles_of_sources(self):
        self.passes_its_checks("styles", 13)
        self.tool("opendext", "uninstall", bundle_id("styles"))
        # The super class's Stop comes last; when it has been called the process may end at any time.
        wanted = ["StylesDriver - stop", "StylesDriver - cancelled"]
        self.wait_for(lambda: [line["message"] for line in self.messages("styles") if line["message"] in wanted] == wanted,
                      "the queue to be cancelled")
        self.wait_for(lambda: not self.realm.drivers(bundle_id("styles")), "the process to end")

    def test_language_standards(self):
        for name, standard in (("styles17", 201703), ("styles23", 202302)):
            self.passes_its_checks(name, 14, says="styles")
            self.wait_for_line(name, f"StylesDriver - C++ {standard}")

    def test_styles_of_logging(self):
        self.install("logging")
        self.wait_for_line("logging", "LoggingDriver: complete")
        lines = self.messages("logging")
        own = {line["message"].removeprefix("LoggingDriver: "): line for line in lines if line["message"].startswith("LoggingDriver: ")}
        for message, level in (("with a log object", "default"), ("info", "info"), ("debug", "debug"), ("error", "error"),
                               ("fault", "fault"), ("with type 1", "info")):
            self.assertEqual((own[message]["subsystem"], own[message]["category"], own[message]["level"]),
                             ("org.example.subsystem", "category", level), message)
        for message in ("enabled", "plain", "numbers -1 2 3f 0x3f 4 8 -5 6", "uint64_t 123456789abcdef",
                        "strings one two three fou", "bools true NO true", "pointer 0x1234", "double 1.50 char c percent %",
                        "width [   42] [42   ] [00042] [   7]", "uuid 12345678-9ABC-DEF0-0102-030405060708",
                        "IOLog 8", "varargs 9", "Start_Impl:7", "object contents"):
            self.assertIn(message, own)
            self.assertEqual(own[message]["level"], "default", message)
        text = "\n".join(own)
        for pattern in (r"errno \[?2: No such file or directory\]?", r"m Permission denied", r"bytes .*[dD][eE].?[aA][dD]",
                        r"return .*[nN]ot ?[rR]eady"):
            self.assertRegex(text, re.compile(pattern))

    def test_queues_actions_and_timers(self):
        self.passes_its_checks("queues", 20)
        messages = [line["message"] for line in self.messages("queues")]
        self.assertIn("queues: worker says 42, reference 77", messages)
        self.assertEqual(sum("says" in message for message in messages), 1, "the action of the wrong type came through")
        refused = [line["message"] for line in self.realm.log() if "OSAction_QueuesDriver_WorkDone" in line["message"]]
        self.assertEqual(len(refused), 1, "an action of the wrong type is refused in the log")
        self.assertIn("QueuesWorker::Done", refused[0])
        self.tool("opendext", "uninstall", bundle_id("queues"))
        self.wait_for_line("queues", "queues: cancelled")
        self.wait_for(lambda: not self.realm.drivers(bundle_id("queues")), "the process to end")

    def test_nubs_of_several_personalities(self):
        self.passes_its_checks("nubs", 12)
        leaves = self.wait_for(lambda: len(found := self.objects("NubsLeaf")) == 2 and found, "a leaf on each nub")
        self.assertEqual(sorted(leaf["properties"]["NubsPersonality"] for leaf in leaves), ["left", "right"])
        nubs = {nub["properties"]["NubsSide"]: nub for nub in self.objects("NubsNub")}
        self.assertEqual(sorted(nubs), ["left", "right"])
        self.assertEqual(nubs["left"]["name"], "left-nub")
        self.assertEqual((nubs["right"]["properties"]["NubsNumber"], nubs["right"]["properties"]["NubsTruth"]), (7, True))
        for side, nub in nubs.items():
            self.assertEqual([child["properties"]["NubsPersonality"] for child in nub["children"]], [side])
        root = self.objects("NubsRoot")[0]
        self.assertEqual((root["properties"]["NubsAnswer"], root["properties"]["NubsFlag"]), (42, True))
        for line in ("nubs: leaf of left", "nubs: leaf on left", "nubs: leaf of right", "nubs: leaf on right", "nubs: nub on NubsRoot",
                     "nubs: properties with side right"):
            self.wait_for_line("nubs", line)
        self.assertEqual(len({leaf["pid"] for leaf in leaves} | {root["pid"]}), 3, "each personality has a process")

    def test_user_client_of_the_dext(self):
        program = os.path.join(self.folder, "client")
        library = os.path.join(harness.PREFIX, "lib")
        subprocess.run(["clang-19", "-std=gnu17", "-fblocks", "-Wall", "-Wextra", "-Werror", "-isystem", sources.client_headers(),
                        os.path.join(HERE, "programs", "client.c"), "-o", program, "-L" + library, "-l:libIOKit.so.0",
                        "-Wl,-rpath," + library], check=True)
        self.install("clients")
        service = self.wait_for(lambda: self.objects("ClientsService"), "the service")[0]
        self.assertEqual((service["name"], service["properties"]["IOUserClasses"][0]), ("conformance-clients", "ClientsService"))
        result = subprocess.run([program], env=self.realm.environment(), text=True, capture_output=True, timeout=120, check=False)
        self.assertEqual((result.returncode, result.stdout.splitlines()), (0, [
            "open 1: 0xe00002c2",
            "open 0: 0x0",
            "add 0x0: 2: 13 42",
            "add with one: 0xe00002c2",
            "turn 0x0: mrofnoc",
            "later 0x0",
            "completed 0x0: 12 144, the reference",
            "later without a port: 0xe00002c2",
            "map 0x0: 0xd21e4",
            "count 0x0: 1",
            "unknown: 0xe00002c2",
            "close: 0x0",
        ]), result.stderr)
        self.wait_for_line("clients", "clients: closed, 0 left")


if __name__ == "__main__":
    unittest.main(verbosity=2)
