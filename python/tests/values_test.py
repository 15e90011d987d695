# SPDX-License-Identifier: Apache-2.0
"""What needs no realm: values, errors, codes."""

import subprocess
import sys
import unittest

import harness
import suite  # noqa: F401 - finds the module

import opendext
from opendext import _values, errors, returns


def there_and_back(value):
    return _values.take_object(_values.to_object(value))


class Values(unittest.TestCase):
    def test_values_go_there_and_back(self):
        for value in (None, True, False, 0, 1, -1, 2**31 - 1, -2**31, 2**31, 2**63 - 1, -2**63, 1.5, "", "text", "späße 漢字 🙂",
                      "with\0zero", b"", b"\x00\xff", [], [1, [2, "x"]], {}, {"a": {"b": [True, b"x"]}}, frozenset({1, "x"}),
                      frozenset(), "x" * 100_000, bytes(100_000), list(range(1000))):
            got = there_and_back(value)
            self.assertEqual(got, value)
            self.assertIs(type(got), type(value))
        self.assertEqual(there_and_back(2**64 - 1), -1, "64 bits have a sign")
        self.assertEqual(there_and_back((1, 2)), [1, 2])
        self.assertEqual(there_and_back(bytearray(b"x")), b"x")
        self.assertEqual(there_and_back({1, 2}), frozenset({1, 2}))
        self.assertIsInstance(there_and_back([{1: 1}.keys()]), list)

    def test_what_has_no_form_is_refused(self):
        for value, error in ((object(), TypeError), ({1: "x"}, TypeError), ([1, object()], TypeError), (2**64, OverflowError),
                             (-2**63 - 1, OverflowError), ({"a": {"b": [object()]}}, TypeError)):
            with self.assertRaises(error):
                _values.to_object(value)

    def test_values_are_not_leaked(self):
        def resident():
            with open("/proc/self/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * 4096
        value = {"key": [bytes(1000), "x" * 1000, {"deep": frozenset({1, 2})}]}
        for _ in range(200):
            there_and_back(value)
        before = resident()
        for _ in range(5000):
            there_and_back(value)
        for _ in range(5000):
            with self.assertRaises(TypeError):
                _values.to_object({"key": bytes(1000), "bad": object()})
        self.assertLess(resident() - before, 4 << 20)


class Errors(unittest.TestCase):
    def test_codes_have_names_and_meanings(self):
        self.assertEqual(opendext.kIOReturnNotPermitted, 0xe00002e2)
        self.assertEqual(returns.name(0xe00002e2), "kIOReturnNotPermitted")
        self.assertEqual(returns.name(-536870174), "kIOReturnNotPermitted")
        self.assertEqual(returns.name(0x12345678), "")
        self.assertTrue(returns.meaning(0xe00002e2))
        self.assertEqual(returns.message_name(0xe0000010), "kIOMessageServiceIsTerminated")
        self.assertEqual(returns.extension_error_name(2), "OSSystemExtensionErrorMissingEntitlement")

    def test_the_class_of_an_exception_tells_most(self):
        make, origin = errors.make_error, opendext.Origin
        self.assertIs(type(make(-536870174, "r", "o", origin.DAEMON)), opendext.AccessDenied)
        self.assertIsInstance(make(opendext.kIOReturnNotPermitted), PermissionError)
        self.assertIs(type(make(opendext.kIOReturnNotPermitted, origin=origin.DRIVER)), opendext.DriverError)
        self.assertIs(type(make(opendext.kIOReturnNotResponding, origin=origin.DRIVER_DIED)), opendext.DriverDied)
        self.assertIs(type(make(opendext.kIOReturnNotResponding, origin=origin.TERMINATED)), opendext.Terminated)
        self.assertIs(type(make(opendext.kIOReturnNotResponding, origin=origin.DRIVER)), opendext.DriverError)
        self.assertIsInstance(make(opendext.kIOReturnTimeout), TimeoutError)
        self.assertIsInstance(make(opendext.kIOReturnIPCError), ConnectionError)
        self.assertIs(type(make(opendext.kIOReturnBusy)), opendext.Error)
        error = make(-536870187, "the port is in use", "IOServiceOpen")
        self.assertEqual(error.code, opendext.kIOReturnBusy)
        self.assertEqual(str(error), "IOServiceOpen: kIOReturnBusy (0xe00002d5): the port is in use")
        self.assertEqual(str(make(0x12345678)), "0x12345678")
        self.assertEqual(str(make(opendext.kIOReturnBusy)), "kIOReturnBusy (0xe00002d5): Busy now; retry later")

    def test_a_missing_library_is_told_with_the_way_out(self):
        result = subprocess.run([sys.executable, "-B", "-c", "import opendext"], text=True, capture_output=True, check=False,
                                env={"PYTHONPATH": harness.SOURCE + "/python", "OPENDEXT_PREFIX": "/nowhere"})
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("set OPENDEXT_PREFIX to where OpenDext is installed", result.stderr)
        self.assertIn("/nowhere/lib/libIOKit.so.0: not there", result.stderr)


if __name__ == "__main__":
    suite.main()
