# SPDX-License-Identifier: Apache-2.0
"""What an application asks of the line reaches the driver: opening, speed, stop bits, flow control, closing. The driver is
one of the test's own; it logs the calls that it gets and loops bytes back."""

import datetime
import os
import statistics
import termios
import time

import harness
import serial
from loop_line_case import CLOSED, NO_FLOW, OPENED, RTS_CTS, XON_XOFF, LoopLineCase, change, set_any_speed

RAW_TO_COOKED = termios.ICANON | termios.ECHO | termios.ISIG
IN_TIME = 0.1  # a setting reaches the driver within this


def seconds(text):
    """A time of the log (RFC 3339) in seconds since 1970."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class LineSettings(LoopLineCase):
    def test_opening_activates_and_closing_deactivates(self):
        descriptor = self.open()
        self.expect(*OPENED)
        os.close(descriptor)
        self.expect(*CLOSED)
        descriptor = self.open()
        self.expect(*OPENED)
        os.close(descriptor)
        self.expect(*CLOSED)

    def test_speed_and_stop_bits_reach_the_driver(self):
        self.open_default()
        port = self.settings(baudrate=115200)
        self.expect("baud 115200")
        port.stopbits = serial.STOPBITS_TWO
        self.expect("uart 115200 8 4 1")
        port.baudrate = 9600
        self.expect("baud 9600")
        port.stopbits = serial.STOPBITS_ONE
        self.expect("uart 9600 8 2 1")

    def test_both_at_once_are_one_call(self):
        self.open_default()
        self.settings(baudrate=115200, stopbits=serial.STOPBITS_TWO)
        self.expect("uart 115200 8 4 1")

    def test_custom_speed_reaches_the_driver(self):
        self.open_default()
        port = self.settings()
        for speed in (12345, 250000, 3000000, 12345678):
            port.baudrate = speed
            self.expect(f"baud {speed}")

    def test_next_opening_programs_what_was_set(self):
        descriptor = self.open()
        self.expect(*OPENED)
        port = self.settings(baudrate=115200)
        self.expect("baud 115200")
        port.close()
        os.close(descriptor)
        self.expect(*CLOSED)
        descriptor = self.open()
        self.expect("activate", "uart 115200 8 2 1", NO_FLOW, "mcr 1 1")
        os.close(descriptor)
        self.expect(*CLOSED)

    def test_flow_control_reaches_the_driver(self):
        self.open_default()
        port = self.settings(rtscts=True)
        self.expect(RTS_CTS)
        port.rtscts = False
        self.expect(NO_FLOW)
        port.xonxoff = True
        self.expect(XON_XOFF)

    def test_bytes_come_back(self):
        self.open_default()
        port = self.settings(baudrate=115200)
        data = bytes(range(256)) * 400
        got = b""
        for start in range(0, len(data), 2048):
            port.write(data[start:start + 2048])
            got += port.read(len(data[start:start + 2048]))
        self.assertEqual(got, data)

    def test_speed_change_arrives_in_canonical_mode(self):
        descriptor = self.open_default()
        change(descriptor, termios.ICANON)
        os.write(descriptor, b"a line\n")
        self.assertEqual(os.read(descriptor, 100), b"a line\n")
        change(descriptor, speed=termios.B115200)
        self.expect("baud 115200")
        change(descriptor, speed=termios.B19200)
        self.expect("baud 19200")

    def test_speed_change_arrives_in_canonical_mode_while_bytes_move(self):
        descriptor = self.open_default()
        change(descriptor, termios.ICANON)
        os.write(descriptor, b"a line\n")
        self.assertEqual(os.read(descriptor, 100), b"a line\n")
        change(descriptor, speed=termios.B115200)
        deadline = time.monotonic() + 30 * harness.PATIENCE
        while self.calls()[self.seen:] != ["baud 115200"]:
            self.assertLess(time.monotonic(), deadline, f"the driver was not told while bytes moved: {self.calls()[self.seen:]}")
            for _ in range(100):  # less than the time between two looks at the settings passes without a byte
                os.write(descriptor, b"another line\n")
                self.assertEqual(os.read(descriptor, 100), b"another line\n")

    def test_half_speeds_and_hang_up_reach_the_driver(self):
        descriptor = self.open_default()
        change(descriptor, speed=termios.B0)
        self.expect("mcr 0 0")
        change(descriptor, speed=termios.B9600)
        self.expect("mcr 1 1", "baud 9600")

    def arrival(self, call, ask):
        """Seconds from ask() to `call`, which is the only one that the driver gets; log times are of the same clock."""
        before = time.time()
        ask()
        self.expect(call)
        line = [line for line in self.realm.log() if str(line.get("message", "")).endswith("call: " + call)][-1]
        return seconds(line["time"]) - before

    def check_times(self, descriptor, label):
        """The machine may be loaded: what the mechanism takes is seen in the half of the changes that went best."""
        times = [self.arrival(f"baud {speed}", lambda speed=speed: set_any_speed(descriptor, speed))
                 for speed in (250000, 12345678, 115200, 300, 1000001, 19200, 4800, 31250, 9601, 9602)]
        times.append(self.arrival(RTS_CTS, lambda: self.flow(descriptor, True)))
        times.append(self.arrival(NO_FLOW, lambda: self.flow(descriptor, False)))
        print(f"{label}: median {statistics.median(times) * 1000:.1f} ms, longest {max(times) * 1000:.1f} ms", flush=True)
        self.assertLess(statistics.median(times), IN_TIME)
        self.assertGreater(min(times), -0.01, "the clocks are the same")

    def flow(self, descriptor, on):
        attributes = termios.tcgetattr(descriptor)
        attributes[2] = attributes[2] | termios.CRTSCTS if on else attributes[2] & ~termios.CRTSCTS
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)

    def test_settings_reach_the_driver_in_time(self):
        descriptor = self.open_default()
        self.check_times(descriptor, "raw")
        change(descriptor, RAW_TO_COOKED)
        self.check_times(descriptor, "canonical")

    def test_settings_arrive_while_the_mode_changes_again_and_again(self):
        descriptor = self.open_default()
        for number in range(12):
            change(descriptor, termios.ICANON)
            set_any_speed(descriptor, 100_001 + number)
            self.expect(f"baud {100_001 + number}")
            os.write(descriptor, b"edited\x7f\x7f\x7f\x7f\n")
            self.assertEqual(self.read(descriptor, 3), b"ed\n", "the kernel edits the line")
            change(descriptor, clear_local=termios.ICANON)
            set_any_speed(descriptor, 200_001 + number)
            self.expect(f"baud {200_001 + number}")
            os.write(descriptor, b"raw\x7f")
            self.assertEqual(self.read(descriptor, 4), b"raw\x7f")

    def test_mode_and_speed_in_one_call(self):
        descriptor = self.open_default()
        for _ in range(3):
            change(descriptor, RAW_TO_COOKED & ~termios.ECHO, speed=termios.B57600)
            self.expect("baud 57600")
            change(descriptor, clear_local=RAW_TO_COOKED, speed=termios.B9600)
            self.expect("baud 9600")

    def test_several_openers_are_one_opening(self):
        first = self.open_default()
        second = self.open(path=self.dialin)
        third = os.dup(second)
        change(second, speed=termios.B38400)
        self.expect("baud 38400")
        os.close(second)
        os.write(third, b"still open")
        self.assertEqual(self.read(first, 10), b"still open")
        os.close(third)
        change(first, speed=termios.B9600)
        self.expect("baud 9600")  # and no deactivate before it

    def test_quick_openings_and_closings_end_well(self):
        for _ in range(50):
            os.close(self.open(os.O_NONBLOCK))
        descriptor = self.open()
        os.write(descriptor, b"alive")
        self.assertEqual(self.read(descriptor, 5), b"alive")
        os.close(descriptor)
        self.wait_for(lambda: self.calls()[-1:] == ["deactivate"], "the last closing")
        calls = self.calls("activate", "deactivate")
        self.assertEqual(calls, ["activate", "deactivate"] * (len(calls) // 2))

    def test_last_close_drops_the_lines_whatever_hupcl_says(self):
        # A pseudo-terminal has no lines that could stay up: the driver is always told to drop them.
        for flag in (termios.HUPCL, 0):
            descriptor = self.open()
            self.expect(*OPENED)
            attributes = termios.tcgetattr(descriptor)
            attributes[2] = attributes[2] & ~termios.HUPCL | flag
            termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
            os.close(descriptor)
            self.expect(*CLOSED)


if __name__ == "__main__":
    harness.main()
