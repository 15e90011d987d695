// SPDX-License-Identifier: Apache-2.0
#include "families/serial/system/tty_identity.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "families/serial/tests/fake_sysfs.h"
#include "rpc/fd.h"

namespace opendext::serial {
namespace {

uint64_t number_of(const Dictionary& dictionary, std::string_view key) {
    const Number* number = find_number(dictionary, key);
    return number == nullptr ? UINT64_MAX : number->raw;
}

std::string text_of(const Dictionary& dictionary, std::string_view key) {
    const std::string* text = find_string(dictionary, key);
    return text == nullptr ? "none" : *text;
}

TEST(TtyIdentity, UsbAdapterHasItsIdentityAndANameThatStays) {
    FakeSysfs system;
    system.plug("ttyUSB0", "1.4", "A5XK3RJT");
    const auto tty = read_tty(system.places(), "ttyUSB0");
    ASSERT_TRUE(tty.ok()) << tty.error().text();
    EXPECT_EQ(system.node("ttyUSB0"), tty->path);
    EXPECT_EQ("ftdi_sio", tty->driver);
    EXPECT_EQ("usbserial-", tty->base_name);
    EXPECT_EQ("A5XK3RJT", tty->suffix);
    ASSERT_TRUE(tty->usb);
    EXPECT_EQ("FT232R USB UART", tty->usb->name);
    EXPECT_EQ("01140000", tty->usb->location);
    const Dictionary& device = tty->usb->device;
    EXPECT_EQ(0x0403U, number_of(device, "idVendor"));
    EXPECT_EQ(0x6001U, number_of(device, "idProduct"));
    EXPECT_EQ(0x0600U, number_of(device, "bcdDevice"));
    EXPECT_EQ(0U, number_of(device, "bDeviceClass"));
    EXPECT_EQ(0x01140000U, number_of(device, "locationID"));
    EXPECT_EQ("FTDI", text_of(device, "kUSBVendorString"));
    EXPECT_EQ("FT232R USB UART", text_of(device, "kUSBProductString"));
    EXPECT_EQ("A5XK3RJT", text_of(device, "kUSBSerialNumberString"));
    EXPECT_EQ(0U, number_of(tty->usb->interface, "bInterfaceNumber"));
    EXPECT_EQ(0xffU, number_of(tty->usb->interface, "bInterfaceClass"));
    EXPECT_EQ(1U, number_of(tty->usb->interface, "bConfigurationValue"));
    EXPECT_EQ(0x0403U, number_of(tty->usb->interface, "idVendor"));

    // Plugged in again it is another node with the same name.
    system.unplug("ttyUSB0");
    system.plug("ttyUSB1", "1.4", "A5XK3RJT");
    const auto again = read_tty(system.places(), "ttyUSB1");
    ASSERT_TRUE(again.ok());
    EXPECT_EQ("usbserial-A5XK3RJT", again->base_name + again->suffix);
}

TEST(TtyIdentity, AdapterWithoutSerialNumberIsNamedByItsPlace) {
    FakeSysfs system;
    system.plug("ttyUSB0", "2", "");
    system.plug("ttyUSB1", "3", "0001", {{"bNumInterfaces", " 4"}});
    system.plug("ttyACM0", "4", "with space/slash");
    system.plug("ttyUSB2", "17", "");  // a port that has no digit of its own
    EXPECT_EQ("01200000", read_tty(system.places(), "ttyUSB0")->suffix);
    EXPECT_EQ("0001-0", read_tty(system.places(), "ttyUSB1")->suffix);
    const auto modem = read_tty(system.places(), "ttyACM0");
    EXPECT_EQ("usbmodem-with_space_slash", modem->base_name + modem->suffix);
    const auto nowhere = read_tty(system.places(), "ttyUSB2");
    EXPECT_EQ("ttyUSB2", nowhere->suffix);
    EXPECT_EQ(nullptr, find(nowhere->usb->device, "locationID"));
}

TEST(TtyIdentity, WhatADeviceDoesNotTellIsLeftOut) {
    FakeSysfs system;
    system.device("usb1/1-1", {{"idVendor", "nonsense"}, {"serial", "\x01\x02"}}, "usb", "usb");
    system.tty("ttyUSB0",
               system.device("usb1/1-1/1-1:1.0", {{"bInterfaceNumber", ""}}, "usb", "x"));
    const auto tty = read_tty(system.places(), "ttyUSB0");
    ASSERT_TRUE(tty.ok());
    ASSERT_TRUE(tty->usb);
    EXPECT_TRUE(tty->usb->device.empty());
    EXPECT_TRUE(tty->usb->interface.empty());
    EXPECT_EQ("IOUSBHostDevice", tty->usb->name);
    EXPECT_EQ("usbserial-ttyUSB0", tty->base_name + tty->suffix);
}

TEST(TtyIdentity, ConsolesAndPortsWithoutHardwareAreNone) {
    FakeSysfs system;
    const auto acpi = system.device("pnp0/00:00", {}, "pnp", "serial");
    system.device("pnp0/00:00/00:00:0", {}, "serial-base", "ctrl");
    system.tty("tty1", "");
    system.tty("ptmx", "");
    system.tty("ttyS0", acpi, {{"type", "4"}});
    system.tty("ttyS1", system.device("platform/serial8250", {}, "platform", "serial8250"),
               {{"type", "0"}});
    // As an ordinary user sees it: the type may not be read.
    system.tty("ttyS2", system.device("platform/serial8250", {}, "platform", "serial8250"));
    system.tty("ttyS3", system.device("platform/serial8250/serial8250:0/serial8250:0.3", {},
                                      "serial-base", "port"));
    system.tty("ttyS4", system.device("pnp0/00:00/00:00:0/00:00:0.0", {}, "serial-base", "port"));
    system.tty("ttyAMA0", system.device("platform/fe201000.serial", {}, "amba", "uart-pl011"));

    std::map<std::string, std::string> found;
    for (const Tty& tty : find_ttys(system.places()))
        found[std::filesystem::path(tty.path).filename()] = tty.driver;
    const std::map<std::string, std::string> expected{
        {"ttyS0", "serial"}, {"ttyS4", "serial"}, {"ttyAMA0", "uart-pl011"}};
    EXPECT_EQ(expected, found);
    const auto port = read_tty(system.places(), "ttyAMA0");
    EXPECT_EQ("ttyAMA", port->base_name);
    EXPECT_EQ("0", port->suffix);
    EXPECT_FALSE(port->usb);
}

TEST(TtyIdentity, TtyWithoutANodeIsNone) {
    FakeSysfs system;
    system.plug("ttyUSB0", "1", "X");
    std::filesystem::remove(system.node("ttyUSB0"));
    EXPECT_EQ(Errc::not_found, read_tty(system.places(), "ttyUSB0").error().code);
    EXPECT_TRUE(find_ttys(system.places()).empty());
    EXPECT_TRUE(find_ttys({"/nowhere/dev", "/nowhere/sys", "/nowhere/udev"}).empty());
}

TEST(TtyIdentity, NodeOfAnotherDeviceIsNone) {
    FakeSysfs system;
    system.tty("ttyAMA0", system.device("platform/uart", {}, "amba", "uart-pl011"),
               {{"dev", "1:3"}});  // the number of /dev/null, which stands for it
    EXPECT_TRUE(read_tty(system.places(), "ttyAMA0").ok());
    system.tty("ttyAMA1", system.device("platform/uart1", {}, "amba", "uart-pl011"),
               {{"dev", "204:65"}});
    EXPECT_FALSE(read_tty(system.places(), "ttyAMA1").ok());
}

TEST(TtyIdentity, PseudoTerminalIsKnownByItsNumberThroughALinkToo) {
    const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY));
    ASSERT_EQ(0, ::grantpt(master.get()));
    ASSERT_EQ(0, ::unlockpt(master.get()));
    const std::string path = ::ptsname(master.get());
    const auto tty = identify_tty({}, path);
    ASSERT_TRUE(tty.ok()) << tty.error().text();
    EXPECT_EQ(path, tty->path);
    EXPECT_EQ("pty", tty->driver);
    EXPECT_EQ("pts" + path.substr(9), tty->base_name + tty->suffix);

    const FakeSysfs system;
    std::filesystem::create_symlink(path, system.node("vmodem"));
    EXPECT_EQ(path, identify_tty({}, system.node("vmodem"))->path);
}

TEST(TtyIdentity, RealTtyIsFoundByTheNumberOfItsNode) {
    FakeSysfs system;
    const auto entry = system.device("platform/uart/tty/ttyS7", {}, "tty");
    std::filesystem::create_directories(system.places().sysfs / "dev/char");
    struct stat null{};
    ASSERT_EQ(0, ::stat("/dev/null", &null));  // stands for the tty
    std::filesystem::create_symlink(entry, system.places().sysfs / "dev/char" /
                                               (std::to_string(major(null.st_rdev)) + ":" +
                                                std::to_string(minor(null.st_rdev))));
    system.tty("ttyS7", system.device("platform/uart", {}, "platform", "of_serial"));
    std::filesystem::remove(system.node("ttyS7"));  // in a container it may have another name
    const auto tty = identify_tty(system.places(), "/dev/null");
    ASSERT_TRUE(tty.ok()) << tty.error().text();
    EXPECT_EQ("/dev/null", tty->path);
    EXPECT_EQ("of_serial", tty->driver);
    EXPECT_EQ("ttyS7", tty->base_name + tty->suffix);
}

TEST(TtyIdentity, WhatIsNoTtyIsRefusedWithAReason) {
    FakeSysfs system;
    std::ofstream(system.node("file")) << "x";
    const std::pair<std::string, std::string> cases[] = {
        {"/dev/no-such-device", "there is no device"},
        {system.node("file"), "is a file"},
        {system.places().devices.string(), "is a folder"},
        {"/dev/null", "another kind of device"},
        {"/dev/ptmx", ""},
    };
    for (const auto& [path, words] : cases) {
        const auto tty = identify_tty({}, path);
        ASSERT_FALSE(tty.ok()) << path;
        EXPECT_NE(std::string::npos, tty.error().text().find(words)) << tty.error().text();
        EXPECT_NE(std::string::npos, tty.error().text().find(path)) << tty.error().text();
    }
}

TEST(TtyIdentity, UdevIsWaitedForOnlyWhereItRuns) {
    FakeSysfs system;
    system.plug("ttyUSB0", "1", "X");
    const auto tty = read_tty(system.places(), "ttyUSB0");
    ASSERT_TRUE(tty.ok());
    EXPECT_TRUE(udev_is_done(system.places(), *tty));
    std::filesystem::create_directories(system.places().udev / "data");
    std::ofstream(system.places().udev / "control") << "";
    EXPECT_FALSE(udev_is_done(system.places(), *tty));
    std::ofstream(system.places().udev / "data/c1:3") << "";  // the number of /dev/null
    EXPECT_TRUE(udev_is_done(system.places(), *tty));
}

}  // namespace
}  // namespace opendext::serial
