# SPDX-License-Identifier: Apache-2.0
"""One end of a serial link as a program of its own, which tests stop, kill and start again: it sends one stream of content.py
and checks another, both at the same time.

    end.py BLOCK --send SEED --receive SEED (--device PATH | --listen [HOST:]PORT) [--lost N] [--repeated N]
           [--user-timeout MS]

BLOCK is a file of 64-bit numbers that the test and this program share (Block): positions of both streams, and what the test
wants. A program that is started again goes on at the positions that stand there. A listening end serves one connection after
the other; where a new one begins, `lost` and `repeated` bytes of the received stream are allowed, and `gaps` counts them.
Exit status 1 and one line on standard error if a byte is wrong or the link fails.
"""

import argparse
import errno
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
import tty

from content import Checker, Content, Mismatch

FIELDS = ("sent", "received", "limit", "piece", "pause_us", "deaf", "close", "closed", "connections", "gaps", "gap_bytes",
          "repeated_bytes", "ready", "finish", "began", "expect")


# How a connection ends that the other side, or the network, ends.
LINK_ENDED = (errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.ETIMEDOUT, errno.ENETUNREACH, errno.EHOSTUNREACH)


class Block:
    """sent, received: positions of both streams. limit: send up to here. piece, pause_us: how. deaf: read nothing.
    close: number of orderly ends of the connection that the test wants, closed: that were made. finish: end when the
    received stream is there. began: position of the first byte of the newest connection. expect: how
    many gaps the test has announced."""

    def __init__(self, path, create=False):
        if create:
            with open(path, "wb") as file:
                file.write(bytes(8 * len(FIELDS)))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * len(FIELDS))

    def __getattr__(self, name):
        return struct.unpack_from("<Q", self._map, 8 * FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        if name in FIELDS:
            struct.pack_into("<Q", self._map, 8 * FIELDS.index(name), value)
        else:
            object.__setattr__(self, name, value)


class End:
    def __init__(self, options):
        self.block = Block(options.block)
        self.outgoing = Content(options.send)
        self.checker = Checker(Content(options.receive), self.block.received, options.lost, options.repeated)
        self.listener = None
        self.link = -1
        self.connection = None
        self.closing = False
        self.fresh = False
        self.expected_gaps = self.block.expect
        self.stopping = False
        self.next_send = 0.0
        self.user_timeout = options.user_timeout
        if options.device:
            self.link = os.open(options.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            # Not flushed: what waits in the terminal belongs to the stream.
            tty.setraw(self.link, tty.TCSANOW)
            self.checker.expect_gap()
        else:
            host, _, port = options.listen.rpartition(":")
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host or "127.0.0.1", int(port)))
            self.listener.listen(4)
            self.listener.setblocking(False)

    def accept(self):
        try:
            self.connection, _ = self.listener.accept()
        except BlockingIOError:
            return
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self.user_timeout)
        self.connection.setblocking(False)
        self.link = self.connection.fileno()
        self.checker.expect_gap()
        self.fresh = True
        self.closing = False
        self.block.connections += 1

    def lose(self):
        if self.connection is None:
            raise Mismatch("the terminal was hung up")
        self.connection.close()
        self.connection, self.link = None, -1
        if self.closing:
            self.block.closed += 1

    def send(self):
        block = self.block
        size = min(block.piece, block.limit - block.sent)
        data = self.outgoing.at(block.sent, size)
        try:
            block.sent += os.write(self.link, data)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in LINK_ENDED:
                raise
            self.lose()
        if block.pause_us:
            self.next_send = time.monotonic() + block.pause_us / 1e6

    def receive(self):
        try:
            data = os.read(self.link, 65536)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in LINK_ENDED:
                raise
            data = b""
        if not data:
            self.lose()
            return
        while self.block.expect > self.expected_gaps:
            self.expected_gaps += 1
            self.checker.expect_gap()
        before, gaps = self.checker.position, len(self.checker.gaps)
        self.checker.take(data)
        for position, size in self.checker.gaps[gaps:]:
            before = position + size
            if size > 0:
                self.block.gap_bytes += size
            else:
                self.block.repeated_bytes -= size
            self.block.gaps += 1
        if self.fresh and not self.checker.held:
            self.fresh = False
            self.block.began = before
        self.block.received = self.checker.position

    def turn(self):
        """Waits until something can be done, a little at most, and does it."""
        block = self.block
        if self.link < 0:
            if select.select([self.listener], [], [], 0.02)[0]:
                self.accept()
            return
        if self.connection and block.close > block.closed and not self.closing:
            # The orderly end: nothing more is sent, all that comes is read.
            self.connection.shutdown(socket.SHUT_WR)
            self.closing = True
        may_send = block.sent < block.limit and not self.closing and not self.stopping
        wait = min(max(self.next_send - time.monotonic(), 0), 0.02) if may_send else 0.02
        send_now = may_send and wait == 0
        poll = select.poll()
        poll.register(self.link, (0 if block.deaf else select.POLLIN) | (select.POLLOUT if send_now else 0))
        for _, events in poll.poll(20 if send_now else wait * 1000):
            if events & select.POLLOUT:
                self.send()
            if self.link >= 0 and events & ~select.POLLOUT:
                self.receive()

    def run(self):
        self.block.ready = 1
        while not self.stopping and not (self.block.finish and self.block.received >= self.block.finish):
            self.turn()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("block")
    parser.add_argument("--send", type=int, required=True)
    parser.add_argument("--receive", type=int, required=True)
    parser.add_argument("--device")
    parser.add_argument("--listen")
    parser.add_argument("--lost", type=int, default=0)
    parser.add_argument("--repeated", type=int, default=0)
    parser.add_argument("--user-timeout", type=int, default=0)
    end = End(parser.parse_args())

    def stop(*_):
        end.stopping = True
    signal.signal(signal.SIGTERM, stop)
    try:
        end.run()
    except Mismatch as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
