# SPDX-License-Identifier: Apache-2.0
"""In the lab: the system's realm with the driver of a keyboard, the peer's loop on a second one, the kernel alone on a third; one line
of JSON. guest.py EVENTS DEXT ROUNDS REPORTS GAP_US"""

import subprocess
import sys

import harness
from lab_case import SystemRealm

DRIVER, LOOP, KERNEL = "2", "98", "99"  # product ids; the dext matches the first


def main():
    events, dext, *numbers = sys.argv[1:]
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
        processes.append(subprocess.Popen([events, "loop", nodes[LOOP], LOOP]))
        harness.wait_for(lambda: realm.drivers("org.example.plainevents"), "the driver of the keyboard")
        print(load.communicate("go\n", timeout=280)[0].strip(), flush=True)
        return load.returncode
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
