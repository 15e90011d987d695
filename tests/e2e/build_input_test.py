# SPDX-License-Identifier: Apache-2.0
"""Bad input of a driver author: one message that names file, key, value and way out, a status that is not 0, and nothing
half-made left behind."""

import os
import subprocess
import time

import harness
import sources


class BuildInput(harness.RealmCase):
    def setUp(self):
        super().setUp()
        self.prefix = sources.random_prefix()
        self.source = sources.write_dext(self.folder, self.prefix)
        self.info = os.path.join(self.source, "Info.plist")
        self.output = os.path.join(self.folder, "out")
        self.bundle = os.path.join(self.output, self.prefix + ".dext")
        self.arguments = ["build", self.source, "-o", self.output, "--bundle-id", "org.example.input", "--quiet"]

    def refuse(self, *wanted):
        """The build fails with a message that holds each of `wanted`, and leaves no bundle and no temporary folder."""
        message = self.refused("opendext", *self.arguments, timeout=300)
        for text in wanted:
            self.assertIn(text, message)
        self.assertFalse(os.path.exists(self.bundle), "a bundle was left")
        left = [name for name in (os.listdir(self.output) if os.path.isdir(self.output) else []) if not name.endswith(".build")]
        self.assertEqual(left, [], "something half-made was left")
        self.assertIsNone(self.realm.keeper_pid(), "building needs no realm")
        return message

    def one_line(self, *wanted):
        message = self.refuse(*wanted)
        self.assertEqual(message.strip().count("\n"), 0, message)

    def test_malformed_info_plist(self):
        sources.edit(self.info, "<key>CFBundleExecutable</key>\n\t<string>", "<key>CFBundleExecutable</key <string>")
        self.one_line(self.info + ":7:25: `</key` has no closing `>`: write </key>")

    def test_info_plist_cut_short(self):
        with open(self.info, encoding="utf-8") as file:
            text = file.read()
        with open(self.info, "w", encoding="utf-8") as file:
            file.write(text[:text.index("<key>Reader")])
        self.one_line(self.info + ":", "the file ends inside <dict> of line", "add </dict>")

    def test_incomplete_info_plist(self):
        sources.edit(self.info, "\t\t\t<key>IOUserServerName</key>\n\t\t\t<string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>\n", "")
        self.one_line(self.info + ":", "IOKitPersonalities/Control/IOUserServerName: is missing: add <key>IOUserServerName</key>")

    def test_no_info_plist(self):
        os.remove(self.info)
        self.one_line(self.source + ": has no Info.plist: add one")

    def test_unknown_provider_class(self):
        sources.edit(self.info, "<string>IOUserResources</string>", "<string>IOUserResorces</string>")
        self.one_line(self.info + ":", "IOKitPersonalities/Control/IOProviderClass: \"IOUserResorces\"", "did you mean IOUserResources?")

    def test_wrong_type_of_a_match_key(self):
        sources.edit(self.info, "\t\t\t<key>IOResourceMatch</key>\n\t\t\t<string>IOKit</string>",
                     "\t\t\t<key>IOProbeScore</key>\n\t\t\t<string>high</string>")
        self.one_line(self.info + ":", "IOKitPersonalities/Control/IOProbeScore: the string \"high\", must be an integer: write <integer>")

    def test_variable_without_a_value(self):
        self.arguments.remove("--bundle-id")
        self.arguments.remove("org.example.input")
        self.one_line(self.info + ":5:", "CFBundleIdentifier: $(PRODUCT_BUNDLE_IDENTIFIER) has no value: give it one with --bundle-id")

    def test_malformed_entitlements(self):
        entitlements = os.path.join(self.source, self.prefix + ".entitlements")
        sources.edit(entitlements, "<true/>", "<true>")
        self.one_line(entitlements + ":", "<true>")

    def test_class_that_no_source_declares(self):
        sources.edit(self.info, f"<string>{self.prefix}Reader</string>", f"<string>{self.prefix}Raeder</string>")
        self.one_line(self.info + ":", "IOKitPersonalities/Reader/IOUserClass", "is not declared in any .iig file", f"did you mean {self.prefix}Reader?")

    def test_unsupported_iig_parameter(self):
        interface = os.path.join(self.source, self.prefix + "Page.iig")
        sources.edit(interface, "public:\n", "public:\n    virtual kern_return_t Say(const char * text);\n")
        message = self.refuse(interface + ":8:", "error:", "no bound", "fix: use")
        self.assertNotIn("Traceback", message)

    def test_compiler_errors_are_clangs_with_the_authors_path(self):
        source = os.path.join(self.source, self.prefix + "Page.cpp")
        sources.edit(source, "return Start(provider, SUPERDISPATCH);", "return Begin(provider);")
        self.refuse(source + ":6:12: error: use of undeclared identifier 'Begin'", f"failed to compile {self.prefix}Page.cpp")

    def test_undefined_symbols_do_not_link(self):
        source = os.path.join(self.source, self.prefix + "Page.cpp")
        sources.edit(source, "kern_return_t IMPL", "extern int nowhere();\n\nkern_return_t IMPL")
        sources.edit(source, "return Start(provider, SUPERDISPATCH);", "return nowhere() + Start(provider, SUPERDISPATCH);")
        self.refuse("undefined symbol: nowhere", f"failed to link {self.prefix}")

    def test_failed_build_keeps_the_last_good_bundle(self):
        self.tool("opendext", *self.arguments, timeout=300)
        with open(os.path.join(self.bundle, self.prefix), "rb") as file:
            before = file.read()
        source = os.path.join(self.source, self.prefix + "Page.cpp")
        sources.edit(source, "return Start", "retrun Start")
        self.refused("opendext", *self.arguments, timeout=300)
        with open(os.path.join(self.bundle, self.prefix), "rb") as file:
            self.assertEqual(file.read(), before)
        sources.edit(source, "retrun Start", "return Start")
        self.tool("opendext", *self.arguments, timeout=300)

    def test_nothing_changed_takes_a_fraction_of_a_second(self):
        self.tool("opendext", *self.arguments, timeout=300)
        stamp = os.stat(self.bundle).st_mtime_ns
        started = time.monotonic()
        self.assertIn("up to date", self.tool("opendext", *[word for word in self.arguments if word != "--quiet"]))
        self.assertLess(time.monotonic() - started, 1.0 * harness.PATIENCE)
        self.assertEqual(os.stat(self.bundle).st_mtime_ns, stamp)

        # One source changed: it alone is compiled.
        sources.edit(os.path.join(self.source, self.prefix + "Page.cpp"), "return Start", "return  Start")
        result = self.realm.run("opendext", *[word for word in self.arguments if word != "--quiet"], timeout=300)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr.count("compile "), 1, result.stderr)

    def test_two_builds_at_once_do_not_disturb_each_other(self):
        command = [harness.program("opendext"), *self.arguments]
        builds = [subprocess.Popen(command, env=self.realm.environment(), stderr=subprocess.PIPE, text=True) for _ in range(2)]
        for build in builds:
            _, message = build.communicate(timeout=300 * harness.PATIENCE)
            self.assertEqual(build.returncode, 0, message)
        self.assertTrue(os.path.exists(os.path.join(self.bundle, self.prefix)))

    def test_what_a_killed_build_left_is_removed(self):
        left = os.path.join(self.output, f".{self.prefix}-abcdef")
        os.makedirs(os.path.join(left, "half.dext"))
        self.tool("opendext", *self.arguments, timeout=300)
        self.assertEqual(sorted(os.listdir(self.output)), sorted([self.prefix + ".build", self.prefix + ".dext"]))

    def test_install_refuses_what_is_no_bundle(self):
        message = self.refused("opendext", "install", self.source)
        self.assertIn("does not end in .dext", message)
        message = self.refused("opendext", "install", os.path.join(self.folder, "none.dext"))
        self.assertIn("none.dext: No such file", message)

    def test_install_refuses_a_bundle_of_another_abi(self):
        self.tool("opendext", *self.arguments, timeout=300)
        sources.edit(os.path.join(self.bundle, "Info.plist"), "<key>OpenDextABI</key>\n\t<integer>",
                     "<key>OpenDextABI</key>\n\t<integer>99")
        message = self.refused("opendext", "install", self.bundle)
        self.assertIn("OpenDextABI", message)
        self.assertIn("opendext build", message)
        self.assertNotIn("org.example.input", self.tool("systemextensionsctl", "list"))


if __name__ == "__main__":
    harness.main()
