# SPDX-License-Identifier: Apache-2.0
"""Where ser2net comes from: from the machine, else unpacked from its Debian package, because installing that package
would start a service."""

import glob
import os
import re
import shutil
import subprocess
import sys


class Ser2netMissing(Exception):
    """There is no ser2net, and none could be had; the text says why."""


def find(folder):
    """(program, environment) of a ser2net; `folder` keeps what is unpacked."""
    installed = shutil.which("ser2net", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if installed:
        return installed, dict(os.environ)
    root = os.path.join(folder, "root")
    if not os.path.exists(os.path.join(root, "usr/sbin/ser2net")):
        unpack(missing_packages(), folder)
    return unpacked(root)


def unpacked(root):
    program = os.path.join(root, "usr/sbin/ser2net")
    if not os.path.exists(program):
        raise Ser2netMissing(f"{program} is not in the package")
    libraries = glob.glob(os.path.join(root, "usr/lib/*-linux-gnu")) + glob.glob(os.path.join(root, "lib/*-linux-gnu"))
    plugins = glob.glob(os.path.join(root, "usr/libexec/*-linux-gnu/gensio/*"))
    return program, dict(os.environ, LD_LIBRARY_PATH=":".join(libraries), GENSIO_LIBRARY_PATH=":".join(plugins))


def missing_packages():
    """ser2net and what it needs that is not installed."""
    planned = run(["apt-get", "-s", "install", "--no-install-recommends", "ser2net"])
    names = re.findall(r"^Inst (\S+) ", planned, re.MULTILINE)
    if "ser2net" not in names:
        raise Ser2netMissing("apt-get knows no ser2net; try `apt-get update`")
    return names


def unpack(names, folder):
    os.makedirs(folder, exist_ok=True)
    run(["apt-get", "download", *names], cwd=folder)
    for package in glob.glob(os.path.join(folder, "*.deb")):
        run(["dpkg-deb", "-x", package, os.path.join(folder, "root")])


def run(command, **options):
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Ser2netMissing(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        raise Ser2netMissing(f"{' '.join(command)}:\n{(done.stderr or done.stdout).strip()}\ntry `apt-get update`")
    return done.stdout


def find_or_explain(folder):
    """As find(); None and a message where there is none."""
    try:
        return find(folder)
    except Ser2netMissing as problem:
        print(f"serial: WITHOUT ser2net, its rows are missing: {problem}", file=sys.stderr, flush=True)
        return None
