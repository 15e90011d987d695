# SPDX-License-Identifier: Apache-2.0
"""Calls of a client program into a driver in another process, from libIOKit's public functions to ExternalMethod, beside a
Unix seqpacket socket, a futex ping-pong on shared memory and sd-bus from process to process.

Our side is the real thing: a realm, the driver of dext/ made by `opendext build`, an ordinary client program. All take turns in
each round; given is the median of the rounds. Placements: same (both processes on one CPU), cross (on two), free (where the
scheduler puts them), gaps (free, 1 ms between calls), busy (free, both CPUs kept busy by others).
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests", "e2e"))
import harness  # noqa: E402 pylint: disable=wrong-import-position

CPUS = sorted(os.sched_getaffinity(0))
PLACEMENTS = ("same", "cross", "free", "gaps", "busy")
SIZES = {64: "64 B", 4096: "4 KiB", 65536: "64 KiB"}


def build(folder):
    """The client program, the peers' program, and the dext."""
    library = os.path.join(harness.PREFIX, "lib")
    compiler = ["clang++-19", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror"]
    client = os.path.join(folder, "client")
    subprocess.run([*compiler, "-isystem", os.path.join(harness.SOURCE, "iokit", "include"), os.path.join(HERE, "client.cpp"), "-o", client,
                    "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library], check=True)
    peers = os.path.join(folder, "peers")
    sd_bus = subprocess.run(["pkg-config", "--exists", "libsystemd"], check=False).returncode == 0
    if not sd_bus:
        print("userclient: without sd-bus; to compare with it too: apt-get install libsystemd-dev", file=sys.stderr)
    subprocess.run([*compiler, os.path.join(HERE, "peers.cpp"), "-o", peers, *(["-DWITH_SD_BUS", "-lsystemd"] if sd_bus else [])],
                   check=True)
    built = harness.Realm(os.path.join(folder, "no-realm")).run(
        "opendext", "build", os.path.join(HERE, "dext"), "-o", folder, "--bundle-id", "org.example.bench",
        "--quiet", timeout=300)
    if built.returncode != 0:
        raise RuntimeError(f"the dext of the benchmark does not build:\n{built.stdout}{built.stderr}")
    return client, peers, sd_bus


def pin(pid, cpus):
    """All threads of a process; those it starts later inherit it."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task), cpus)


class Measured:
    """Runs programs and keeps what they print."""

    def __init__(self, realm, client, peers, quick):
        self.realm, self.client, self.peers = realm, client, peers
        self.seconds = 0.1 if quick else 0.3
        self.rounds = 3 if quick else 7
        self.driver = 0

    def find_driver(self):
        self.driver = harness.wait_for(lambda: self.realm.drivers("org.example.bench"), "the driver")[0]

    def once(self, name, placement, size=64):
        """One measurement: `name` is a mode of the client program, or of the peers' as "peer:MODE"."""
        ours = not name.startswith("peer:")
        words = [self.client if ours else self.peers, name.removeprefix("peer:"), "--size", str(size), "--seconds", str(self.seconds)]
        if placement in ("same", "cross"):
            other = CPUS[0] if placement == "same" else CPUS[1]
            words += ["--cpu", str(CPUS[0]), "--peer-cpu", str(other)]
        else:
            other = None
        if placement == "gaps":
            words += ["--gap-us", "1000"]
        if ours:
            pin(self.driver, set(CPUS) if other is None else {other})
        done = subprocess.run(words, env=self.realm.environment(), text=True, stdout=subprocess.PIPE, timeout=120, check=True)
        return json.loads(done.stdout)

    def medians(self, names, placement, size=64):
        """For each name the medians of what it measured, in turns."""
        found = {name: [] for name in names}
        with self.load(placement):
            for _ in range(self.rounds):
                for name in names:
                    found[name].append(self.once(name, placement, size))
        return {name: {key: statistics.median(one[key] for one in results) for key in results[0]} for name, results in found.items()}

    @contextlib.contextmanager
    def load(self, placement):
        burners = [subprocess.Popen([self.peers, "burn", "--cpu", str(cpu)]) for cpu in CPUS if placement == "busy"]
        try:
            yield
        finally:
            for burner in burners:
                burner.kill()
                burner.wait()


def run(options, row):
    folder = tempfile.mkdtemp(prefix="opendext-bench-")
    realm = harness.Realm(os.path.join(folder, "realm"))
    try:
        client, peers, sd_bus = build(folder)
        installed = realm.run("opendext", "install", os.path.join(folder, "Bench.dext"))
        if installed.returncode != 0:
            raise RuntimeError(installed.stderr)
        measured = Measured(realm, client, peers, options.quick)
        measured.find_driver()
        time.sleep(0.5)  # the realm comes to rest
        yield from rows(measured, sd_bus, row)
    finally:
        realm.stop()
        shutil.rmtree(folder, ignore_errors=True)


def rows(measured, sd_bus, row):
    def one(case, metric, unit, ours, theirs, name):
        return row("userclient", case, metric, unit, ours, theirs, name)

    socket = "peer:seqpacket"
    placements = [each for each in PLACEMENTS if len(CPUS) > 1 or each != "cross"]
    for placement in placements:
        for size, text in SIZES.items():
            names = ["call", socket, "peer:futex"] + (["peer:sd-bus"] if sd_bus else [])
            if size == 65536:
                names.append("mapped")
            found = measured.medians(names, placement, size)
            kind = " copied" if size == 65536 else ""
            for name in names[1:]:
                if name.startswith("peer:"):
                    yield one(f"{text}{kind}, {placement}", "p50 us", "us", found["call"]["p50"], found[name]["p50"], name[5:])
            if size == 65536:
                yield one(f"{text} not copied, {placement}", "p50 us", "us", found["mapped"]["p50"], found[socket]["p50"], "seqpacket")
            yield one(f"{text}{kind}, {placement}", "p99 us", "us", found["call"]["p99"], found[socket]["p99"], "seqpacket")
            if placement != "gaps":
                yield one(f"{text}{kind}, {placement}", "calls/s", "/s", found["call"]["rate"], found[socket]["rate"], "seqpacket")
            yield one(f"{text}{kind}, {placement}", "CPU us/call", "us", found["call"]["cpu"], found[socket]["cpu"], "seqpacket")
    for placement in placements:
        if placement == "gaps":
            continue
        floor = ["peer:rings-in-flight"] if placement in ("cross", "free") else []  # spins: needs a CPU each
        found = measured.medians(["in-flight", "peer:seqpacket-in-flight", *floor], placement)
        ours, theirs = found["in-flight"], found["peer:seqpacket-in-flight"]
        yield one(f"32 in flight, {placement}", "us/call", "us", ours["p50"], theirs["p50"], "seqpacket")
        if floor:
            yield one(f"32 in flight, {placement}", "us/call", "us", ours["p50"], found[floor[0]]["p50"], "bare rings")
        yield one(f"32 in flight, {placement}", "CPU us/call", "us", ours["cpu"], theirs["cpu"], "seqpacket")
        found = measured.medians(["one-way", "completions", "peer:seqpacket-one-way"], placement)
        theirs = found["peer:seqpacket-one-way"]
        yield one(f"one-way, {placement}", "messages/s", "/s", found["one-way"]["rate"], theirs["rate"], "seqpacket")
        yield one(f"completions, {placement}", "messages/s", "/s", found["completions"]["rate"], theirs["rate"], "seqpacket")
    found = measured.medians(["data-queue", "mapped-memory", "own-memory"], "free")
    yield one("data queue, 1 KiB records", "MB/s", "MB/s", found["data-queue"]["mb_s"], found["own-memory"]["mb_s"], "memcpy")
    yield one("mapped memory, 64 KiB", "MB/s", "MB/s", found["mapped-memory"]["mb_s"], found["own-memory"]["mb_s"], "memcpy")
