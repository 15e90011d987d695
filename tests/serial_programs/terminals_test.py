# SPDX-License-Identifier: Apache-2.0
"""Terminal programs, typed at through a pseudo-terminal of the test: what is typed comes back from the recording port."""

import os
import time

import harness
import pexpect
import programs
from matrix import YES, no, partly, shows
from program_case import WAIT, ProgramCase, set_any_speed

PROGRAMS = [
    ("picocom", "3.1", "typed at"),
    ("minicom", "2.8", "typed at, settings from its own file"),
    ("tio", "2.5", "typed at"),
    ("screen", "4.9.0", "`screen DEVICE SPEED`"),
    ("socat", "1.7.4.4", "address `FILE:DEVICE,b115200,raw` to standard streams"),
    ("stty", "9.1", "`stty -F DEVICE …` (coreutils)"),
]


class Typed(ProgramCase):
    def type_at(self, name, *arguments, **more):
        """The program in a terminal of the test's."""
        path, environment = programs.find(name)
        environment = dict(environment, TERM="vt100", HOME=self.folder, **more)
        child = pexpect.spawn(path, list(arguments), timeout=WAIT, encoding="latin-1", env=environment, dimensions=(24, 80))
        self.addCleanup(child.close, force=True)
        return child

    def check_typing(self, child, text="hello there"):
        """What is typed comes back and is shown. A program may not be ready at once: it is typed until it was shown."""
        deadline = time.monotonic() + WAIT
        while True:
            child.send(text)
            if child.expect([text, pexpect.TIMEOUT], timeout=2 * harness.PATIENCE) == 0:
                return
            self.assertLess(time.monotonic(), deadline, f"nothing came back: {child.before!r}")

    def check_end(self, child):
        child.expect(pexpect.EOF)
        child.wait()
        self.expect_call("deactivate")

    @shows("picocom", "open", YES)
    @shows("picocom", "bytes", YES)
    @shows("picocom", "speed", YES)
    @shows("picocom", "any speed", YES)
    @shows("picocom", "stop bits", YES)
    @shows("picocom", "flow", YES)
    def test_picocom(self):
        child = self.type_at("picocom", "-b", "115200", "-p", "2", "-f", "h", self.device)
        child.expect("Terminal ready")
        self.expect_speed(115200)
        self.wait_for(lambda: self.calls("uart", "baud")[-1] in ("uart 115200 8 4 1", "baud 115200"), "the settings")
        self.wait_for(lambda: "flow 0x24 17 19" in self.calls("flow"), "flow control")
        self.check_typing(child)
        child.send("\x01\x02")
        child.expect("baud: ")
        child.send("250000\r")
        self.expect_speed(250000)
        child.send("\x01\x18")
        self.check_end(child)

    @shows("picocom", "7E1", no("starts and stays 8N1"))
    def test_picocom_with_parity(self):
        child = self.type_at("picocom", "-b", "9600", "-d", "7", "-y", "e", self.device)
        ended = child.expect(["Terminal ready", "FATAL[^\r]*"])
        self.assertEqual(ended, 0)
        self.check_typing(child)
        self.assertEqual({call.split()[2] + call.split()[4] for call in self.calls("uart")}, {"81"}, "8 data bits, no parity")
        child.send("\x01\x18")
        self.check_end(child)

    @shows("picocom", "modem lines", no("`C-a C-t` says that DTR is up, whatever it was; nothing is passed on"))
    @shows("picocom", "break", no("`C-a C-\\` says that a break was sent; it is not passed on"))
    def test_picocom_lines_and_break(self):
        child = self.type_at("picocom", "-b", "9600", self.device)
        child.expect("Terminal ready")
        child.send("\x01\x14")
        child.expect("DTR: up")
        child.send("\x01\x1c")
        child.expect("[Bb]reak")
        self.check_typing(child)
        self.assertEqual(self.calls("break"), [])
        self.assertEqual(self.calls("mcr"), ["mcr 1 1"], "that of the opening")
        child.send("\x01\x18")
        self.check_end(child)

    @shows("minicom", "open", YES)
    @shows("minicom", "bytes", YES)
    @shows("minicom", "speed", YES)
    @shows("minicom", "break", no("`C-a F` is not passed on"))
    def test_minicom(self):
        with open(os.path.join(self.folder, ".minirc.dfl"), "w", encoding="utf-8") as file:
            file.write(f"pu port {self.device}\npu lock {self.folder}\npu baudrate 57600\npu rtscts No\n"
                       "pu minit \npu mreset \npu mhangup \n")
        child = self.type_at("minicom", "-o", "-D", self.device, "-b", "57600")
        self.expect_speed(57600)
        self.check_typing(child)
        child.send("\x01f")
        self.check_typing(child, "still here")
        self.assertEqual(self.calls("break"), [])
        child.send("\x01x")
        child.send("\r")
        self.check_end(child)

    @shows("tio", "open", YES)
    @shows("tio", "bytes", YES)
    @shows("tio", "speed", YES)
    @shows("tio", "flow", YES)
    @shows("tio", "reconnect", YES)
    def test_tio(self):
        child = self.type_at("tio", "-b", "115200", "-f", "hard", self.device)
        child.expect("Connected")
        self.expect_speed(115200)
        self.wait_for(lambda: any(call.startswith("flow 0x24") for call in self.calls("flow")), "flow control")
        self.check_typing(child)
        self.tool("opendext", "uninstall", "org.example.loopline")
        child.expect("Disconnected")
        self.install()
        child.expect("Connected")
        self.check_typing(child, "again")
        child.send("\x14q")
        child.expect(pexpect.EOF)

    @shows("screen", "open", YES)
    @shows("screen", "bytes", YES)
    @shows("screen", "speed", YES)
    def test_screen(self):
        folder = os.path.join(self.folder, "screens")
        os.makedirs(folder, 0o700)
        child = self.type_at("screen", "-c", "/dev/null", self.device, "38400", SCREENDIR=folder)
        self.expect_speed(38400)
        self.check_typing(child)
        child.send("\x01ky")  # end the window, yes
        child.expect(pexpect.EOF)
        self.expect_call("deactivate")
        self.assertFalse(child.isalive())


class Streams(ProgramCase):
    @shows("socat", "open", YES)
    @shows("socat", "bytes", YES)
    @shows("socat", "speed", YES)
    @shows("socat", "any speed", no("`ispeed=` and `ospeed=` take constants of termios only"))
    @shows("socat", "stop bits", YES)
    def test_socat(self):
        path, environment = programs.find("socat")
        data = bytes(range(256)) * 256
        process = self.start([path, "-t", "5", f"FILE:{self.device},b115200,raw,echo=0,cstopb=1", "STDIO"], environment,
                             stdin=-1, stdout=-1)
        self.expect_speed(115200)
        self.wait_for(lambda: any(call.split()[3] == "4" for call in self.calls("uart")), "two stop bits")
        got = b""
        for start in range(0, len(data), 4096):
            process.stdin.write(data[start:start + 4096])
            process.stdin.flush()
            got += process.stdout.read(4096)
        self.assertEqual(got, data)
        refused = self.run_program([path, "-u", f"FILE:{self.device},ospeed=250000,raw", "STDIO"], environment)
        self.assertNotEqual(refused.returncode, 0)

    @shows("stty", "open", YES)
    @shows("stty", "speed", YES)
    @shows("stty", "any speed", no("knows the constants of termios only; it shows a port with another speed"))
    @shows("stty", "stop bits", YES)
    @shows("stty", "flow",
           partly("it may say that it could not do all, though it did: the port's driver takes the flag EXTPROC away meanwhile"))
    @shows("stty", "7E1", no("stays 8N1; ends with 1 and says \"Invalid argument\""))
    def test_stty(self):
        descriptor = self.keep_open()

        def stty(*arguments):
            return self.run_program(["stty", "-F", self.device, *arguments], text=True)
        self.assertEqual(stty("115200").returncode, 0)
        self.expect_call("baud 115200")
        self.assertEqual(stty("cstopb", "crtscts").returncode, 0)
        self.expect_call("uart 115200 8 4 1", "flow 0x24 17 19")
        self.assertIn("speed 115200 baud", stty("-a").stdout)
        refused = stty("cs7", "parenb")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Invalid argument", refused.stderr)
        self.assertEqual(stty("250000").returncode, 1)
        set_any_speed(descriptor, 250000)
        self.expect_call("baud 250000")
        self.assertEqual(stty("-a").returncode, 0)
        done = stty("ixon")
        self.assertTrue(done.returncode == 0 or "unable to perform all requested operations" in done.stderr, done.stderr)
        self.expect_call("flow 0x2c 17 19")
        self.assertIn(" ixon", stty("-a").stdout)


if __name__ == "__main__":
    harness.main()
