# SPDX-License-Identifier: Apache-2.0
"""Services of a live registry: finding, properties, planes, notifications."""

import asyncio
import gc
import os
import plistlib
import signal
import threading

import harness
import suite


import opendext
from opendext import matching


class Services(suite.DriverCase):
    # Facts: IOServiceGetMatchingServices, IOServiceMatching, IOServiceNameMatching, IORegistryEntryIDMatching
    def test_services_are_found_by_class_name_id_and_property(self):
        main = self.find()
        self.assertIn(main, opendext.services("SuiteService"))
        self.assertEqual(opendext.services(matching.by_id(main.id)), [main])
        self.assertEqual(opendext.services(matching.by_name(main.name)), [main])
        self.assertEqual(opendext.services({"IOProviderClass": "SuiteService", "IOPropertyMatch": {"SuiteName": "suite-main"}}), [main])
        self.assertEqual(opendext.service("SuiteService"), main)
        self.assertIsNone(opendext.service("NoSuchClass"))
        self.assertEqual(opendext.services({"IOProviderClass": "NoSuchClass"}), [])
        self.assertEqual(matching.by_class("A", IOPropertyMatch={"B": 1}), {"IOProviderClass": "A", "IOPropertyMatch": {"B": 1}})
        self.assertTrue(main.matches("SuiteService"))
        self.assertFalse(main.matches(matching.by_name("other")))

    def test_properties_are_python_values(self):
        main = self.find()
        properties = main.properties()
        self.assertEqual(properties["IOUserClass"], "SuiteService")
        self.assertEqual(main["SuiteName"], "suite-main")
        self.assertEqual(main.get("SuiteName"), "suite-main")
        self.assertIn("SuiteName", main)
        self.assertNotIn("Nothing", main)
        self.assertEqual(main.get("Nothing", 7), 7)
        with self.assertRaises(KeyError):
            main["Nothing"]
        personality = properties["IOMatchedPersonality"]
        with open(os.path.join(self.dext, "Info.plist"), "rb") as file:
            wanted = plistlib.load(file)["IOKitPersonalities"]["Main"]
        self.assertEqual(personality, wanted)

    def test_an_entry_knows_its_place(self):
        main = self.find()
        self.assertEqual(main.parent().name, "IOUserResources")
        self.assertIn(main, main.parent().children())
        self.assertIn(main.parent(), main.parents())
        self.assertEqual(opendext.at_path(main.path()), main)
        self.assertIsNone(opendext.at_path("IOService:/no/such/thing"))
        self.assertTrue(main.in_plane("IOService"))
        self.assertFalse(main.in_plane("IOUSB"))
        root = opendext.root()
        self.assertIn(main, root.descendants().snapshot())
        self.assertEqual([each.name for each in main.ancestors().snapshot()][-1], root.name)
        self.assertTrue(main.conforms_to("IOService"))
        self.assertFalse(main.conforms_to("IOResources"))
        self.assertEqual(main.class_name, "IOUserService")
        self.assertEqual(len({main, self.find()}), 1, "one entry, whatever handles stand for it")
        self.assertEqual(main.search_property("SuiteName"), "suite-main")
        with self.assertRaises(opendext.Error) as caught:
            root.parent()
        self.assertNotEqual(caught.exception.reason, "")

    def test_a_walk_says_that_the_registry_changed(self):
        walk = opendext.walk()
        next(walk)
        with self.open():  # a user client appears
            with self.assertRaises(opendext.RegistryChanged):
                list(walk)
            self.assertFalse(walk.valid)
            walk.reset()
            self.assertGreater(len(list(walk)), 5)

    # Facts: IOServiceWaitQuiet, IOKitWaitQuiet, IOServiceGetBusyState
    def test_waiting_until_nothing_happens(self):
        main = self.find()
        opendext.wait_quiet(60 * harness.PATIENCE)
        main.wait_quiet(60 * harness.PATIENCE)
        self.assertEqual(main.busy_state, 0)
        with self.assertRaises(ValueError):
            main.wait_quiet(-1)

    def test_handles_are_given_back(self):
        main = self.find()
        number = main.handle
        from opendext import _library
        count = _library.IOObjectGetUserRetainCount(number)
        others = [self.find() for _ in range(10)]
        self.assertEqual(_library.IOObjectGetUserRetainCount(number), count + 10)
        others[0].close()
        others[0].close()
        self.assertTrue(others[0].closed)
        with self.assertRaises(opendext.Closed):
            others[0].name
        self.assertIn("closed", repr(others[0]))
        del others
        gc.collect()
        self.assertEqual(_library.IOObjectGetUserRetainCount(number), count)

    def test_no_realm_is_told_as_such(self):
        opendext.set_realm(os.path.join(self.folder, "nowhere"))
        try:
            with self.assertRaises(opendext.RealmUnavailable) as caught:
                opendext.services("IOService")
            self.assertIsInstance(caught.exception, ConnectionError)
            self.assertEqual(caught.exception.code, opendext.kIOReturnIPCError)
            self.assertIn("nowhere", str(caught.exception))
        finally:
            opendext.set_realm(self.realm.root)


class Notifications(suite.DriverCase):
    def crash(self):
        """Kills the driver; gives its process."""
        process = self.find().process
        os.kill(process, signal.SIGKILL)
        return process

    # Facts: IOServiceAddMatchingNotification, IONotificationPortCreate
    def test_services_that_come_and_go_are_told_once_each(self):
        came, went = [], []
        wanted = matching.by_class("SuiteService", IOPropertyMatch={"SuiteName": "suite-main"})
        first = self.find()
        with opendext.NotificationPort() as port:
            with port.published(wanted, came.append), port.terminated(wanted, lambda service: went.append(service.id)):
                self.assertEqual(came, [first], "what is there already is told at once")
                self.crash()
                self.assertTrue(port.wait_until(lambda: len(came) == 2 and went, 60 * harness.PATIENCE), (came, went))
                self.assertEqual(went, [first.id])
                self.assertNotEqual(came[1], first)
            port.wait(0)
            self.assertEqual((len(came), len(went)), (2, 1), "nothing after the end of a subscription")

    # Facts: IOServiceAddInterestNotification
    def test_interest_in_a_service(self):
        messages = []
        with opendext.NotificationPort() as port:
            port.interest(self.find(), lambda service, message: messages.append(message))
            self.crash()
            self.assertTrue(port.wait_until(
                lambda: any(each.type == opendext.kIOMessageServiceIsTerminated for each in messages), 60 * harness.PATIENCE))
            [end] = [each for each in messages if each.type == opendext.kIOMessageServiceIsTerminated]
            self.assertEqual((end.name, end.driver_died), ("kIOMessageServiceIsTerminated", True))

    def test_exceptions_of_callbacks_are_not_lost(self):
        calls = []

        def broken(service):
            calls.append(service)
            if len(calls) > 1:
                raise LookupError("from the call-back")

        with opendext.NotificationPort() as port:
            port.matched("SuiteService", broken)
            self.crash()
            with self.assertRaisesRegex(LookupError, "from the call-back"):
                port.wait_until(lambda: False, 60 * harness.PATIENCE)
        # The first one, of what is there already, comes straight from watch().
        with opendext.NotificationPort() as port:
            self.find()
            with self.assertRaises(LookupError):
                port.matched("SuiteService", broken)

    def test_a_thread_of_the_ports_own(self):
        first, seen, errors, came = self.find(), [], [], threading.Event()

        def note(service):
            seen.append((threading.current_thread().name, service))
            if service != first:
                came.set()
                raise ValueError("on the thread")

        port = opendext.NotificationPort().start(errors.append)
        with self.assertRaises(RuntimeError):
            port.start()
        port.published(matching.by_class("SuiteService", IOPropertyMatch={"SuiteName": "suite-main"}), note)
        self.crash()
        self.assertTrue(came.wait(60 * harness.PATIENCE))
        harness.wait_for(lambda: errors, "the exception")
        port.close()
        self.assertEqual([name for name, _ in seen], ["MainThread", "opendext-port"])
        # Nobody took it: close() raises it.
        kept = opendext.NotificationPort().start()
        came.clear()
        self.find()
        first = None
        kept.published("IOUserService", lambda service: None)
        kept.terminated("SuiteService", note)
        self.crash()
        self.assertTrue(came.wait(60 * harness.PATIENCE))
        harness.wait_for(lambda: kept._errors, "the exception to be kept")
        with self.assertRaisesRegex(ValueError, "on the thread"):
            kept.close()

    def test_an_event_loop_serves_a_port(self):
        async def run():
            came: asyncio.Queue = asyncio.Queue()
            problems = []
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context["exception"]))
            with opendext.NotificationPort() as port:
                port.attach()
                port.published("SuiteService", came.put_nowait)
                first = await came.get()
                port.terminated("SuiteService", lambda service: 1 // 0)
                self.crash()
                async with asyncio.timeout(60 * harness.PATIENCE):
                    second = await came.get()
                    while not problems:
                        await asyncio.sleep(0.01)
            self.assertIsInstance(problems[0], ZeroDivisionError)
            return first, second

        self.find()
        first, second = asyncio.run(run())
        self.assertNotEqual(first, second)

    def test_nothing_runs_after_close(self):
        seen = []
        port = opendext.NotificationPort()
        watch = port.published("SuiteService", seen.append)
        seen.clear()
        watch.close()
        self.crash()
        self.find()
        port.wait(0)
        self.assertEqual(seen, [])
        port.close()
        port.close()
        with self.assertRaises(opendext.Closed):
            port.wait(0)
        with self.assertRaises(opendext.Closed):
            port.published("SuiteService", seen.append)

    def test_a_thousand_notifications_leave_nothing(self):
        from opendext import notifications
        before = len(notifications._contexts)
        descriptors = len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            with opendext.NotificationPort() as port:
                port.published("SuiteService", lambda service: None).close()
        self.assertEqual(len(notifications._contexts), before)
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), descriptors + 2)


if __name__ == "__main__":
    suite.main()
