# SPDX-License-Identifier: Apache-2.0
"""A link that stays cut for longer than the port's time-out: it is noticed and told, tried again, and what was kept is
delivered. The link is the loopback device of a network namespace, which this file makes by running itself in one."""

import os
import shutil
import subprocess
import sys
import unittest

from stream_case import IN_SOCKETS, LONG, MIB, Line, StreamCase

INSIDE = "OPENDEXT_TEST_IN_NAMESPACE"
TIMEOUT = 2
BUFFER = MIB


def namespace_command():
    """What runs a command in a network namespace of its own, as any user; or None and why not."""
    if shutil.which("ip") is None:
        return None, "needs ip (Debian package iproute2)"
    command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    done = subprocess.run([*command, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, f"no network namespaces here: {done.stderr.strip()}"
    return command, None


def loopback(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


class LongCut(StreamCase):
    def cut_line(self, name, *options):
        line = Line(self, name, peer_words=("--lost", str(IN_SOCKETS), "--user-timeout", "3000"),
                    application_words=("--lost", str(IN_SOCKETS)),
                    options=("--timeout", str(TIMEOUT), *options))
        self.driver(name)
        line.send()
        self.more(line)
        return line

    def more(self, line, count=MIB):
        line.wait_for_bytes(line.peer.block.received + count, line.application.block.received + count)

    def cut(self, line):
        """Cuts the link and waits until the port has noticed; its row then."""
        line.application.block.expect += 1  # what the peer sends until it has noticed, too
        loopback("down")
        row = self.wait_for(lambda: (now := self.port(line.name))["clients"] == 0 and now, "the port to notice", 60)
        self.assertNotEqual(row["state"], "connected")
        self.assertIn("no answer", row["last_error"])
        print(f"noticed: {row['state']}; {row['last_error']}", flush=True)
        self.wait_for(lambda: "retry in" in self.port(line.name)["state"], "the port to try again")
        return row

    def mend(self, line, connections):
        loopback("up")
        line.wait_for(lambda: line.peer.block.connections == connections, "the next connection", 90)

    def test_what_was_kept_is_delivered_when_the_link_is_back(self):
        line = self.cut_line("kept", "--buffer", str(BUFFER))
        for number in range(4 if LONG else 1):
            self.cut(line)
            # The program goes on until port and buffer are full, then it waits.
            row = self.wait_for(lambda: (now := self.port(line.name))["bytes_queued"] >= BUFFER and now, "the buffer to fill")
            self.assertEqual(row["bytes_dropped"], 0)
            # What had been handed to the network counts as sent; it may be lost. The first byte behind it is the next one.
            accepted = row["bytes_sent"]
            self.mend(line, number + 2)
            line.wait_for(lambda a=accepted: line.peer.block.received > a, "the next bytes")
            # Bytes behind the gap that equal those before it by chance count as before it.
            self.assertIn(line.peer.block.began - accepted, range(4))
            self.wait_for(lambda n=number: self.port(line.name)["connections"] == n + 2, "the counter of connections")
            self.more(line)
        line.finish()
        self.wait_for(lambda: self.port(line.name)["bytes_sent"] == line.application.block.sent, "the counters to be all bytes")
        row = self.port(line.name)
        self.assertEqual((row["bytes_dropped"], row["bytes_queued"]), (0, 0))

    def test_without_a_buffer_the_program_waits_and_loses_no_more(self):
        line = self.cut_line("waits")
        self.cut(line)
        accepted = self.port(line.name)["bytes_sent"]
        self.mend(line, 2)
        line.wait_for(lambda: line.peer.block.received > accepted, "the next bytes")
        self.assertIn(line.peer.block.began - accepted, range(4))
        self.more(line)
        line.finish()

    def test_a_resting_link_that_is_cut_is_noticed_too(self):
        line = self.cut_line("rests")
        # Nobody sends any more, and everything has arrived.
        line.finish()
        self.cut(line)
        self.mend_resting(line)
        line.send(*(program.block.sent + MIB for program in line.programs))
        line.wait_for_bytes(line.application.block.sent, line.peer.block.sent)
        line.finish()

    def mend_resting(self, line):
        """The peer that rests does not know that its connection is over; who runs it starts it again."""
        line.peer.kill()
        loopback("up")
        line.peer.start()
        line.wait_for(lambda: line.peer.block.connections == 2, "the next connection", 90)


class InANamespace(unittest.TestCase):
    def test_long_cuts(self):
        command, reason = namespace_command()
        if command is None:
            self.skipTest(reason)
        done = subprocess.run([*command, sys.executable, "-B", os.path.abspath(__file__), "-v"],
                              env=dict(os.environ, **{INSIDE: "1"}), check=False)
        self.assertEqual(done.returncode, 0, "what failed is told above")


if __name__ == "__main__":
    if os.environ.get(INSIDE):
        loopback("up")
        unittest.main(argv=[sys.argv[0], "LongCut"], verbosity=2)
    else:
        unittest.main(argv=[sys.argv[0], "InANamespace"], verbosity=2)
