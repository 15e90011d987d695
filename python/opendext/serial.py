# SPDX-License-Identifier: Apache-2.0
"""The serial ports of the realm, found in the registry.

    import opendext.serial

    for port in opendext.serial.ports():
        print(port.name, port.device, port.usb.product if port.usb else port.backend)

To hear of ports that come and go: NotificationPort.published(opendext.serial.MATCHING, callback)."""

from typing import NamedTuple

from . import registry
from .errors import Error

#: What every serial port matches: a matching dictionary for services() and notifications.
MATCHING = {"IOProviderClass": "IOSerialBSDClient", "IOSerialBSDClientType": "IOSerialStream"}


class Usb(NamedTuple):
    """What a USB device says of itself; 0 and "" where it says nothing."""

    vendor_id: int
    product_id: int
    interface: int
    location: int
    vendor: str
    product: str
    serial: str


class SerialPort(NamedTuple):
    """One serial port at the moment when it was asked for."""

    name: str  #: IOTTYDevice: the same whenever its device is plugged in again
    device: str  #: IOCalloutDevice: the path to open
    dialin: str  #: IODialinDevice
    type: str  #: IOSerialBSDClientType
    backend: str  #: "pty": a driver's; "tty" or "adopted pty": a device of the system
    driver: str  #: bundle identifier of its driver, or the kernel's driver
    usb: Usb | None  #: identity of the USB device that it belongs to
    service: registry.Service


def _usb(service: registry.Service) -> Usb | None:
    def number(key: str) -> int:
        value = service.search_property(key)
        return value if isinstance(value, int) else 0

    def text(key: str) -> str:
        value = service.search_property(key)
        return value if isinstance(value, str) else ""

    if service.search_property("idVendor") is None:
        return None
    return Usb(number("idVendor"), number("idProduct"), number("bInterfaceNumber"), number("locationID"),
               text("kUSBVendorString"), text("kUSBProductString"), text("kUSBSerialNumberString"))


def _port(service: registry.Service) -> SerialPort:
    def text(key: str) -> str:
        return str(service.get(key, ""))

    driver = service.search_property("CFBundleIdentifier") or text("SerialDriver")
    return SerialPort(text("IOTTYDevice"), text("IOCalloutDevice"), text("IODialinDevice"), text("IOSerialBSDClientType"),
                      text("SerialBackend"), str(driver), _usb(service), service)


def ports() -> list[SerialPort]:
    """All serial ports of the realm, in the order of their names. One that goes meanwhile is left out."""
    found = []
    for service in registry.services(MATCHING):
        try:
            found.append(_port(service))
        except Error:
            continue
    return sorted(found, key=lambda port: port.name)
