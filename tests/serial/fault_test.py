# SPDX-License-Identifier: Apache-2.0
"""Agent, peer, network link and application are stopped, killed, cut and restarted under traffic. README.md tells what is
promised in each case."""

import os
import shutil
import subprocess
import time
import unittest

import harness
from stream_case import IN_SOCKETS, LONG, MIB, RING, Line, StreamCase

# How often an event is repeated, and how many bytes pass between two.
TIMES = 50 if LONG else 4
BETWEEN = 8 * MIB if LONG else MIB // 2
# Its guard waits longer each time.
AGENTS = 8 if LONG else 4


class Faults(StreamCase):
    def line(self, name, **options):
        line = Line(self, name, **options)
        self.addCleanup(self.tell, line)
        self.driver(name)
        self.before = self.at_rest()
        line.send()
        return line

    def tell(self, line):
        if any(program.process is not None for program in line.programs):
            print(line.name, [program.block.received for program in line.programs], flush=True)

    def more(self, line, count=BETWEEN):
        """So much more passes each way."""
        line.wait_for_bytes(line.peer.block.received + count, line.application.block.received + count)

    def stands_still(self, line):
        """Waits until nothing moves any more: every buffer on the way is full."""
        last = None

        def still():
            nonlocal last
            line.check()
            now = [(program.block.sent, program.block.received) for program in line.programs]
            same, last = now == last, now
            return same
        self.wait_for(lambda: (time.sleep(0.3), still())[1], "the streams to stand still")


    def counter(self, key):
        """A property of the only port, which tells of the time when its connection changed last."""
        return next(entry["properties"][key] for entry in self.services("IOUserSerial") if key in entry["properties"])


class AgentAndApplication(Faults):
    def test_stopped_agent_holds_both_streams_and_loses_nothing(self):
        line = self.line("agent")
        for _ in range(TIMES):
            self.more(line)
            with self.stopped(self.agent()):
                time.sleep(0.3 * self.random.random())
        self.more(line)
        line.finish()
        self.assertEqual(line.peer.block.connections, 1)
        self.rests(self.before)

    def test_stopped_driver_holds_both_streams_and_loses_nothing(self):
        line = self.line("driver")
        for _ in range(TIMES):
            self.more(line)
            with self.stopped(self.driver(line.name)):
                time.sleep(0.3 * self.random.random())
        line.finish()
        self.assertEqual(line.peer.block.connections, 1)
        self.rests(self.before)

    def test_killed_agent_loses_no_more_than_its_connection_held(self):
        line = self.line("agent", peer_words=("--lost", str(IN_SOCKETS), "--repeated", str(RING)),
                         application_words=("--lost", str(IN_SOCKETS)))
        line.application.end()  # so that the next one may find gaps: each start of it allows one
        for number in range(AGENTS):
            line.application.start()
            self.more(line, MIB)  # past what the rings kept, so that it comes to the gap
            line.application.end()
            self.kill_agent()
            self.wait_for(lambda n=number: line.peer.block.connections == n + 2, "the new connection")
        line.application.start()
        self.more(line, MIB // 8)
        line.finish()
        peer = line.peer.block
        print(f"outward {peer.gap_bytes} lost, {peer.repeated_bytes} repeated; inward {line.application.block.gap_bytes} lost",
              flush=True)
        self.rests(self.before)

    def test_stopped_application_holds_the_peer_back_and_loses_nothing(self):
        line = self.line("stopped")
        for _ in range(TIMES):
            self.more(line)
            with self.stopped(line.application.pid):
                self.stands_still(line)
        line.finish()
        self.assertEqual(line.peer.block.connections, 1)
        self.rests(self.before)

    def test_application_that_closes_and_opens_the_port_again_misses_nothing(self):
        line = self.line("again")
        for _ in range(TIMES):
            self.more(line)
            line.application.end()
            time.sleep(0.1 * self.random.random())
            line.application.start()
        self.more(line)
        line.finish()
        self.assertEqual(line.peer.block.connections, 1)
        self.rests(self.before)


class PeerComesAndGoes(Faults):
    def test_peer_that_ends_in_order_loses_nothing_either_way(self):
        line = self.line("order")
        for number in range(TIMES):
            self.more(line)
            line.peer.block.close = number + 1
            line.wait_for(lambda n=number: line.peer.block.closed == n + 1, "the end of the connection")
        self.more(line)
        line.finish()
        self.assertEqual(line.peer.block.connections, TIMES + 1)
        self.rests(self.before)

    def test_killed_peer_loses_what_its_connection_held_and_nothing_of_the_ring(self):
        line = self.line("killed", peer_words=("--lost", str(IN_SOCKETS)))
        peer = line.peer
        peer.block.limit = 0  # what it sends is the next tests' matter
        for number in range(TIMES):
            line.wait_for_bytes(peer.block.received + MIB // 8, 0)
            # The peer takes nothing more: sockets, ring and terminal are full of what it will not read.
            peer.block.deaf = 1
            self.stands_still(line)
            peer.kill()
            self.wait_for(lambda: not self.port(line.name)["state"].startswith("connected"), "the loss of the connection")
            accepted = self.counter("SerialOverTCPBytesSent")
            self.assertGreater(line.application.block.sent - accepted, RING // 2, "the ring was full when the peer died")
            peer.block.deaf = 0
            peer.start()
            line.wait_for(lambda n=number: peer.block.connections == n + 2, "the next connection")
            line.wait_for(lambda a=accepted: peer.block.received > a, "the next bytes")
            # Bytes behind the gap that equal those before it by chance count as before it.
            self.assertIn(peer.block.began - accepted, range(4), "the first byte that the kernel had not accepted")
        line.finish()
        self.rests(self.before)

    def test_killed_peer_that_had_read_everything_loses_nothing(self):
        # A peer that is killed between a write and its count writes that piece again.
        line = self.line("read", application_words=("--repeated", str(RING)))
        line.application.block.limit = 0
        for number in range(TIMES):
            line.wait_for_bytes(0, line.application.block.received + MIB // 8)
            line.application.block.expect += 1
            line.peer.kill()
            line.peer.start()
            line.wait_for(lambda n=number: line.peer.block.connections == n + 2, "the next connection")
        line.finish()

    def test_killed_peer_does_not_take_back_what_was_received(self):
        line = self.line("received", application_words=("--lost", str(IN_SOCKETS), "--repeated", str(RING)),
                         peer_words=("--lost", str(IN_SOCKETS)))
        for number in range(TIMES):
            self.more(line, MIB // 8)
            # All buffers are full both ways, so the peer leaves bytes unread and its kernel resets the connection.
            line.application.block.deaf = line.peer.block.deaf = 1
            self.stands_still(line)
            line.peer.kill()
            self.wait_for(lambda: not self.port(line.name)["state"].startswith("connected"), "the loss of the connection")
            had = self.counter("SerialOverTCPBytesReceived") + line.application.block.gap_bytes
            line.application.block.deaf = 0
            line.wait_for(lambda h=had: line.application.block.received == h, f"the {had} bytes that had been received")
            line.application.block.expect += 1
            line.peer.block.deaf = 0
            line.peer.start()
            line.wait_for(lambda n=number: line.peer.block.connections == n + 2, "the next connection")
        line.finish()
        self.assertGreater(line.application.block.gap_bytes, 0, "nothing was lost, so nothing was shown")


def may_cut_links():
    """None, or why not."""
    if os.geteuid() != 0:
        return "needs root: network namespaces and links between them"
    if shutil.which("ip") is None:
        return "needs ip (Debian package iproute2)"
    name = f"od-probe-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"no network namespaces here: {done.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return None


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class CutLink(Faults):
    """The peer lives in a network namespace at the other end of a link that the test cuts."""

    def setUp(self):
        if reason := may_cut_links():
            self.skipTest(reason)
        super().setUp()
        number = os.getpid() % 4000
        self.space, self.here, there = f"od-peer-{number}", f"odh{number}", f"odp{number}"
        net = f"10.{211 + number // 250}.{number % 250}"
        self.address = f"{net}.2"
        ip("netns", "add", self.space)
        self.addCleanup(ip, "netns", "del", self.space)
        ip("link", "add", self.here, "type", "veth", "peer", "name", there, "netns", self.space)
        ip("addr", "add", f"{net}.1/24", "dev", self.here)
        ip("link", "set", self.here, "up")
        ip("-n", self.space, "addr", "add", f"{self.address}/24", "dev", there)
        ip("-n", self.space, "link", "set", there, "up")
        ip("-n", self.space, "link", "set", "lo", "up")

    def cut(self):
        ip("link", "set", self.here, "down")

    def mend(self):
        ip("link", "set", self.here, "up")

    def cut_line(self, name, **options):
        return self.line(name, listen=self.address, prefix=("ip", "netns", "exec", self.space), **options)

    def test_short_cuts_lose_nothing(self):
        line = self.cut_line("short")
        for _ in range(TIMES):
            self.more(line)
            self.cut()
            time.sleep(0.2 + 0.5 * self.random.random())
            self.mend()
        self.more(line)
        line.finish()
        self.assertEqual(line.peer.block.connections, 1)
        self.rests(self.before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
