# SPDX-License-Identifier: Apache-2.0
"""Matching and iterating many registry entries through libIOKit, beside libudev and this machine's devices.

The entries are in a real realm: a keeper, and an opendextd that has one more family, which publishes what it is told
(family.cpp). The client is an ordinary one.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile


def end(realm):
    """Ends the realm's keeper, which ends the rest, and waits for it."""
    try:
        with open(os.path.join(realm, "run", "keeper.pid"), encoding="utf-8") as file:
            keeper = os.pidfd_open(int(file.read()))
    except (OSError, ValueError):
        return  # it did not come up
    signal.pidfd_send_signal(keeper, signal.SIGTERM)
    select.select([keeper], [], [], 30)
    os.close(keeper)


def rows(words, environment, row):
    """What a program of this folder prints, a JSON object a line."""
    with subprocess.Popen(words, env=environment, text=True, stdout=subprocess.PIPE) as program:
        for line in program.stdout:
            one = json.loads(line)
            yield row(one["bench"], one["case"], one["metric"], one["unit"], one["ours"], one["peer"], one["peer_name"])
    if program.returncode != 0:
        raise subprocess.CalledProcessError(program.returncode, words)


def run(options, row):
    prefix = os.environ["OPENDEXT_PREFIX"]
    programs = os.path.join(prefix, "benchmarks")
    quick = ["--quick"] if options.quick else []
    yield from rows([os.path.join(programs, "bench_matching"), *quick], os.environ, row)
    if not os.path.exists(os.path.join(programs, "bench_registry")):
        print("registry    left out: it needs libudev-dev when the project is configured")
        return
    folder = tempfile.mkdtemp(prefix="opendext-bench-")
    realm = os.path.join(folder, "realm")
    fifo = os.path.join(folder, "commands")
    os.mkfifo(fifo)
    environment = dict(os.environ, OPENDEXT_REALM=realm, OPENDEXT_BENCH_REGISTRY=fifo)
    keeper = os.path.join(prefix, "bin", "opendext-keeper")
    try:
        subprocess.run([keeper, "--realm", realm, "--daemon", os.path.join(programs, "bench_registry_daemon")],
                       check=True, env=environment)
        words = [os.path.join(programs, "bench_registry"), fifo, "1000,10000" if options.quick else "1000,10000,100000"]
        yield from rows(words + quick, environment, row)
    finally:
        end(realm)
        shutil.rmtree(folder, ignore_errors=True)
