# SPDX-License-Identifier: Apache-2.0
"""`opendext serial run PROGRAM`: unmodified programs get what a pseudo-terminal lacks. The same programs as elsewhere here."""

import json
import os
import sys

import harness
from matrix import YES, no, partly, shows
from runtimes_test import java_ports, mono_ports, node_ports, results_of
from program_case import ProgramCase

PROGRAMS = [
    ("pyserial, by `opendext serial run`", "3.5", "the same, with `opendext serial run python3 …`"),
    ("Mono, by `opendext serial run`", "6.8.0", "the same, with `opendext serial run mono …`"),
    ("Node, by `opendext serial run`", "12.0.0", "the same, with `opendext serial run node …`"),
    ("jSSC, by `opendext serial run`", "2.8.0", "the same, with `opendext serial run java …`"),
]

SCRIPT = r"""
import errno, json, sys, termios
import serial
said = {}
port = serial.Serial(sys.argv[1], 19200, timeout=30)
port.write(b"ready"); port.read(5)
port.dtr = False
port.rts = False
port.rts = True
said["lines"] = [port.cts, port.dsr, port.cd, port.ri]
port.bytesize, port.parity = 7, "E"
said["frame"] = termios.tcgetattr(port.fd)[2] & (termios.CSIZE | termios.PARENB | termios.PARODD) == termios.CS7 | termios.PARENB
port.send_break(0)
port.write(b"end"); said["read"] = port.read(3).decode()
try:
    port.set_low_latency_mode(True)
except ValueError as error:
    said["latency"] = "refused"
print(json.dumps(said))
"""


class Run(ProgramCase):
    def command(self, *words):
        return [harness.program("opendext-serial"), "run", *words], self.realm.environment()

    def expect_driver(self, *wanted):
        """Waits until each of these calls has come, in this order, among others."""
        def all_in_order():
            calls = iter(self.calls("uart", "mcr", "break", "baud"))
            return all(any(call == want for call in calls) for want in wanted)
        self.wait_for(all_in_order, f"{wanted}, got {self.calls('uart', 'mcr', 'break', 'baud')}")

    @shows("pyserial, by `opendext serial run`", "open", YES)
    @shows("pyserial, by `opendext serial run`", "bytes", YES)
    @shows("pyserial, by `opendext serial run`", "modem lines", YES)
    @shows("pyserial, by `opendext serial run`", "7E1", YES)
    @shows("pyserial, by `opendext serial run`", "break", YES)
    @shows("pyserial, by `opendext serial run`", "low latency", no("as without it"))
    def test_pyserial(self):
        self.keep_open()
        command, environment = self.command(sys.executable, "-c", SCRIPT, self.device)
        done = self.run_program(command, environment, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual(said, {"lines": [True, True, True, False], "frame": True, "read": "end", "latency": "refused"})
        self.expect_driver("mcr 0 1", "mcr 0 0", "mcr 0 1", "uart 19200 7 2 3", "break 1", "break 0")
        # At the program's end the port is as applications, open and close have it.
        self.expect_driver("uart 19200 7 2 3", "mcr 1 1", "uart 19200 8 2 1")

    @shows("Mono, by `opendext serial run`", "open", YES)
    @shows("Mono, by `opendext serial run`", "bytes",
           partly("`DataReceived` never fires: Mono has it on Windows only; reading works"))
    @shows("Mono, by `opendext serial run`", "speed", YES)
    @shows("Mono, by `opendext serial run`", "stop bits", YES)
    @shows("Mono, by `opendext serial run`", "7E1", YES)
    @shows("Mono, by `opendext serial run`", "modem lines", YES)
    @shows("Mono, by `opendext serial run`", "flush", YES)
    @shows("Mono, by `opendext serial run`", "list", no("real devices only"))
    def test_mono(self):
        command, environment = mono_ports(self)
        run, _ = self.command(*command, self.device)
        results = results_of(self, run, dict(environment, **self.realm_words()))
        self.assertEqual(results, {"list": "False", "open": "True", "read": "hello there", "event": "False",
                                   "speed": "57600", "stop": "Two", "parity": "Even", "cts": "True", "dtr": "False", "flush": "True", "close": "True"})
        self.expect_driver("uart 57600 8 4 3")
        self.assertIn("mcr 0 0", self.calls("mcr"), "Open sets DTR and RTS as its properties are: off")
        self.assertTrue(self.calls("fifo"))

    @shows("jSSC, by `opendext serial run`", "open", YES)
    @shows("jSSC, by `opendext serial run`", "bytes", YES)
    @shows("jSSC, by `opendext serial run`", "speed", YES)
    @shows("jSSC, by `opendext serial run`", "stop bits", YES)
    @shows("jSSC, by `opendext serial run`", "modem lines", YES)
    @shows("jSSC, by `opendext serial run`", "break",
           partly("its `sendBreak` uses TIOCSBRK and TIOCCBRK, which have no length beforehand: not passed on"))
    def test_java(self):
        command = java_ports(self)
        run, environment = self.command(*command)
        results = results_of(self, run, environment)
        for name in ("open", "settings", "write", "dtr", "cts", "flush", "flow", "close"):
            self.assertEqual(results[name], "true", f"{name} in {results}")
        self.assertEqual((results["read"], results["event"]), ("hello there", "and again"))
        self.expect_speed(19200)
        self.assertTrue(any(call.split()[3] == "4" for call in self.calls("uart")), "two stop bits")
        self.assertEqual(self.calls("break"), [])

    @shows("Node, by `opendext serial run`", "open", YES)
    @shows("Node, by `opendext serial run`", "bytes", YES)
    @shows("Node, by `opendext serial run`", "modem lines", YES)
    @shows("Node, by `opendext serial run`", "7E1", YES)
    @shows("Node, by `opendext serial run`", "break",
           partly("`set` holds it without a length, by TIOCSBRK: not passed on"))
    def test_node(self):
        command, environment = node_ports(self)
        run, own = self.command(*command)
        results = results_of(self, run, dict(own, **environment))
        self.assertEqual({name: results[name] for name in ("open", "read", "set", "get", "flush", "close", "parity")},
                         {"open": "true", "read": "hello there", "set": "true", "get": "true", "flush": "true", "close": "true",
                          "parity": "true"})
        self.assertIn("mcr 0 1", self.calls("mcr"))
        # With the speed, or before it.
        self.wait_for(lambda: any(call.endswith(" 7 2 3") for call in self.calls("uart")), "seven bits, even parity")
        self.assertEqual(self.calls("break"), [])

    def realm_words(self):
        return {name: value for name, value in self.realm.environment().items() if name.startswith("OPENDEXT_")}

    def test_other_terminals_are_left_alone(self):
        master, terminal = os.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, terminal)
        command, environment = self.command(sys.executable, "-c", "import fcntl, sys, termios\nfcntl.ioctl(0, termios.TIOCMGET, bytes(4))")
        done = self.run_program(command, environment, text=True, stdin=terminal)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Inappropriate ioctl for device", done.stderr)

    def test_wrong_use_is_refused(self):
        done = self.run_program(*self.command("/no/such/program"), text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cannot run /no/such/program", done.stderr)
        done = self.run_program(*self.command(), text=True)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    harness.main()
