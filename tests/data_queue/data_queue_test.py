# SPDX-License-Identifier: Apache-2.0
"""Records between a program and a driver through data queues, both ways, with either side waking the other."""

import os
import shutil
import signal
import subprocess
import tempfile

import harness
import sources

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE = "org.example.records"
LONG = bool(os.environ.get("OPENDEXT_TEST_LONG"))


class DataQueue(harness.RealmCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp(prefix="opendext-records-")
        cls.addClassCleanup(shutil.rmtree, cls.built, ignore_errors=True)
        harness.build_dext(os.path.join(HERE, "records"), cls.built, BUNDLE)
        cls.program = os.path.join(cls.built, "program")
        library = os.path.join(harness.PREFIX, "lib")
        subprocess.run(["clang-19", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-fblocks", "-isystem", sources.client_headers(),
                        os.path.join(HERE, "program.c"), "-o", cls.program, "-L" + library, "-l:libIOKit.so.0", "-Wl,-rpath," + library,
                        "-pthread"], check=True)

    def setUp(self):
        super().setUp()
        self.tool("opendext", "install", os.path.join(self.built, "Records.dext"))
        self.wait_for(lambda: self.services("records"), "the driver to be registered")

    def start(self, *arguments):
        process = subprocess.Popen([self.program, *arguments], env=self.realm.environment(), text=True, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    # Facts: IODataQueueEnqueue, IODataQueueDequeue, IODataQueueWaitForAvailableData, IODataQueueAllocateNotificationPort,
    # Facts: IOConnectSetNotificationPort, IOConnectMapMemory64
    def test_records_go_to_the_driver_and_back_in_order(self):
        count = 5_000_000 if LONG else 100_000
        process = self.start("pass", str(count))
        output, _ = process.communicate(timeout=600 * harness.PATIENCE)
        self.assertEqual(process.returncode, 0, output)
        passed, told, _ = [int(word) for word in output.split()]
        self.assertEqual(passed, count)
        self.assertGreater(told, 0)
        self.assertLess(told, count, "the driver is not woken for each record")

    # Facts: IODataQueueEnqueue, IODataQueueDequeue, IODataQueueWaitForAvailableData
    def test_full_queues_hold_both_sides_back_and_go_on_when_there_is_room(self):
        output, _ = self.start("fill").communicate(timeout=120 * harness.PATIENCE)
        full, empty = output.splitlines()
        self.assertEqual(full.removeprefix("full "), empty.removeprefix("empty "))
        self.assertGreater(int(full.removeprefix("full ")), 2 * 64 * 1024 // (128 + 4), "both queues were used")

    # Facts: IODataQueueWaitForAvailableData
    def test_the_death_of_the_driver_ends_the_wait(self):
        process = self.start("wait")
        self.assertEqual(process.stdout.readline(), "waiting\n")
        os.kill(self.realm.drivers(BUNDLE)[0], signal.SIGKILL)
        self.assertEqual(process.stdout.readline().split(" ", 1)[0], "0xe00002ed")
        self.assertEqual(process.wait(60 * harness.PATIENCE), 0)

    # Facts: IOServiceOpen, IOServiceClose, IOConnectCallScalarMethod
    def test_a_forked_child_opens_the_driver_anew(self):
        output, _ = self.start("fork").communicate(timeout=120 * harness.PATIENCE)
        self.assertEqual(output.splitlines(), ["child 0xe00002cd 0x00000000 0x00000000", "parent 0x00000000"])

    def test_a_program_that_dies_leaves_a_driver_that_serves_the_next(self):
        process = self.start("wait")
        self.assertEqual(process.stdout.readline(), "waiting\n")
        process.kill()
        process.wait()
        output, _ = self.start("pass", "1000").communicate(timeout=120 * harness.PATIENCE)
        self.assertEqual(int(output.split()[0]), 1000, output)


if __name__ == "__main__":
    harness.main()
