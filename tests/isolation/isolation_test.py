# SPDX-License-Identifier: Apache-2.0
"""A real dext tries every way out of its process by raw system calls (attempts.h), the first from a static constructor:
each is refused, the log names the call and the dext, and the driver goes on working."""

import os
import re
import shutil

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE_ID = "org.example.escape"

FILES = {
    "EscapeArtist.iig": r"""
#ifndef EscapeArtist_h
#define EscapeArtist_h
#include <DriverKit/IOService.iig>

class EscapeArtist : public IOService
{
public:
    virtual kern_return_t Start(IOService * provider) override;
};
#endif
""",
    "EscapeArtist.cpp": r"""
#include <os/log.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include "EscapeArtist.h"
#include "attempts.h"

namespace {

struct Tally {
    unsigned refused = 0;
    unsigned allowed = 0;
    const char * firstAllowed = "none";

    Tally()
    {
        attempts::try_everything([this](const attempts::Attempt & attempt) {
            if (attempt()) {
                ++refused;
            } else if (allowed++ == 0) {
                firstAllowed = attempt.call;
            }
        });
    }
};

// A static constructor: runs while the dext is being loaded.
const Tally whileLoading;

}  // namespace

kern_return_t IMPL(EscapeArtist, Start)
{
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    const Tally now;
    os_log(OS_LOG_DEFAULT, "loading: %u refused, %u allowed, first %{public}s", whileLoading.refused, whileLoading.allowed,
           whileLoading.firstAllowed);
    os_log(OS_LOG_DEFAULT, "started: %u refused, %u allowed, first %{public}s", now.refused, now.allowed, now.firstAllowed);
    return RegisterService();
}
""",
    "Info.plist": """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
    <key>CFBundleIdentifier</key>
    <string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>
    <key>CFBundleExecutable</key>
    <string>$(EXECUTABLE_NAME)</string>
    <key>CFBundlePackageType</key>
    <string>DEXT</string>
    <key>IOKitPersonalities</key>
    <dict>
        <key>Escape</key>
        <dict>
            <key>IOClass</key>
            <string>IOUserService</string>
            <key>IOProviderClass</key>
            <string>IOUserResources</string>
            <key>IOResourceMatch</key>
            <string>IOKit</string>
            <key>IOUserClass</key>
            <string>EscapeArtist</string>
            <key>IOUserServerName</key>
            <string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>
        </dict>
    </dict>
</dict>
</plist>
""",
    "EscapeArtist.entitlements": """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
    <key>com.apple.developer.driverkit</key>
    <true/>
</dict>
</plist>
""",
}


def attempted_calls():
    """Names of the calls in attempts.h that this machine's architecture has."""
    with open(os.path.join(HERE, "attempts.h"), encoding="utf-8") as file:
        text = file.read()
    if os.uname().machine != "x86_64":
        text = re.sub(r"#if defined\(__x86_64__\)\n(        \{.*\n)+#endif", "", text)
    names = set(re.findall(r'\{"(\w+)", (?:raw\()?SYS_', text))
    return names if os.uname().machine == "x86_64" else names - {"open"}


class Isolation(harness.RealmCase):
    def build(self):
        folder = os.path.join(self.folder, "EscapeArtist")
        os.mkdir(folder)
        for name, text in FILES.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        shutil.copy(os.path.join(HERE, "attempts.h"), folder)
        output = os.path.join(self.folder, "out")
        self.tool("opendext", "build", folder, "-o", output, "--bundle-id", BUNDLE_ID, "--quiet", timeout=300)
        return os.path.join(output, "EscapeArtist.dext")

    def test_every_way_out_is_closed_and_the_log_names_call_and_dext(self):
        self.tool("opendext", "install", self.build())
        self.wait_for(lambda: self.services("EscapeArtist"), "the driver to start in spite of all refusals")
        messages = self.wait_for(lambda: (lines := [line["message"] for line in self.realm.log()])
                                 and any("started:" in line for line in lines) and lines, "the driver's own account")
        for when in ("loading", "started"):
            account = next(line for line in messages if line.startswith(when + ":"))
            self.assertRegex(account, r"^\w+: 1\d\d refused, 0 allowed, first none$")

        [pid] = self.realm.drivers(BUNDLE_ID)
        refused = re.findall(rf"^{re.escape(BUNDLE_ID)}\[{pid}\]: refused: (\w+)(?: [^(]*)?\(sandbox\)", "\n".join(messages), re.M)
        if "refusals are NOT reported" in "\n".join(messages):
            self.skipTest("this machine gives no seccomp listener: refusals are not reported")
        self.assertEqual(sorted(attempted_calls() - set(refused)), [], "calls that the log does not name")
        self.assertRegex("\n".join(messages), r"refused: mount .*\(sandbox\), from .*(Tally|try_everything|EscapeArtist).* in EscapeArtist")
        [server] = [entry for entry in self.services("IOUserServer") if BUNDLE_ID in str(entry)]
        rights = server["properties"]["OpenDextRights"]
        self.assertEqual(rights["calls"]["lists"], ["runtime"], "a dext that links no family has no family's calls")
        self.assertEqual(rights["calls"]["refusals"], "reported")
        self.assertEqual(rights["descriptors"], {"control socket": 1, "null device": 3})
        self.assertEqual(rights["files"]["read afterwards"], [])
        self.assertEqual(rights["capabilities"], [])
        for missing in rights["missing"]:
            self.assertTrue(missing["item"] and missing["why"] and missing["price"], missing)
        self.assertEqual(refused[0], "open" if os.uname().machine == "x86_64" else "openat",
                         "the first attempt was made by a static constructor")


if __name__ == "__main__":
    harness.main()
