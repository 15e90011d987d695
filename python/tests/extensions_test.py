# SPDX-License-Identifier: Apache-2.0
"""Requests for extensions, as an application in Python makes them."""

import asyncio
import os
import plistlib
import shutil
import threading

import harness
import suite

import opendext
from opendext import extensions

TIMEOUT = 120 * harness.PATIENCE


class Extensions(suite.DriverCase):
    install = False

    def setUp(self):
        super().setUp()
        self.application = os.path.join(self.folder, "Suite.app")
        place = os.path.join(self.application, "Contents", "Library", "SystemExtensions")
        os.makedirs(place)
        self.addCleanup(shutil.rmtree, self.application)
        self.carried = os.path.join(place, suite.BUNDLE + ".dext")
        shutil.copytree(self.dext, self.carried)
        extensions.set_application(self.application)
        self.addCleanup(extensions.set_application, None)
        self.addCleanup(self.realm.run, "opendext", "uninstall", suite.BUNDLE)
        self.run_tool("systemextensionsctl", "approval", "automatic")

    def set_version(self, version):
        path = os.path.join(self.carried, "Info.plist")
        with open(path, "rb") as file:
            plist = plistlib.load(file)
        plist["CFBundleVersion"] = version
        with open(path, "wb") as file:
            plistlib.dump(plist, file)

    def test_an_extension_is_activated_described_and_deactivated(self):
        self.assertEqual(extensions.activate(suite.BUNDLE).wait(TIMEOUT), extensions.Outcome.COMPLETED)
        self.find()
        found = extensions.properties(suite.BUNDLE).wait(TIMEOUT)
        self.assertEqual([(each.identifier, each.version, each.enabled, each.awaiting_approval, each.uninstalling) for each in found],
                         [(suite.BUNDLE, "1", True, False, False)])
        self.assertTrue(os.path.isdir(found[0].path), found[0].path)
        self.assertEqual(extensions.deactivate(suite.BUNDLE).wait(TIMEOUT), extensions.Outcome.COMPLETED)
        harness.wait_for(lambda: not opendext.services("SuiteService"), "the driver to go")
        self.assertEqual(extensions.properties(suite.BUNDLE).wait(TIMEOUT), [])

    def test_refusals_are_exceptions_with_the_cause(self):
        with self.assertRaises(extensions.ExtensionError) as caught:
            extensions.activate("org.example.none").wait(TIMEOUT)
        self.assertEqual(caught.exception.code, opendext.returns.OSSystemExtensionErrorExtensionNotFound)
        self.assertEqual(caught.exception.name, "OSSystemExtensionErrorExtensionNotFound")
        self.assertTrue(caught.exception.reason)
        self.assertIn("OSSystemExtensionErrorExtensionNotFound (4): ", str(caught.exception))

    def test_approval_is_waited_for(self):
        self.run_tool("systemextensionsctl", "approval", "ask")
        asked = threading.Event()
        request = extensions.activate(suite.BUNDLE, on_approval=asked.set)
        self.assertTrue(asked.wait(TIMEOUT))
        with self.assertRaises(TimeoutError):
            request.wait(0.05)
        self.assertFalse(request.done)
        self.run_tool("systemextensionsctl", "approve", suite.BUNDLE)
        self.assertEqual(request.wait(TIMEOUT), extensions.Outcome.COMPLETED)
        self.assertTrue(request.done)

    def test_replacing_is_the_programs_choice(self):
        extensions.activate(suite.BUNDLE).wait(TIMEOUT)
        self.set_version("2")
        seen = []
        with self.assertRaises(extensions.ExtensionError) as caught:
            extensions.activate(suite.BUNDLE, replace=lambda old, new: seen.append((old.version, new.version))).wait(TIMEOUT)
        self.assertEqual(caught.exception.name, "OSSystemExtensionErrorRequestCanceled")
        self.assertEqual(seen, [("1", "2")])

        def broken(old, new):
            raise LookupError("in the call-back")

        with self.assertRaisesRegex(LookupError, "in the call-back"):
            extensions.activate(suite.BUNDLE, replace=broken).wait(TIMEOUT)
        extensions.activate(suite.BUNDLE).wait(TIMEOUT)
        self.assertEqual(extensions.properties(suite.BUNDLE).wait(TIMEOUT)[0].version, "2")

    def test_requests_are_awaited(self):
        async def run():
            async with asyncio.timeout(TIMEOUT):
                self.assertEqual(await extensions.activate(suite.BUNDLE), extensions.Outcome.COMPLETED)
                found = await asyncio.gather(*(extensions.properties(suite.BUNDLE) for _ in range(5)))
                self.assertEqual([each[0].identifier for each in found], [suite.BUNDLE] * 5)
                with self.assertRaises(extensions.ExtensionError):
                    await extensions.activate("org.example.none")
        asyncio.run(run())


if __name__ == "__main__":
    suite.main()
