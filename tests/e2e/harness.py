# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests share: a throw-away realm, running tools in it, waiting for conditions, and the check that
nothing is left behind.

    import harness

    class MyTest(harness.RealmCase):
        def test_port(self):
            self.tool("opendext", "install", harness.dext("SerialOverTCP"))
            node = self.wait_for(lambda: self.services("IOSerialBSDClient"), "a serial node")[0]

    if __name__ == "__main__":
        harness.main()

A test never sleeps and hopes: it waits for a condition with a deadline that is generous on a loaded machine.
OPENDEXT_TEST_PATIENCE multiplies all deadlines (sanitizers, slow machines).
"""

import contextlib
import json
import os
import plistlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

# For realms whose drivers are killed again and again, and are to be back at once each time (RealmCase.realm_settings):
# DriverKit's own rule in place of back-off and quarantine.
KILLED_OFTEN = {"restart.policy": "driverkit"}
PATIENCE = float(os.environ.get("OPENDEXT_TEST_PATIENCE", "1"))
# The sanitizer of this build, "address" or "thread", and where its reports are (scripts/sanitizers/run_test.py).
SANITIZED = os.environ.get("OPENDEXT_SANITIZE", "")
REPORTS = os.environ.get("OPENDEXT_SANITIZER_REPORTS", "")
SOURCE = os.environ.get("OPENDEXT_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = os.environ.get("OPENDEXT_PREFIX") or os.path.join(SOURCE, "build")


def program(name):
    """Path of a built program: in bin/, else in libexec/opendext/."""
    for folder in ("bin", os.path.join("libexec", "opendext")):
        path = os.path.join(PREFIX, folder, name)
        if os.path.exists(path):
            return path
    raise FileNotFoundError(f"{name} is not built in {PREFIX}")


def dext(name):
    """Path of a dext that the build tree ships."""
    return os.path.join(PREFIX, "share", "opendext", "dexts", name + ".dext")


def changed_dext(name, folder, personality, added, source=None):
    """Path of a copy in `folder` of a dext that is shipped (or lies at `source`), with the keys of `added` in one of its
    personalities."""
    copy = os.path.join(folder, name + ".dext")
    shutil.copytree(source or dext(name), copy, symlinks=True)
    path = next(os.path.join(root, "Info.plist") for root, _, files in os.walk(copy) if "Info.plist" in files)
    with open(path, "rb") as file:
        info = plistlib.load(file)
    info["IOKitPersonalities"][personality].update(added)
    with open(path, "wb") as file:
        plistlib.dump(info, file)
    return copy


def not_sanitized(reason, *sanitizers):
    """Decorator: skips a test in builds with one of these sanitizers (default: with any), and says why."""
    skipped = SANITIZED and (not sanitizers or SANITIZED in sanitizers)
    return unittest.skipIf(skipped, f"{SANITIZED} sanitizer: {reason}")


_known_reports = {}  # file -> how much of it is known


def new_reports():
    """What sanitizers have reported since the last call, of any process; "" in a build without."""
    text = ""
    for name in sorted(os.listdir(REPORTS)) if REPORTS else []:
        with open(os.path.join(REPORTS, name), encoding="utf-8", errors="replace") as file:
            file.seek(_known_reports.get(name, 0))
            text += file.read()
            _known_reports[name] = file.tell()
    return text if "Sanitizer" in text or "runtime error:" in text else ""


def wait_for(condition, what, timeout=30.0, interval=0.02):
    """The first true value of condition(); AssertionError with `what` after the deadline. An exception in the condition
    counts as "not yet" and is shown if it is the last thing that happened."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        problem = None
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError, ValueError, LookupError, subprocess.CalledProcessError) as error:
            problem = error
        if time.monotonic() > deadline:
            reason = f" (last: {problem!r})" if problem is not None else ""
            raise AssertionError(f"waited {timeout * PATIENCE:.0f} s for {what}{reason}")
        time.sleep(interval)


def _status_fields(pid):
    """/proc/PID/stat behind the name, from the state on; None if the process is gone, or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields


def start_time(pid):
    """Start time of a live process (never the same for a reused pid), or None. A zombie counts as gone."""
    fields = _status_fields(pid)
    return int(fields[19]) if fields else None


def parent_of(pid):
    """Process id of the parent of a live process, or None."""
    fields = _status_fields(pid)
    return int(fields[1]) if fields else None


def children_of(pid):
    """Live processes whose parent is `pid`, and theirs."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        parent = parent_of(name)
        if parent is not None:
            parents.setdefault(parent, []).append(int(name))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def command_line(pid):
    """What `ps` shows as the command of a process."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def free_port():
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def info_plist(personalities):
    """An Info.plist as Xcode's template has it. In each personality, what nearly all say alike is added unless it is
    there: IOClass, IOUserServerName; IOProviderClass IOUserResources with IOResourceMatch and a category of its own."""
    complete = {}
    for name, personality in personalities.items():
        personality = {"IOClass": "IOUserService", "IOUserServerName": "$(PRODUCT_BUNDLE_IDENTIFIER)", **personality}
        if "IOProviderClass" not in personality:
            personality = {"IOProviderClass": "IOUserResources", "IOResourceMatch": "IOKit",
                           "IOMatchCategory": "$(PRODUCT_BUNDLE_IDENTIFIER)", **personality}
        complete[name] = personality
    return plistlib.dumps({
        "CFBundleIdentifier": "$(PRODUCT_BUNDLE_IDENTIFIER)",
        "CFBundleExecutable": "$(EXECUTABLE_NAME)",
        "CFBundlePackageType": "DEXT",
        "IOKitPersonalities": complete,
    }, sort_keys=False).decode()


class Realm:
    """A hermetic realm below `root`. Tools start it on demand."""

    def __init__(self, root):
        self.root = root
        self.seen = {}  # pid -> start time of every process that was seen in it

    def configure(self, settings):
        """Writes the realm's settings (realm.conf: opendextd(8)); they count when the realm starts."""
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        with open(os.path.join(self.root, "realm.conf"), "w", encoding="utf-8") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())

    def environment(self, **more):
        environment = dict(os.environ, OPENDEXT_REALM=self.root, OPENDEXT_PREFIX=PREFIX)
        environment.update(more)
        return environment

    def run(self, tool, *arguments, timeout=120, **options):
        """Runs a tool to its end; gives the CompletedProcess, whatever its status."""
        result = subprocess.run([program(tool), *map(str, arguments)], env=self.environment(), text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout * PATIENCE,
                                check=False, **options)
        self.note_processes()
        return result

    def keeper_pid(self):
        """Process id of the realm's keeper, None if there is none."""
        try:
            with open(os.path.join(self.root, "run", "keeper.pid"), encoding="utf-8") as file:
                pid = int(file.read().strip() or 0)
        except (OSError, ValueError):
            return None
        return pid if pid > 0 and start_time(pid) is not None else None

    def processes(self):
        """Keeper and everything below it."""
        keeper = self.keeper_pid()
        return [keeper, *children_of(keeper)] if keeper else []

    def note_processes(self):
        for pid in self.processes():
            self.seen.setdefault(pid, start_time(pid))

    def remaining(self):
        """Processes of the realm that are still there."""
        self.note_processes()
        return [pid for pid, started in self.seen.items() if started is not None and start_time(pid) == started]

    def drivers(self, text):
        """Process ids whose command names `text`: a bundle identifier, or a registry entry id in hexadecimal."""
        return [pid for pid in self.processes() if text in command_line(pid)]

    def log(self):
        """The realm's log as a list of objects."""
        lines = []
        for name in ("log.1", "log"):
            with contextlib.suppress(OSError), open(os.path.join(self.root, name), encoding="utf-8") as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        lines.append(json.loads(line))
        return lines

    def log_text(self):
        """The realm's log as text, to search in."""
        return "\n".join(json.dumps(line, ensure_ascii=False) for line in self.log())

    def stop(self):
        """Ends the realm; gives the processes that did not end (and kills them)."""
        if self.keeper_pid():
            self.note_processes()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run("opendext", "stop", timeout=60)
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not self.remaining(), "the realm's processes to end", 20)
        left = [(pid, command_line(pid)) for pid in self.remaining()]
        for pid, _ in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        return left


def build_dext(folder, output, bundle_id, *options):
    """Builds a folder of sources as its author does, without a realm and without a word; gives the bundle."""
    built = Realm(os.path.join(output, "no-realm")).run("opendext", "build", folder, "-o", output, "--bundle-id", bundle_id,
                                                       "--quiet", *options, timeout=300)
    if (built.returncode, built.stdout, built.stderr) != (0, "", ""):
        raise AssertionError(f"{folder} was not built without a word:\n{built.stdout}{built.stderr}")
    return os.path.join(output, os.path.basename(folder).capitalize() + ".dext")


class RealmCase(unittest.TestCase):
    """A test with a realm of its own in a temporary folder (`self.folder`); both are gone afterwards."""

    maxDiff = None
    realm_settings = {}  # of the realm: what its realm.conf says

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="opendext-test-")
        self.realm = Realm(os.path.join(self.folder, "realm"))
        if self.realm_settings:
            self.realm.configure(self.realm_settings)
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        left = self.realm.stop()
        result = getattr(self._outcome, "result", None)
        problems = getattr(result, "failures", []) + getattr(result, "errors", [])
        failed = any(test is self or getattr(test, "test_case", None) is self for test, _ in problems)
        if left or failed or os.environ.get("OPENDEXT_TEST_LOG"):
            sys.stderr.write("realm's log:\n" + self.realm.log_text()[-40000:] + "\n")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.assertEqual(left, [], "processes were left behind by the realm")
        self.assertEqual(new_reports(), "", "a sanitizer reported something")

    def tool(self, name, *arguments, timeout=120):
        """Runs a tool that has to succeed; gives its standard output."""
        result = self.realm.run(name, *arguments, timeout=timeout)
        self.assertEqual(result.returncode, 0,
                         f"{name} {' '.join(map(str, arguments))} failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    def refused(self, name, *arguments, timeout=120):
        """Runs a tool that has to fail with an orderly message; gives what it wrote to standard error."""
        result = self.realm.run(name, *arguments, timeout=timeout)
        self.assertGreater(result.returncode, 0,
                           f"{name} {' '.join(map(str, arguments))} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
        self.assertLess(result.returncode, 126, "it crashed or was not found")
        self.assertTrue(result.stderr.strip(), "it failed without a message")
        return result.stderr

    def wait_for(self, condition, what, timeout=30.0):
        value = wait_for(condition, what, timeout)
        self.realm.note_processes()
        return value

    def registry(self):
        """The service plane as `ioreg --json` prints it."""
        return json.loads(self.tool("ioreg", "-l", "--json"))

    def services(self, class_name):
        """Every entry of a class, most derived or not, as flat dictionaries of `ioreg --json`."""
        found = []

        def walk(entry):
            names = [entry.get("class"), entry.get("name"), *(entry.get("classes") or [])]
            if class_name in names:
                found.append(entry)
            for child in entry.get("children") or []:
                walk(child)

        tree = self.registry()
        for entry in tree if isinstance(tree, list) else [tree]:
            walk(entry)
        return found


def main():
    unittest.main(verbosity=2)
