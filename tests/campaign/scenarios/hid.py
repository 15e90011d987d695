# SPDX-License-Identifier: Apache-2.0
"""HID: simulated keyboards with an event driver that answers each report, and virtual devices that a driver plays, with
programs that read both, send reports and ask for some. Everything that comes is numbered."""

import contextlib
import os
import signal
import struct
import time

import harness
import world as w
from scenario import RECOVERED, SURVIVED, Kind, Outcome, Scenario as Base

KEYS, BYSTANDER_KEYS = ("keys0", "keys1"), "keys2"
PADS, BYSTANDER_PAD = ("pad0", "pad1"), "pad2"
# input/InputProtocol.h
(NOWHERE, HANDLE_REPORT, HANDLE_KEYBOARD_REPORT, SET_LED, SET_PROPERTIES, STOP, PARSE_ELEMENTS, POST_PROCESS, SET_REPORT, GET_REPORT,
 NEW_DESCRIPTION, NEW_DESCRIPTOR, HANDLE_START, START) = range(14)
HANG, NULL_WRITE, ABORT, EXIT, SPIN, KEEP, TWICE, LONG = range(8)
KEY_POINTS = {"handleReport": HANDLE_REPORT, "handleKeyboardReport": HANDLE_KEYBOARD_REPORT, "SetLED": SET_LED,
              "SetProperties of an event service": SET_PROPERTIES}
PAD_POINTS = {"setReport": SET_REPORT, "getReport": GET_REPORT}
# Where a driver comes on its way up: those of keyboards, those of pads.
KEY_STARTS = (HANDLE_START, PARSE_ELEMENTS, POST_PROCESS, START)
PAD_STARTS = (HANDLE_START, NEW_DESCRIPTION, NEW_DESCRIPTOR, START)
BEARABLE = {"busy callback": SPIN, "request never completed": KEEP, "request completed twice": TWICE,
            "request completed with too many bytes": LONG}
FATAL = ("SEGV", "ABRT", "KILL", "BUS", "TERM")
BUNDLE = "org.example.input"
# A victim that may have taken garbage for a report that tells it to hang gets so long.
PATIENCE_MS = 2000


def number_of(name):
    """What "armed" says for it: keyboards and pads have numbers of their own."""
    return int(name[-1]) + (0 if name in PADS else 10)


def link_garbage(random):
    """A packet of a report link (docs/design/hid-links.md) that nobody wrote: mostly of a right form."""
    body = random.randbytes(random.choice((0, 1, 8, 16, 16, 16, 64, 3000)))
    if random.random() < 0.1:
        return random.randbytes(random.randrange(1, 64))
    kind = random.choice((1, 2, 3, 4, 5)) if random.random() < 0.9 else random.getrandbits(32)
    kind_of_report = random.choice((0, 1, 2)) if random.random() < 0.9 else random.getrandbits(32)
    report_id = 0 if random.random() < 0.8 else random.getrandbits(random.choice((8, 32)))
    serial = random.choice((0, 1, random.randrange(1 << 10), random.getrandbits(32)))
    length = len(body) if random.random() < 0.9 else random.choice((0, len(body) + 1, 0xffffffff, random.getrandbits(32)))
    status = random.choice((0, -1, -536870201))
    return struct.pack("<IIIIQiI", kind, kind_of_report, report_id, serial, random.getrandbits(64), status, length) + body


# A link holds some 280 reports; what comes to a full one is dropped, and only the device knows. So nobody may be kept from reading for
# as long as that lasts: 2.8 s.
PACE_US = 10_000


class Scenario(Base):
    def set_up(self):
        self.world.install("Input")
        self.pace_us = str(max(self.world.pace_us, PACE_US))
        self.reader = self.world.helper("reader", self.pace_us)
        self.bystanding_reader = self.world.helper("reader", self.pace_us)
        self.player = {}
        for name in KEYS + (BYSTANDER_KEYS,):
            self.play(name)
        for name in KEYS + PADS:
            self.reader.ask(f"use {name}")
        for name in (BYSTANDER_KEYS, BYSTANDER_PAD):
            self.bystanding_reader.ask(f"use {name}")
        self.armed = os.path.join(self.world.realm.root, "extensions", BUNDLE, "Input.dext", "armed")
        self.pid = {name: self.serving(name) for name in KEYS + PADS}
        self.stable = {BYSTANDER_KEYS: int(self.player[BYSTANDER_KEYS].ask(f"check {self.world.limit_ms}")),
                       BYSTANDER_PAD: int(self.bystanding_reader.ask(f"check {BYSTANDER_PAD} {self.world.limit_ms}"))}
        # What was sent before there were all of them is nobody's loss.
        self.player[BYSTANDER_KEYS].ask("forgive")
        for name in (BYSTANDER_KEYS, BYSTANDER_PAD):
            self.bystanding_reader.ask(f"forgive {name}")
        self.came = self.faults_of_player(BYSTANDER_KEYS)[0]
        self.check_all()

    def play(self, name):
        """Plugs a keyboard in."""
        timeout_ms = 60_000 if name == BYSTANDER_KEYS else 500
        self.player[name] = self.world.helper("player", name, str(number_of(name)), self.pace_us, str(timeout_ms))
        self.player[name].ask("plug")

    def kinds(self):
        kinds = [Kind(f"signal {name}", 1.5, lambda random, name=name: self.signal(random, name)) for name in FATAL]
        for word, fault in (("hang", HANG), ("crash", ABORT), ("exit", EXIT)):
            kinds += [Kind(f"{word} in {name}", 1, lambda random, point=point, fault=fault: self.reach_keys(random, point, fault))
                      for name, point in KEY_POINTS.items()]
            kinds += [Kind(f"{word} in {name}", 1, lambda random, point=point, fault=fault: self.reach_pad(random, point, fault))
                      for name, point in PAD_POINTS.items()]
        kinds += [Kind(name, 0.5, lambda random, fault=fault: self.bears(random, fault)) for name, fault in BEARABLE.items()]
        return kinds + [
            Kind("hang on the way up", 0.5, lambda random: self.at_start(random, HANG)),
            Kind("crash on the way up", 0.5, lambda random: self.at_start(random, ABORT)),
            Kind("hang in Stop", 0.5, self.hang_in_stop),
            Kind("hang in SetProperties, left to opendextd", 0.2, self.left_to_opendextd),
            Kind("stop and continue", 2, self.stop),
            Kind("stop and kill", 1, self.stop_and_kill),
            Kind("killed twice", 1, self.twice),
            Kind("garbage from driver to opendextd", 2, self.from_driver),
            Kind("garbage from opendextd to driver", 1, self.to_driver),
            Kind("garbage on a keyboard's link, from its driver", 2, lambda random: self.on_link(random, "driver")),
            Kind("garbage on a keyboard's link, from its player", 2, lambda random: self.on_link(random, "player")),
            Kind("garbage on a pad's link, from its driver", 1, lambda random: self.on_pad_link(random, "driver")),
            Kind("garbage on a pad's link, from a program", 1, lambda random: self.on_pad_link(random, "program")),
            Kind("garbage on a control socket, from opendextd", 1, lambda random: self.on_control(random, True)),
            Kind("garbage on a control socket, from the player", 1, lambda random: self.on_control(random, False)),
            Kind("player stopped and continued", 1, self.player_stopped),
            Kind("player killed", 1, lambda random: self.player_killed(random, False)),
            Kind("player stopped and killed", 0.5, lambda random: self.player_killed(random, True)),
            Kind("player that unplugs and plugs in again", 1, self.replugged),
            Kind("player that never answers", 1, self.muted),
            Kind("flood of reports", 1, self.flood),
            Kind("program killed", 0.5, lambda random: self.guest(random, "0", signal.SIGKILL)),
            Kind("program that does not read", 0.5, lambda random: self.guest(random, "0", signal.SIGSTOP)),
            Kind("program that seizes and dies", 1, lambda random: self.guest(random, "1", signal.SIGKILL)),
            Kind("program that seizes and does not read", 0.5, lambda random: self.guest(random, "1", signal.SIGSTOP)),
            Kind("program that does not close", 0.5, self.never_closes),
            Kind("opendextd and a driver killed", 1, self.both_killed, late=True),
            Kind("opendextd and a player killed", 1, self.player_and_daemon_killed, late=True),
        ]

    # Looking.

    def serving(self, name):
        """The driver of a victim: reports go on, for it and for programs."""
        if name in PADS:
            return w.Process(self.reader.ask(f"check {name} {self.world.limit_ms}"))
        pid = w.Process(self.player[name].ask(f"check {self.world.limit_ms}"))
        self.reader.ask(f"check {name} {self.world.limit_ms}")
        return pid

    def faults_of_player(self, name):
        """(drivers that came, answers out of order, missing ones, times it was unplugged, what was last)."""
        came, disordered, missing, unplugged, text = (self.player[name].ask("faults") + "    ").split(" ", 4)
        return int(came), int(disordered), int(missing), int(unplugged), text.strip()

    def begin_check(self):
        self.player[BYSTANDER_KEYS].order(f"check {self.world.limit_ms}")
        for name in (BYSTANDER_KEYS, BYSTANDER_PAD):
            self.bystanding_reader.order(f"check {name} {self.world.limit_ms}")

    def end_check(self):
        problems = []

        def answer(helper, name, pid):
            try:
                got = int(helper.answer(f"check of {name}"))
            except w.Violation as problem:
                problems.append(str(problem))
                return
            if pid is not None and got != pid:
                problems.append(f"{name} has another process: {got}, it had {pid}")
        answer(self.player[BYSTANDER_KEYS], BYSTANDER_KEYS, self.stable[BYSTANDER_KEYS])
        answer(self.bystanding_reader, BYSTANDER_KEYS, None)
        answer(self.bystanding_reader, BYSTANDER_PAD, self.stable[BYSTANDER_PAD])
        came, *bad, text = self.faults_of_player(BYSTANDER_KEYS)
        if came != self.came or any(bad):
            problems.append(f"{BYSTANDER_KEYS}: {came - self.came} other drivers; disordered, missing, unplugged: {bad}; {text}")
        for name in (BYSTANDER_KEYS, BYSTANDER_PAD):
            ended, wrong, text = (self.bystanding_reader.ask(f"faults {name}") + "  ").split(" ", 2)
            if int(ended) or int(wrong):
                problems.append(f"{name} for a program: went {ended} times, {wrong} wrong; {text.strip()}")
        if problems:
            raise w.Violation("; ".join(problems))

    def check_all(self):
        for name in KEYS + PADS:
            self.pid[name] = self.serving(name)
        for name in KEYS + (BYSTANDER_KEYS,):
            self.two_users(name)
            # One that has asked nothing since opendextd died has no connection to the next one.
            self.player[name].ask("greet")

    def two_users(self, name):
        """A keyboard's driver, and a program."""
        harness.wait_for(lambda: self.player[name].ask("users") == "2", f"{name} to have two users", w.DEADLINE, interval=0.02)

    def back(self, name, begin):
        """Another process than that which is dead now serves the victim."""
        w.wait_for_end(self.pid[name])
        order = f"{self.pid[name]} {self.world.limit_ms}"
        answer = self.reader.ask(f"back {name} {order}") if name in PADS else self.player[name].ask(f"back {order}")
        pid, time_ns = answer.split()
        self.pid[name] = w.Process(pid)
        self.in_order(name)
        return Outcome(RECOVERED, int(time_ns) - begin)

    def in_order(self, name):
        """What came of a victim was in order, although something may be missing."""
        self.serving(name)
        if name in KEYS:
            _, disordered, _, _, text = self.faults_of_player(name)
            if disordered:
                raise w.Violation(f"{name}: {disordered} answers were out of order; {text}")

    def same_or_other(self, name, begin):
        before = self.pid[name]
        self.pid[name] = self.serving(name)
        return Outcome(SURVIVED) if self.pid[name] == before else Outcome(RECOVERED, w.now_ns() - begin)

    def victim(self, random, names=KEYS + PADS):
        """One that serves now: garbage that was taken for a message may have ended its driver late."""
        name = random.choice(names)
        self.pid[name] = self.serving(name)
        return name

    def bystanders(self):
        self.begin_check()
        self.end_check()

    # Hurting drivers.

    def kill_one(self):
        name = KEYS[0]
        self.pid[name] = self.serving(name)
        begin = w.now_ns()
        w.kill(self.pid[name])
        return self.back(name, begin)

    def signal(self, random, name):
        victim = self.victim(random)
        time.sleep(0.003 * random.random())
        begin = w.now_ns()
        w.kill(self.pid[victim], getattr(signal, "SIG" + name))
        return self.back(victim, begin)

    def reached(self, name, fault, random):
        if fault == HANG:
            time.sleep(0.02 * random.random())
            self.bystanders()
            begin = w.now_ns()
            w.kill(self.pid[name])
        else:
            begin = w.now_ns()
        return self.back(name, begin)

    def reach_keys(self, random, point, fault):
        name = self.victim(random, KEYS)
        self.player[name].ask(f"arm {point} {fault}")
        if point == SET_PROPERTIES:
            self.serving(name)  # it has taken the report that arms
            self.reader.ask(f"set {name}")
        return self.reached(name, fault, random)

    def reach_pad(self, random, point, fault):
        name = self.victim(random, PADS)
        with contextlib.suppress(w.Violation):
            self.reader.ask(f"arm {name} {point} {fault}")  # the load may come there before this is answered
        if point == GET_REPORT:
            self.reader.ask(f"ask {name}")
        return self.reached(name, fault, random)

    def bears(self, random, fault):
        """What a driver may do with a request without ending; who asked may have to wait until its time is out."""
        name = self.victim(random, PADS)
        point = random.choice((SET_REPORT, GET_REPORT))
        with contextlib.suppress(w.Violation):
            self.reader.ask(f"arm {name} {point} {fault}")
        if point == GET_REPORT:
            self.reader.ask(f"ask {name}")
        before = self.pid[name]
        if self.serving(name) != before:
            raise w.Violation(f"{name} is another process after a request that was only handled badly")
        return Outcome(SURVIVED)

    def arm_start(self, name, point, fault):
        with open(self.armed + ".new", "w", encoding="utf-8") as file:
            file.write(f"{number_of(name):02}{point:02}{fault:02}")
        os.rename(self.armed + ".new", self.armed)

    def reports(self):
        folder = os.path.join(self.world.realm.root, "crash")
        return {name for name in os.listdir(folder) if name.startswith(BUNDLE + "-") and name.endswith(".json")} \
            if os.path.isdir(folder) else set()

    def at_start(self, random, fault):
        """The next process of a victim hangs or crashes on its way up."""
        name = self.victim(random)
        self.arm_start(name, random.choice(PAD_STARTS if name in PADS else KEY_STARTS), fault)
        old, reports = self.pid[name], self.reports()
        w.kill(old)
        try:
            if fault == HANG:
                next_one = self.next_driver(name, old)
            else:
                harness.wait_for(lambda: len(self.reports() - reports) > 1, "the crash of the next process", w.DEADLINE)
            time.sleep(0.02 * random.random())
            self.bystanders()
        finally:
            os.unlink(self.armed)
        begin = w.now_ns()
        if fault == HANG:
            w.kill(next_one)
        return self.back(name, begin)

    def next_driver(self, name, old):
        if name in KEYS:
            return w.Process(self.reader.ask(f"driver {name} {old} {self.world.limit_ms}"))
        return harness.wait_for(lambda: set(self.world.processes("PadNumber", number_of(name))) - {old}, "the next process",
                                w.DEADLINE).pop()

    def hang_in_stop(self, random):
        """The device goes and comes back: the next driver does not wait for the one that does not end."""
        name = self.victim(random, KEYS)
        self.player[name].ask(f"arm {STOP} {HANG}")
        self.serving(name)
        begin = w.now_ns()
        self.player[name].ask("replug")
        left = random.random() < 0.2  # to opendextd, which waits 5 s
        old = self.pid[name]
        answer = self.player[name].ask(f"back {old} {self.world.limit_ms}").split()
        self.pid[name] = w.Process(answer[0])
        self.bystanders()
        if not left:
            w.kill(old)
        w.wait_for_end(old)
        self.in_order(name)
        return Outcome(RECOVERED, int(answer[1]) - begin)

    def left_to_opendextd(self, random):
        """Nobody but opendextd ends it, when deadline.set-properties has passed."""
        name = self.victim(random, KEYS)
        self.player[name].ask(f"arm {SET_PROPERTIES} {HANG}")
        self.serving(name)
        begin = w.now_ns()
        self.reader.ask(f"set {name}")
        self.bystanders()
        return self.back(name, begin)

    def stop(self, random):
        name = self.victim(random)
        w.kill(self.pid[name], signal.SIGSTOP)
        time.sleep(0.03 * random.random())
        self.bystanders()
        w.kill(self.pid[name], signal.SIGCONT)
        before = self.pid[name]
        if self.serving(name) != before:
            raise w.Violation(f"{name} was stopped and continued, and is another process now")
        return Outcome(SURVIVED)

    def stop_and_kill(self, random):
        name = self.victim(random)
        w.kill(self.pid[name], signal.SIGSTOP)
        time.sleep(0.01 * random.random())
        begin = w.now_ns()
        w.kill(self.pid[name])
        return self.back(name, begin)

    def twice(self, random):
        """The next process is killed at a random moment of its start."""
        name = self.victim(random)
        old = self.pid[name]
        known = {self.serving(each) for each in KEYS + PADS if each != name} | set(self.stable.values()) | {old}
        w.kill(old)
        w.wait_for_end(old)
        time.sleep(0.004 * random.random())
        for pid in map(w.Process, self.world.realm.drivers(BUNDLE)):
            if pid not in known and pid > max(known):
                w.kill(pid)
        return self.back(name, w.now_ns())

    # Garbage.

    def after_lies(self, name, begin):
        """It goes on, or has ended, or is as good as dead and is killed."""
        try:
            if name in KEYS:
                self.player[name].ask(f"check {PATIENCE_MS}")
            self.reader.ask(f"check {name} {PATIENCE_MS}")
        except w.Violation:
            w.kill(self.pid[name])
        outcome = self.same_or_other(name, begin)
        if name in KEYS:
            self.player[name].ask("forgive")
        return outcome

    @staticmethod
    def links(first, second):
        """Descriptors of the sockets between two processes: [(of the first, of the second)]."""
        with contextlib.suppress(OSError):
            peers, theirs = w.peers(), w.socket_numbers(second)
            return [(number, theirs[peers[inode]]) for inode, number in w.socket_numbers(first).items() if peers.get(inode) in theirs]
        return []

    def lie_on_links(self, random, liar, other):
        begin = w.now_ns()
        for own, _ in self.links(liar, other):
            texts = [link_garbage(random) for _ in range(random.randrange(1, 12))]
            w.lie(liar, own, texts, random)
        return begin

    def on_link(self, random, who):
        name = self.victim(random, KEYS)
        player = self.player[name].process.pid
        liar, other = (self.pid[name], player) if who == "driver" else (player, self.pid[name])
        return self.after_lies(name, self.lie_on_links(random, liar, other))

    def on_pad_link(self, random, who):
        name = self.victim(random, PADS)
        reader = self.reader.process.pid
        liar, other = (self.pid[name], reader) if who == "driver" else (reader, self.pid[name])
        return self.after_lies(name, self.lie_on_links(random, liar, other))

    def on_control(self, random, from_opendextd):
        """The device may be gone afterwards; its player then plugs it in again."""
        name = self.victim(random, KEYS)
        player, daemon = self.player[name].process.pid, self.world.daemon()
        begin = w.now_ns()
        # The connection of its library is among them.
        for own, theirs in self.links(player, daemon):
            liar, number = (daemon, theirs) if from_opendextd else (player, own)
            w.lie(liar, number, [link_garbage(random) for _ in range(random.randrange(1, 6))], random)
        time.sleep(0.01)
        if self.player[name].process.poll() is not None:
            raise w.Violation(f"the player of {name} ended with {self.player[name].process.returncode}")
        return self.after_lies(name, begin)

    # Hurting players.

    def player_stopped(self, random):
        name = self.victim(random, KEYS)
        player = self.player[name].process.pid
        w.kill(player, signal.SIGSTOP)
        time.sleep(random.choice((0.05, 0.7)) * random.random())  # requests of its users time out after 500 ms
        self.bystanders()
        w.kill(player, signal.SIGCONT)
        before = self.pid[name]
        if self.serving(name) != before:
            raise w.Violation(f"the player of {name} was stopped and continued, and another driver answers now")
        return Outcome(SURVIVED)

    def end_player(self, name):
        self.player[name].end()
        self.world.helpers.remove(self.player[name])

    def player_killed(self, random, stopped):
        """A driver whose device has gone ends; the device that comes has another one."""
        name = self.victim(random, KEYS)
        if stopped:
            w.kill(self.player[name].process.pid, signal.SIGSTOP)
            time.sleep(0.02 * random.random())
        begin = w.now_ns()
        self.end_player(name)
        self.play(name)
        return self.another(name, begin)

    def another(self, name, begin):
        answer = self.player[name].ask(f"back {self.pid[name]} {self.world.limit_ms}").split()
        w.wait_for_end(self.pid[name])
        self.pid[name] = w.Process(answer[0])
        self.in_order(name)
        return Outcome(RECOVERED, int(answer[1]) - begin)

    def replugged(self, random):
        name = self.victim(random, KEYS)
        begin = w.now_ns()
        for _ in range(random.randrange(1, 6)):
            self.player[name].ask("replug")
            time.sleep(0.02 * random.random())
        return self.another(name, begin)

    def muted(self, random):
        """Requests time out; the driver goes on."""
        name = self.victim(random, KEYS)
        self.player[name].ask("mute 1")
        time.sleep(random.random())
        self.bystanders()
        self.player[name].ask("mute 0")
        before = self.pid[name]
        if self.serving(name) != before:
            raise w.Violation(f"the player of {name} did not answer for a while, and another driver is there now")
        return Outcome(SURVIVED)

    def flood(self, random):
        name = self.victim(random)
        if name in KEYS:
            self.player[name].ask(f"flood {random.randrange(200, 5000)}")
        else:
            self.reader.ask(f"burst {name} {random.randrange(1, 256)}")
        before = self.pid[name]
        if self.serving(name) != before:
            raise w.Violation(f"{name} is another process after a flood of reports")
        return Outcome(SURVIVED)

    # Programs.

    def guest(self, random, seize, number):
        """A program that has a device open and is killed or stopped: others go on as soon as it is gone."""
        name = self.victim(random)
        guest = self.world.helper("reader")
        try:
            harness.wait_for(lambda: self.held(guest, name, seize), f"{name} to be opened", w.DEADLINE, interval=0.01)
            time.sleep(0.02 * random.random())
            guest.process.send_signal(number)
            self.bystanders()
            if seize == "0":
                self.serving(name)
        finally:
            guest.end()
            self.world.helpers.remove(guest)
        before = self.pid[name]
        if self.serving(name) != before:
            raise w.Violation(f"{name} is another process after a program of it was hurt")
        if name in KEYS:
            self.two_users(name)
        return Outcome(SURVIVED)

    @staticmethod
    def held(guest, name, seize):
        try:
            guest.ask(f"hold {name} {seize}")
        except w.Violation as problem:
            if " is seized by " in str(problem) or "e00002c5" in str(problem):
                return False
            raise
        return True

    def never_closes(self, random):
        """Opens again and again, until it ends."""
        name = self.victim(random)
        guest = self.world.helper("reader")
        try:
            for _ in range(random.randrange(2, 60)):
                guest.ask(f"hold {name} 0")
            self.serving(name)
        finally:
            guest.end()
            self.world.helpers.remove(guest)
        if name in KEYS:
            self.two_users(name)
        return self.same_or_other(name, w.now_ns())

    # Hurting opendextd beside others.

    def both_killed(self, random):
        name = self.victim(random)
        self.world.daemon_may_end()
        begin = w.now_ns()
        victims = [self.world.daemon(), self.pid[name]]
        random.shuffle(victims)
        w.kill(victims[0])
        time.sleep(0.01 * random.random())
        w.kill(victims[1])
        self.bystanders()
        return self.back(name, begin)

    def player_and_daemon_killed(self, random):
        """The device is gone when the next opendextd comes."""
        name = self.victim(random, KEYS)
        self.world.daemon_may_end()
        daemon = self.world.daemon()
        begin = w.now_ns()
        w.kill(daemon)
        self.end_player(name)
        w.wait_for_end(daemon)
        self.play(name)
        self.bystanders()
        return self.another(name, begin)
