# SPDX-License-Identifier: Apache-2.0
"""The guest's kernel: Debian's, as it is, unpacked into a cache folder. Nothing is installed.

    kernel.find()      the newest one in the cache, or None
    kernel.prepare()   fetches and unpacks the current one if it is not there

OPENDEXT_LAB_KERNEL_DEB=FILE takes that package instead of fetching one. OPENDEXT_LAB_CACHE is the folder.
"""

import gzip
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile

META_PACKAGE = "linux-image-amd64"
# Not unpacked: four fifths of the size, for hardware that no test has.
LEFT_OUT = ["kernel/drivers/gpu", "kernel/drivers/media", "kernel/drivers/infiniband", "kernel/drivers/net/ethernet",
            "kernel/drivers/net/wireless", "kernel/drivers/scsi", "kernel/drivers/staging", "kernel/drivers/iio", "kernel/drivers/hwmon",
            "kernel/sound"]


class LabError(Exception):
    """What keeps the lab from working; the text says what to do."""


class Kernel:
    def __init__(self, folder):
        self.folder = folder
        self.image = os.path.join(folder, "vmlinux")
        self.release = os.listdir(os.path.join(folder, "lib", "modules"))[0]
        self.modules = os.path.join(folder, "lib", "modules", self.release)

    def module_files(self, names):
        """Files of the modules and of all that they need, in the order in which they can be loaded. What is built into the
        kernel is left out."""
        needs = {}
        with open(os.path.join(self.modules, "modules.dep"), encoding="utf-8") as file:
            for line in file:
                module, _, rest = line.partition(":")
                needs[module] = rest.split()
        by_name = {os.path.basename(path).split(".ko")[0].replace("-", "_"): path for path in needs}
        ordered = []
        for name in names:
            path = by_name.get(name.replace("-", "_"))
            if path is None:
                continue
            # modules.dep lists what is needed nearest first.
            for needed in [*reversed(needs[path]), path]:
                if needed not in ordered:
                    ordered.append(needed)
        return [os.path.join(self.modules, path) for path in ordered]


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("OPENDEXT_LAB_CACHE") or os.path.join(base, "opendext", "lab")


def find():
    """The kernel that was prepared last, None if none was."""
    try:
        folders = [entry.path for entry in os.scandir(cache()) if os.path.exists(os.path.join(entry.path, "vmlinux"))]
    except OSError:
        return None
    return Kernel(max(folders, key=os.path.getmtime)) if folders else None


def prepare():
    given = os.environ.get("OPENDEXT_LAB_KERNEL_DEB")
    package = given or _newest_package()
    name = os.path.basename(given).removesuffix(".deb") if given else package
    folder = os.path.join(cache(), re.sub(r"[^\w.+~-]", "_", name))
    if os.path.exists(os.path.join(folder, "vmlinux")):
        os.utime(folder)
        return Kernel(folder)
    try:
        os.makedirs(cache(), exist_ok=True)
        # Made beside and renamed, so that nobody sees half of it, and two who make it at once do no harm.
        with tempfile.TemporaryDirectory(prefix=".making-", dir=cache()) as making:
            _unpack(given or _download(package, making), making)
            try:
                os.rename(os.path.join(making, "kernel"), folder)
            except OSError:
                if not os.path.exists(os.path.join(folder, "vmlinux")):
                    raise
    except OSError as error:
        raise LabError(f"cannot make the kernel in {cache()}: {error}") from error
    return Kernel(folder)


def _run(*command, **options):
    try:
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, **options).stdout
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"{' '.join(command)}: {error.stderr.strip() or error.returncode}") from error


def _newest_package():
    """The package that Debian's meta package stands for at the moment."""
    match = re.search(r"Depends: (linux-image-\S+)", _run("apt-cache", "depends", META_PACKAGE))
    if not match:
        raise LabError(f"apt knows no {META_PACKAGE}: run apt-get update as root, or name a package of Debian's kernel "
                       "by OPENDEXT_LAB_KERNEL_DEB=FILE")
    return match[1]


def _download(package, folder):
    _run("apt-get", "-q", "download", package, cwd=folder)
    return next(entry.path for entry in os.scandir(folder) if entry.name.endswith(".deb"))


def _unpack(package, folder):
    target = os.path.join(folder, "kernel")
    os.makedirs(target)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        _tar(archive.stdout, target)
    if archive.returncode:
        raise LabError(f"{package} is not a Debian package")
    # Where Debian's files are below /usr one day.
    if os.path.isdir(os.path.join(target, "usr", "lib", "modules")):
        shutil.move(os.path.join(target, "usr", "lib"), os.path.join(target, "lib"))
    releases = os.listdir(os.path.join(target, "lib", "modules"))
    if len(releases) != 1:
        raise LabError(f"{package} has no kernel, or several: {releases}")
    _run("depmod", "-b", target, releases[0])
    with open(os.path.join(target, "boot", "vmlinuz-" + releases[0]), "rb") as file:
        plain = decompressed(file.read())
    with open(os.path.join(target, "vmlinux"), "wb") as file:
        file.write(plain)


def _tar(archive, target):
    excluded = [f"--exclude=./lib/modules/*/{path}" for path in LEFT_OUT]
    result = subprocess.run(["tar", "-x", "-C", target, "--no-same-owner", *excluded, "--wildcards", "./boot/*", "./*lib/modules/*"],
                            stdin=archive, capture_output=True, text=True, check=False)
    # A pattern of which the archive has nothing is no fault; what is missing is noticed by the caller.
    if result.returncode and not os.path.isdir(os.path.join(target, "boot")):
        raise LabError(f"cannot unpack the kernel: {result.stderr.strip()}")


def decompressed(image):
    """The ELF file inside a bzImage. An emulated processor needs seconds for what takes no time here.

    The header's fields are those of the kernel's Documentation/arch/x86/boot.rst.
    """
    if image[0x202:0x206] != b"HdrS":
        raise LabError("the kernel is not a bzImage")
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        # Behind the stream is its size.
        plain = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        plain = gzip.decompress(payload[:-4])
    else:
        raise LabError(f"the kernel is compressed in a way that the lab does not know (it begins with {payload[:6].hex()})")
    if not plain.startswith(b"\x7fELF"):
        raise LabError("the kernel's image holds no ELF file")
    return plain
