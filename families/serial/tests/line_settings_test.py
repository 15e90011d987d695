# SPDX-License-Identifier: Apache-2.0
"""What an application asks of the line reaches the driver: opening, speed, stop bits, flow control, closing. The driver is
one of the test's own; it logs the calls that it gets and loops bytes back."""

import os
import re
import termios
import time

import harness
import serial

BUNDLE_ID = "org.example.loopline"

SOURCES = {
    "LoopLine.iig": r"""
#ifndef LoopLine_h
#define LoopLine_h
#include <SerialDriverKit/IOUserSerial.iig>

class LoopLine : public IOUserSerial
{
public:
    virtual bool init(void) override;
    virtual void free(void) override;
    virtual kern_return_t Start(IOService * provider) override;
    virtual kern_return_t ConnectQueues(IOBufferMemoryDescriptor ** ifmd, IOMemoryDescriptor ** rxqmd,
                                        IOMemoryDescriptor ** txqmd, IOMemoryDescriptor * in_rxqmd,
                                        IOMemoryDescriptor * in_txqmd, uint32_t in_rxqoffset, uint32_t in_txqoffset,
                                        uint8_t in_rxqlogsz, uint8_t in_txqlogsz) override;
    virtual kern_return_t DisconnectQueues(void) override;
    virtual void TxDataAvailable(void) override;
    virtual void RxFreeSpaceAvailable(void) override;
    virtual kern_return_t HwActivate(void) override;
    virtual kern_return_t HwDeactivate(void) override;
    virtual kern_return_t HwProgramUART(uint32_t baudRate, uint8_t nDataBits, uint8_t nHalfStopBits,
                                        uint8_t parity) override;
    virtual kern_return_t HwProgramBaudRate(uint32_t baudRate) override;
    virtual kern_return_t HwProgramFlowControl(uint32_t arg, uint8_t xon, uint8_t xoff) override;

private:
    void Loop() LOCALONLY;
};
#endif
""",
    "LoopLine.cpp": r"""
#include <os/log.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <SerialDriverKit/SerialPortInterface.h>
#include "LoopLine.h"

using driverkit::serial::SerialPortInterface;

#define CALL(...) os_log(OS_LOG_DEFAULT, "call: " __VA_ARGS__)
#define LOAD(index) __atomic_load_n(&(index), __ATOMIC_ACQUIRE)
#define STORE(index, value) __atomic_store_n(&(index), (value), __ATOMIC_RELEASE)

struct LoopLine_IVars {
    IOBufferMemoryDescriptor * memory;
    IOMemoryMap * rx;
    IOMemoryMap * tx;
    SerialPortInterface * interface;
};

bool LoopLine::init()
{
    if (!super::init()) return false;
    ivars = IONewZero(LoopLine_IVars, 1);
    return ivars != nullptr;
}

void LoopLine::free()
{
    IOSafeDeleteNULL(ivars, LoopLine_IVars, 1);
    super::free();
}

kern_return_t IMPL(LoopLine, Start)
{
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(LoopLine, ConnectQueues)
{
    kern_return_t ret = ConnectQueues(ifmd, rxqmd, txqmd, in_rxqmd, in_txqmd, in_rxqoffset, in_txqoffset, in_rxqlogsz,
                                      in_txqlogsz, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) return ret;
    IOAddressSegment range = {};
    ret = (*ifmd)->GetAddressRange(&range);
    if (ret == kIOReturnSuccess) ret = (*rxqmd)->CreateMapping(0, 0, 0, 0, 0, &ivars->rx);
    if (ret == kIOReturnSuccess) ret = (*txqmd)->CreateMapping(0, 0, 0, 0, 0, &ivars->tx);
    if (ret != kIOReturnSuccess) return ret;
    ivars->memory = *ifmd;
    ivars->memory->retain();
    ivars->interface = reinterpret_cast<SerialPortInterface *>(range.address);
    return kIOReturnSuccess;
}

kern_return_t IMPL(LoopLine, DisconnectQueues)
{
    ivars->interface = nullptr;
    OSSafeReleaseNULL(ivars->rx);
    OSSafeReleaseNULL(ivars->tx);
    OSSafeReleaseNULL(ivars->memory);
    return DisconnectQueues(SUPERDISPATCH);
}

void LoopLine::Loop()
{
    SerialPortInterface * port = ivars->interface;
    if (port == nullptr) return;
    const uint8_t * from = reinterpret_cast<const uint8_t *>(ivars->tx->GetAddress()) + port->txqoffset;
    uint8_t * to = reinterpret_cast<uint8_t *>(ivars->rx->GetAddress()) + port->rxqoffset;
    const uint32_t txSize = 1u << port->txqlogsz;
    const uint32_t rxSize = 1u << port->rxqlogsz;
    uint32_t txCI = LOAD(port->txCI);
    uint32_t rxPI = LOAD(port->rxPI);
    uint32_t count = LOAD(port->txPI) - txCI;
    const uint32_t room = rxSize - (rxPI - LOAD(port->rxCI));
    if (count > room) count = room;
    if (count == 0) return;
    for (uint32_t i = 0; i < count; ++i) to[(rxPI + i) & (rxSize - 1)] = from[(txCI + i) & (txSize - 1)];
    STORE(port->rxPI, rxPI + count);
    STORE(port->txCI, txCI + count);
    RxDataAvailable();
    TxFreeSpaceAvailable();
}

void IMPL(LoopLine, TxDataAvailable) { Loop(); }
void IMPL(LoopLine, RxFreeSpaceAvailable) { Loop(); }

kern_return_t IMPL(LoopLine, HwActivate)
{
    kern_return_t ret = HwActivate(SUPERDISPATCH);
    CALL("activate");
    return ret;
}

kern_return_t IMPL(LoopLine, HwDeactivate)
{
    kern_return_t ret = HwDeactivate(SUPERDISPATCH);
    CALL("deactivate");
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramUART)
{
    kern_return_t ret = HwProgramUART(baudRate, nDataBits, nHalfStopBits, parity, SUPERDISPATCH);
    CALL("uart %u %u %u %u", baudRate, nDataBits, nHalfStopBits, parity);
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramBaudRate)
{
    kern_return_t ret = HwProgramBaudRate(baudRate, SUPERDISPATCH);
    CALL("baud %u", baudRate);
    return ret;
}

kern_return_t IMPL(LoopLine, HwProgramFlowControl)
{
    kern_return_t ret = HwProgramFlowControl(arg, xon, xoff, SUPERDISPATCH);
    CALL("flow 0x%x %u %u", arg, xon, xoff);
    return ret;
}
""",
    "Info.plist": harness.info_plist(
        {"Port": {"IOClass": "IOUserSerial", "IOTTYBaseName": "loopline", "IOUserClass": "LoopLine"}}),
    "LoopLine.entitlements": """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
\t<key>com.apple.developer.driverkit</key>
\t<true/>
\t<key>com.apple.developer.driverkit.family.serial</key>
\t<true/>
</dict>
</plist>
""",
}

# Arguments of HwProgramUART: speed, data bits, half stop bits (2 = one stop bit, 4 = two), PD_RS232_PARITY_NONE.
DEFAULT_8N1 = "uart 9600 8 2 1"
NO_FLOW = "flow 0x0 17 19"
RTS_CTS = 0x4 | 0x20
XON_XOFF = 0x8 | 0x10


class LineSettings(harness.RealmCase):
    def setUp(self):
        super().setUp()
        folder = os.path.join(self.folder, "LoopLine")
        os.makedirs(folder)
        for name, text in SOURCES.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text.lstrip())
        output = os.path.join(self.folder, "out")
        self.tool("opendext", "build", folder, "-o", output, "--bundle-id", BUNDLE_ID, "--quiet", timeout=300)
        self.tool("opendext", "install", os.path.join(output, "LoopLine.dext"))
        node = self.wait_for(lambda: self.services("IOSerialBSDClient"), "the port's node")[0]
        self.device = node["properties"]["IOCalloutDevice"]
        self.assertEqual(os.path.basename(self.device), "cu.loopline")
        self.seen = 0

    def calls(self):
        """The calls that the driver logged, all of them."""
        return [found.group(1) for line in self.realm.log()
                if (found := re.search(r"\bcall: ([a-z]+[0-9a-fx ]*)$", str(line.get("message", ""))))]

    def expect(self, *wanted):
        """Waits until the driver got these calls, exactly and in this order, since the last expect()."""
        self.wait_for(lambda: len(self.calls()) >= self.seen + len(wanted), f"the calls {wanted}, got {self.calls()[self.seen:]}")
        self.assertEqual(self.calls()[self.seen:], list(wanted))
        self.seen += len(wanted)

    def open(self):
        """Opens the port as it stands, without asking for any settings."""
        return os.open(self.device, os.O_RDWR | os.O_NOCTTY)

    def open_default(self):
        descriptor = self.open()
        self.addCleanup(os.close, descriptor)
        self.expect("activate", DEFAULT_8N1, NO_FLOW)
        return descriptor

    def settings(self, **options):
        """A pyserial port on the same node; its settings are what an application would ask for."""
        port = serial.Serial(self.device, options.pop("baudrate", 9600), timeout=30 * harness.PATIENCE, **options)
        self.addCleanup(port.close)
        return port

    def test_opening_activates_and_closing_deactivates(self):
        descriptor = self.open()
        self.expect("activate", DEFAULT_8N1, NO_FLOW)
        os.close(descriptor)
        self.expect("deactivate")
        descriptor = self.open()
        self.expect("activate", DEFAULT_8N1, NO_FLOW)
        os.close(descriptor)
        self.expect("deactivate")

    def test_speed_and_stop_bits_reach_the_driver(self):
        self.open_default()
        port = self.settings(baudrate=115200)
        self.expect("baud 115200")
        port.stopbits = serial.STOPBITS_TWO
        self.expect("uart 115200 8 4 1")
        port.baudrate = 9600
        self.expect("baud 9600")
        port.stopbits = serial.STOPBITS_ONE
        self.expect("uart 9600 8 2 1")

    def test_both_at_once_are_one_call(self):
        self.open_default()
        self.settings(baudrate=115200, stopbits=serial.STOPBITS_TWO)
        self.expect("uart 115200 8 4 1")

    def test_custom_speed_reaches_the_driver(self):
        self.open_default()
        port = self.settings()
        for speed in (12345, 250000, 3000000):
            port.baudrate = speed
            self.expect(f"baud {speed}")

    def test_next_opening_programs_what_was_set(self):
        descriptor = self.open()
        self.expect("activate", DEFAULT_8N1, NO_FLOW)
        port = self.settings(baudrate=115200)
        self.expect("baud 115200")
        port.close()
        os.close(descriptor)
        self.expect("deactivate")
        descriptor = self.open()
        self.expect("activate", "uart 115200 8 2 1", NO_FLOW)
        os.close(descriptor)
        self.expect("deactivate")

    def test_flow_control_reaches_the_driver(self):
        self.open_default()
        port = self.settings(rtscts=True)
        self.expect(f"flow {RTS_CTS:#x} 17 19")
        port.rtscts = False
        self.expect(NO_FLOW)
        port.xonxoff = True
        self.expect(f"flow {XON_XOFF:#x} 17 19")

    def test_bytes_come_back(self):
        self.open_default()
        port = self.settings(baudrate=115200)
        data = bytes(range(256)) * 400
        got = b""
        for start in range(0, len(data), 2048):
            port.write(data[start:start + 2048])
            got += port.read(len(data[start:start + 2048]))
        self.assertEqual(got, data)

    def canonical(self, descriptor):
        """Line editing on, nothing else changed."""
        attributes = termios.tcgetattr(descriptor)
        attributes[3] |= termios.ICANON
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)

    def set_speed(self, descriptor, speed):
        attributes = termios.tcgetattr(descriptor)
        attributes[4] = attributes[5] = speed
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)

    def test_speed_change_arrives_in_canonical_mode(self):
        descriptor = self.open_default()
        self.canonical(descriptor)
        os.write(descriptor, b"a line\n")
        self.assertEqual(os.read(descriptor, 100), b"a line\n")
        self.set_speed(descriptor, termios.B115200)
        self.expect("baud 115200")
        self.set_speed(descriptor, termios.B19200)
        self.expect("baud 19200")

    def test_speed_change_arrives_in_canonical_mode_while_bytes_move(self):
        descriptor = self.open_default()
        self.canonical(descriptor)
        os.write(descriptor, b"a line\n")
        self.assertEqual(os.read(descriptor, 100), b"a line\n")
        self.set_speed(descriptor, termios.B115200)
        deadline = time.monotonic() + 30 * harness.PATIENCE
        while self.calls()[self.seen:] != ["baud 115200"]:
            self.assertLess(time.monotonic(), deadline, f"the driver was not told while bytes moved: {self.calls()[self.seen:]}")
            for _ in range(100):  # less than the time between two looks at the settings passes without a byte
                os.write(descriptor, b"another line\n")
                self.assertEqual(os.read(descriptor, 100), b"another line\n")


if __name__ == "__main__":
    harness.main()
