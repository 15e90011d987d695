# SPDX-License-Identifier: Apache-2.0
"""The runner of cases in Python, over the module opendext."""

import asyncio
import contextlib
import ctypes
import mmap
import os
import queue
import select
import signal
import sys
import threading
import time
import zlib

import opendext
from opendext import dataqueue, matching

PATIENCE = 60 * float(os.environ.get("OPENDEXT_TEST_PATIENCE", "1"))
ORIGINS = {0: "nobody", 1: "library", 2: "daemon", 3: "driver", 4: "died"}


def say(text):
    print(text, flush=True)


def described(data):
    return f"{len(data)}:{zlib.adler32(data):08x}"


def pattern(size, seed):
    return bytes((i * 31 + seed + (i >> 8)) & 0xff for i in range(size))


def error_line(error):
    """An exception of the module in the words that every runner prints."""
    if isinstance(error, opendext.Error):
        return f"error {error.name} {ORIGINS[error.origin]}: {error.reason}"
    if isinstance(error, queue.Empty):
        return "error kIOReturnUnderrun library: empty"
    if isinstance(error, queue.Full):
        return "error kIOReturnOverrun library: full"
    # The module checks what no call could mean, and the use of what was closed, by itself.
    return f"error kIOReturnBadArgument library: {error}"


REFUSALS = (opendext.Error, ValueError, queue.Empty, queue.Full)


def number(text):
    return int(text, 0)


class Line:
    def __init__(self, text):
        words = text.split()
        self.words = [word for word in words if "=" not in word]
        self.options = dict(word.split("=", 1) for word in words if "=" in word)


class Record:
    """What came by call-backs, a line of text each."""

    def __init__(self, port):
        self.port = port
        self.lines = []
        self.read = 0
        self.call = None

    def add(self, line):
        self.lines.append(line)

    def unread(self):
        return len(self.lines) - self.read

    def next(self):
        self.read += 1
        return self.lines[self.read - 1]


class Port:
    def __init__(self, kind):
        self.kind = kind
        self.port = opendext.NotificationPort()
        self.loop = None
        if kind == "loop":
            self.loop = asyncio.new_event_loop()
            self.port.attach(self.loop)
        elif kind in ("queue", "thread"):
            self.port.start()

    def serve(self):
        """A short turn."""
        if self.loop is not None:
            self.loop.run_until_complete(asyncio.sleep(0.005))
        elif self.kind == "descriptor":
            if select.select([self.port], [], [], 0.05)[0]:
                self.port.dispatch()
        else:
            time.sleep(0.002)

    def close(self):
        self.port.close()
        if self.loop is not None:
            self.loop.close()


class Buffer:
    """Whole pages of this process."""

    def __init__(self, size, seed):
        self.size = size
        self.map = mmap.mmap(-1, (size + 4095) & ~4095, flags=mmap.MAP_PRIVATE)
        self.map[:size] = pattern(size, seed)
        self.view = memoryview(self.map)[:size]
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))


class Runner:
    def __init__(self):
        self.saved = {}
        self.killed = 0
        self.names = {}
        self.processes = {}
        self.clean_up = contextlib.ExitStack()

    def run(self, text):
        if text.startswith("case "):
            self.end_case()
            say(text)
            return
        line = Line(text)
        if not line.words:
            return
        command = getattr(self, "do_" + line.words[0], None)
        if command is None:
            say(f"there is no command {line.words[0]}")
            return
        missing = [word for word, kind in zip(line.words[1:], command.__annotations__.values())
                   if isinstance(kind, type) and kind is not str and kind is not int and not isinstance(self.names.get(word), kind)]
        if missing:
            say(f"there is no {missing[0]}")
            return
        arguments = [self.names[word] if isinstance(kind, type) and kind not in (str, int) else number(word) if kind is int else word
                     for word, kind in zip(line.words[1:], command.__annotations__.values())]
        try:
            command(*arguments, **({"line": line} if "line" in command.__code__.co_varnames else {}))
        except REFUSALS as error:
            say(error_line(error))

    def end_case(self):
        self.clean_up.close()
        self.clean_up = contextlib.ExitStack()
        self.names.clear()

    def wait_until(self, port, done):
        deadline = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > deadline:
                return False
            if port is None:
                time.sleep(0.002)
            else:
                port.serve()
        return True

    # Services and connections

    def find(self, name, wanted, look):
        found = []

        def search():
            found[:] = [service for service in look() if service.name == wanted and service.process not in (0, self.killed)]
            return found

        if not self.wait_until(None, search):
            say("not found")
            return
        self.names[name] = found[0]
        self.processes[name] = found[0].process
        say("found")

    def do_find(self, name: str, wanted: str):
        self.find(name, wanted, lambda: opendext.services(matching.by_name(wanted)))

    def do_walk(self, name: str, wanted: str):
        self.find(name, wanted, lambda: opendext.walk().snapshot())

    def do_open(self, name: str, service: opendext.Service, kind: int):
        self.names[name] = self.clean_up.enter_context(service.open(kind))
        say("ok")

    def do_close(self, connection: opendext.Connection):
        if connection.closed:
            raise ValueError("the connection is closed")
        connection.close()
        say("ok")

    def do_status(self, connection: opendext.Connection):
        if connection.closed:
            raise ValueError("the connection is closed")
        if (death := connection.death()) is not None:
            raise death
        say("ok")

    def gone(self):
        try:
            os.kill(self.killed, 0)
        except ProcessLookupError:
            return True
        return False

    def do_kill(self, name: str):
        self.killed = self.processes[name]
        if self.killed <= 0:
            say("there is nothing to kill")
            return
        os.kill(self.killed, signal.SIGKILL)
        say("killed" if self.wait_until(None, self.gone) else "it does not end")

    def do_died(self, name: str):
        self.killed = self.processes[name]
        say("gone" if self.wait_until(None, self.gone) else "it does not end")

    # Calls

    def scalars(self, text):
        values = []
        for word in text.split(",") if text else ():
            if word.startswith("&"):
                name, _, offset = word[1:].partition("+")
                values.append(self.names[name].address + number(offset or "0"))
            else:
                values.append(number(word))
        return values

    def arguments(self, line):
        options = line.options
        data = None
        if "text" in options:
            data = options["text"].encode()
        elif "data" in options:
            size, _, seed = options["data"].partition(":")
            data = pattern(number(size), number(seed or "0"))
        return self.scalars(options.get("in", "")), data

    def room(self, line):
        return {"scalars_out": number(line.options.get("out", "0")), "structure_out": number(line.options.get("room", "0"))}

    def result_line(self, line, output):
        if "save" in line.options:
            self.saved.update(zip(line.options["save"].split(","), output.scalars))
            return "ok"
        text = "ok"
        if output.scalars:
            text += " out=" + ",".join(map(str, output.scalars))
        if line.options.get("room", "0") != "0":
            text += " data=" + described(output.structure)
        return text

    def call_now(self, connection, selector, line):
        try:
            if line.options.get("room") == "variable":
                return self.result_line(line, opendext.Output((), connection.call_data(selector, *self.arguments(line))))
            return self.result_line(line, connection.call(selector, *self.arguments(line), **self.room(line)))
        except REFUSALS as error:
            return error_line(error)

    def do_call(self, connection: opendext.Connection, selector: int, line: None = None):
        say(self.call_now(connection, selector, line))

    def do_same(self, first: str, second: str):
        say("same" if self.saved[first] == self.saved[second] else "different")

    def do_until(self, connection: opendext.Connection, selector: int, index: int, name: str, line: None = None):
        """Makes the call until its scalar INDEX is what was saved: what a driver does at the end of a connection comes soon."""
        done = self.wait_until(None, lambda: connection.call(selector, *self.arguments(line), **self.room(line)).scalars[index]
                               == self.saved[name])
        say("same" if done else "different")

    def do_async(self, name: str, connection: opendext.Connection, port: Port, selector: int, line: None = None):
        record = self.names[name] = Record(port)

        def completed(completion):
            words = " " + ",".join(map(str, completion.arguments)) if completion.arguments else ""
            record.add(f"done {completion.name}{words}")

        record.call = connection.call_async(selector, completed, *self.arguments(line), **self.room(line), port=port.port)
        say(self.result_line(line, record.call.output))

    def do_start(self, name: str, connection: opendext.Connection, selector: int, line: None = None):
        thread = threading.Thread(target=lambda: setattr(thread, "result", self.call_now(connection, selector, line)), daemon=True)
        self.names[name] = thread
        thread.start()
        say("started")

    def do_join(self, thread: threading.Thread):
        thread.join(PATIENCE)
        say(getattr(thread, "result", "still running"))

    def do_calls(self, name: str, connection: opendext.Connection, depth: int):
        self.names[name] = self.clean_up.enter_context(connection.calls(depth))
        say("ok")

    def do_add(self, calls: opendext.Calls, user: int, selector: int, line: None = None):
        calls.add(selector, *self.arguments(line), **self.room(line), user=(user, line))

    def do_submit(self, calls: opendext.Calls):
        before, unsent = calls.pending, calls.unsent
        try:
            calls.submit()
        except opendext.Error as error:
            sent = calls.pending - before
            say(f"sent {sent}, left {unsent - sent}")
            calls.drop_unsent()
            raise error
        say(f"sent {calls.pending - before}")

    def do_take(self, calls: opendext.Calls, count: int, line: None = None):
        try:
            results = calls.wait(count, number(line.options.get("timeout", "600000")) / 1000)
        except opendext.Error as error:
            say(error_line(error))
            results = []
        say(f"took {len(results)}")
        for done in results:
            user, request = done.user
            say(f"{user} " + (error_line(done.error) if done.error is not None else self.result_line(request, done.output())))

    def do_pending(self, calls: opendext.Calls):
        say(str(calls.pending))

    def do_post(self, connection: opendext.Connection, selector: int, line: None = None):
        for _ in range(number(line.options.get("times", "1"))):
            connection.post(selector, *self.arguments(line))
        say("ok")

    # What comes

    def do_port(self, name: str, kind: str):
        port = self.names[name] = Port(kind)
        self.clean_up.callback(port.close)
        say("ok")

    def wait_for(self, record, count):
        if not self.wait_until(record.port, lambda: record.unread() >= count):
            say(f"only {record.unread()} came")
        return [record.next() for _ in range(min(count, record.unread()))]

    def do_completions(self, record: Record, count: int):
        for text in self.wait_for(record, count):
            say(text)

    do_events = do_completions

    def do_order(self, record: Record, count: int):
        lines = self.wait_for(record, count)
        say(f"{sum(text.rsplit(' ', 1)[1] == str(i) for i, text in enumerate(lines))} in order")

    def do_unread(self, record: Record):
        say(str(record.unread()))

    def do_ended(self, record: Record):
        say("ended" if self.wait_until(record.port, lambda: record.call.ended) else "not ended")

    def watch(self, name, port, kind, label, wanted):
        record = self.names[name] = Record(port)
        port.port.watch(kind, matching.by_name(wanted), lambda service: record.add(f"{label} {service.name}"))
        say("ok")

    def do_published(self, name: str, port: Port, wanted: str):
        self.watch(name, port, opendext.Kind.PUBLISHED, "published", wanted)

    def do_terminated(self, name: str, port: Port, wanted: str):
        self.watch(name, port, opendext.Kind.TERMINATED, "terminated", wanted)

    def do_interest(self, name: str, port: Port, service: opendext.Service):
        record = self.names[name] = Record(port)

        def told(_, message):
            if message.name == "kIOMessageServiceIsTerminated":
                record.add("is terminated")

        port.port.interest(service, told)
        say("ok")

    # Memory

    def do_map(self, name: str, connection: opendext.Connection, kind: int, line: None = None):
        self.names[name] = connection.map(kind, read_only=line.options.get("options") == "read-only")
        say("ok")

    def memory(self, name):
        return self.names[name].view

    def do_size(self, name: str):
        say(str(len(self.memory(name))))

    def do_peek(self, name: str, offset: int):
        say(str(self.memory(name).cast("I")[offset // 4]))

    def do_poke(self, name: str, offset: int, value: int):
        self.memory(name).cast("I")[offset // 4] = value
        say("ok")

    def do_fault(self, mapped: opendext.MappedMemory):
        child = os.fork()
        if child == 0:
            ctypes.c_uint32.from_address(mapped.address).value = 1
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        say(f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}")

    def do_unmap(self, mapped: opendext.MappedMemory):
        if mapped.closed:
            raise ValueError("it is not mapped")
        mapped.close()
        say("ok")

    def do_buffer(self, name: str, size: int, seed: int):
        self.names[name] = Buffer(size, seed)
        say("ok")

    def do_sum(self, name: str):
        say(f"{zlib.adler32(self.memory(name)):08x}")

    # Data queues

    def data_queue(self, mapped):
        key = ("queue", id(mapped))
        if key not in self.names:
            self.names[key] = dataqueue.DataQueue(mapped)
        return self.names[key]

    def do_enqueue(self, mapped: opendext.MappedMemory, line: None = None):
        self.data_queue(mapped).put_nowait(self.arguments(line)[1] or b"")
        say("ok")

    def do_dequeue(self, mapped: opendext.MappedMemory, line: None = None):
        entries = self.data_queue(mapped)
        data = entries.get(PATIENCE) if line.options.get("wait") == "yes" else entries.get_nowait()
        say("ok data=" + described(data))

    def do_available(self, mapped: opendext.MappedMemory):
        say("no" if self.data_queue(mapped).empty else "yes")


def main():
    runner = Runner()
    for line in sys.stdin:
        runner.run(line.strip())
    runner.end_case()


if __name__ == "__main__":
    main()
