# SPDX-License-Identifier: Apache-2.0
"""The commands of `opendext serial`: what they print, what they refuse, and that nothing is left behind."""

import json
import os
import subprocess
import time
import unittest

import harness
from serial_case import SerialCase

# KiB of its own that each process may hold more after 80 further ports. Measured: opendextd 490 (over 1200
# ports it stops growing after the first 200), the others below 70. The agent has threads: on a busy machine malloc gives
# them up to two further arenas, of 132 KiB each.
MEMORY_BOUNDS = {"keeper": 256, "opendextd": 1024, "driver": 256, "agent": 512}


def anonymous_memory(pid):
    """RssAnon in KiB: the memory of its own that a process holds, without the pages of files and of shared memory."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))


SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


class Commands(SerialCase):
    def test_add_makes_nodes_registry_entries_and_a_state_within_a_second(self):
        self.serial("add", "warm", "--listen", "127.0.0.1:0")
        start = time.monotonic()
        device = self.serial("add", "quick", "--listen", "127.0.0.1:0").strip()
        took = time.monotonic() - start
        self.assertLess(took, 1.0 * harness.PATIENCE)
        self.assertEqual(device, os.path.join(self.realm.root, "dev", "cu.quick"))
        self.assertTrue(os.path.exists(device))
        self.assertTrue(os.path.exists(device.replace("cu.", "tty.")))
        port = self.port("quick")
        self.assertEqual((port["device"], port["backend"], port["state"]), (device, "pty", "listening"))
        self.assertRegex(port["remote"], r"^listen 127\.0\.0\.1:[1-9][0-9]*$")
        self.assertTrue(os.path.exists(f"/proc/{port['pid']}"))
        self.assertIn("org.opendext.SerialOverTCP", harness.command_line(port["pid"]))
        node = [entry for entry in self.services("IOSerialBSDClient")
                if entry["properties"]["IOTTYDevice"] == "quick"][0]["properties"]
        self.assertEqual(node["IOCalloutDevice"], device)
        self.assertEqual(node["IODialinDevice"], device.replace("cu.", "tty."))
        self.assertEqual((node["IOTTYBaseName"], node["IOTTYSuffix"]), ("quick", ""))

    def test_ls_says_in_words_what_a_pty_cannot_carry(self):
        self.serial("add", "words", "--listen", "127.0.0.1:0")
        text = self.serial("ls", "words")
        for word in ("7 data bits", "parity", "modem lines", "break", "drain", "instead"):
            self.assertIn(word, text)

    def test_bad_input_gives_one_message_and_leaves_nothing(self):
        self.serial("add", "taken", "--listen", "127.0.0.1:0")
        before = (self.ports(), sorted(os.listdir(os.path.join(self.realm.root, "dev"))))
        for arguments, words in [
                (("add", "taken", "--connect", "127.0.0.1:9"), ("taken", "another name")),
                (("add", "a/b", "--connect", "127.0.0.1:9"), ("a/b", "letters")),
                (("add", "", "--connect", "127.0.0.1:9"), ("not allowed",)),
                (("add", "..", "--connect", "127.0.0.1:9"), ("..", "dot")),
                (("add", "x" * 65, "--connect", "127.0.0.1:9"), ("64",)),
                (("add", "new", "--connect", "no-such-host.invalid:9"), ("no-such-host.invalid", "not found")),
                (("add", "new", "--connect", "127.0.0.1"), ("127.0.0.1", "HOST:PORT")),
                (("add", "new", "--connect", "127.0.0.1:99999"), ("99999", "65535")),
                (("add", "new", "--connect", "::1:5"), ("brackets",)),
                (("add", "new", "--listen", "nonsense"), ("nonsense",)),
                (("add", "new", "--listen", "192.0.2.1:7000"), ("192.0.2.1:7000",)),
                (("add", "new"), ("--connect", "--listen")),
                (("add", "new", "--connect", "a:1", "--listen", "1"), ("either",)),
                (("rm", "nobody"), ("nobody",)),
                (("ls", "nobody"), ("nobody",)),
                (("frobnicate",), ("frobnicate",)),
        ]:
            with self.subTest(arguments=arguments):
                message = self.refused("opendext-serial", *arguments)
                for word in words:
                    self.assertIn(word, message)
                self.assertEqual((self.ports(), sorted(os.listdir(os.path.join(self.realm.root, "dev")))), before)

    def test_shell_completes_commands_and_their_options(self):
        def complete(*words):
            script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _opendext; '
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            return subprocess.run(["bash", "-c", script, "bash", os.path.join(SOURCE, "tools", "opendext", "completion.bash"),
                                   harness.program("opendext"), *words], env=self.realm.environment(), text=True,
                                  capture_output=True, timeout=60, check=True).stdout.split()

        self.assertTrue({"add", "rm", "ls", "watch", "stop"} <= set(complete("serial", "")))
        self.assertEqual(complete("serial", "w"), ["watch"])
        self.assertEqual(set(complete("serial", "add", "x", "--cl")), {"--clients"})
        self.assertEqual(set(complete("serial", "watch", "--j")), {"--json"})
        self.assertEqual(complete("--realm", "/tmp", "serial", "a")[0][0], "a")

    def test_refused_connection_is_a_state(self):
        tcp = harness.free_port()
        self.serial("add", "nobody", "--connect", f"127.0.0.1:{tcp}")
        state = self.wait_for(lambda: (s := self.port("nobody")["state"]) != "connecting" and s, "a state")
        self.assertRegex(state, r"^Connection refused, retry in [0-9.]+ s$")

    def test_ls_prints_what_its_schema_says(self):
        self.serial("add", "row", "--connect", f"127.0.0.1:{harness.free_port()}")
        with open(os.path.join(SOURCE, "docs", "schemas", "serial.json"), encoding="utf-8") as file:
            row = json.load(file)["items"]
        types = {"string": str, "integer": int, "boolean": bool}
        for port in json.loads(self.serial("ls", "--json")):
            self.assertEqual(set(port), set(row["required"]))
            for key, value in port.items():
                self.assertIsInstance(value, types[row["properties"][key]["type"]], key)

    def test_ls_of_a_realm_that_is_not_up_is_empty(self):
        self.assertEqual(json.loads(self.serial("ls", "--json")), [])
        self.assertFalse(os.path.exists(os.path.join(self.realm.root, "run", "keeper.pid")))

    def test_a_hundred_ports_come_and_go_without_a_trace(self):
        self.realm.configure({"restart.spare-processes": "0"})  # what there is afterwards is known
        def footprint():
            return sorted((harness.command_line(pid).split()[0], len(os.listdir(f"/proc/{pid}/fd")))
                          for pid in self.realm.processes() + self.agent_pids())

        def no_more_than(before):
            """The same processes, none with more descriptors. Fewer is right: a port that has just gone may have held some."""
            now = footprint()
            return ([command for command, _ in now] == [command for command, _ in before]
                    and all(count <= was for (_, count), (_, was) in zip(now, before)))

        def memory():
            """Anonymous memory in KiB of what lives on: keeper, opendextd, control driver, agent, and the port that stays."""
            return {pid: anonymous_memory(pid) for pid in lasting}

        self.serial("add", "stays", "--listen", "127.0.0.1:0")
        for number in range(3):
            self.serial("add", f"p{number}", "--listen", "127.0.0.1:0")
            self.serial("rm", f"p{number}")
        self.wait_for(lambda: len(self.realm.drivers("org.opendext.SerialOverTCP")) == 2, "the drivers to end")
        before = footprint()
        lasting = {self.realm.keeper_pid(): "keeper", self.agent_pids()[0]: "agent"}
        for pid in self.realm.processes():
            if "opendextd" in harness.command_line(pid):
                lasting[pid] = "opendextd"
        for pid in self.realm.drivers("org.opendext.SerialOverTCP"):
            lasting[pid] = "driver"
        self.assertEqual(sorted(lasting.values()), ["agent", "driver", "driver", "keeper", "opendextd"])
        early = {}
        for number in range(100):
            if number == 20:
                early = memory()
            device = self.serial("add", f"port{number % 7}", "--listen", "127.0.0.1:0").strip()
            if number % 10 == 0:
                with open(device, "rb+", buffering=0):
                    pass
            self.serial("rm", f"port{number % 7}")
        self.assertEqual(set(self.ports()), {"stays"})
        self.assertEqual(sorted(os.listdir(os.path.join(self.realm.root, "dev"))), ["cu.stays", "tty.stays"])
        self.wait_for(lambda: no_more_than(before), f"processes and descriptors as before: {before}, now {footprint()}")
        late = memory()
        growth = {pid: late[pid] - early[pid] for pid in lasting}
        words = ", ".join(f"{lasting[pid]} {kib:+d}" for pid, kib in growth.items())
        for pid, kib in growth.items():
            self.assertLess(kib, MEMORY_BOUNDS[lasting[pid]], f"{lasting[pid]} grew, KiB after 80 more ports: {words}")

    def test_agent_ends_with_the_realm(self):
        self.serial("add", "end", "--listen", "127.0.0.1:0")
        agent = self.agent_pids()
        self.assertEqual(len(agent), 1)
        self.assertEqual(self.realm.stop(), [])
        self.wait_for(lambda: not self.agent_pids(), "the agent to end")


if __name__ == "__main__":
    unittest.main(verbosity=2)
