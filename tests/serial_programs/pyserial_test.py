# SPDX-License-Identifier: Apache-2.0
"""pyserial at our ports: every method and property of its Serial class, its list of ports, miniterm, and asyncio on top."""

import asyncio
import errno
import os
import sys
import termios
import threading
import time

import harness
import pexpect
import programs
import serial
from matrix import YES, no, partly, shows
from program_case import WAIT, ProgramCase

PROGRAMS = [
    ("pyserial", "3.5", "`serial.Serial` on the device: each of its methods and properties"),
    ("pyserial miniterm", "3.5", "`python3 -m serial.tools.miniterm`, typed at"),
    ("pyserial-asyncio", "0.6", "`serial_asyncio`: a transport and a protocol, and streams"),
]


class Pyserial(ProgramCase):
    def port(self, **options):
        options.setdefault("timeout", WAIT)
        port = serial.Serial(self.device, **options)
        self.addCleanup(port.close)
        return port

    def check_error(self, number, function):
        with self.assertRaises((OSError, termios.error)) as caught:
            function()
        self.assertEqual(caught.exception.args[0], number)

    @shows("pyserial", "open", YES)
    def test_open_and_close_again_and_again(self):
        port = self.port(baudrate=115200)
        self.expect_call("activate", "mcr 1 1")
        for _ in range(5):
            port.close()
            self.expect_call("deactivate")
            port.open()
            self.expect_call("activate", "fifo 0 1")
        self.assertTrue(port.is_open)
        self.assertEqual(port.name, self.device)
        self.assertTrue(port.readable() and port.writable() and not port.seekable())

    @shows("pyserial", "speed", YES)
    @shows("pyserial", "any speed", YES)
    def test_speeds(self):
        port = self.port()
        self.expect_call("mcr 1 1")
        for speed in (50, 19200, 115200, 4000000, 250000, 31250, 12345678):
            port.baudrate = speed
            self.expect_call(f"baud {speed}")
        self.assertIn(115200, port.BAUDRATES)

    @shows("pyserial", "stop bits", YES)
    @shows("pyserial", "flow", partly("DSR/DTR is taken and not passed on: Linux has no setting for it"))
    def test_stop_bits_and_flow_control(self):
        port = self.port()
        self.expect_call("uart 9600 8 2 1")
        port.stopbits = serial.STOPBITS_TWO
        self.expect_call("uart 9600 8 4 1")
        port.stopbits = serial.STOPBITS_ONE_POINT_FIVE  # Linux has the one bit for both
        port.stopbits = serial.STOPBITS_ONE
        self.expect_call("uart 9600 8 2 1")
        port.rtscts = True
        self.expect_call("flow 0x24 17 19")
        port.xonxoff = True
        self.expect_call("flow 0x3c 17 19")
        port.rtscts = port.xonxoff = False
        self.expect_call("flow 0x0 17 19")
        port.dsrdtr = True
        self.assertTrue(port.dsrdtr)

    @shows("pyserial", "7E1",
           no("stays 8N1: setting the property raises EINVAL, unless something else changes in the same call, as when opening"))
    def test_seven_bits_and_parity(self):
        for name, value, before in (("bytesize", 7, 8), ("parity", serial.PARITY_EVEN, serial.PARITY_NONE)):
            with self.subTest(name), serial.Serial(self.device) as port:
                self.check_error(errno.EINVAL, lambda port=port, name=name, value=value: setattr(port, name, value))
                setattr(port, name, before)
        with serial.Serial(self.device, 19200, bytesize=7, parity="E"):
            self.expect_speed(19200)

    @shows("pyserial", "modem lines", no("each of them raises ENOTTY; opening does not"))
    def test_modem_lines(self):
        port = self.port()
        for name in ("rts", "dtr"):
            self.check_error(errno.ENOTTY, lambda name=name: setattr(port, name, False))
        for name in ("cts", "dsr", "ri", "cd"):
            self.check_error(errno.ENOTTY, lambda name=name: getattr(port, name))

    @shows("pyserial", "low latency", no("raises ValueError; nothing waits in our ports that it would make faster"))
    def test_low_latency(self):
        port = self.port()
        with self.assertRaises(ValueError):
            port.set_low_latency_mode(True)

    @shows("pyserial", "break",
           no("`send_break` and `break_condition` return, nothing is passed on: `opendext serial set NAME break=…`"))
    def test_break(self):
        port = self.port()
        port.send_break(0.01)
        port.break_condition = True
        port.break_condition = False
        port.write(b"x")
        self.assertEqual(port.read(1), b"x")
        self.assertEqual(self.calls("break"), [])

    @shows("pyserial", "flush", YES)
    @shows("pyserial", "drain", partly("`flush()` returns when the bytes are in the pseudo-terminal"))
    def test_flush_and_drain(self):
        port = self.port()
        self.expect_call("fifo 0 1")
        port.reset_output_buffer()
        self.expect_call("fifo 1 0")
        port.write(b"gone")
        self.wait_for(lambda: port.in_waiting == 4, "the bytes to come back")
        port.reset_input_buffer()
        self.assertEqual(port.in_waiting, 0)
        self.expect_call("fifo 0 1")
        port.baudrate = 110  # the driver takes nothing now
        port.timeout = 0
        port.write(b"y" * 1000)
        port.flush()
        self.assertEqual(port.read(1000), b"")
        self.assertEqual(port.out_waiting, 0)

    @shows("pyserial", "bytes", YES)
    def test_bytes_both_ways(self):
        port = self.port(baudrate=115200)
        data = bytes(range(256)) * 1024
        writer = threading.Thread(target=port.write, args=(data,))
        writer.start()
        got = port.read(len(data))
        writer.join(WAIT)
        self.assertEqual(got, data)
        port.write(b"one\ntwo\n" + b"to here|rest")
        self.assertEqual(port.readline(), b"one\n")
        self.assertEqual(port.read_until(b"|"), b"two\nto here|")
        buffer = bytearray(4)
        self.assertEqual(port.readinto(buffer), 4)
        self.assertEqual(bytes(buffer), b"rest")
        port.writelines([b"a", b"b"])
        self.assertEqual(port.read(2), b"ab")

    def test_timeouts_and_cancel(self):
        port = self.port(timeout=0.05)
        self.assertEqual(port.read(1), b"")
        port.timeout = 0
        self.assertEqual(port.read(1), b"")
        port.inter_byte_timeout = 0.1
        port.timeout = WAIT
        port.write(b"ab")
        self.assertEqual(port.read(2), b"ab")
        port.inter_byte_timeout = None
        got = []
        reader = threading.Thread(target=lambda: got.append(port.read(1)))
        reader.start()
        while reader.is_alive():
            port.cancel_read()
            time.sleep(0.01)
        self.assertEqual(got, [b""])
        port.baudrate = 110
        self.expect_call("baud 110")
        port.write_timeout = 0.5
        with self.assertRaises(serial.SerialTimeoutException):
            port.write(b"z" * 1_000_000)
        port.reset_output_buffer()

    def test_settings_as_a_dictionary_and_rs485(self):
        port = self.port()
        settings = dict(port.get_settings(), baudrate=57600, stopbits=2)
        port.apply_settings(settings)
        self.expect_call("uart 57600 8 4 1")
        with self.assertRaises((OSError, ValueError)):
            from serial import rs485
            port.rs485_mode = rs485.RS485Settings()

    @shows("pyserial", "exclusive",
           partly("`exclusive=True` keeps out others that ask for the same, by a lock on the file"))
    def test_exclusive(self):
        port = self.port(exclusive=True)
        with self.assertRaises(serial.SerialException):
            serial.Serial(self.device, exclusive=True)
        port.exclusive = False
        serial.Serial(self.device, exclusive=True).close()
        self.assertTrue(port.is_open)

    @shows("pyserial", "list",
           no("lists real devices only: `opendext serial ports`; `list_ports` with links included does not look into the realm either"))
    def test_list(self):
        from serial.tools import list_ports
        for links in (False, True):
            self.assertNotIn(os.path.realpath(self.device), [os.path.realpath(port.device) for port in list_ports.comports(links)])

    def test_removed_port_ends_a_read(self):
        port = self.port()
        problem = []

        def read():
            try:
                port.read(1)
            except serial.SerialException as error:
                problem.append(error)
        reader = threading.Thread(target=read)
        reader.start()
        self.tool("opendext", "uninstall", "org.example.loopline")
        reader.join(WAIT)
        self.assertFalse(reader.is_alive())
        self.assertEqual(len(problem), 1)

    @shows("pyserial", "reconnect", YES)
    def test_driver_killed_under_an_open_port(self):
        port = self.port()
        port.write(b"before")
        self.assertEqual(port.read(6), b"before")
        pid = self.realm.drivers("org.example.loopline")[0]
        os.kill(pid, 9)
        port.write(b"after")
        self.assertEqual(port.read(5), b"after")
        self.assertNotIn(pid, self.realm.drivers("org.example.loopline"))


class Miniterm(ProgramCase):
    @shows("pyserial miniterm", "open", YES)
    @shows("pyserial miniterm", "bytes", YES)
    @shows("pyserial miniterm", "speed", YES)
    def test_types_and_changes_the_speed(self):
        child = pexpect.spawn(sys.executable, ["-m", "serial.tools.miniterm", "--raw", self.device, "19200"], timeout=WAIT,
                              encoding="utf-8")
        self.addCleanup(child.close, force=True)
        self.expect_speed(19200)
        child.expect("Miniterm on")
        child.send("hello there")
        child.expect("hello there")
        child.send("\x14b")  # its menu: change the speed
        child.expect("Baudrate")
        child.send("57600\r")
        self.expect_call("baud 57600")
        child.send("\x1d")
        child.expect(pexpect.EOF)
        self.expect_call("deactivate")
        self.assertFalse(child.isalive())


class Asyncio(ProgramCase):
    def module(self):
        try:
            import serial_asyncio
        except ImportError:
            sys.path.append(os.path.join(programs.unpacked("serial_asyncio"), "usr", "lib", "python3", "dist-packages"))
            import serial_asyncio
        return serial_asyncio

    @shows("pyserial-asyncio", "open", YES)
    @shows("pyserial-asyncio", "bytes", YES)
    @shows("pyserial-asyncio", "speed", YES)
    def test_streams(self):
        serial_asyncio = self.module()
        data = bytes(range(256)) * 400

        async def echo():
            reader, writer = await serial_asyncio.open_serial_connection(url=self.device, baudrate=115200)

            async def send():
                for start in range(0, len(data), 4096):
                    writer.write(data[start:start + 4096])
                    await writer.drain()
            sending = asyncio.ensure_future(send())
            got = await asyncio.wait_for(reader.readexactly(len(data)), WAIT)
            await sending
            writer.close()
            return got
        self.assertEqual(asyncio.run(echo()), data)
        self.expect_speed(115200)

    @shows("pyserial-asyncio", "reconnect",
           partly("`connection_lost` is called when the port is removed; opening again is the program's own"))
    def test_protocol_hears_of_the_end(self):
        serial_asyncio = self.module()
        heard = []

        class Protocol(asyncio.Protocol):
            def __init__(self):
                self.lost = asyncio.get_running_loop().create_future()

            def connection_made(self, transport):
                transport.write(b"ping")

            def data_received(self, data):
                heard.append(data)

            def connection_lost(self, exc):
                self.lost.set_result(exc)

        async def run():
            loop = asyncio.get_running_loop()
            _, protocol = await serial_asyncio.create_serial_connection(loop, Protocol, self.device, baudrate=9600)
            while b"".join(heard) != b"ping":
                await asyncio.sleep(0.01)
            await loop.run_in_executor(None, self.tool, "opendext", "uninstall", "org.example.loopline")
            return await asyncio.wait_for(protocol.lost, WAIT)
        asyncio.run(run())
        self.assertEqual(b"".join(heard), b"ping")


if __name__ == "__main__":
    harness.main()
