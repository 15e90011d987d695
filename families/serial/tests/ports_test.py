# SPDX-License-Identifier: Apache-2.0
"""opendext ports: serial ports as a program finds them, stable over replugging."""

import json
import os

import harness
import schema


class Ports(harness.RealmCase):
    def ports(self, *arguments):
        ports = json.loads(self.tool("opendext", "ports", "--json", *arguments))
        self.assertEqual(schema.problems(ports, schema.read("opendext-ports")), [])
        return ports

    def add(self, name):
        self.tool("opendext", "serial", "add", name, "--listen", "127.0.0.1:0")

    # Facts: IOServiceGetMatchingServices
    def test_ports_have_the_same_names_after_replugging(self):
        self.assertEqual(self.ports(), [])
        self.assertEqual(self.tool("opendext", "ports"), "no serial ports\n")
        self.add("beta")
        self.add("alpha")
        first = self.ports()
        self.assertEqual([port["name"] for port in first], ["alpha", "beta"])
        for port in first:
            self.assertEqual(port["state"], "ready")
            self.assertEqual(port["callout"], os.path.join(self.realm.root, "dev", "cu." + port["name"]))
            self.assertEqual(port["dialin"], os.path.join(self.realm.root, "dev", "tty." + port["name"]))
            self.assertIn("org.opendext.SerialOverTCP", harness.command_line(port["pid"]))
            self.assertEqual(port["bundle_id"], "org.opendext.SerialOverTCP")
        self.assertIn("alpha  " + first[0]["callout"], self.tool("opendext", "ports"))
        ids = {first[0]["id"]}
        for _ in range(5):
            self.tool("opendext", "serial", "rm", "alpha")
            self.assertEqual([port["name"] for port in self.ports()], ["beta"])
            self.add("alpha")
            again = self.ports()[0]
            self.assertEqual([again[key] for key in ("name", "callout", "dialin", "type")],
                             [first[0][key] for key in ("name", "callout", "dialin", "type")])
            self.assertNotIn(again["id"], ids)
            ids.add(again["id"])
        self.assertEqual(self.ports()[1], first[1], "the other port was left alone")

    def test_a_port_stays_when_its_driver_is_started_again(self):
        self.add("kept")
        before = self.ports()[0]
        os.kill(before["pid"], 9)

        def back():
            ports = self.ports()
            self.assertEqual([port["name"] for port in ports], ["kept"])
            return ports[0]["state"] == "ready" and ports[0]["pid"] != before["pid"] and ports[0]
        after = self.wait_for(back, "the driver to be back")
        self.assertEqual(after["callout"], before["callout"])

    def test_types_select_and_wrong_options_are_refused(self):
        self.add("one")
        self.assertEqual(len(self.ports("--type", self.ports()[0]["type"])), 1)
        self.assertEqual(self.ports("--type", "IONoSuchStream"), [])
        self.assertIn("unexpected argument", self.refused("opendext", "ports", "x"))
        self.assertIn("unknown option", self.refused("opendext", "ports", "--jsonn"))


if __name__ == "__main__":
    harness.main()
