# SPDX-License-Identifier: Apache-2.0
"""opendext new: what it makes, for every family that is installed, builds, starts unchanged, and answers."""

import os
import re
import subprocess
import time

import harness

TEMPLATES = os.path.join(harness.PREFIX, "share", "opendext", "templates")


def families():
    return sorted(name for name in os.listdir(TEMPLATES) if name != "common")


class New(harness.RealmCase):
    def setUp(self):
        super().setUp()
        self.environment = self.realm.environment(PATH=os.path.join(harness.PREFIX, "bin") + ":" + os.environ["PATH"])

    def shell(self, *command, **options):
        result = subprocess.run(command, env=self.environment, text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False,
                                timeout=600 * harness.PATIENCE, cwd=self.folder, **options)
        self.realm.note_processes()
        return result

    def make(self, name, *options):
        result = self.shell("opendext", "new", name, *options)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return os.path.join(self.folder, name)

    def test_every_family_has_a_template(self):
        rooms = [name for name in os.listdir(os.path.join(harness.SOURCE, "families"))
                 if os.path.isdir(os.path.join(harness.SOURCE, "families", name, "sdk"))]
        self.assertEqual(families(), sorted([*rooms, "none"]))
        help_text = self.shell("opendext", "new", "--help").stdout
        for name in families():
            self.assertRegex(help_text, rf"(?m)^  {name} +\S", "it is listed with a summary")

    def test_from_nothing_to_an_answer_in_less_than_a_minute(self):
        for family in families():
            with self.subTest(family=family):
                name = "Made" + family.capitalize()
                begin = time.monotonic()
                folder = self.make(name, "--family", family)
                # Configures, builds driver and client, starts the driver in a realm of its own, compares the answer.
                result = self.shell(os.path.join(folder, "Tests", "test.sh"))
                seconds = time.monotonic() - begin
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                self.assertIn("100% tests passed", result.stdout)
                self.assertNotIn("warning", result.stdout + result.stderr)
                self.assertLess(seconds, 60 * harness.PATIENCE)

    def test_wrong_answer_fails_its_test(self):
        folder = self.make("Wrong")
        with open(os.path.join(folder, "Tests", "expected.txt"), "a", encoding="utf-8") as file:
            file.write("and more\n")
        result = self.shell(os.path.join(folder, "Tests", "test.sh"))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("and more", result.stdout + result.stderr)

    def test_opendext_build_takes_it_as_it_is(self):
        for family in families():
            with self.subTest(family=family):
                name = "Plain" + family.capitalize()
                folder = self.make(name, "--family", family, "--bundle-id", "com.example.plain-" + family)
                output = os.path.join(self.folder, "out")
                # The project through project.yml, and the driver's folder alone.
                self.tool("opendext", "build", os.path.join(folder, "Driver"), "--bundle-id", "com.example.plain-" + family, "-o",
                          os.path.join(self.folder, "plain"), timeout=300)
                self.tool("opendext", "build", folder, "-o", output, timeout=300)
                self.assertEqual(sorted(os.listdir(os.path.join(output, name + ".dext"))),
                                 sorted(os.listdir(os.path.join(self.folder, "plain", name + ".dext"))))
                self.tool("opendext", "install", os.path.join(output, name + ".dext"))
                self.wait_for(lambda: self.services(name), "the driver in the registry")
                self.tool("opendext", "uninstall", "com.example.plain-" + family)

    def test_nothing_of_the_template_shows(self):
        for family in families():
            folder = self.make("Clean" + family.capitalize(), "--family", family)
            for path, _, files in os.walk(folder):
                for name in files:
                    self.assertNotIn("@", name)
                    with open(os.path.join(path, name), encoding="utf-8") as file:
                        text = file.read()
                    self.assertIsNone(re.search(r"@[A-Z_]+@|SPDX", text), os.path.join(path, name))
                    if not name.endswith(".txt"):
                        self.assertFalse(text.startswith("\n"), name)

    def test_mistakes_are_told(self):
        self.assertIn("such as MyDriver", self.refused("opendext", "new", "my driver", "--directory", os.path.join(self.folder, "x")))
        self.assertIn("class of the SDK", self.refused("opendext", "new", "IOService", "--directory", os.path.join(self.folder, "x")))
        text = self.refused("opendext", "new", "Foo", "--family", "nonsense", "--directory", os.path.join(self.folder, "x"))
        for family in families():
            self.assertIn(family, text)
        self.make("Twice")
        result = self.shell("opendext", "new", "Twice")
        self.assertEqual((result.returncode, "is there already" in result.stderr), (1, True), result.stderr)
        self.assertEqual(self.shell("opendext", "new").returncode, 2, "the name is missing")


if __name__ == "__main__":
    harness.main()
