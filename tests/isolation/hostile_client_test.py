# SPDX-License-Identifier: Apache-2.0
"""A program that means harm to opendextd, the keeper and drivers: nonsense and floods on the realm's socket, other users'
realms and processes, links where files are expected. Whatever it does, others go on as if it was not there."""

import errno
import os
import random
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import unittest

import harness

NOBODY = 65534
SOURCE = os.environ.get("OPENDEXT_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SEED = int(os.environ.get("OPENDEXT_SEED", "1"))
HEADER = struct.Struct("<4sIQII")  # magic, kind, serial, zero, size of the body

# Runs as somebody else; prints the errno of each try, 0 if it worked.
STRANGER = r"""
import ctypes, os, socket, sys
realm, victims = sys.argv[1], [int(pid) for pid in sys.argv[2:]]
libc = ctypes.CDLL(None, use_errno=True)
def tell(name, action):
    try:
        action()
        print(name, 0)
    except OSError as error:
        print(name, error.errno)
def ptrace(pid):
    ctypes.set_errno(0)
    if libc.ptrace(16, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
def read_memory(pid):
    room = ctypes.create_string_buffer(8)
    class Part(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
    local, remote = Part(ctypes.addressof(room), 8), Part(0x1000, 8)
    if libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")
def take_descriptor(pid):
    process = os.pidfd_open(pid)
    if libc.syscall(438, process, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
def connect():
    one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.connect(os.path.join(realm, "run", "opendextd.sock"))
for pid in victims:
    tell("kill", lambda: os.kill(pid, 9))
    tell("stop", lambda: os.kill(pid, 19))
    tell("ptrace", lambda: ptrace(pid))
    tell("memory", lambda: read_memory(pid))
    tell("mem", lambda: open(f"/proc/{pid}/mem", "rb"))
    tell("environment", lambda: open(f"/proc/{pid}/environ", "rb").read())
    tell("descriptors", lambda: os.listdir(f"/proc/{pid}/fd"))
    tell("descriptor", lambda: take_descriptor(pid))
    tell("affinity", lambda: os.sched_setaffinity(pid, {0}))
    tell("limits", lambda: __import__("resource").prlimit(pid, 7, (1, 1)))
tell("connect", connect)
tell("log", lambda: open(os.path.join(realm, "log")))
tell("plant", lambda: open(os.path.join(realm, "run", "planted"), "w"))
"""


class HostileClient(harness.RealmCase):
    def connect(self):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        link.settimeout(30)
        link.connect(os.path.join(self.realm.root, "run", "opendextd.sock"))
        return link

    def victims(self):
        return {harness.command_line(pid).split(" ")[0]: pid for pid in self.realm.processes()}

    def check_well(self, before):
        """opendextd and keeper are those that they were, and answer."""
        self.assertIn("IOResources", self.tool("ioreg"))
        now = {pid for pid in self.realm.processes()}
        self.assertLessEqual({before["opendextd"], before["opendext-keeper"]}, now)

    def started(self):
        self.realm.configure({"restart.spare-processes": "0"})  # no process comes up meanwhile
        self.tool("ioreg")
        [daemon] = [pid for pid in self.realm.processes() if os.path.basename(harness.command_line(pid).split(" ")[0]) == "opendextd"]
        return {"opendextd": daemon, "opendext-keeper": self.realm.keeper_pid()}

    def send_all(self, messages):
        """Each on the link that there is, on a new one when opendextd has closed that."""
        link = self.connect()
        closed = 0
        for message in messages:
            try:
                link.send(message, socket.MSG_DONTWAIT)
            except BlockingIOError:
                link.close()
                link = self.connect()
            except (BrokenPipeError, ConnectionResetError):
                closed += 1
                link.close()
                link = self.connect()
        link.close()
        return closed

    def test_nonsense_closes_the_link_of_who_says_it_and_nothing_else(self):
        before = self.started()
        chance = random.Random(SEED)
        messages = [b"", b"x", b"ODXT", HEADER.pack(b"ODXT", 0xffffffff, 1, 0, 0), HEADER.pack(b"ODXT", 1, 1, 0, 0xffffffff),
                    HEADER.pack(b"NOPE", 1, 1, 0, 0), HEADER.pack(b"ODXT", 1, 2**64 - 1, 0xffffffff, 4) + b"1234"]
        for kind in range(0, 80):  # every kind that clients have, and more, with every body that is none
            for size in (0, 1, 7, 64, 4000):
                messages.append(HEADER.pack(b"ODXT", kind, kind, 0, size) + chance.randbytes(size))
            messages.append(HEADER.pack(b"ODXT", kind, kind, 0, 16) + b"\xff" * 16)  # lengths that cannot be
        # Kinds that end the realm or change what is installed are asked for in words that mean nothing.
        closed = self.send_all(messages)
        self.assertGreater(closed, 0, "nonsense is not answered for ever")
        self.check_well(before)

    def test_an_oversized_message_is_refused(self):
        before = self.started()
        link = self.connect()
        try:
            link.send(HEADER.pack(b"ODXT", 1, 1, 0, 200_000) + b"x" * 200_000)
            link.recv(65536)
        except OSError as error:
            self.assertIn(error.errno, (errno.EMSGSIZE, errno.ECONNRESET, errno.EPIPE))
        finally:
            link.close()
        self.check_well(before)

    def test_a_flood_without_reading_answers_holds_up_nobody(self):
        before = self.started()
        with open(os.path.join(SOURCE, "rpc", "protocol", "client.h"), encoding="utf-8") as file:
            version = int(re.search(r"kVersion = (\d+)", file.read()).group(1))
        # Hello: version, name of the program, session, connections.
        hello = struct.pack("<II7sQI", version, 7, b"flooder", 0, 0)
        flooders = [self.connect() for _ in range(4)]
        sent = 0
        for link in flooders:
            link.send(HEADER.pack(b"ODXT", 2, 1, 0, len(hello)) + hello)
            self.assertEqual(struct.unpack_from("<4sI", link.recv(65536))[1], 3, "Welcome")
        for _ in range(20000):
            for link in flooders:
                try:
                    link.send(HEADER.pack(b"ODXT", 20, sent + 1, 0, 0), socket.MSG_DONTWAIT)
                    sent += 1
                except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                    pass
        self.assertGreater(sent, 100)
        self.check_well(before)  # while the flooders' queues are full
        for link in flooders:
            link.close()
        self.check_well(before)

    def test_descriptors_that_nobody_asked_for_are_closed(self):
        before = self.started()
        descriptors = len(os.listdir(f"/proc/{before['opendextd']}/fd"))
        null = os.open("/dev/null", os.O_RDONLY)
        for _ in range(50):
            link = self.connect()
            socket.send_fds(link, [HEADER.pack(b"ODXT", 2, 1, 0, 0)], [null] * 16)
            link.close()
        os.close(null)
        self.wait_for(lambda: len(os.listdir(f"/proc/{before['opendextd']}/fd")) <= descriptors, "opendextd to close them")
        self.check_well(before)

    def test_many_links_leave_room_for_others(self):
        before = self.started()
        links = []
        for _ in range(600):
            link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            links.append(link)
            link.setblocking(False)
            if link.connect_ex(os.path.join(self.realm.root, "run", "opendextd.sock")) != 0:
                break
        self.check_well(before)
        for link in links:
            link.close()

    def test_the_keeper_listens_nowhere(self):
        before = self.started()
        self.assertEqual(sorted(os.listdir(os.path.join(self.realm.root, "run"))), ["generation", "keeper.pid", "opendextd.sock"])
        inodes = {os.readlink(f"/proc/{before['opendext-keeper']}/fd/{fd}") for fd in os.listdir(f"/proc/{before['opendext-keeper']}/fd")}
        with open("/proc/net/unix", encoding="utf-8") as file:
            named = [line.split()[7] for line in file.readlines()[1:] if len(line.split()) > 7 and f"socket:[{line.split()[6]}]" in inodes]
        self.assertEqual(named, [], "sockets of the keeper with a name")

    def test_a_realm_is_its_users(self):
        self.started()
        for folder in ("", "run", "dev", "extensions"):
            mode = os.stat(os.path.join(self.realm.root, folder)).st_mode
            self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, folder or "the realm")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_another_user_can_do_nothing_to_it(self):
        self.tool("opendext", "install", harness.dext("SerialOverTCP"))
        self.wait_for(lambda: self.realm.drivers("SerialOverTCP.dext"), "a driver to be there")
        before = self.started()
        os.chmod(self.folder, 0o755)  # the realm's own folder has to keep strangers out
        victims = [str(pid) for pid in self.realm.processes()]
        result = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-B", "-c", STRANGER,
                                 self.realm.root, *victims], capture_output=True, text=True, timeout=60, check=True)
        results = [line.split() for line in result.stdout.splitlines()]
        self.assertEqual(len(results), 10 * len(victims) + 3)
        allowed = [name for name, number in results if int(number) not in (errno.EPERM, errno.EACCES)]
        self.assertEqual(allowed, [], "what another user may do")
        self.check_well(before)

    def test_a_link_in_place_of_the_lock_is_not_followed(self):
        target = os.path.join(self.folder, "precious")
        with open(target, "w", encoding="utf-8") as file:
            file.write("mine")
        os.makedirs(os.path.join(self.realm.root, "run"), mode=0o700)
        lock = os.path.join(self.realm.root, "run", "keeper.pid")
        os.symlink(target, lock)
        result = self.realm.run("opendext-keeper", "--realm", self.realm.root)
        self.assertEqual(result.returncode, 1)
        self.assertIn("keeper.pid", result.stderr)
        with open(target, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")
        os.unlink(lock)

    def test_a_file_in_place_of_the_socket_is_replaced_and_its_target_kept(self):
        target = os.path.join(self.folder, "precious")
        with open(target, "w", encoding="utf-8") as file:
            file.write("mine")
        os.makedirs(os.path.join(self.realm.root, "run"), mode=0o700)
        os.symlink(target, os.path.join(self.realm.root, "run", "opendextd.sock"))
        self.started()
        with open(target, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")
        self.assertTrue(stat.S_ISSOCK(os.lstat(os.path.join(self.realm.root, "run", "opendextd.sock")).st_mode))

    def test_who_kills_opendextd_as_its_own_user_gets_another_one(self):
        """The user's own programs may end the user's own processes; that is what the keeper is for."""
        before = self.started()
        os.kill(before["opendextd"], signal.SIGKILL)
        self.wait_for(lambda: self.started()["opendextd"] != before["opendextd"], "another opendextd")
        self.assertEqual(self.realm.keeper_pid(), before["opendext-keeper"])


if __name__ == "__main__":
    harness.main()
