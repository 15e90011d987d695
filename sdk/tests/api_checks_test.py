#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sdk/facts finds what is wrong: rows of our own against a header of our own, and comments of tests that claim too much."""

import pathlib
import sys
import tempfile
import unittest

FACTS = pathlib.Path(__file__).resolve().parents[1] / "facts"
sys.path.insert(0, str(FACTS))

import annotations  # noqa: E402
import api_status  # noqa: E402
import checks  # noqa: E402
import rows as facts  # noqa: E402

HEADER = """
#include <stdint.h>
typedef int kern_return_t;
typedef kern_return_t (*OSDispatchMethod)(void);
struct Base {};
struct Port : Base {
    explicit Port(int number);
    kern_return_t Open(uint32_t mode, OSDispatchMethod supermethod = nullptr);
    void Close();
    void Close(bool now);
    static Port *With(const char *name);
  private:
    uint16_t number;
    char name[8];
};
enum { kPortMaximum = 12, kPortNone = -1 };
#define kPortKey "Port"
#define kPortNameKey kPortKey
#define PORT_MASK(n) (1u << (n))
typedef uint64_t PortNumber;
uint32_t PortSum(const void *bytes, unsigned long size);
"""


def row(kind, class_name, signature, attributes="", member=None, line=[0]):
    line[0] += 1
    if member is None:
        words = {"constant": r"(\w+) =", "macro": r"#define (\w+)", "class": r"class (\w+)", "typedef": r"(\w+)$",
                 "field": r"(\w+)(?:\[\d*\])*$"}.get(kind, r"(~?\w+)\(")
        member = checks.re.search(words, signature).group(1)
    return facts.Row(line[0], class_name, "", member, kind, signature, tuple(attributes.split(";")), "Port.h")


class Declarations(unittest.TestCase):
    def messages(self, *rows):
        with tempfile.TemporaryDirectory() as folder:
            include = pathlib.Path(folder) / "sdk/include"
            include.mkdir(parents=True)
            (include / "Port.h").write_text(HEADER)
            (include.parent / "dext-flags.rsp").write_text("-std=gnu++20 -fblocks")
            text, unchecked = checks.generate(rows, ["Port.h"], {})
            self.assertEqual(unchecked, [])
            messages, stray = checks.compile_checks(text, folder, "clang++-19")
            self.assertEqual(stray, [])
            return [messages.get(item.line) for item in rows]

    def test_what_is_declared_as_the_row_says_passes(self):
        self.assertEqual(self.messages(
            row("class", "Port", "class Port : public Base"),
            row("method", "Port", "kern_return_t Open(uint32_t mode)", "virtual"),
            row("method", "Port", "kern_return_t Open(uint32_t mode = 0)", "virtual"),
            row("method", "Port", "void Close()"),
            row("method", "Port", "void Close(bool now)"),
            row("method", "Port", "explicit Port(int number)"),
            row("static", "Port", "static Port *With(const char *name)", "static"),
            row("field", "Port", "uint16_t number"),
            row("field", "Port", "char name[8]"),
            row("constant", "", "kPortMaximum = 12"),
            row("constant", "", "kPortNone = 0xffffffff"),
            row("constant", "", "kPortNone", member="kPortNone"),
            row("macro", "", '#define kPortKey "Port"'),
            row("macro", "", "#define kPortNameKey kPortKey"),
            row("macro", "", "#define PORT_MASK(n)"),
            row("typedef", "", "typedef uint64_t PortNumber"),
            row("function", "", "uint32_t PortSum(const void *bytes, size_t size)")), [None] * 17)

    def assert_each_fails(self, absent, *rows):
        for item, message in zip(rows, self.messages(*rows)):
            self.assertIsNotNone(message, item.signature)
            self.assertEqual(any(word in message for word in api_status.ABSENT), absent, message)

    def test_what_is_different_is_found(self):
        self.assert_each_fails(
            False,
            row("method", "Port", "kern_return_t Open(uint64_t mode)", "virtual"),
            row("method", "Port", "kern_return_t Open(uint32_t mode)"),  # not dispatchable in this row
            row("method", "Port", "bool Close()"),
            row("method", "Port", "void Close(int now)"),
            row("static", "Port", "static Port *With(char *name)", "static"),
            row("class", "Base", "class Base : public Port"),
            row("field", "Port", "uint32_t number"),
            row("field", "Port", "char name[9]"),
            row("constant", "", "kPortMaximum = 13"),
            row("constant", "", "kPortNone = 0xffff"),
            row("macro", "", '#define kPortKey "port"'),
            row("typedef", "", "typedef int64_t PortNumber"),
            row("function", "", "uint32_t PortSum(void *bytes, size_t size)"))

    def test_what_is_not_there_is_found(self):
        self.assert_each_fails(
            True,
            row("class", "", "class Hub : public Base"),
            row("method", "Port", "void Reset()"),
            row("method", "Hub", "void Reset()"),
            row("method", "Port", "void Close(PortMode mode)"),
            row("field", "Port", "int speed"),
            row("constant", "", "kPortMinimum = 0"),
            row("macro", "", "#define PORT_BIT(n)"),
            row("typedef", "", "typedef int PortMode"),
            row("function", "", "int PortCount()"))


OPEN = row("method", "Port", "kern_return_t Open(uint32_t mode)", "virtual")
CLOSE = row("method", "Port", "void Close()")
CLOSE_NOW = row("method", "Port", "void Close(bool now)")
WITH = row("static", "Port", "static Port *With(const char *name)", "static")
SUM = row("function", "", "uint32_t PortSum(const void *bytes, size_t size)")
ROWS = [OPEN, CLOSE, CLOSE_NOW, WITH, SUM]


class Overrides(unittest.TestCase):
    def test_have_the_words_of_the_first_declaration(self):
        def of(framework, class_name, member):
            return next(item for item in facts.framework_rows(framework) if (item.class_name, item.member) == (class_name, member))
        # Documentation alone says nothing of these: the classes that they override do.
        self.assertEqual(of("HIDDriverKit", "IOUserHIDEventDriver", "SetProperties").attributes, ())
        self.assertTrue(checks.is_dispatchable(of("HIDDriverKit", "IOUserHIDEventDriver", "SetProperties")))
        self.assertFalse(checks.is_dispatchable(of("HIDDriverKit", "IOUserUSBHostHIDDevice", "getReport")))
        self.assertFalse(checks.is_dispatchable(of("HIDDriverKit", "IOUserHIDDevice", "handleStart")))
        self.assertTrue(checks.is_dispatchable(of("DriverKit", "IOService", "Start")))


class Comments(unittest.TestCase):
    def read(self, text, name="part/tests/port_test.cpp"):
        """(names of the rows that are shown, complaints)"""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
            shown, complaints = annotations.read(ROWS, pathlib.Path(folder))
        return {item.signature for item in ROWS if item.line in shown}, complaints

    def test_a_name_stands_for_all_overloads_and_parameters_for_one(self):
        self.assertEqual(self.read("// Facts: Port.Close\nTEST(Port, Closes) {\n    ASSERT_TRUE(port->Close());\n}\n"),
                         ({CLOSE.signature, CLOSE_NOW.signature}, []))
        self.assertEqual(self.read("// Facts: Port.Close(bool), PortSum\nTEST(Port, Closes) {\n    EXPECT_EQ(port->Close(PortSum(b, 1)), 0);\n}\n"),
                         ({CLOSE_NOW.signature, SUM.signature}, []))

    def test_a_claim_goes_on_in_the_next_lines(self):
        text = "// Facts: Port.Open,\n// Facts: PortSum\n// What it is about.\nTEST_F(Port, Opens) {\n    EXPECT_EQ(Open(PortSum(b, 1)), 0);\n}\n"
        self.assertEqual(self.read(text), ({OPEN.signature, SUM.signature}, []))

    def test_words_that_the_formatter_moved_are_found(self):
        text = ("// Facts: Port.Open,\n// Port.Close(bool), Facts: Port.Close()\n// Facts: PortSum\nTEST(A, B) {\n"
                "    EXPECT_EQ(Open(PortSum(b, 1)), Close(true) || Close());\n}\n")
        self.assertEqual(self.read(text), ({OPEN.signature, CLOSE.signature, CLOSE_NOW.signature, SUM.signature}, []))

    def test_the_name_must_be_called_in_the_code_of_the_test(self):
        for body in ("// port->Open(1)\n", "    Reopen(1);\n", "}\nTEST(Port, Other) {\n    Open(1);\n"):
            shown, complaints = self.read("// Facts: Port.Open\nTEST(Port, Opens) {\n" + body + "}\n")
            self.assertEqual(shown, set(), body)
            self.assertEqual(complaints, ["part/tests/port_test.cpp: Port.Opens: does not call Port.Open"], body)

    def test_a_static_method_is_called_with_its_class(self):
        self.assertEqual(self.read("// Facts: Port.With\nTEST(A, B) {\n    Hub::With(1);\n}\n")[0], set())
        self.assertEqual(self.read("// Facts: Port.With\nTEST(A, B) {\n    EXPECT_EQ(Port::With(1), p);\n}\n")[0], {WITH.signature})

    def test_helpers_of_the_file_count(self):
        text = "int opened(Port *port) {\n    return port->Open(1);\n}\n// Facts: Port.Open\nTEST(Port, Opens) {\n    EXPECT_EQ(opened(p), 0);\n}\n"
        self.assertEqual(self.read(text), ({OPEN.signature}, []))

    def test_a_test_that_asserts_nothing_shows_nothing(self):
        self.assertEqual(self.read("// Facts: Port.Open\nTEST(Port, Opens) {\n    port->Open(1);\n}\n"),
                         (set(), ["part/tests/port_test.cpp: Port.Opens: asserts nothing about Port.Open"]))

    def test_rows_of_other_frameworks_are_passed_over(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "tests/hub_test.cpp"
            path.parent.mkdir()
            path.write_text("// Facts: Hub.Reset(int), Hub.operator bool, Hub.Stop\nTEST(A, B) {\n    EXPECT_EQ(Reset(1), Stop());\n}\n")
            _, complaints = annotations.read(ROWS, pathlib.Path(folder), {"Hub.Reset", "Hub.operator bool"})
        self.assertEqual(len(complaints), 1)
        self.assertIn("the facts have no row Hub.Stop", complaints[0])

    def test_rows_that_do_not_exist_are_refused(self):
        self.assertIn("the facts have no row Port.Reset", self.read("// Facts: Port.Reset\nTEST(A, B) {\n    Reset();\n}\n")[1][0])
        complaint = self.read("// Facts: Port.Close(int)\nTEST(A, B) {\n    Close(1);\n}\n")[1][0]
        self.assertIn("they have (), (bool)", complaint)

    def test_python_tests_and_dexts_of_tests_count_and_products_do_not(self):
        text = "class T:\n    # Facts: Port.Open\n    def test_it(self):\n        self.assertTrue(self.client.run('Open'))\n"
        self.assertEqual(self.read(text, "tests/e2e/port_test.py")[0], {OPEN.signature})
        dext = "kern_return_t Start() {\n    // Facts: Port.Open\n    ret = port->Open(1);\n    return ret;\n}\n"
        self.assertEqual(self.read(dext, "tests/dexts/port/Driver.cpp")[0], {OPEN.signature})
        self.assertEqual(self.read(dext, "runtime/port.cpp"), (set(), []))


class States(unittest.TestCase):
    def test_each_row_has_the_state_that_compiler_tests_and_reasons_give(self):
        claim = annotations.Claim("Port.Open", "a_test.cpp", "Port.Opens", "")
        found = api_status.statuses(ROWS, {SUM.line: "cannot cast"}, {WITH.line}, {OPEN.line: [claim]},
                                    {CLOSE.line: "Linux has none"}, {})
        self.assertEqual([(item.state, item.why) for item in found], [
            ("done", "a_test.cpp: Port.Opens"), ("declared only", "Linux has none"), ("missing", "no test"),
            ("missing", "no check is written: sdk/facts/handwritten.cpp"), ("missing", "differs: cannot cast")])
        wrong = api_status.check(found, [], complete=False)
        self.assertEqual(len(wrong), 1)
        self.assertIn("differs: cannot cast", wrong[0])
        self.assertGreaterEqual(len(api_status.check(found, [], complete=True)), 4)

    def test_more_than_forty_are_not_declared_only(self):
        many = [api_status.Status(OPEN, "declared only", "none", True)] * 41
        self.assertEqual(api_status.check(many[:40], [], complete=False), [])
        self.assertIn("41 rows", api_status.check(many, [], complete=False)[0])

    def test_a_line_of_declared_only_names_a_row_and_a_reason(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write('row,reason\nPort.Close(bool),"no such thing, in Linux"\nPort.Open,\nPort.Reset,x\n')
            file.flush()
            reasons, complaints = api_status.declared_only(ROWS, file.name)
            elsewhere = api_status.declared_only(ROWS, file.name, {"Port.Reset"})
        self.assertEqual(len(elsewhere[1]), 1)
        self.assertEqual(reasons.get(CLOSE_NOW.line), "no such thing, in Linux")
        self.assertNotIn(CLOSE.line, reasons)
        self.assertEqual(complaints, ["docs/api-declared-only.csv: Port.Open has no reason",
                                      "docs/api-declared-only.csv: the facts have no row Port.Reset"])


if __name__ == "__main__":
    unittest.main()
