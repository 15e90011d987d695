# SPDX-License-Identifier: Apache-2.0
"""opendext stuck: who waits on what while a driver hangs, and nothing when nobody does."""

import json
import subprocess

import harness
import schema
from why_case import WhyCase


class Stuck(WhyCase):
    policy = "dev"

    def stuck(self, *arguments):
        result = self.realm.run("opendext", "stuck", "--json", *arguments)
        answer = json.loads(result.stdout)
        self.assertEqual(schema.problems(answer, schema.read("opendext-stuck")), [])
        self.assertEqual(result.returncode, 1 if answer["waits"] or answer["busy"] else 0, result.stderr)
        return answer

    def test_nobody_waits(self):
        self.install_provider()
        answer = self.wait_for(lambda: (one := self.stuck())["waits"] == [] and one["busy"] == [] and one, "quiet")
        self.assertEqual([one["bundle"] for one in answer["drivers"]], ["org.example.why.provider"])
        self.assertEqual(answer["drivers"][0]["state"], "ready")
        self.assertEqual([one["program"] for one in answer["clients"]], ["opendext stuck"])
        self.assertEqual(self.tool("opendext", "stuck"), "nobody waits\n")

    def test_a_driver_that_hangs_in_start(self):
        nub = self.install_provider()
        path = self.bundle("org.example.why.hang", self.on_nub({"WhyBehaviour": "hang"}))
        # It waits for the round to end, which does not.
        installing = subprocess.Popen([harness.program("opendext"), "install", path], env=self.realm.environment(), stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        self.addCleanup(installing.wait)
        self.addCleanup(installing.kill)

        def hanging():
            answer = self.stuck()
            waits = [one for one in answer["waits"] if one["what"] == "Start" and one["age_ms"] > 300]
            return waits and (waits[0], answer)
        wait, answer = self.wait_for(hanging, "the Start that hangs")
        self.assertEqual(wait["who"], "opendextd")
        self.assertTrue(wait["on"].startswith("org.example.why.hang["), wait)
        self.assertTrue(wait["limited"])
        self.assertFalse(wait["frozen"])
        self.assertGreater(wait["left_ms"], 0)
        driver = [one for one in answer["drivers"] if one["pid"] == wait["pid"]][0]
        self.assertEqual((driver["bundle"], driver["pending"], driver["state"]), ("org.example.why.hang", 1, "ready"))
        # The round keeps the provider busy, and what is below it.
        self.assertIn(nub["id"], [one["id"] for one in answer["busy"]])
        text = self.realm.run("opendext", "stuck").stdout
        self.assertRegex(text, r"opendextd waits for Start of org\.example\.why\.hang\[\d+\] \(0x[0-9a-f]+\) since .*, .* left")
        self.assertEqual([one for one in self.stuck("--older", "100000000")["waits"]], [])
        # With what its threads are doing, where it may be looked into.
        stacks = self.stuck("--stacks")["stacks"]
        self.assertEqual(list(stacks), [str(wait["pid"])])
        self.assertTrue("Start" in stacks[str(wait["pid"])] or "not known: " in stacks[str(wait["pid"])], stacks)
        # explain says the same of the personality, of the process and of the entry.
        standing = self.standing("org.example.why.hang")
        self.assertEqual((standing["state"], standing["reason"]), ("starting", "its driver is starting"))
        subject = [one for one in self.explain(str(wait["pid"]))["subjects"] if one["kind"] == "driver"][0]
        self.assertIn("Start", [one["what"] for one in subject["waits"]])
        self.kill_driver(wait["pid"])
        self.wait_for(lambda: not [one for one in self.stuck()["waits"] if one["pid"] == wait["pid"]], "the wait to be over")

    def kill_driver(self, pid):
        subprocess.run(["kill", "-KILL", str(pid)], check=True)

    def test_no_realm(self):
        self.tool("opendext", "stop")
        self.assertIn("no realm is up", self.refused("opendext", "stuck"))


if __name__ == "__main__":
    harness.main()
