# SPDX-License-Identifier: Apache-2.0
"""What the kernel does for programs at a port, and what it cannot: line editing, echo, signals, XON/XOFF, flushing, back-pressure,
and each line of what `opendext serial ls NAME` says about a pseudo-terminal."""

import array
import errno
import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import termios
import time

import harness
from loop_line_case import EXTPROC, HOLDING, OPENED, WAIT, LoopLineCase, change, fill, non_blocking, readable, set_any_speed

KEPT = 64 * 1024  # each ring has more, docs/design/serial.md


class LineEditing(LoopLineCase):
    """The driver loops bytes back: what the program at the port writes is what somebody types at the far end."""

    def cooked(self):
        descriptor = self.open_default()
        attributes = termios.tcgetattr(descriptor)
        attributes[0] |= termios.ICRNL
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        self.cook(descriptor, termios.ICANON | termios.IEXTEN)
        return descriptor

    def test_line_comes_only_when_it_is_whole_and_can_be_edited(self):
        descriptor = self.cooked()
        os.write(descriptor, b"helk\x7flo wor\x17there")
        self.wait_for(lambda: pending(descriptor, termios.TIOCOUTQ) == 0, "the bytes to leave")
        self.assertFalse(readable(descriptor, 0.3))
        os.write(descriptor, b"\r")
        self.assertEqual(os.read(descriptor, 100), b"hello there\n", "erase, word erase, CR as NL")
        os.write(descriptor, b"all wrong\x15right\nsecond\n")
        self.assertEqual(os.read(descriptor, 100), b"right\n", "kill; one line a read")
        self.assertEqual(os.read(descriptor, 100), b"second\n")

    def test_end_of_file_ends_a_read(self):
        descriptor = self.cooked()
        os.write(descriptor, b"no newline\x04")
        self.assertEqual(os.read(descriptor, 100), b"no newline")
        os.write(descriptor, b"\x04")
        self.assertEqual(os.read(descriptor, 100), b"")

    def test_typed_bytes_are_echoed_to_the_far_end(self):
        # With echo and a loop a byte goes round for ever; the driver's log is not needed for it: two rounds are enough.
        descriptor = self.open_default()
        self.cook(descriptor, termios.ECHO)
        os.write(descriptor, b"x")
        self.assertEqual(self.read(descriptor, 20), b"x" * 20, "each x that comes in goes out again")
        change(descriptor, clear_local=termios.ECHO)

    def test_stty_sane_and_back_to_raw(self):
        descriptor = self.open_default()
        for _ in range(3):
            self.stty("sane", "-echo", "-opost")
            self.wait_for_kernel(descriptor)
            os.write(descriptor, b"abd\x7fc\n")
            self.assertEqual(os.read(descriptor, 100), b"abc\n")
            self.stty("raw", "-echo")
            os.write(descriptor, b"\x03\x7f\r\n")
            self.assertEqual(self.read(descriptor, 4), b"\x03\x7f\r\n")

    def stty(self, *arguments):
        result = subprocess.run(["stty", "-F", self.device, *arguments], capture_output=True, text=True, timeout=WAIT, check=False)
        # It reads the settings again and complains when the driver has changed EXTPROC by then.
        self.assertTrue(result.returncode == 0 or "unable to perform all requested operations" in result.stderr, result.stderr)
        return result.stdout

    def test_stty_shows_what_it_set(self):
        self.open_default()
        self.stty("115200", "cstopb", "crtscts", "ixon", "start", "^A", "stop", "^B")
        shown = self.stty("-a")
        for wanted in ("speed 115200 baud", "start = ^A;", "stop = ^B;", " cstopb", " crtscts", " ixon"):
            self.assertIn(wanted, shown)
        self.wait_for(lambda: self.calls()[-1:] == ["flow 0x2c 1 2"], f"flow control, got {self.calls()}")


class ControllingTerminal(LoopLineCase):
    """Programs that have the port as their terminal, as a getty gives it to them."""

    def start(self, script):
        """A shell with the port as controlling terminal and standard streams; it is ready when it says so."""
        device = self.device

        def take():
            os.setsid()
            terminal = os.open(device, os.O_RDWR)  # the first terminal that a session leader opens is its own
            for stream in (0, 1, 2):
                os.dup2(terminal, stream)

        shell = subprocess.Popen(["/bin/sh", "-c", script], preexec_fn=take)  # noqa: PLW1509
        self.addCleanup(lambda: (shell.kill(), shell.wait()))
        return shell

    def type(self, descriptor, text):
        """As if typed at the far end: the driver loops back what is written."""
        os.write(descriptor, text)

    def test_control_c_interrupts_and_control_backslash_quits(self):
        for character, number in ((b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)):
            descriptor = self.open()
            self.cook(descriptor, termios.ISIG)
            shell = self.start("ulimit -c 0; exec sleep 1000")
            self.wait_for(lambda shell=shell: harness.command_line(shell.pid).startswith("sleep"), "the program")
            self.assertEqual(terminal_of(shell.pid), os.stat(self.device).st_rdev)
            self.type(descriptor, character)
            self.assertEqual(shell.wait(WAIT), -number)
            os.close(descriptor)

    def test_control_z_stops(self):
        descriptor = self.open()
        self.addCleanup(os.close, descriptor)
        self.cook(descriptor, termios.ISIG)
        # A session leader alone is an orphan, which terminal stops do not stop: a child in a group of its own with a living
        # parent in the session is what a shell with job control has.
        shell = self.start("set -m; sleep 1000 & fg %1; exec sleep 1001")
        self.wait_for(lambda: [pid for pid in harness.children_of(shell.pid)], "the program")
        child = harness.children_of(shell.pid)[0]
        self.wait_for(lambda: harness.command_line(child).startswith("sleep"), "the program to be started")
        self.wait_for(lambda: foreground(shell.pid) == child, "the program to be in the foreground")
        self.type(descriptor, b"\x1a")
        self.wait_for(lambda: state(child) in ("T", "t"), "the program to be stopped")
        os.kill(child, signal.SIGKILL)

    def test_getty_like_use(self):
        """Opened non-blocking, made sane, a line read with editing, an answer written, then the session's hang-up."""
        descriptor = self.open(os.O_NONBLOCK)
        self.cook(descriptor, termios.ICANON | termios.ISIG)
        out = os.path.join(self.folder, "name")
        shell = self.start(f"read name; echo \"$name\" > {out}.new; mv {out}.new {out}; exec cat")
        self.type(descriptor, b"roor\x7ft\n")
        self.wait_for(lambda: os.path.exists(out), "the line")
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read(), "root\n")
        os.close(descriptor)
        self.tool("opendext", "uninstall", "org.example.loopline")
        self.assertEqual(shell.wait(WAIT), -signal.SIGHUP, "a removed port hangs up")


class FlowAndFlush(LoopLineCase):
    def test_output_suspended_by_the_program_waits(self):
        descriptor = self.open_default()
        termios.tcflow(descriptor, termios.TCOOFF)
        with non_blocking(descriptor):
            with self.assertRaises(BlockingIOError):
                os.write(descriptor, b"held")
        termios.tcflow(descriptor, termios.TCOON)
        os.write(descriptor, b"sent")
        self.assertEqual(self.read(descriptor, 4), b"sent")

    def hold(self, descriptor):
        set_any_speed(descriptor, HOLDING)
        self.expect(f"baud {HOLDING}")

    def go_on(self, descriptor):
        set_any_speed(descriptor, 9600)
        self.expect("baud 9600")

    def test_flush_reaches_the_driver(self):
        descriptor = self.open_default()
        for queue, call in ((termios.TCIFLUSH, "fifo 0 1"), (termios.TCOFLUSH, "fifo 1 0"), (termios.TCIOFLUSH, None)):
            before = len(self.calls("fifo"))
            termios.tcflush(descriptor, queue)
            # Both at once are one notice, or two when the driver's side looks in between.
            self.wait_for(lambda: (fifos := self.calls("fifo")[before:]) and
                          (call in fifos if call else flushed(fifos) == {"rx", "tx"}), f"the flush of queue {queue}")
        change(descriptor, termios.ICANON)
        before = len(self.calls("fifo"))
        termios.tcflush(descriptor, termios.TCIOFLUSH)
        self.wait_for(lambda: flushed(self.calls("fifo")[before:]) == {"rx", "tx"}, "the flush in canonical mode")

    def test_flushed_output_is_not_sent(self):
        descriptor = self.open_default()
        self.hold(descriptor)
        sent = fill(descriptor, b"d" * 400_000)
        self.assertGreater(sent, KEPT)
        termios.tcflush(descriptor, termios.TCOFLUSH)
        self.wait_for(lambda: "fifo 1 0" in self.calls("fifo"), "the flush")
        self.go_on(descriptor)
        os.write(descriptor, b"after")
        # What the kernel had already handed to the driver's side (4 KiB) stays, as what a chip has already sent: a flush
        # must not take what was written after it.
        got = b""
        while not got.endswith(b"after"):
            self.assertTrue(readable(descriptor), f"{len(got)} bytes, not all that was written after the flush")
            got += os.read(descriptor, 65536)
        self.assertLessEqual(got.count(b"d"), 4096)

    def test_flushed_input_is_not_read(self):
        descriptor = self.open_default()
        os.write(descriptor, b"old")
        self.assertTrue(readable(descriptor))
        self.wait_for(lambda: pending(descriptor, termios.FIONREAD) == 3, "the bytes")
        termios.tcflush(descriptor, termios.TCIFLUSH)
        self.assertEqual(pending(descriptor, termios.FIONREAD), 0)
        os.write(descriptor, b"new")
        self.assertEqual(self.read(descriptor, 3), b"new")

    def test_writer_waits_while_the_driver_takes_nothing_and_nothing_is_lost(self):
        descriptor = self.open_default()
        data = os.urandom(2_000_000)
        self.hold(descriptor)
        sent = fill(descriptor, data)
        self.assertLess(sent, len(data), "the writer has to wait")
        self.assertGreater(sent, KEPT, "what is kept on the way is used first")
        self.assertFalse(readable(descriptor, 0), "the driver gave something")
        self.assertFalse(select.select([], [descriptor], [], 0)[1], "the port must not say that it takes more")
        self.go_on(descriptor)
        self.check_stream(descriptor, data, sent)

    def test_reader_that_does_not_read_holds_the_far_end_and_nothing_is_lost(self):
        descriptor = self.open_default()
        data = os.urandom(4_000_000)
        sent = fill(descriptor, data)
        self.assertLess(sent, len(data), "terminal, rings and queues of both directions are full")
        self.assertGreater(sent, 2 * KEPT, "both directions' rings were used")
        self.check_stream(descriptor, data, sent)

    def check_stream(self, descriptor, data, sent):
        """Reads all of `data`, of which `sent` bytes are under way, while the rest is written."""
        got = bytearray()
        with non_blocking(descriptor):
            while len(got) < len(data):
                ready = select.select([descriptor], [descriptor] if sent < len(data) else [], [], WAIT)
                self.assertTrue(ready[0] or ready[1], f"{len(got)} of {len(data)} bytes")
                if ready[0]:
                    got += os.read(descriptor, 65536)
                if ready[1]:
                    try:
                        sent += os.write(descriptor, data[sent:sent + 4096])
                    except BlockingIOError:
                        time.sleep(0.001)  # POLLOUT of a pseudo-terminal can lie
        self.assertEqual(got, data)

    def test_blocked_writer_ends_with_a_hang_up_when_the_port_goes(self):
        descriptor = self.open()
        self.addCleanup(os.close, descriptor)
        self.expect(*OPENED)
        self.hold(descriptor)
        fill(descriptor, b"d" * 2_000_000)
        self.tool("opendext", "uninstall", "org.example.loopline")
        self.wait_for(lambda: error_of(os.write, descriptor, b"x") == errno.EIO, "the hang-up")
        self.assertEqual(error_of(termios.tcgetattr, descriptor), errno.EIO)


class FarEnd(harness.RealmCase):
    """A port with a socket at its far end."""

    def setUp(self):
        super().setUp()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            self.device = self.tool("opendext", "serial", "add", "far", "--connect", address).strip()
            listener.settimeout(WAIT)
            self.peer, _ = listener.accept()
        self.addCleanup(self.peer.close)
        self.peer.settimeout(WAIT)
        self.descriptor = os.open(self.device, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, self.descriptor)

    def check_xoff(self, local_modes):
        attributes = termios.tcgetattr(self.descriptor)
        attributes[0] |= termios.IXON
        attributes[3] |= local_modes
        termios.tcsetattr(self.descriptor, termios.TCSANOW, attributes)
        # The kernel acts on XON and XOFF while it does the line's work.
        harness.wait_for(lambda: not termios.tcgetattr(self.descriptor)[3] & EXTPROC, "the kernel to do the line's work")
        os.set_blocking(self.descriptor, False)
        for _ in range(3):
            self.peer.sendall(b"\x13")
            self.wait_for(lambda: error_of(os.write, self.descriptor, b"?") == errno.EAGAIN, "the output to stop")
            self.peer.sendall(b"\x11")
            self.wait_for(lambda: os.write(self.descriptor, b"!") == 1, "the output to go on")
            got = b""
            while not got.endswith(b"!"):
                got += self.peer.recv(4096)
            self.assertEqual(got.strip(b"?"), b"!")
        self.peer.sendall(b"neither is read\n")
        self.assertTrue(readable(self.descriptor))
        self.assertEqual(os.read(self.descriptor, 100), b"neither is read\n")

    def test_typed_xoff_stops_output_and_xon_lets_it_go(self):
        self.check_xoff(termios.ICANON)

    def test_xoff_stops_a_raw_port_that_asked_for_it(self):
        self.check_xoff(0)

    def test_carriage_returns_are_mapped_in_raw_mode_too(self):
        attributes = termios.tcgetattr(self.descriptor)
        attributes[0] |= termios.ICRNL
        termios.tcsetattr(self.descriptor, termios.TCSANOW, attributes)
        harness.wait_for(lambda: not termios.tcgetattr(self.descriptor)[3] & EXTPROC, "the kernel to do the line's work")
        self.peer.sendall(b"a\rb")
        got = b""
        while len(got) < 3:
            self.assertTrue(readable(self.descriptor))
            got += os.read(self.descriptor, 3)
        self.assertEqual(got, b"a\nb")

    def test_raw_port_passes_xon_and_xoff(self):
        self.peer.sendall(b"\x13\x11")
        got = b""
        while len(got) < 2:
            self.assertTrue(readable(self.descriptor))
            got += os.read(self.descriptor, 2)
        self.assertEqual(got, b"\x13\x11")


class Statement(harness.RealmCase):
    """Each line of `opendext serial ls NAME` about the backend, held against what the kernel does at that port."""

    def setUp(self):
        super().setUp()
        self.device = self.tool("opendext", "serial", "add", "said", "--listen", "127.0.0.1:0").strip()
        text = self.tool("opendext", "serial", "ls", "said")
        self.assertRegex(text, r"backend +pty \(a pseudo-terminal\)\. Speed, stop bits and flow control settings reach")
        self.said = dict(re.findall(r"^ {14}(\S[^,\n]*(?:, \S+)*) {2,}(\S.*)$", text, re.M))
        self.descriptor = os.open(self.device, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, self.descriptor)

    def said_of(self, subject):
        found = [text for key, text in self.said.items() if key.startswith(subject)]
        self.assertEqual(len(found), 1, f"{subject} in {self.said}")
        return found[0]

    def test_every_subject_has_a_test(self):
        self.assertEqual(sorted(key.split(",")[0].strip() for key in self.said),
                         ["7 data bits", "break", "drain", "lists of ports", "modem lines"])

    def test_seven_bits_and_parity(self):
        self.assertIn("EINVAL if nothing else changed", self.said_of("7 data bits"))
        self.assertIn("8N", self.said_of("7 data bits"))
        for flags, words in ((termios.CS7, ["cs7"]), (termios.PARENB, ["parenb"]), (termios.CS7 | termios.PARENB, ["cs7", "parenb"])):
            attributes = termios.tcgetattr(self.descriptor)
            size = 0 if flags & termios.CS7 else termios.CS8
            attributes[2] = attributes[2] & ~termios.CSIZE | size | flags
            with self.subTest(words):
                stty = subprocess.run(["stty", "-F", self.device, *words], capture_output=True, check=False)
                self.assertEqual(stty.returncode, 1)
                for when in (termios.TCSANOW, termios.TCSADRAIN, termios.TCSAFLUSH):
                    self.assertEqual(error_of(termios.tcsetattr, self.descriptor, when, attributes), errno.EINVAL)
                flags_now = termios.tcgetattr(self.descriptor)[2]
                self.assertEqual(flags_now & termios.CSIZE, termios.CS8)
                self.assertEqual(flags_now & termios.PARENB, 0)

    def test_seven_bits_and_parity_beside_another_change(self):
        attributes = termios.tcgetattr(self.descriptor)
        attributes[2] = attributes[2] & ~termios.CSIZE | termios.CS7 | termios.PARENB | termios.CSTOPB
        termios.tcsetattr(self.descriptor, termios.TCSANOW, attributes)  # no error: the stop bits changed
        flags = termios.tcgetattr(self.descriptor)[2]
        self.assertEqual(flags & (termios.CSIZE | termios.PARENB | termios.CSTOPB), termios.CS8 | termios.CSTOPB)

    def test_modem_lines(self):
        self.assertIn("ENOTTY", self.said_of("modem lines"))
        for request in (termios.TIOCMGET, termios.TIOCMSET, termios.TIOCMBIS, termios.TIOCMBIC):
            self.assertEqual(error_of(fcntl.ioctl, self.descriptor, request, array.array("i", [termios.TIOCM_DTR])), errno.ENOTTY)
        self.assertEqual(error_of(fcntl.ioctl, self.descriptor, 0x545C, termios.TIOCM_CD), errno.ENOTTY, "TIOCMIWAIT")
        self.assertEqual(error_of(fcntl.ioctl, self.descriptor, termios.TIOCGSERIAL, bytearray(256)), errno.ENOTTY)

    def test_break(self):
        self.assertIn("succeeds", self.said_of("break"))
        termios.tcsendbreak(self.descriptor, 0)
        fcntl.ioctl(self.descriptor, 0x5427)  # TIOCSBRK
        fcntl.ioctl(self.descriptor, 0x5428)  # TIOCCBRK

    def test_drain(self):
        self.assertIn("reached the pseudo-terminal", self.said_of("drain"))
        sent = fill(self.descriptor, b"d" * 400_000)  # nobody is connected: it stays here
        self.assertGreater(sent, 0)
        termios.tcdrain(self.descriptor)

    def test_lists_of_ports(self):
        from serial.tools import list_ports
        self.assertIn("do not list it", self.said_of("lists of ports"))
        self.assertNotIn(os.path.realpath(self.device), [os.path.realpath(port.device) for port in list_ports.comports(True)])


def pending(descriptor, request):
    """Bytes in the terminal's input (FIONREAD) or output (TIOCOUTQ)."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, request, count)
    return count[0]


def flushed(fifos):
    return {name for call in fifos for name, on in zip(("tx", "rx"), call.split()[1:]) if on == "1"}


def error_of(function, *arguments):
    """The errno that a call fails with, 0 if it succeeds."""
    try:
        function(*arguments)
    except (OSError, termios.error) as error:
        return error.args[0]
    return 0


def stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()


def terminal_of(pid):
    """Device number of a process's controlling terminal."""
    number = int(stat_fields(pid)[4])
    return os.makedev(number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00)


def foreground(pid):
    """Process group in the foreground of a process's terminal."""
    return int(stat_fields(pid)[5])


def state(pid):
    return stat_fields(pid)[0]


if __name__ == "__main__":
    harness.main()
