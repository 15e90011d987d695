# SPDX-License-Identifier: Apache-2.0
"""Finds programs that are not ours: installed, else unpacked from their Debian packages below the build folder."""

import fcntl
import functools
import os
import shutil
import subprocess
import tempfile
import unittest

import harness

FOLDER = os.path.join(harness.PREFIX, "tests", "programs")
if not os.access(harness.PREFIX, os.W_OK):  # an installation, or another user's build
    FOLDER = os.path.join(tempfile.gettempdir(), f"opendext-programs-{os.getuid()}")
DOWNLOAD_TIME = 60

# What to unpack for a program that is not installed: the package itself and the libraries that a plain system lacks.
PACKAGES = {
    "ser2net": ("ser2net", "libgensio0"),
    "minicom": ("minicom",),
    "tio": ("tio", "libinih1"),
    "screen": ("screen",),
    "picocom": ("picocom",),
    "socat": ("socat",),
    "serial_asyncio": ("python3-serial-asyncio",),
    "libserialport": ("libserialport0", "libserialport-dev"),
    "jssc": ("libjssc-java",),
    "mono": ("mono-runtime", "mono-runtime-sgen", "mono-runtime-common", "mono-mcs", "libmono-corlib4.5-dll", "libmono-corlib4.5-cil",
             "libmono-system4.0-cil", "libmono-system-core4.0-cil", "libmono-system-xml4.0-cil", "libmono-system-numerics4.0-cil",
             "libmono-system-security4.0-cil", "libmono-system-configuration4.0-cil", "libmono-security4.0-cil",
             "libmono-microsoft-csharp4.0-cil"),
}


class Unobtainable(unittest.SkipTest):
    """The program is neither installed nor to be had; its tests are skipped and say so."""


@functools.cache
def unpacked(name):
    """Folder with the unpacked packages of `name`; what was unpacked once is used again."""
    # apt's own cache and lists; the download needs no privilege.
    def unpack(fresh):
        _run(["apt-get", "-q", "download", *PACKAGES[name]], fresh)
        for package in os.listdir(fresh):
            if package.endswith(".deb"):
                _run(["dpkg-deb", "-x", package, "."], fresh)
    return _kept(name, unpack)


@functools.cache
def node_package(name):
    """Folder node_modules with a package of npm, NAME@VERSION, and what it needs. Nothing of it is built: what it brings for this
    processor is used."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unobtainable("node and npm are not installed, and too large to be unpacked for a test")
    def install(fresh):
        _run(["npm", "install", "--prefix", fresh, "--no-audit", "--no-fund", "--ignore-scripts", name], fresh)
    return os.path.join(_kept(name, install), "node_modules")


def _run(command, folder):
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=DOWNLOAD_TIME, stdin=subprocess.DEVNULL)


def _kept(name, make):
    """The folder that make(folder) has filled, now or earlier."""
    folder = os.path.join(FOLDER, name)
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    if os.stat(FOLDER).st_uid != os.getuid():
        raise Unobtainable(f"{FOLDER} is another user's")
    with open(os.path.join(FOLDER, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests at a time
        if os.path.isdir(folder):
            return folder
        fresh = folder + ".new"
        shutil.rmtree(fresh, ignore_errors=True)
        os.makedirs(fresh)
        try:
            make(fresh)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            raise Unobtainable(f"{name} is not installed and cannot be downloaded: {said[0] if said else error}") from error
        os.rename(fresh, folder)
    return folder


def find(name):
    """(path of the program, environment to run it in); raises Unobtainable."""
    environment = dict(os.environ)
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        root = unpacked(name)
        places = [os.path.join(root, folder, name) for folder in ("usr/bin", "usr/sbin", "bin")]
        path = next((place for place in places if os.access(place, os.X_OK)), None)
        if path is None:
            raise Unobtainable(f"no program {name} in the packages {' '.join(PACKAGES[name])}")
        environment["LD_LIBRARY_PATH"] = libraries(root)
    return path, environment


def libraries(root):
    """Folders with the shared libraries of unpacked packages."""
    folders = [os.path.join(root, "usr", "lib"), os.path.join(root, "lib")]
    for folder in list(folders):
        if os.path.isdir(folder):
            folders += [entry.path for entry in os.scandir(folder) if entry.name.endswith("-linux-gnu")]
    return ":".join(folders)
