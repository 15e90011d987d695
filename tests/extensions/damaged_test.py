# SPDX-License-Identifier: Apache-2.0
"""Executables that cannot be loaded: refused at installation with what is wrong and what to do; and one that is damaged
later does not start, for a reason that can be read."""

import os
import shutil
import signal
import subprocess
import tempfile

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
ID = "org.example.plain"


class DamagedTest(harness.RealmCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-damaged-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        harness.build_dext(os.path.join(HERE, "plain"), cls.built, ID)

    def setUp(self):
        super().setUp()
        self.bundle = os.path.join(self.folder, "Plain.dext")
        shutil.copytree(os.path.join(self.built, "Plain.dext"), self.bundle)
        self.executable = os.path.join(self.bundle, "Plain")

    def compile(self, output, source, *options):
        subprocess.run(["clang-19", "-shared", "-fPIC", "-fuse-ld=lld", "-o", output, *options, "-x", "c", "-"],
                       input=source, text=True, check=True)

    def installed(self):
        return os.path.join(self.realm.root, "extensions", ID, "Plain.dext", "Plain")

    def driver(self):
        return self.wait_for(lambda: self.realm.drivers(ID), "the driver")[0]

    def test_a_file_that_is_cut_short_is_not_installed(self):
        self.tool("opendext", "start")
        size = os.path.getsize(self.executable)
        for cut in (0, 10, 100, size // 4):
            os.truncate(self.executable, cut)
            message = self.refused("opendext", "install", self.bundle)
            self.assertIn(self.executable + ": is ", message)
            self.assertIn("opendext build", message)
        self.assertNotIn(ID, self.tool("systemextensionsctl", "list"))
        shutil.copy(os.path.join(self.built, "Plain.dext", "Plain"), self.executable)
        with open(self.executable, "r+b") as file:
            file.seek(1000)
            file.write(bytes(3000))  # as long as before, but for what is in it
        self.assertIn("damaged ELF file", self.refused("opendext", "install", self.bundle))
        self.assertFalse(self.realm.drivers(ID))

    def test_a_bundle_that_the_realms_user_may_not_read_is_named(self):
        root = os.geteuid() == 0
        theirs = os.path.join(self.folder, "theirs")
        os.mkdir(theirs)
        os.chmod(self.folder, 0o755)
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if root else []
        if root:
            os.chown(theirs, 65534, 65534)
        environment = self.realm.environment(OPENDEXT_REALM=os.path.join(theirs, "realm"), HOME=theirs)

        def opendext(*arguments):
            return subprocess.run([*user, harness.program("opendext"), *arguments], env=environment, text=True, cwd="/",
                                  capture_output=True, timeout=120 * harness.PATIENCE, check=False)
        self.addCleanup(opendext, "stop")
        for name in ("Info.plist", "Plain", "Plain.entitlements", ""):
            path = os.path.join(self.bundle, name)
            mode = os.stat(path).st_mode
            os.chmod(path, 0o700 if root else 0)
            result = opendext("install", self.bundle)
            os.chmod(path, mode)
            self.assertEqual(result.returncode, 1, result)
            self.assertIn(f"{path}: Permission denied: the realm runs as user {65534 if root else os.geteuid()}, who may not read it",
                          result.stderr)
            self.assertIn("chmod -R a+rX " + self.bundle, result.stderr)
        self.assertEqual(opendext("install", self.bundle).returncode, 0)

    def test_a_library_that_no_driver_has_is_named(self):
        library = os.path.join(self.folder, "libhelping.so")
        self.compile(library, "int helping(void) { return 1; }", "-Wl,-soname,libhelping.so.7")
        os.remove(self.executable)
        self.compile(self.executable, "int helping(void); int helped(void) { return helping(); }", library,
                     "-Wl,-rpath,$ORIGIN")
        message = self.refused("opendext", "install", self.bundle)
        self.assertIn("needs the library libhelping.so.7, which no driver process has", message)
        # The way out that the message names. What loads has no class, and that is what is said then.
        shutil.copy(library, os.path.join(self.bundle, "libhelping.so.7"))
        self.tool("opendext", "install", self.bundle)
        self.wait_for(lambda: "no user class found: Plain" in self.realm.log_text(), "the executable to be loaded")

    def test_a_file_that_is_cut_later_is_the_reason_why_its_driver_does_not_come_back(self):
        self.tool("opendext", "install", self.bundle)
        driver = self.driver()
        os.truncate(self.installed(), 3000)
        os.kill(driver, signal.SIGKILL)
        self.wait_for(lambda: "start fail" in self.realm.log_text(), "the driver to be refused")
        text = next(line["message"] for line in self.realm.log() if "start fail" in line["message"])
        self.assertIn(f"the executable was changed after {ID} was installed; install it again", text)
        self.assertIn(self.installed() + ": is a damaged ELF file", text)
        self.assertIn("the executable was changed", self.realm.run("opendext", "explain", ID + "/Plain").stdout)
        self.tool("opendext", "install", self.bundle)
        self.driver()

    def test_a_driver_that_dies_of_a_cut_file_says_so(self):
        self.tool("opendext", "install", self.bundle)
        self.driver()
        self.wait_for(lambda: [e for e in self.services("Plain") if e.get("busy") == 0] or self.services("Plain"),
                      "the driver's entry")
        size = os.path.getsize(self.installed())
        os.truncate(self.installed(), 0)
        self.tool("opendext", "uninstall", ID)  # calls Stop, whose code is gone
        self.wait_for(lambda: "was changed while it ran" in self.realm.log_text(), "the reason of its end")
        died = next(line["message"] for line in self.realm.log() if "was changed while it ran" in line["message"])
        self.assertIn("signal 7", died)
        self.assertIn(f"it had {size} bytes, now 0", died)


if __name__ == "__main__":
    harness.main()
