# SPDX-License-Identifier: Apache-2.0
"""Driver processes: from a match to Start, from a kill to a serving serial port, memory, a thousand at once.

Our side is the real thing: a realm with the whole sandbox of this machine, the dexts of swarm/ and of serial-over-tcp. The
peer is one posix_spawn of a bare dynamically linked C++ program (bare.cpp) until its main runs, in turns with ours.
"""

import json
import os
import plistlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests", "e2e"))
import harness  # noqa: E402 pylint: disable=wrong-import-position

BUNDLE = "org.example.swarm"
PARTS = ("start", "first", "unprepared", "floor", "serial", "crowd")
ROUNDS = 100


def arguments(group):
    """Options of this benchmark, for ./bench."""
    group.add_argument("--parts", metavar="LIST", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    group.add_argument("--crowd", type=int, metavar="N", default=1000, help="instances at once (default: 1000)")


def build(folder):
    """The client program, the peer, and the dext."""
    library = os.path.join(harness.PREFIX, "lib")
    compiler = ["clang++-19", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror"]
    client, bare = os.path.join(folder, "client"), os.path.join(folder, "bare")
    subprocess.run([*compiler, "-isystem", os.path.join(harness.SOURCE, "iokit", "include"), os.path.join(HERE, "client.cpp"), "-o", client,
                    "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library], check=True)
    for name in ("bare", "floor"):
        subprocess.run([*compiler, os.path.join(HERE, name + ".cpp"), "-o", os.path.join(folder, name)], check=True)
    build_swarm(os.path.join(HERE, "swarm"), folder)
    return client, bare


def build_swarm(sources, folder):
    built = harness.Realm(os.path.join(folder, "no-realm")).run(
        "opendext", "build", sources, "-o", folder, "--bundle-id", BUNDLE, "--quiet", timeout=300)
    if built.returncode != 0:
        raise RuntimeError(f"the dext of the benchmark does not build:\n{built.stdout}{built.stderr}")


def build_kinds(folder):
    """The same dext with a driver of its own, and so a process of its own, for each nub: each starts once."""
    sources = os.path.join(folder, "kinds")
    shutil.copytree(os.path.join(HERE, "swarm"), sources)
    path = os.path.join(sources, "Info.plist")
    with open(path, "rb") as file:
        info = plistlib.load(file)
    personalities = info["IOKitPersonalities"]
    leaf, control = personalities.pop("Leaf"), personalities["Control"]
    for kind in range(ROUNDS):
        control[f"NubProperties{kind}"] = {**control["NubProperties"], "SwarmKind": kind}
        personalities[f"Leaf{kind}"] = {**leaf, "IOUserServerName": f"{BUNDLE}.{kind}", "IOPropertyMatch": {"SwarmKind": kind}}
    with open(path, "wb") as file:
        plistlib.dump(info, file)
    os.mkdir(os.path.join(folder, "of-kinds"))
    build_swarm(sources, os.path.join(folder, "of-kinds"))


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def tool(realm, *words):
    done = realm.run(*words)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def memory(pid):
    """KiB of a process: its share of everything (PSS), and what nobody else has (private)."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        values = {words[0]: int(words[1]) for words in map(str.split, file) if words[0].endswith(":")}
    return values["Pss:"], values["Private_Dirty:"] + values["Private_Clean:"]


def starts(realm, client, bare, quick, row, name="match to Start"):
    rounds = 30 if quick else ROUNDS
    done = subprocess.run([client, "start", str(rounds), bare], env=realm.environment(), stdout=subprocess.PIPE, text=True,
                          timeout=600, check=True)
    found = json.loads(done.stdout)
    for quantity, share in (("p50", 0.5), ("p99", 0.99)):
        ours, peer = (quantile(found[key], share) / 1000 for key in ("start", "main"))
        yield row("isolation", name, quantity, "us", ours, peer, "spawn")
    yield row("isolation", name + ", peer's first byte", "p50", "us", quantile(found["start"], 0.5) / 1000,
              quantile(found["byte"], 0.5) / 1000, "spawn")


def floor(folder, quick, row):
    """What of a kill is the kernel's: bare processes, one killed, one told by another that waited for its end."""
    done = subprocess.run([os.path.join(folder, "floor"), str(20 if quick else 100)], stdout=subprocess.PIPE, text=True, timeout=120,
                          check=True)
    yield row("isolation", "kill to a message, bare processes", "p50", "us", quantile(json.loads(done.stdout), 0.5) / 1000, 0, "")


def serial_pid(realm):
    ports = json.loads(tool(realm, "opendext-serial", "ls", "--json"))
    return ports[0]["pid"] if ports[0].get("pid") and harness.start_time(ports[0]["pid"]) else None


def serial(realm, client, bare, quick, row):
    listener = socket.create_server(("127.0.0.1", 0))
    device = tool(realm, "opendext-serial", "add", "bench", "--connect", f"127.0.0.1:{listener.getsockname()[1]}").strip()
    connection, _ = listener.accept()
    subprocess.run(["stty", "-F", device, "raw", "-echo"], check=True)
    program = subprocess.Popen([client, "serve", device, str(connection.fileno()), bare], pass_fds=[connection.fileno()],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(word):
        program.stdin.write(f"{word}\n")
        program.stdin.flush()
        answer = program.stdout.readline()
        if not answer:
            raise RuntimeError("the client program ended")
        return int(answer)
    try:
        ours, peer, last = [], [], None
        for _ in range(20 if quick else 100):
            pid = harness.wait_for(lambda before=last: (found := serial_pid(realm)) != before and found, "the port's driver")
            time.sleep(0.1)  # the realm comes to rest
            ours.append(ask(pid))
            peer.append(ask("spawn"))
            last = pid
    finally:
        program.stdin.close()
        program.wait(10)
        connection.close()
        listener.close()
        realm.run("opendext-serial", "rm", "bench")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield row("isolation", "kill to serving serial port", name, "us", quantile(ours, share) / 1000, quantile(peer, share) / 1000,
                  "spawn")


def crowd(realm, client, count, row):
    program = subprocess.Popen([client, "crowd", str(count)], env=realm.environment(), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        line = program.stdout.readline()
        if not line:
            raise RuntimeError("the client program ended")
        found = json.loads(line)
        leaves = [pid for pid in realm.drivers(BUNDLE)]
        time.sleep(1)
        each = [memory(pid) for pid in leaves]
        program.stdin.write("\n")
        program.stdin.close()
        ended = json.loads(program.stdout.readline())
    finally:
        program.kill()
        program.wait()
    name = f"{count} instances"
    yield row("isolation", name, "answering", "", found["answered"], count, "wanted")
    yield row("isolation", name, "started", "s", found["started"] / 1e9, 0, "")
    yield row("isolation", name, "open+call each", "us", found["answering"] / 1000 / count, 0, "")
    yield row("isolation", name, "ended", "s", ended["ended"] / 1e9, 0, "")
    yield row("isolation", name, "PSS each", "KiB", statistics.median(pss for pss, _ in each), 128, "aim")
    yield row("isolation", name, "private each", "KiB", statistics.median(own for _, own in each), 128, "aim")


def realm_with_swarm(folder, name, settings, bundle="Swarm.dext"):
    realm = harness.Realm(os.path.join(folder, name))
    realm.configure(settings)
    tool(realm, "opendext", "install", os.path.join(folder, bundle))
    harness.wait_for(lambda: realm.drivers(BUNDLE), "the driver")
    time.sleep(0.5)  # the realm comes to rest
    return realm


def run(options, row):
    folder = tempfile.mkdtemp(prefix="opendext-bench-")
    realms = []
    parts = options.parts.split(",")
    try:
        client, bare = build(folder)
        if "first" in parts:
            build_kinds(folder)
            realms.append(realm_with_swarm(folder, "first", harness.KILLED_OFTEN, os.path.join("of-kinds", "Swarm.dext")))
            yield from starts(realms[-1], client, bare, options.quick, row, "match to Start, first start")
            realms.pop().stop()
        if "unprepared" in parts:  # no process is there before it is asked for
            realms.append(realm_with_swarm(folder, "unprepared", {**harness.KILLED_OFTEN, "restart.spare-processes": "0"}))
            yield from starts(realms[-1], client, bare, options.quick, row, "match to Start, no spare process")
            realms.pop().stop()
        realms.append(realm_with_swarm(folder, "realm", harness.KILLED_OFTEN))
        if "start" in parts:
            yield from starts(realms[-1], client, bare, options.quick, row)
        if "floor" in parts:
            yield from floor(folder, options.quick, row)
        if "serial" in parts:
            yield from serial(realms[-1], client, bare, options.quick, row)
        if "crowd" in parts:
            yield from crowd(realms[-1], client, options.crowd if not options.quick else min(options.crowd, 100), row)
    finally:
        for realm in realms:
            realm.stop()
        shutil.rmtree(folder, ignore_errors=True)
