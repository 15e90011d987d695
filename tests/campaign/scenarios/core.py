# SPDX-License-Identifier: Apache-2.0
"""Drivers with user clients: calls, completions and data queues. Victims and bystanders are instances of subject/."""

import os
import signal
import subprocess
import time

import harness
import world as w
from scenario import RECOVERED, SURVIVED, Kind, Outcome, Scenario as Base

VICTIMS, BYSTANDERS = (0, 1, 2, 3), (4, 5)
# Of rpc/protocol/client.h, without what is for the owner to say, and not by chance: stop_realm, set_power, developer_mode.
MEANT = tuple(kind.to_bytes(4, "little") for kind in (22, 24, 29))
PROGRAM_MESSAGES = [kind for kind in range(80) if kind.to_bytes(4, "little") not in MEANT]
# subject/SubjectProtocol.h
(NOWHERE, INIT, START, SET_PROPERTIES, NEW_USER_CLIENT, CLIENT_INIT, CLIENT_START, EXTERNAL_METHOD, MEMORY, TICK, RECORDS,
 CLIENT_STOP, CLIENT_FREE, SERVICE_STOP, SERVICE_FREE, SET_POWER_STATE, BLOCK, CANCEL) = range(18)
(HANG, SPIN, NULL_WRITE, ABORT, TRAP, DIVIDE, EXIT, OVERFLOW, DOUBLE_FREE, TAKE_MEMORY, TAKE_DESCRIPTORS, TAKE_THREADS, LOGS,
 PROPERTIES, SERVICES, CLOSE_CONTROL, RAW_THREADS, FORKS, POWER, RUN_BLOCK) = range(20)
# What makes somebody come to a point, where the load does not come there by itself.
COMES = {SET_PROPERTIES: "set", NEW_USER_CLIENT: "open", CLIENT_INIT: "open", CLIENT_START: "open", MEMORY: "map",
         CLIENT_STOP: "open", CLIENT_FREE: "open", CANCEL: "open", SERVICE_STOP: f"fault {SERVICES} 1",
         SERVICE_FREE: f"fault {SERVICES} 1", SET_POWER_STATE: f"fault {POWER} 0", BLOCK: f"fault {RUN_BLOCK} 0"}
POINTS = {"SetProperties": SET_PROPERTIES, "NewUserClient": NEW_USER_CLIENT, "init of a client": CLIENT_INIT,
          "Start of a client": CLIENT_START, "ExternalMethod": EXTERNAL_METHOD, "CopyClientMemoryForType": MEMORY,
          "TimerOccurred": TICK, "DataAvailable": RECORDS, "Stop of a client": CLIENT_STOP, "free of a client": CLIENT_FREE,
          "Stop of a service": SERVICE_STOP, "free of a service": SERVICE_FREE, "SetPowerState": SET_POWER_STATE,
          "a block of a queue": BLOCK, "a Cancel handler": CANCEL}
FATAL = ("SEGV", "ABRT", "BUS", "ILL", "FPE", "KILL", "TERM", "QUIT", "SYS", "TRAP", "INT", "HUP", "PIPE", "XCPU")
DEADLY = {"null pointer": NULL_WRITE, "abort": ABORT, "trap": TRAP, "division by zero": DIVIDE, "exit": EXIT,
          "stack overflow": OVERFLOW, "double free": DOUBLE_FREE, "closed control socket": CLOSE_CONTROL}
BEARABLE = {"busy callback": (SPIN, 30), "all memory": (TAKE_MEMORY, 0), "all descriptors": (TAKE_DESCRIPTORS, 0),
            "all threads of queues": (TAKE_THREADS, 0), "all threads": (RAW_THREADS, 0), "flood of log lines": (LOGS, 2000), "flood of properties": (PROPERTIES, 300),
            "flood of services": (SERVICES, 20)}


class Scenario(Base):
    def set_up(self):
        self.world.install("Subject")
        self.load = self.world.helper("load", str(self.world.pace_us))
        for number in VICTIMS + BYSTANDERS:
            self.load.ask(f"use {number}")
        self.armed = os.path.join(self.world.realm.root, "extensions", "org.example.subject", "Subject.dext", "armed")
        self.pid = {}
        for number in VICTIMS + BYSTANDERS:
            self.pid[number] = self.serving(number)
        self.stable = {number: self.pid[number] for number in BYSTANDERS}

    def kinds(self):
        signals = [Kind(f"signal {name}", 1, lambda random, name=name: self.signal(random, name)) for name in FATAL]
        deadly = [Kind(name, 1, lambda random, fault=fault: self.dies(random, fault)) for name, fault in DEADLY.items()]
        bearable = [Kind(name, 0.5, lambda random, fault=fault: self.bears(random, *fault)) for name, fault in BEARABLE.items()]
        hangs = [Kind(f"hang in {name}", 0.7, lambda random, point=point: self.reach(random, point, HANG))
                 for name, point in POINTS.items()]
        crashes = [Kind(f"crash in {name}", 0.5, lambda random, point=point: self.reach(random, point, ABORT))
                   for name, point in POINTS.items()]
        return signals + deadly + bearable + hangs + crashes + [
            Kind("crash in init or Start", 0.3, lambda random: self.at_start(random, ABORT)),
            Kind("hang in init or Start", 0.3, lambda random: self.at_start(random, HANG)),
            Kind("fork, vfork, clone", 0.5, self.forks),
            Kind("stop and continue", 2, self.stop),
            Kind("stop and kill", 1, self.stop_and_kill),
            Kind("garbage in the rings, driver's side", 2, lambda random: self.rings(random, True)),
            Kind("garbage in the rings, program's side", 2, lambda random: self.rings(random, False)),
            Kind("garbage from driver to opendextd", 4, self.from_driver),
            Kind("garbage from opendextd to driver", 2, self.to_driver),
            Kind("garbage from program to opendextd", 4, self.from_program),
            Kind("garbage from opendextd to program", 1, self.to_program),
            Kind("program that never reads", 1, self.deaf_program),
            Kind("many connections of a program", 0.3, self.many_connections),
            Kind("program killed", 0.5, lambda random: self.guest(random, signal.SIGKILL)),
            Kind("program stopped", 0.5, lambda random: self.guest(random, signal.SIGSTOP)),
        ]

    # Looking.

    def serving(self, number):
        """The process that serves a subject's program: calls, completions and records go on."""
        return w.Process(self.load.ask(f"check {number} {self.world.limit_ms}"))

    def begin_check(self):
        for number in BYSTANDERS:
            self.load.order(f"check {number} {self.world.limit_ms}")
            self.load.order(f"faults {number}")

    def end_check(self):
        problems = []
        for number in BYSTANDERS:
            for order in ("check", "faults"):
                try:
                    answer = self.load.answer(f"{order} {number}")
                except w.Violation as problem:
                    problems.append(str(problem))
                    continue
                if order == "faults":
                    ended, wrong, text = (answer + "  ").split(" ", 2)
                    if int(ended) or int(wrong):
                        problems.append(f"bystander {number}: {ended} connections ended, {wrong} wrong answers; last: {text.strip()}")
                elif int(answer) != self.stable[number]:
                    problems.append(f"bystander {number} has another process: {answer}, it had {self.stable[number]}")
        if problems:
            raise w.Violation("; ".join(problems))

    def check_all(self):
        for number in VICTIMS:
            self.pid[number] = self.serving(number)

    def back(self, number, begin):
        """Waits until another process serves the victim."""
        pid, time_ns = map(int, self.load.ask(f"back {number} {self.pid[number]} {self.world.limit_ms}").split())
        self.pid[number] = w.Process(pid)
        self.serving(number)
        return Outcome(RECOVERED, time_ns - begin)

    def same_or_other(self, number, begin):
        """The victim serves, whether by the process of before or by another one."""
        before = self.pid[number]
        self.pid[number] = self.serving(number)
        return Outcome(SURVIVED) if self.pid[number] == before else Outcome(RECOVERED, w.now_ns() - begin)

    def settled(self, number):
        """Until opendextd reaches the victim's driver: it gives up on one that seems to have hung up after 2 s, and meanwhile
        calls of programs go on."""
        def reached():
            try:
                return self.load.ask(f"arm {number} {NOWHERE} 0") == ""
            except w.Violation:
                return False
        harness.wait_for(reached, f"opendextd to reach subject {number}", w.DEADLINE, interval=0.1)

    def victim(self, random):
        """One that serves now. What was done to it before may have ended it late, as garbage does that was taken for a
        message."""
        number = random.choice(VICTIMS)
        self.pid[number] = self.serving(number)
        return number

    # Hurting.

    def kill_one(self):
        number = VICTIMS[0]
        self.pid[number] = self.serving(number)
        begin = w.now_ns()
        w.kill(self.pid[number])
        return self.back(number, begin)

    def signal(self, random, name):
        number = self.victim(random)
        begin = w.now_ns()
        w.kill(self.pid[number], getattr(signal, "SIG" + name))
        return self.back(number, begin)

    def dies(self, random, fault):
        number = self.victim(random)
        begin = w.now_ns()
        self.load.ask(f"post {number} fault {fault} {random.randrange(256)}")
        return self.back(number, begin)

    def bears(self, random, fault, amount):
        number = self.victim(random)
        begin = w.now_ns()
        self.load.ask(f"post {number} fault {fault} {amount}")
        time.sleep(0.002 + 0.03 * random.random())
        return self.same_or_other(number, begin)

    def forks(self, random):
        """A driver gets no process of its own; it would end if it got one."""
        outcome = self.bears(random, FORKS, 3)
        if outcome.what != SURVIVED:
            raise w.Violation("a driver died of fork, or got a process of its own")
        return outcome

    def reach(self, random, point, fault):
        """Whoever comes to the point next hangs (and the process is killed later) or crashes."""
        number = self.victim(random)
        try:
            self.load.ask(f"arm {number} {point} {fault}")
        except w.Violation:
            if fault == HANG:
                raise
            # It came there and crashed before this call was answered.
        if point in COMES:
            self.load.ask(f"post {number} {COMES[point]}")
        if fault == HANG:
            time.sleep(0.02 * random.random())
            self.begin_check()
            self.end_check()  # it hurts nobody while it hangs
            begin = w.now_ns()
            w.kill(self.pid[number])
        else:
            begin = w.now_ns()
        return self.back(number, begin)

    def reports(self):
        folder = os.path.join(self.world.realm.root, "crash")
        return {name for name in os.listdir(folder) if name.startswith("org.example.subject-") and name.endswith(".json")} \
            if os.path.isdir(folder) else set()

    def at_start(self, random, fault):
        """The next process of the victim crashes or hangs on its way."""
        self.check_all()  # so that a process that is not known is the next one
        number = self.victim(random)
        point = random.choice((INIT, START))
        with open(self.armed + ".new", "w", encoding="utf-8") as file:
            file.write(f"{99 if point == INIT else number:02}{point:02}{fault:02}")
        os.rename(self.armed + ".new", self.armed)
        old = self.pid[number]
        reports = self.reports()
        w.kill(old)
        if fault == HANG:
            # By its entry: other processes of the bundle are up too, spare ones and those that end.
            next_one = harness.wait_for(lambda: {pid for pid in self.world.processes("SubjectNumber", number) if pid != old},
                                        "the next process", w.DEADLINE)
        else:
            # It may be too short-lived to be seen: there is a report of it, beside that of the one that was killed.
            harness.wait_for(lambda: len(self.reports() - reports) > 1, "the crash of the next process", w.DEADLINE)
        time.sleep(0.02 * random.random())
        self.begin_check()
        self.end_check()
        os.unlink(self.armed)
        begin = w.now_ns()
        if fault == HANG:
            w.kill(next_one.pop())
        return self.back(number, begin)

    def stop(self, random):
        number = self.victim(random)
        w.kill(self.pid[number], signal.SIGSTOP)
        time.sleep(0.02 * random.random())
        self.begin_check()
        self.end_check()
        w.kill(self.pid[number], signal.SIGCONT)
        before = self.pid[number]
        if self.serving(number) != before:
            raise w.Violation(f"subject {number} was stopped and continued, and is another process now")
        return Outcome(SURVIVED)

    def stop_and_kill(self, random):
        number = self.victim(random)
        w.kill(self.pid[number], signal.SIGSTOP)
        begin = w.now_ns()
        w.kill(self.pid[number])
        return self.back(number, begin)

    def rings(self, random, of_driver):
        """A connection whose memory is destroyed ends, or waits for ever and is closed; the next one works."""
        number = self.victim(random)
        begin = w.now_ns()
        if of_driver:
            w.scribble(self.pid[number], "memfd:opendext-channel", random, random.randrange(1, 60), 1024)
        else:
            # The program has connections to bystanders too: only what the victim shares with it.
            w.scribble(self.pid[number], "memfd:opendext", random, random.randrange(1, 60), 4096)
        time.sleep(0.005)
        self.load.ask(f"drop {number}")
        return self.same_or_other(number, begin)

    def from_driver(self, random):
        number = self.victim(random)
        begin = w.now_ns()
        w.lie(self.pid[number], 3, [w.garbage(random, range(64)) for _ in range(random.randrange(1, 12))], random)
        self.settled(number)
        return self.same_or_other(number, begin)

    def to_driver(self, random):
        number = self.victim(random)
        end = w.far_end(self.pid[number], 3, self.world.daemon())
        if end is None:
            return Outcome(SURVIVED)
        begin = w.now_ns()
        w.pour(end, [w.garbage(random, range(64)) for _ in range(random.randrange(1, 12))], random)
        # It may take what is a right message for one: Exit, Drop, an Instantiate. It has to be there again in the end.
        kill_after = w.DEADLINE / 10
        try:
            self.load.ask(f"check {number} {int(kill_after * 1000)}")
        except w.Violation:
            w.kill(self.pid[number])
        self.settled(number)
        return self.same_or_other(number, begin)

    def connect(self):
        end = w.socket.socket(w.socket.AF_UNIX, w.socket.SOCK_SEQPACKET)
        end.settimeout(w.DEADLINE * harness.PATIENCE)
        folder = os.open(os.path.join(self.world.realm.root, "run"), os.O_PATH)
        try:
            end.connect(f"/proc/self/fd/{folder}/opendextd.sock")
        finally:
            os.close(folder)
        return end

    @staticmethod
    def hello():
        return w.message(2, w.struct.pack("<II", 1, 4) + b"evil", 1)

    def from_program(self, random):
        end = self.connect()
        with end:
            texts = [w.garbage(random, PROGRAM_MESSAGES) for _ in range(random.randrange(1, 30))]
            texts = [text for text in texts if text[4:8] not in MEANT]
            if random.random() < 0.9:
                texts.insert(0, self.greeting())
            w.pour(os.dup(end.fileno()), texts, random)
        return Outcome(SURVIVED)

    def greeting(self):
        """What a real program says first, recorded once from one: so that a change of it is not missed here."""
        if not hasattr(self, "recorded"):
            path = os.path.join(self.world.folder, "greeting")
            os.makedirs(os.path.join(path, "run"), exist_ok=True)
            listener = w.socket.socket(w.socket.AF_UNIX, w.socket.SOCK_SEQPACKET)
            listener.bind(os.path.join(path, "run", "opendextd.sock"))
            listener.listen(1)
            listener.settimeout(w.DEADLINE * harness.PATIENCE)
            environment = dict(self.world.realm.environment(), OPENDEXT_REALM=path)
            program = subprocess.Popen([harness.program("ioreg")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                end, _ = listener.accept()
                self.recorded = end.recv(65536)
                end.close()
            finally:
                program.kill()
                program.wait()
                listener.close()
        return self.recorded

    def to_program(self, random):
        """A program whose library hears nonsense may lose its connection to opendextd, but does not crash."""
        guest = self.start_guest(random)
        try:
            daemon = self.world.daemon()
            theirs = w.peers()
            of_daemon = w.socket_numbers(daemon)
            for inode in w.socket_numbers(guest.process.pid):
                number = of_daemon.get(theirs.get(inode))
                if number is not None:
                    w.lie(daemon, number, [w.garbage(random, range(80)) for _ in range(random.randrange(1, 12))], random)
            time.sleep(0.01)
            status = guest.process.poll()
            if status is not None and status < 0:
                raise w.Violation(f"a program died of signal {-status} when opendextd sent it garbage")
        finally:
            guest.end()
        return Outcome(SURVIVED)

    def deaf_program(self, random):
        """Asks and asks and never reads the answers."""
        with self.connect() as end:
            end.setblocking(False)
            try:
                end.send(self.greeting())
                for serial in range(2, 400):
                    end.send(w.message(random.randrange(3, 60), b"", serial))
            except OSError:
                pass
            time.sleep(0.005)
        return Outcome(SURVIVED)

    def many_connections(self, random):
        ends = []
        try:
            for _ in range(random.randrange(50, 300)):
                ends.append(self.connect())
        except OSError:
            pass
        finally:
            for end in ends:
                end.close()
        return Outcome(SURVIVED)

    def start_guest(self, random):
        guest = w.Helper([os.path.join(self.world.built, "load")], self.world.realm.environment())
        number = self.victim(random)
        guest.ask(f"use {number}")
        guest.ask(f"check {number} {self.world.limit_ms}")
        return guest

    def guest(self, random, number):
        """A program that is killed or stopped in the middle of its calls: its driver serves others."""
        self.check_all()
        guest = self.start_guest(random)
        time.sleep(0.005 * random.random())
        guest.process.send_signal(number)
        for victim in VICTIMS:
            if self.serving(victim) != self.pid[victim]:
                raise w.Violation(f"subject {victim} is another process after a program of it was hurt")
        guest.end()
        return Outcome(SURVIVED)
