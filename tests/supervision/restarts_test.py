# SPDX-License-Identifier: Apache-2.0
"""Back-off, quarantine and its end, the next candidate, drivers that leave: with real processes that crash."""

import json
import os
import signal
import sys

import harness
import schema
from unruly_realm import BUNDLE, UnrulyCase, candidates

sys.path.insert(0, os.path.join(harness.SOURCE, "apps", "serial-over-tcp", "tests"))
from serial_case import SerialCase  # noqa: E402 pylint: disable=wrong-import-position

NOT_RESPONDING = "0xe00002ed"


class Restarts(UnrulyCase):
    realm_settings = {"restart.quarantine-after": "3"}

    def crash(self, name, other_than=None):
        pid = self.up(name, other_than)
        os.kill(pid, signal.SIGSEGV)
        self.gone(pid)
        return pid

    def until_quarantine(self, name):
        last = None
        for _ in range(3):
            last = self.crash(name, last)
        return self.wait_for_state(name, "quarantined")

    def test_back_off_then_quarantine_then_the_next_candidate_then_it_is_lifted(self):
        self.install(candidates({}, {}))
        first = self.crash("First")
        second = self.crash("First", first)
        waiting = self.wait_for(lambda: (each := self.quarantine("--all").get("First")) and each["crashes"] == 2 and each,
                                "the second crash to be counted")
        self.assertIn(waiting["state"], ("waiting for restart", "running"))
        self.assertTrue(self.said("is restarted in 2 s (crash 2): signal 11"))
        self.crash("First", second)
        quarantined = self.wait_for_state("First", "quarantined")
        self.assertEqual(quarantined["bundle"], BUNDLE)
        self.assertEqual(quarantined["reason"], "it crashed 3 times within 30 min")
        self.assertIn("signal 11", quarantined["last_reason"])
        self.assertEqual(quarantined["nub_path"], "IOService:/OpenDext/IOUserResources")
        self.up("Second")

        text = self.tool("opendext", "quarantine", "ls")
        self.assertIn(f"to try it again: opendext quarantine lift {BUNDLE}/First", text)
        [nub] = self.services("IOUserResources")
        property_ = nub["properties"]["OpenDextSupervision"][f"{BUNDLE}/First"]
        self.assertEqual(property_["State"], "quarantined")
        self.assertEqual(property_["Lift"], f"opendext quarantine lift {BUNDLE}/First")
        self.assertIn("not in quarantine; in quarantine: " + BUNDLE, self.refused("opendext", "quarantine", "lift", "Nobody"))
        self.assertEqual(self.realm.run("opendext", "quarantine", "lift").returncode, 2)
        self.assertEqual(self.realm.run("opendext", "quarantine", "raise").returncode, 2)

        self.assertIn("is out of quarantine", self.tool("opendext", "quarantine", "lift", "First"))
        self.assertEqual(self.quarantine("--all"), {})
        self.assertIn("nothing is in quarantine", self.tool("opendext", "quarantine", "ls"))
        self.assertEqual(set(self.present()), {"Second"}, "the other one has the category")
        self.assertEqual(self.ordered("terminate"), "ok")
        self.up("First")

    def test_json_is_as_the_schema_says(self):
        self.install(candidates({}))
        self.until_quarantine("First")
        for arguments in (("ls",), ("ls", "--all"), ("lift", "--all")):
            answer = json.loads(self.tool("opendext", "quarantine", *arguments, "--json"))
            self.assertEqual(len(answer["drivers"]), 1, arguments)
            self.assertEqual(schema.problems(answer, schema.read("opendext-quarantine")), [])

    def test_a_new_version_ends_the_quarantine(self):
        self.install(candidates({}))
        self.until_quarantine("First")
        self.install(candidates({}), "2")
        self.up("First")
        self.assertEqual(self.quarantine("--all"), {})

    def test_a_start_that_is_refused_goes_to_the_next_of_three_candidates(self):
        refuse = {"UnrulyStart": "refuse"}
        self.install(candidates(refuse, refuse, {}))
        self.up("Third")
        for name in ("First", "Second"):
            self.assertTrue(self.said(f"{BUNDLE}/{name} was not started on IOUserResources"), name)
        self.assertEqual(self.quarantine("--all"), {}, "a refusal is no crash")

    def test_a_crash_before_start_has_finished_goes_to_the_next_candidate(self):
        self.install(candidates({"IOUserClass": "UnrulyInit"}, {"UnrulyStart": "crash"}, {}))
        self.up("Third")
        crashes = {name: each["crashes"] for name, each in self.quarantine("--all").items()}
        self.assertEqual(crashes, {"First": 1, "Second": 1})

    def test_a_driver_that_terminates_itself_or_exits_hands_over_to_the_next(self):
        self.install(candidates({}, {}, {}))
        self.up("First")
        self.assertEqual(self.ordered("terminate"), "ok")
        self.up("Second")
        answer = self.ordered("exit")
        self.assertNotEqual(answer, "ok", "the driver died before it answered")
        third = self.up("Third")
        left = {name: each["reason"] for name, each in self.quarantine("--all").items()}
        self.assertEqual(left, {"First": "it called Terminate", "Second": "it called exit(0)"})
        self.ordered("fail")  # exit(1) is a crash
        self.up("Third", third)
        self.assertEqual(self.quarantine("--all")["Third"]["last_reason"], "exit status 1")

    def test_a_crash_in_stop_hands_over_too(self):
        self.install(candidates({"UnrulyStop": "crash"}, {}))
        self.up("First")
        self.ordered("terminate")
        self.up("Second")
        self.assertEqual(self.quarantine("--all")["First"]["state"], "left")

    def test_a_driver_that_crashes_under_an_order_answers_nobody_and_the_program_is_told(self):
        self.install(candidates({}))
        first = self.up("First")
        answer = self.ordered("crash")
        self.assertNotEqual(answer, "ok")
        self.assertRegex(answer, "died|ended")
        self.up("First", first)


class PolicyOfThePersonality(UnrulyCase):
    def test_driverkits_own_rule_restarts_at_once_each_time(self):
        self.install(candidates({"OpenDextRestartPolicy": "driverkit"}))
        last = None
        for _ in range(8):
            last = self.up("First", last)
            os.kill(last, signal.SIGKILL)
        self.up("First", last)
        told = self.quarantine("--all")["First"]
        self.assertEqual((told["policy"], told["crashes"], told["state"]), ("driverkit", 8, "running"))


class KeptEndpoints(SerialCase):
    realm_settings = {"restart.quarantine-after": "1", "restart.keep-endpoints": "2 s"}

    def test_an_open_port_hangs_up_when_its_driver_has_been_in_quarantine_for_long_enough(self):
        device = self.add("one", self.peer())
        descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, descriptor)
        os.set_blocking(descriptor, False)
        os.kill(self.port("one")["pid"], signal.SIGKILL)

        def state():
            try:
                return "open" if os.read(descriptor, 16) else "hung up"
            except BlockingIOError:
                return "open"
            except OSError:
                return "hung up"
        self.wait_for(lambda: "is in quarantine on" in self.realm.log_text(), "the quarantine")
        self.wait_for(lambda: state() == "hung up", "the application to see a hang-up")
        self.assertIn("serial port one: its driver does not come back, the terminal is hung up", self.realm.log_text())
        self.wait_for(lambda: not os.path.lexists(device), "the node to go")


if __name__ == "__main__":
    harness.main()
