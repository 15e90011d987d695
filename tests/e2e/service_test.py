# SPDX-License-Identifier: Apache-2.0
"""Services in processes of their own: what a driver asks of the registry and of other drivers, power, notifications,
reports, panic logs, memory of a client program, and the log of a life from init to free."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import harness
import sources

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE = "org.example.service"


class Service(harness.RealmCase):
    realm_settings = harness.KILLED_OFTEN  # exit(0) is a death like others there

    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-service-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        realm = harness.Realm(os.path.join(cls.built, "no-realm"))
        cls.result = realm.run("opendext", "build", os.path.join(HERE, "service"), "-o", cls.built, "--bundle-id", BUNDLE, "-I",
                               os.path.join(os.path.dirname(HERE), "dexts", "common"), "--quiet", timeout=300)
        library = os.path.join(harness.PREFIX, "lib")
        cls.program = os.path.join(cls.built, "program")
        subprocess.run(["clang-19", "-std=gnu17", "-fblocks", "-Wall", "-Werror", "-isystem", sources.client_headers(),
                        os.path.join(HERE, "service_program.c"), "-I", os.path.join(HERE, "service"), "-o", cls.program, "-L" + library, "-l:libIOKit.so.0",
                        "-Wl,-rpath," + library], check=True)

    def start(self):
        self.assertEqual((self.result.returncode, self.result.stderr), (0, ""))
        self.tool("opendext", "install", os.path.join(self.built, "Service.dext"))
        self.wait_for(lambda: self.services("ServiceLeaf"), "the driver in the second process")

    def run_program(self, *arguments, status=0):
        result = subprocess.run([self.program, *arguments], env=self.realm.environment(), text=True, capture_output=True,
                                timeout=120, check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout

    def lines(self):
        """What the drivers wrote to the log, oldest first."""
        return [line["message"] for line in self.realm.log() if line["bundle"] == BUNDLE]

    def wait_for_line(self, text, times=1):
        self.wait_for(lambda: sum(text in line for line in self.lines()) >= times, f"{text!r} in the log, {times} times")

    def power(self, command):
        return json.loads(self.tool("opendext", "power", command, "--json"))

    def process_of(self, name):
        return self.services(name)[0]["pid"]

    def properties(self, name):
        return self.services(name)[0]["properties"]

    def test_a_driver_finds_everything_as_it_should_be(self):
        self.start()
        pattern = re.compile(r"(root|leaf): (\d+) checks passed, (\d+) failed")
        done = self.wait_for(lambda: len(found := [match.groups() for line in self.lines() if (match := pattern.fullmatch(line))]) == 2
                             and dict((name, (passed, failed)) for name, passed, failed in found), "both to be through")
        self.assertEqual([line for line in self.lines() if ": failed: " in line], [])
        self.assertGreaterEqual(int(done["root"][0]), 107, "checks were left out")
        self.assertEqual(done["leaf"], ("4", "0"))
        self.assertTrue(any("event org.example.service.started" in line for line in self.lines()))
        self.assertEqual(self.properties("service-root")["IOMaxBusStall"], 20000)
        self.assertIn("lid-opened", self.tool("opendext", "power", "status"))

    def test_a_life_is_traced_from_init_to_free(self):
        self.start()
        self.tool("opendext", "uninstall", BUNDLE)
        wanted = ["leaf: init", "leaf: start", "leaf: stop", "leaf: free"]
        self.assertEqual([line for line in self.lines() if line in wanted], wanted)
        wanted = ["root: init", "root: start", "root: stop", "root: free"]
        self.wait_for(lambda: [line for line in self.lines() if line in wanted] == wanted, "root to be freed")
        order = [line for line in self.lines() if line in ("leaf: stop", "nub: stop", "root: stop")]
        self.assertEqual(order[-2:], ["nub: stop", "root: stop"], "what stands on a driver goes first")
        self.assertEqual(self.lines().count("nub: init"), self.lines().count("nub: free"))
        for step in ("start ok: ServiceLeaf", "registered: ServiceLeaf", "stop: ServiceLeaf", "detached: ServiceLeaf"):
            self.assertIn(step, self.realm.log_text())
        self.assertNotIn("was not freed", self.realm.log_text())

    # Facts: IOService.free
    def test_a_start_that_fails_frees_the_object_and_names_the_wrong_provider(self):
        self.start()
        self.wait_for_line("provider is IOUserResources, not ServiceNub; second personality/user client?")
        self.wait_for_line("wrong: free")
        self.assertEqual(self.services("ServiceWrong"), [])

    def test_opening_a_driver_without_user_client_gives_its_default_error(self):
        self.start()
        self.assertEqual(self.run_program("open", "ServiceLeaf"), "open 0xe00002bc\n", "kIOReturnError")
        self.assertEqual(self.run_program("open", "ServiceRoot", "5"), "open 0xe00002bc\n", "by NewUserClient of super")
        self.assertEqual(self.run_program("open", "ServiceRoot"), "open 0x0\n")
        self.assertEqual(self.run_program("entitlements"), "entitlements 0x0 1\n", "known when the user client starts")

    def test_services_of_other_processes_come_and_go_and_a_crash_is_told(self):
        self.start()
        self.wait_for_line("root: leaf matched")
        before = self.process_of("ServiceLeaf")
        os.kill(before, signal.SIGSEGV)
        self.wait_for_line("nub: client crashed: ")
        self.wait_for_line("root: leaf terminated")
        self.wait_for_line("root: leaf matched", 2)
        self.wait_for(lambda: self.process_of("ServiceLeaf") not in (0, before), "the next instance")

    def test_a_changed_item_is_told_to_who_watches_it(self):
        self.start()
        self.wait_for_line("root: item is 0")  # a truth value, set before anybody watched
        self.run_program("item", "42")
        self.wait_for_line("root: item is 42")

    def test_properties_from_outside_go_to_the_driver(self):
        self.start()
        self.assertEqual(self.run_program("set"), "set 0x0\n")
        self.wait_for_line("nub: properties from outside: 1")
        self.assertEqual(self.properties("ServiceNub")["FromOutside"], 7)

    def test_power_states_and_the_sleep_of_the_system(self):
        self.start()

        def root(power):
            return [each for each in power["objects"] if each["name"] == "service-root"][0]

        self.assertEqual(root(self.power("status"))["state"], "on")
        self.assertTrue(root(self.power("status"))["override"])
        self.run_program("power", "0x10000")
        self.wait_for(lambda: root(self.power("status"))["state"] == "low", "the driver's own change")
        self.wait_for_line("root: power 0x10000")
        asleep = self.power("sleep")
        self.assertEqual((asleep["system"], root(asleep)["state"]), ("asleep", "off"))
        self.assertIn("root: power 0x0", self.lines())

        waiting = subprocess.Popen([self.program, "open", "ServiceRoot"], env=self.realm.environment(), text=True,
                                   stdout=subprocess.PIPE)
        with self.assertRaises(subprocess.TimeoutExpired, msg="it waits while the system sleeps"):
            waiting.wait(1)
        awake = self.power("wake")
        self.assertEqual((awake["system"], root(awake)["state"]), ("awake", "low"))
        self.assertEqual(waiting.communicate(timeout=60)[0], "open 0x0\n")
        self.refused("opendext", "power", "doze")

    def test_busy_time_is_shown(self):
        self.start()
        self.run_program("busy", "1")
        self.assertEqual(self.services("service-root")[0]["busy"], 1)
        self.wait_for(lambda: self.services("service-root")[0]["busy_ms"] > 0, "the busy time to grow")
        self.assertRegex(self.tool("ioreg", "-w0"), r"service-root .*busy 1 \([1-9][0-9]* ms\)")

    def test_a_report_is_read(self):
        self.start()
        number = hex(self.services("service-root")[0]["id"])
        values = json.loads(self.tool("opendext", "report", number, "--json"))
        self.assertEqual([(each["name"], each["values"][0]) for each in values], [("Pages", 4711)])
        self.assertIn("Pages  4711 0 0 0", self.tool("opendext", "report", number))
        self.wait_for_line("root: configure report, 24 bytes, action 1")
        self.assertIn("no reports", self.refused("opendext", "report", hex(self.services("ServiceLeaf")[0]["id"])))

    def test_memory_of_a_program_is_copied_or_shared(self):
        self.start()
        self.assertEqual(self.run_program("memory").splitlines(), [
            "copied 0x0 150", "first bytes 1 1", "copy has 0x0 1",
            f"shared 0x0 {2 * 4096 + 8}", "first byte D", "share has 0x0 77",
            "shared again 0x0 4096", "first byte D",
            "crooked 0xe00002d0 0", "nowhere 0xe00002c8 0", "strange 0xe00002c2 0"])

    def test_a_panic_log_is_in_the_crash_report(self):
        self.start()
        self.run_program("crash")
        folder = os.path.join(self.realm.root, "crash")

        def logs():
            for name in os.listdir(folder):
                if not name.endswith(".json"):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    if found := json.load(file)["panic_logs"]:
                        return found
            return None

        self.assertEqual(self.wait_for(logs, "a crash report with the driver's text"),
                         [{"uuid": "0102030405060708090a0b0c0d0e0f10", "id": "service state", "text": "page 42, tray upper!"}])

    def test_each_process_has_a_server_and_can_end_itself(self):
        self.start()
        servers = [each for each in self.all_entries() if each["class"] == "IOUserServer"]
        self.assertEqual(len(servers), 2)
        names = {each["properties"]["IOUserServerName"] for each in servers}
        self.assertEqual(names, {BUNDLE})
        before = self.process_of("service-root")
        self.assertIn(before, [each["pid"] for each in servers])
        self.run_program("exit")
        self.wait_for(lambda: self.services("service-root") and self.process_of("service-root") not in (0, before),
                      "the next instance")

    def all_entries(self):
        tree = self.registry()
        found, todo = [], tree if isinstance(tree, list) else [tree]
        while todo:
            entry = todo.pop()
            found.append(entry)
            todo.extend(entry["children"])
        return found

    def test_the_same_version_replaces_in_developer_mode_only(self):
        self.start()
        bundle = os.path.join(self.built, "Service.dext")
        self.assertIn("on", self.tool("systemextensionsctl", "developer"))
        before = self.process_of("service-root")
        self.tool("opendext", "install", bundle)
        self.wait_for(lambda: self.services("service-root") and self.process_of("service-root") not in (0, before), "the new copy")
        self.wait_for(lambda: self.services("ServiceLeaf"), "the leaf on it")
        self.assertIn("off", self.tool("systemextensionsctl", "developer", "off"))
        before = self.process_of("service-root")
        self.tool("opendext", "install", bundle)
        self.assertEqual(self.process_of("service-root"), before)
        self.refused("systemextensionsctl", "developer", "maybe")


if __name__ == "__main__":
    harness.main()
