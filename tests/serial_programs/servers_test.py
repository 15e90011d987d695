# SPDX-License-Identifier: Apache-2.0
"""Serial ports over the network with servers and clients that are not ours: ser2net and pyserial, at either end."""

import json
import os
import socket
import threading

import harness
import programs
import serial
import serial.rfc2217
from matrix import YES, partly, shows
from program_case import WAIT, ProgramCase

PROGRAMS = [
    ("ser2net, serving our port", "4.3.11", "raw, telnet and telnet(rfc2217) in front of the port; the test is its client"),
    ("ser2net, our peer", "4.3.11", "our port connects to it: `--protocol raw`, `telnet`, `rfc2217`; a second port of ours is behind it"),
    ("pyserial RFC 2217 server, our peer", "3.5", "our port connects to `serial.rfc2217.PortManager` in front of `loop://`"),
    ("pyserial RFC 2217 client", "3.5", "`rfc2217://` to our port that listens"),
    ("pyserial RFC 2217 client, to `serve`", "3.5", "`rfc2217://` to `opendext serial serve`"),
]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), WAIT)


class Servers(ProgramCase):
    def ser2net(self, accepter, device=None):
        """Starts ser2net in front of a device; gives its TCP port."""
        path, environment = programs.find("ser2net")
        tcp = harness.free_port()
        config = os.path.join(self.folder, f"ser2net-{tcp}.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"%YAML 1.1\n---\nconnection: &port\n  accepter: {accepter.format(f'tcp,127.0.0.1,{tcp}')}\n"
                       f"  connector: serialdev,{device or self.device},9600n81,local\n  options:\n    kickolduser: true\n")
        self.start([path, "-n", "-u", "-c", config], environment, stderr=-3, stdout=-3)
        self.wait_for(lambda: self.listening(tcp), "ser2net to listen")
        return tcp

    @staticmethod
    def listening(tcp):
        with open("/proc/net/tcp", encoding="utf-8") as file:
            return any(f":{tcp:04X} " in line and " 0A " in line for line in file)

    def check_stream(self, send, receive, size=256 * 1024):
        """Bytes of all values go out and come back, while both directions are busy."""
        data = bytes(range(256)) * (size // 256)
        sender = threading.Thread(target=lambda: [send(data[i:i + 4096]) for i in range(0, len(data), 4096)], daemon=True)
        sender.start()
        got = bytearray()
        while len(got) < len(data):
            piece = receive()
            self.assertTrue(piece, f"the stream stopped after {len(got)} bytes")
            got += piece
        sender.join(WAIT)
        self.assertEqual(bytes(got), data)

    def add(self, *arguments):
        """A port of ours, connected; gives its device."""
        device = self.tool("opendext", "serial", "add", "net", *arguments).strip()
        return device

    def state(self):
        return json.loads(self.tool("opendext", "serial", "ls", "net", "--json"))[0]

    def wait_connected(self):
        self.wait_for(lambda: self.state()["state"].startswith("connected"), "the connection")

    def client(self, device, **options):
        options.setdefault("timeout", WAIT)
        port = serial.serial_for_url(device, **options)
        self.addCleanup(port.close)
        return port

    @staticmethod
    def receiver(port):
        return lambda: port.read(max(1, port.in_waiting))


class Ser2netServes(Servers):
    @shows("ser2net, serving our port", "open", YES)
    @shows("ser2net, serving our port", "bytes", YES)
    def test_raw(self):
        with connect(self.ser2net("{}")) as client:
            self.expect_call("activate")
            self.check_stream(client.sendall, lambda: client.recv(65536))
        self.expect_call("deactivate")

    @shows("ser2net, serving our port", "speed", YES)
    @shows("ser2net, serving our port", "any speed", YES)
    @shows("ser2net, serving our port", "stop bits", YES)
    @shows("ser2net, serving our port", "flow", YES)
    def test_rfc2217(self):
        port = self.client(f"rfc2217://127.0.0.1:{self.ser2net('telnet(rfc2217),{}')}?ign_set_control&timeout=30", baudrate=57600)
        self.expect_speed(57600)
        port.stopbits = 2
        self.wait_for(lambda: any(call.split()[3] == "4" for call in self.calls("uart")), "two stop bits")
        port.rtscts = True
        self.wait_for(lambda: self.calls("flow")[-1].startswith("flow 0x24"), "flow control")
        self.check_stream(port.write, self.receiver(port), 64 * 1024)
        port.baudrate = 12345
        self.expect_speed(12345)


class Ser2netIsThePeer(Servers):
    @shows("ser2net, our peer", "open", YES)
    @shows("ser2net, our peer", "bytes", YES)
    def test_raw(self):
        device = self.add("--connect", f"127.0.0.1:{self.ser2net('{}')}")
        self.wait_connected()
        port = self.client(device, baudrate=115200)
        self.check_stream(port.write, self.receiver(port))

    def test_telnet(self):
        device = self.add("--connect", f"127.0.0.1:{self.ser2net('telnet,{}')}", "--protocol", "telnet")
        self.wait_connected()
        port = self.client(device, baudrate=115200)
        self.check_stream(port.write, self.receiver(port))

    @shows("ser2net, our peer", "speed", YES)
    @shows("ser2net, our peer", "stop bits", YES)
    @shows("ser2net, our peer", "flow", YES)
    @shows("ser2net, our peer", "reconnect", YES)
    def test_rfc2217(self):
        tcp = self.ser2net("telnet(rfc2217),{}")
        device = self.add("--connect", f"127.0.0.1:{tcp}", "--protocol", "rfc2217")
        self.wait_connected()
        port = self.client(device, baudrate=57600)
        self.expect_speed(57600)
        port.stopbits = 2
        self.wait_for(lambda: any(call.split()[3] == "4" for call in self.calls("uart")), "two stop bits")
        port.rtscts = True
        self.wait_for(lambda: any(call.startswith("flow 0x24") for call in self.calls("flow")), "flow control")
        self.check_stream(port.write, self.receiver(port), 64 * 1024)
        with connect(tcp):  # kicks our connection out
            self.wait_for(lambda: self.state()["connections"] >= 2, "the next connection")
        port.write(b"again")
        self.assertEqual(port.read(5), b"again")


class LoopServer(threading.Thread):
    """pyserial's RFC 2217 server, as its documentation has it, in front of loop://, whose RTS is its CTS and DTR its DSR."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serial = serial.serial_for_url("loop://", do_not_open=True, timeout=0.02)
        self.serial.open()
        self.breaks = []
        self.done = False
        self.start()

    def run(self):
        while not self.done:
            try:
                self.socket, _ = self.listener.accept()
            except OSError:
                return
            self.manager = serial.rfc2217.PortManager(self.serial, self)
            self.alive = True
            reader = threading.Thread(target=self.read_port, daemon=True)
            reader.start()
            try:
                while data := self.socket.recv(4096):
                    self.serial.write(b"".join(self.manager.filter(data)))
            except OSError:
                pass
            self.alive = False
            reader.join()
            self.socket.close()

    def read_port(self):
        try:
            while self.alive:
                self.manager.check_modem_lines()
                if self.serial.break_condition:
                    self.breaks.append(True)
                data = self.serial.read(max(1, self.serial.in_waiting))
                if data:
                    self.socket.sendall(b"".join(self.manager.escape(data)))
        except OSError:
            pass  # the peer has gone

    def write(self, data):
        """What PortManager answers with."""
        self.socket.sendall(data)

    def close(self):
        self.done = True
        self.listener.close()
        if hasattr(self, "socket"):
            self.socket.close()


class PyserialIsThePeer(Servers):
    def setUp(self):
        super().setUp()
        self.server = LoopServer()
        self.addCleanup(self.server.close)
        self.device = self.add("--connect", f"127.0.0.1:{self.server.port}", "--protocol", "rfc2217")
        self.wait_connected()
        self.port = self.client(self.device, baudrate=57600)

    def check_far(self, name, value):
        self.wait_for(lambda: getattr(self.server.serial, name) == value, f"{name} to be {value}")

    def set(self, *words):
        return self.tool("opendext", "serial", "set", "net", *words)

    def cts(self):
        """As the far end, whose RTS is its CTS, has told."""
        return json.loads(self.set("--json"))["modem"]["CTS"]

    @shows("pyserial RFC 2217 server, our peer", "open", YES)
    @shows("pyserial RFC 2217 server, our peer", "bytes", YES)
    @shows("pyserial RFC 2217 server, our peer", "speed", YES)
    @shows("pyserial RFC 2217 server, our peer", "any speed", YES)
    @shows("pyserial RFC 2217 server, our peer", "stop bits", YES)
    @shows("pyserial RFC 2217 server, our peer", "flow", YES)
    def test_what_the_application_sets(self):
        self.check_far("baudrate", 57600)
        self.port.baudrate = 250000
        self.check_far("baudrate", 250000)
        self.port.stopbits = 2
        self.check_far("stopbits", 2)
        self.port.rtscts = True
        self.check_far("rtscts", True)
        self.port.rtscts = False
        self.check_far("rtscts", False)
        self.port.xonxoff = True
        self.check_far("xonxoff", True)
        self.port.xonxoff = False
        self.check_far("xonxoff", False)
        self.check_stream(self.port.write, self.receiver(self.port), 64 * 1024)

    @shows("pyserial RFC 2217 server, our peer", "7E1", partly("by `opendext serial set`"))
    @shows("pyserial RFC 2217 server, our peer", "modem lines",
           partly("by `opendext serial set`; DTR and RTS rise when an application opens the port"))
    @shows("pyserial RFC 2217 server, our peer", "break", partly("by `opendext serial set`"))
    def test_what_the_command_line_sets(self):
        self.check_far("dtr", True)
        self.check_far("rts", True)
        self.set("bits=7", "parity=even")
        self.check_far("bytesize", 7)
        self.check_far("parity", "E")
        self.set("dtr=0", "rts=0")
        self.check_far("dtr", False)
        self.check_far("rts", False)
        self.wait_for(lambda: self.cts() is False, "CTS to fall")
        self.set("rts=1")
        self.wait_for(lambda: self.cts() is True, "CTS to rise")
        self.set("break=300ms")
        self.wait_for(lambda: self.server.breaks, "the break")


class PyserialIsTheClient(Servers):
    """Our port listens and is the RFC 2217 server; what pyserial asks for is answered, since no line is behind it."""

    @shows("pyserial RFC 2217 client", "open", YES)
    @shows("pyserial RFC 2217 client", "bytes", YES)
    @shows("pyserial RFC 2217 client", "speed", YES)
    @shows("pyserial RFC 2217 client", "7E1", YES)
    @shows("pyserial RFC 2217 client", "stop bits", YES)
    @shows("pyserial RFC 2217 client", "modem lines", YES)
    @shows("pyserial RFC 2217 client", "break", YES)
    @shows("pyserial RFC 2217 client", "flush", YES)
    def test_listening_port(self):
        tcp = harness.free_port()
        near = self.client(self.add("--listen", f"127.0.0.1:{tcp}", "--protocol", "rfc2217"), baudrate=9600)
        far = self.client(f"rfc2217://127.0.0.1:{tcp}", baudrate=19200)
        for name, value in (("baudrate", 115200), ("baudrate", 12345), ("bytesize", 7), ("parity", "E"), ("stopbits", 2)):
            setattr(far, name, value)  # raises where the answer is another value, or none
        far.rts = False
        far.dtr = False
        far.rts = True
        self.assertIsInstance(far.cts, bool)
        self.assertIsInstance(far.cd, bool)
        far.send_break(0.05)
        far.reset_input_buffer()
        far.reset_output_buffer()
        far.write(b"\xff\x00\r\n far")
        self.assertEqual(near.read(8), b"\xff\x00\r\n far")
        near.write(b"\xff\xff near")
        self.assertEqual(far.read(7), b"\xff\xff near")

    @shows("pyserial RFC 2217 client, to `serve`", "open", YES)
    @shows("pyserial RFC 2217 client, to `serve`", "bytes", YES)
    @shows("pyserial RFC 2217 client, to `serve`", "speed", YES)
    @shows("pyserial RFC 2217 client, to `serve`", "stop bits", YES)
    @shows("pyserial RFC 2217 client, to `serve`", "flow", YES)
    def test_served_port(self):
        tcp = harness.free_port()
        self.start([harness.program("opendext"), "serial", "serve", self.device, "--listen", f"127.0.0.1:{tcp}", "--protocol", "rfc2217"],
                   self.realm.environment(), stdout=-3)
        self.wait_for(lambda: self.listening(tcp), "the port to be served")
        far = self.client(f"rfc2217://127.0.0.1:{tcp}", baudrate=57600)
        self.expect_speed(57600)
        far.stopbits = 2
        self.wait_for(lambda: any(call.split()[3] == "4" for call in self.calls("uart")), "two stop bits")
        far.rtscts = True
        self.wait_for(lambda: any(call.startswith("flow 0x24") for call in self.calls("flow")), "flow control")
        self.check_stream(far.write, self.receiver(far), 64 * 1024)


if __name__ == "__main__":
    harness.main()
