# SPDX-License-Identifier: Apache-2.0
"""opendext serial serve: a tty over the network, to callers that speak nothing, Telnet or RFC 2217."""

import os
import select
import signal
import socket
import ssl
import subprocess
import termios
import threading
import tty

import harness
import serial
from serial_case import SerialCase, Stream, reader, socat, stream

PATIENCE = harness.PATIENCE


class Device:
    """A pseudo-terminal that stands for hardware behind a link, as /dev/serial has them: it can be unplugged and come back
    as another device. What is written to it here is what a line brings."""

    def __init__(self, folder, name="line"):
        self.link = os.path.join(folder, name)
        self.master = -1
        self.plug()

    def plug(self):
        self.master, terminal = os.openpty()
        tty.setraw(self.master)
        self.path = os.ttyname(terminal)
        os.close(terminal)
        os.symlink(self.path, self.link)

    def unplug(self):
        os.unlink(self.link)
        os.close(self.master)
        self.master = -1

    def send(self, data):
        while data:
            data = data[os.write(self.master, data):]

    def receive(self, count, timeout=30):
        got = b""
        while len(got) < count:
            if not select.select([self.master], [], [], timeout * PATIENCE)[0]:
                raise AssertionError(f"{len(got)} of {count} bytes: {got[:80]!r}")
            got += os.read(self.master, 65536)
        return got

    def settings(self):
        return termios.tcgetattr(self.master)

    def close(self):
        if self.master >= 0:
            os.close(self.master)


class Served:
    """A running `opendext serial serve`, its messages as they come. Numbers of pseudo-terminals are used again: without
    `lock`, a lock file that some program has for a former one is not in the way."""

    def __init__(self, case, device, *arguments, listen="127.0.0.1:0", lock=False):
        words = [device, "--listen", listen, *arguments] + ([] if lock else ["--no-lock-file"])
        self.process = subprocess.Popen(
            [harness.program("opendext-serial-serve"), *words], text=True,
            env=case.realm.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = []
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()
        self.ready = self.process.stdout.readline().strip()
        case.addCleanup(self.end)
        if not self.ready:
            self.process.wait(60 * PATIENCE)
            self.thread.join()
            raise AssertionError(f"it ended with {self.process.returncode}: {self.lines}")
        place = self.ready.split(" at ")[1].split(",")[0]
        self.address = ("127.0.0.1", int(place.rsplit(":", 1)[1])) if not place.startswith("unix:") else place

    def _collect(self):
        for line in self.process.stderr:
            self.lines.append(line.strip())

    def says(self, word):
        return any(word in line for line in self.lines)

    def connect(self):
        connection = socket.create_connection(self.address, 30 * PATIENCE)
        connection.settimeout(30 * PATIENCE)
        return connection

    def end(self, number=signal.SIGTERM):
        if self.process.returncode is None:
            self.process.send_signal(number)
            self.process.wait(60 * PATIENCE)
            self.thread.join()
            self.process.stdout.close()
            self.process.stderr.close()
        return self.process.returncode


def receive(connection, count):
    got = b""
    while len(got) < count:
        piece = connection.recv(65536)
        if not piece:
            break
        got += piece
    return got


class ServeCase(SerialCase):
    def device(self, name="line"):
        device = Device(self.folder, name)
        self.addCleanup(device.close)
        return device

    def serve(self, device, *arguments, **options):
        return Served(self, getattr(device, "link", device), *arguments, **options)

    def call(self, served):
        connection = served.connect()
        self.addCleanup(connection.close)
        self.wait_for(lambda: served.says("connected: "), "the caller to be seen")
        return connection

    def rfc2217(self, served, **settings):
        port = serial.serial_for_url(f"rfc2217://127.0.0.1:{served.address[1]}?timeout={int(20 * PATIENCE)}",
                                     timeout=30 * PATIENCE, **settings)
        self.addCleanup(port.close)
        return port


class Serve(ServeCase):
    def test_raw_bytes_pass_both_ways_unchanged(self):
        device = self.device()
        served = self.serve(device, "--protocol", "raw")
        self.assertRegex(served.ready, rf"^serving {device.path} at 127\.0\.0\.1:[0-9]+, protocol raw$")
        connection = self.call(served)
        data = bytes(range(256)) * 4
        connection.sendall(data)
        self.assertEqual(device.receive(len(data)), data)
        device.send(data)
        self.assertEqual(receive(connection, len(data)), data)

    def test_megabytes_both_ways_at_once_arrive_whole(self):
        device = self.device()
        connection = self.call(self.serve(device, "--protocol", "raw"))
        size = 4 << 20
        streams = [Stream("device to network", stream(size, 1), device.send, lambda: connection.recv(65536)),
                   Stream("network to device", stream(size, 2), connection.sendall, lambda: os.read(device.master, 65536))]
        for one in streams:
            one.start()
        for one in streams:
            one.finish(self)

    def test_pyserial_sets_the_line_by_rfc2217(self):
        device = self.device()
        served = self.serve(device)  # protocol auto: as the caller begins
        port = self.rfc2217(served, baudrate=57600)
        self.assertEqual(device.settings()[5], termios.B57600)
        port.baudrate = 921600
        self.assertEqual(device.settings()[5], termios.B921600)
        port.stopbits = serial.STOPBITS_TWO
        self.assertTrue(device.settings()[2] & termios.CSTOPB)
        port.rtscts = True
        self.assertTrue(device.settings()[2] & termios.CRTSCTS)
        port.dtr = False
        port.rts = False
        port.break_condition = True
        port.break_condition = False
        self.assertTrue(port.cd and port.dsr and port.cts, "a pseudo-terminal has carrier while its other side is there")
        with self.assertRaises(ValueError):
            port.parity = serial.PARITY_EVEN  # a pseudo-terminal cannot, and the caller hears it
        data = bytes(range(256)) * 8
        port.write(data)
        self.assertEqual(device.receive(len(data)), data)
        device.send(data)
        self.assertEqual(port.read(len(data)), data)

    def line(self):
        """A line with two ends, made by socat; gives their paths."""
        ends = [os.path.join(self.folder, name) for name in ("near", "far")]
        process = socat(*(f"pty,link={end},raw,echo=0" for end in ends))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.wait_for(lambda: all(os.path.exists(end) for end in ends), "socat's line")
        return ends

    def test_pyserial_at_both_ends_and_socat_between(self):
        near, far = self.line()
        device = self.open(far)
        port = self.rfc2217(self.serve(near, "--protocol", "rfc2217"), baudrate=115200)
        streams = [Stream("device to network", stream(128 << 10, 5), device.write, reader(port)),
                   Stream("network to device", stream(128 << 10, 6), port.write, reader(device))]
        for one in streams:
            one.start()
        for one in streams:
            one.finish(self)

    def test_socat_as_the_caller(self):
        near, far = self.line()
        served = self.serve(near, "--protocol", "raw")
        device = self.open(far)
        caller = subprocess.Popen(["socat", "STDIO", f"TCP:127.0.0.1:{served.address[1]}"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.addCleanup(caller.stdout.close)
        self.addCleanup(caller.wait)
        self.addCleanup(caller.stdin.close)
        caller.stdin.write(b"to the device")
        caller.stdin.flush()
        self.assertEqual(device.read(13), b"to the device")
        device.write(b"from the device")
        self.assertEqual(os.read(caller.stdout.fileno(), 64), b"from the device")

    def test_purge_throws_away_what_waits(self):
        device = self.device()
        port = self.rfc2217(self.serve(device, "--protocol", "rfc2217"), baudrate=115200)
        port.reset_input_buffer()
        port.reset_output_buffer()
        port.write(b"after")
        self.assertEqual(device.receive(5), b"after")

    def test_both_ends_can_be_opendext(self):
        device = self.device()
        served = self.serve(device, "--protocol", "raw")
        node = self.serial("add", "far", "--connect", f"127.0.0.1:{served.address[1]}").strip()
        self.wait_for(lambda: self.port("far")["state"] == "connected", "the link")
        with self.open(node) as port:
            port.write(b"there")
            self.assertEqual(device.receive(5), b"there")
            device.send(b"and back")
            self.assertEqual(port.read(8), b"and back")
            # The device is unplugged and plugged in again: the link heals by itself.
            device.unplug()
            self.wait_for(lambda: self.port("far")["state"] != "connected", "the link to break")
            device.plug()
            self.wait_for(lambda: self.port("far")["state"] == "connected", "the link to heal")
            self.wait_for(lambda: served.says("is back"), "the device to be opened")
            port.write(b"again")
            self.assertEqual(device.receive(5), b"again")

    def test_a_port_of_the_realm_is_served_by_its_name(self):
        far = self.peer()
        self.add("inner", far)
        connection = self.call(self.serve("inner", "--protocol", "raw"))
        connection.sendall(b"through two links")
        self.assertEqual(receive(far.connection, 17), b"through two links")
        far.connection.sendall(b"and back")
        self.assertEqual(receive(connection, 8), b"and back")

    def test_an_adopted_device_is_served_by_its_name(self):
        device = self.device()
        self.tool("opendext", "serial", "adopt", device.path, "--name", "bench")
        connection = self.call(self.serve("bench", "--protocol", "raw"))
        device.send(b"bytes")
        self.assertEqual(receive(connection, 5), b"bytes")

    def test_settings_to_begin_with_and_at_the_end(self):
        device = self.device()
        before = device.settings()
        served = self.serve(device, "--baud", "19200", "--line", "stop=2 flow=rtscts", "--protocol", "raw", lock=True)
        self.assertEqual(device.settings()[5], termios.B19200)
        self.assertTrue(device.settings()[2] & termios.CSTOPB)
        self.assertTrue(device.settings()[2] & termios.CRTSCTS)
        lock = os.path.join("/run/lock", "LCK.." + device.path.removeprefix("/dev/").replace("/", "_"))
        if os.access("/run/lock", os.W_OK):
            with open(lock, encoding="utf-8") as file:
                self.assertEqual(int(file.read()), served.process.pid)
        self.assertEqual(served.end(), 0)
        self.assertFalse(os.path.exists(lock))
        self.assertEqual(device.settings(), before)

    def test_several_callers_hear_the_same(self):
        device = self.device()
        served = self.serve(device, "--protocol", "raw", "--clients", "3")
        callers = [served.connect() for _ in range(3)]
        for caller in callers:
            self.addCleanup(caller.close)
        names = [f"127.0.0.1:{caller.getsockname()[1]}" for caller in callers]
        self.wait_for(lambda: all(name in served.lines[-1] for name in names), "all three callers")
        device.send(b"news for all")
        self.assertEqual([receive(caller, 12) for caller in callers], [b"news for all"] * 3)
        for caller in callers:
            caller.sendall(b"x")
        self.assertEqual(device.receive(3), b"xxx")

    def test_only_so_many_callers_and_only_the_allowed(self):
        device = self.device()
        served = self.serve(device, "--protocol", "raw", "--allow", "127.0.0.1,10.0.0.0/8")
        self.call(served)
        with served.connect() as second:
            self.assertEqual(second.recv(100), b"", "one caller at a time")
        served.end()
        with self.serve(device, "--protocol", "raw", "--allow", "192.0.2.1").connect() as stranger:
            self.assertEqual(stranger.recv(100), b"")

    def test_bytes_before_a_caller_are_kept_as_far_as_asked(self):
        device = self.device()
        served = self.serve(device, "--protocol", "raw", "--buffer", "1k")
        data = stream(256 << 10, 3)
        device.send(data)  # returns when all but what a pseudo-terminal holds has been read
        connection = self.call(served)
        got = b""
        while not got.endswith(data[-100:]):
            got += connection.recv(65536)
        self.assertTrue(data.endswith(got), "the newest, without a gap")
        self.assertLess(len(got), len(data) // 2)
        self.assertTrue(served.says("came before and are lost"))

    def test_unix_socket_and_tls(self):
        device = self.device()
        path = os.path.join(self.folder, "socket")
        served = self.serve(device, "--protocol", "raw", listen="unix:" + path)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30 * PATIENCE)
            connection.connect(path)
            self.wait_for(lambda: served.says("connected: "), "the caller to be seen")
            device.send(b"local")
            self.assertEqual(receive(connection, 5), b"local")
        self.assertEqual(served.end(), 0)
        self.assertFalse(os.path.exists(path))

        certificate, key = os.path.join(self.folder, "cert.pem"), os.path.join(self.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
                        certificate], check=True, capture_output=True)
        served = self.serve(device, "--protocol", "raw", "--tls-cert", certificate, "--tls-key", key)
        context = ssl.create_default_context(cafile=certificate)
        with context.wrap_socket(self.call(served), server_hostname="localhost") as connection:
            connection.sendall(b"secret")
            self.assertEqual(device.receive(6), b"secret")

    def test_a_caller_that_speaks_rfc2217_is_told_of_the_device(self):
        device = self.device()
        served = self.serve(device, "--protocol", "rfc2217")
        port = self.rfc2217(served, baudrate=38400)
        self.assertTrue(port.cd)
        device.unplug()
        self.wait_for(lambda: not port.cd, "the carrier to go")
        device.plug()
        self.wait_for(lambda: port.cd, "the carrier to come back")
        self.assertEqual(device.settings()[5], termios.B38400, "it is set as it was")
        port.write(b"still there")
        self.assertEqual(device.receive(11), b"still there")

    def test_bytes_of_a_caller_that_stays_go_to_the_device_when_it_is_back(self):
        device = self.device()
        served = self.serve(device.link, "--protocol", "rfc2217")
        # A caller that speaks RFC 2217, without the bytes that its protocol escapes.
        connection = self.call(served)
        connection.sendall(b"\xff\xfb\x2c\xff\xfb\x00\xff\xfd\x00")
        self.wait_for(lambda: served.says("connected"), "the caller")
        sent = bytes(byte & 0x7f | 0x20 for byte in stream(1 << 20, 5))
        writer = threading.Thread(target=connection.sendall, args=(sent,), daemon=True)
        writer.start()
        had = device.receive(100_000)
        device.unplug()
        self.wait_for(lambda: served.says("is gone"), "the loss of the device")
        device.plug()
        self.wait_for(lambda: served.says("is back"), "the device to be opened")
        rest = b""
        while not rest.endswith(sent[-1000:]):
            rest += device.receive(1)
        writer.join(30 * PATIENCE)
        # Only what the terminal had taken and nobody had read is gone.
        self.assertTrue(sent.startswith(had))
        self.assertTrue(sent.endswith(rest))
        lost = len(sent) - len(had) - len(rest)
        self.assertLessEqual(0, lost)
        self.assertLess(lost, 16384, "more is lost than a terminal holds")

    def test_bytes_of_a_caller_that_is_disconnected_are_thrown_away(self):
        device = self.device()
        served = self.serve(device.link, "--protocol", "raw")
        connection = self.call(served)
        connection.setblocking(False)
        still = 0
        while still < 20:  # until device, server and network are full
            try:
                connection.send(b"old" * 1000)
                still = 0
            except BlockingIOError:
                still += 1
                select.select([], [], [], 0.05)
        device.unplug()
        self.wait_for(lambda: served.says("bytes for the device are thrown away"), "the word of it")
        device.plug()
        self.wait_for(lambda: served.says("is back"), "the device to be opened")
        again = self.call(served)
        again.sendall(b"new")
        self.assertEqual(device.receive(3), b"new")

    def test_a_raw_caller_is_disconnected_when_the_device_goes(self):
        device = self.device()
        served = self.serve(device, "--protocol", "raw")
        connection = self.call(served)
        device.send(b"last words")
        self.assertEqual(receive(connection, 10), b"last words")
        device.unplug()
        self.assertEqual(connection.recv(100), b"")
        with served.connect() as early:
            self.assertEqual(early.recv(100), b"", "there is no device to talk to")
        device.plug()
        self.wait_for(lambda: served.says("is back"), "the device to be opened")
        later = served.connect()
        self.addCleanup(later.close)
        self.wait_for(lambda: served.says(f"connected: 127.0.0.1:{later.getsockname()[1]}"), "the caller")
        device.send(b"again")
        self.assertEqual(receive(later, 5), b"again")

    def test_bad_input_names_device_and_fix(self):
        device, busy = self.device(), self.device("busy")
        plain = os.path.join(self.folder, "plain")
        with open(plain, "w", encoding="utf-8"):
            pass
        served = self.serve(busy, "--protocol", "raw", lock=True)
        for arguments, words in [
                (("/dev/no-such-tty", "--listen", "0"), ("/dev/no-such-tty", "no device")),
                ((plain, "--listen", "0"), (plain, "no serial device")),
                (("/dev/null", "--listen", "0"), ("/dev/null", "no serial device")),
                (("nobody", "--listen", "0"), ("no port nobody", "opendext serial ports")),
                ((busy.link, "--listen", "0"), (busy.path, "in use", str(served.process.pid))),
                ((busy.link, "--listen", "0", "--no-lock-file"), (busy.link, "in use", "fuser")),
                ((device.link, "--listen", f"127.0.0.1:{served.address[1]}"), (str(served.address[1]), "in use")),
                ((device.link, "--listen", "nonsense"), ("nonsense",)),
                ((device.link,), ("--listen",)),
                ((device.link, "--listen", "0", "--protocol", "gopher"), ("gopher", "rfc2217")),
                ((device.link, "--listen", "0", "--line", "parity=maybe"), ("parity=maybe", "even")),
                ((device.link, "--listen", "0", "--baud", "0"), ("--baud",)),
                ((device.link, "--listen", "0", "--allow", "somebody"), ("somebody",)),
                ((device.link, "--listen", "0", "--tls-key", plain), ("--tls-cert",)),
                ((device.link, "--listen", "0", "--tls-cert", plain, "--tls-key", plain), ("tls", plain)),
                ((device.link, "--listen", "0", "--tls-cert", plain), ("--tls-key",)),
        ]:
            with self.subTest(arguments=arguments):
                message = self.refused("opendext-serial-serve", *arguments)
                for word in words:
                    self.assertIn(word, message)
        self.assertEqual([name for name in os.listdir("/run/lock") if name.endswith("_" + os.path.basename(device.path))], [])


if __name__ == "__main__":
    harness.main()
