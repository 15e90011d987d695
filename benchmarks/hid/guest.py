# SPDX-License-Identifier: Apache-2.0
"""In the lab: the system's realm with the driver of a keyboard, the peer's loop on a second one, the kernel alone on a third; one line
of JSON: by placement, for each turn the quantiles of each keyboard. guest.py EVENTS DEXT ROUNDS REPORTS GAP_US"""

import json
import os
import subprocess
import sys

import harness
from lab_case import SystemRealm

DRIVER, LOOP, KERNEL = "2", "98", "99"  # product ids; the dext matches the first


def bind(pid, processors):
    """All threads of a process."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(thread), processors)
        except ProcessLookupError:
            pass


def placements():
    """Where the load runs, and where driver and loop run: both of them alike, since where a process happens to be changes its time by
    more than the two differ. "free": where the kernel puts them."""
    processors = sorted(os.sched_getaffinity(0))
    yield "one processor", {processors[0]}, {processors[0]}
    if len(processors) > 1:
        yield "two processors", {processors[0]}, {processors[1]}
        yield "free", set(processors), set(processors)


def main():
    events, dext, rounds, *numbers = sys.argv[1:]
    realm = SystemRealm()
    realm.configure({})
    processes = []
    try:
        installed = realm.run("opendext", "install", dext)
        if installed.returncode != 0:
            raise RuntimeError(installed.stdout + installed.stderr)
        load = subprocess.Popen([events, DRIVER, LOOP, KERNEL, *numbers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(load)
        nodes = dict(load.stdout.readline().split()[1:] for _ in range(3))
        loop = subprocess.Popen([events, "loop", nodes[LOOP], LOOP])
        processes.append(loop)
        harness.wait_for(lambda: realm.drivers("org.example.plainevents"), "the driver of the keyboard")
        times = {name: [] for name, _, _ in placements()}
        for _ in range(int(rounds)):
            for name, of_load, of_peers in placements():
                bind(load.pid, of_load)
                for pid in (loop.pid, *realm.drivers("org.example.plainevents")):
                    bind(pid, of_peers)
                load.stdin.write("go\n")
                load.stdin.flush()
                times[name].append(json.loads(load.stdout.readline()))
        load.stdin.close()
        print(json.dumps(times), flush=True)
        return load.wait(timeout=60)
    except BaseException:
        print(realm.log(), file=sys.stderr)
        raise
    finally:
        for process in processes:
            process.kill()
            process.wait()
        realm.stop()


if __name__ == "__main__":
    sys.exit(main())
