# SPDX-License-Identifier: Apache-2.0
"""Serial ports over TCP on the loopback interface: ours beside socat and ser2net.

The same program (load.cpp) is at both ends of every link, compares every byte, and its time does not count. CPU is that of
the processes in between: keeper, opendextd, drivers and agent; the socats; ser2net. All links of a number of ports stand
at the same time and take turns in each round; given is the median of the rounds.
"""

import json
import os
import statistics
import subprocess
import sys

from links import Floor, Ours, Ser2net, Socat, harness, made
import ser2net

CASES = ("stream", "echo", "paced")
LINKS = ("socat", "ser2net", "ser2net-rfc2217", "each", "one", "plain", "rfc2217", "floor", "floor-exact")
RATES = {"115,200 baud": 11520, "921,600 baud": 92160}  # ten bits a byte
PACED_PIECE = 64  # what a driver of a USB serial adapter gets at a time
DIRECTIONS = {"out": "terminal to network", "in": "network to terminal"}


def arguments(group):
    """Options of this benchmark, for ./bench."""
    group.add_argument("--cases", metavar="LIST", help=f"of {','.join(CASES)}")
    group.add_argument("--ports", metavar="LIST", default="1,16,64", help="numbers of ports (default: 1,16,64)")
    group.add_argument("--links", metavar="LIST", default=",".join(LINKS),
                       help="of " + ",".join(LINKS) + "; each/one: our driver with a process for each port/for all of them; "
                       "plain: each, without journals; floor: two bare processes, floor-exact: with exact transfers")
    group.add_argument("--rounds", type=int, metavar="N", help="rounds of which the median is given")


def words(text, allowed, what):
    found = text.split(",")
    for word in found:
        if word not in allowed:
            sys.exit(f"bench serial: there is no {what} {word}; there are {', '.join(allowed)}")
    return found


class Load:
    """Runs the program at both ends."""

    def __init__(self, quick):
        self.program = os.path.join(harness.PREFIX, "benchmarks", "bench_serial_load")
        if not os.path.exists(self.program):
            sys.exit(f"bench serial: {self.program} is not built; build the target `benchmarks`")
        self.seconds = 0.3 if quick else 0.6
        self.paced_seconds = 1 if quick else 2
        self.echoes = 300 if quick else 1000

    def once(self, link, mode, **options):
        ends = [f"{terminal}:{connection.fileno()}" for terminal, connection in link.ends]
        descriptors = [end for pair in link.ends for end in (pair[0], pair[1].fileno())]
        options["cpu_of"] = ",".join(map(str, link.pids()))
        given = [f"{key.replace('_', '-')}={value}" for key, value in options.items()]
        done = subprocess.run([self.program, mode, *given, *ends], pass_fds=descriptors, text=True, capture_output=True,
                              timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{link.name}, {len(ends)} ports, {mode} {options.get('direction', '')}: {done.stderr}")
        return json.loads(done.stdout)

    def measure(self, link, cases):
        """{(case, detail): what load.cpp printed}"""
        result = {}
        for direction in DIRECTIONS:
            if "stream" in cases:
                result["stream", direction] = self.once(link, "stream", direction=direction, seconds=self.seconds,
                                                        piece=4096 if direction == "out" else 65536)
            if "paced" in cases:
                for text, rate in RATES.items():
                    result["paced", f"{direction} {text}"] = self.once(
                        link, "paced", direction=direction, seconds=self.paced_seconds, piece=PACED_PIECE, rate=rate)
        if "echo" in cases:
            result["echo", ""] = self.once(link, "echo", rounds=self.echoes)
        return result


def medians(rounds):
    return {key: {metric: statistics.median(one[key][metric] for one in rounds) for metric in rounds[0][key]}
            for key in rounds[0]}


def make_links(names, count):
    """Those that make sense for the number of ports."""
    peer = None
    if any(name.startswith("ser2net") for name in names):
        peer = ser2net.find_or_explain(os.path.join(harness.PREFIX, "benchmarks", "ser2net"))
    links = {}
    for name in names:
        if name == "socat":
            links[name] = Socat()
        elif name.startswith("ser2net") and peer is not None:
            links[name] = Ser2net(*peer, rfc2217=name.endswith("rfc2217"))
        elif name == "each":
            links[name] = Ours()
        elif name == "one" and count > 1:
            links[name] = Ours(one_process=True)
        elif name.startswith("floor"):
            links[name] = Floor(exact=name.endswith("exact"))
        elif name == "plain":
            links[name] = Ours(plain=True)
        elif name == "rfc2217":
            links[name] = Ours(rfc2217=True)
    return links


def run(options, row):
    names = words(options.links, LINKS, "link")
    cases = words(options.cases, CASES, "case") if options.cases else None
    load = Load(options.quick)
    rounds = options.rounds or (1 if options.quick else 3)
    for count in map(int, options.ports.split(",")):
        # The cost of a paced stream is that of each port by itself.
        wanted = cases or [case for case in CASES if case != "paced" or count == 1]
        links = make_links(names, count)
        with made(links.values(), count):
            found = {name: [] for name in links}
            for _ in range(rounds):
                for name, link in links.items():
                    found[name].append(load.measure(link, wanted))
        yield from rows(row, count, {name: medians(results) for name, results in found.items()})


# Whose figures stand beside whose.
PAIRS = (("each", "socat"), ("one", "socat"), ("each", "ser2net"), ("one", "ser2net"), ("rfc2217", "ser2net-rfc2217"),
         ("rfc2217", "socat"), ("each", "plain"), ("floor", "socat"), ("floor-exact", "socat"))


def rows(row, count, found):
    ports = f"{count} port" + ("s" if count > 1 else "")
    for ours, peer in PAIRS:
        if ours not in found or peer not in found:
            continue
        label = ports + {"each": "", "one": " one process", "rfc2217": " RFC 2217"}.get(ours, f" {ours}")
        peer_name = "ser2net" if peer.startswith("ser2net") else "not exact" if peer == "plain" else peer
        for key, mine in found[ours].items():
            theirs = found[peer][key]

            def one(case, metric, unit, field, mine=mine, theirs=theirs, label=label, peer_name=peer_name):
                return row("serial", f"{label}, {case}", metric, unit, mine[field], theirs[field], peer_name)

            case, detail = key
            if case == "stream":
                yield one(DIRECTIONS[detail], "throughput", "MB/s", "mb_s")
                yield one(DIRECTIONS[detail], "CPU", "s/GB", "cpu_s_gb")
            elif case == "paced":
                yield one(f"paced {detail}", "CPU", "ms/s", "cpu_ms_s")
            else:
                yield one("echo of a byte", "time p50", "us", "p50")
                yield one("echo of a byte", "time p99", "us", "p99")
                yield one("echo of a byte", "CPU", "us", "cpu_us")


if __name__ == "__main__":
    sys.exit("run it with ./bench serial")
