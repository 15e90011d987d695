# SPDX-License-Identifier: Apache-2.0
"""Matching dictionaries: plain Python dictionaries that say which services are meant.

    opendext.services(matching.by_class("MyDriver"))
    opendext.services({"IOProviderClass": "MyDriver", "IOPropertyMatch": {"Color": "red"}})
    opendext.services(matching.by_class("MyDriver", IOPropertyMatch={"Color": "red"}))

A str in place of a dictionary is a class: opendext.services("MyDriver")."""

from collections.abc import Mapping
from typing import TypeAlias

from . import _library
from ._values import Value, ValueLike, take_object, to_object
from .errors import fail

Matching: TypeAlias = Mapping[str, ValueLike]


def _made(operation: str, reference: int | None, more: Mapping[str, ValueLike]) -> dict[str, ValueLike]:
    if not reference:
        raise fail(operation)
    value: Value = take_object(reference)
    if not isinstance(value, dict):
        raise TypeError(f"{operation} gave no dictionary")
    return {**value, **more}


def by_class(class_name: str, **more: ValueLike) -> dict[str, ValueLike]:
    """Services of a class or derived from it (IOServiceMatching). For a driver of a dext: the name of its own class
    (IOUserClass) or of its kernel class (IOClass). `more` are further keys."""
    return _made("IOServiceMatching", _library.IOServiceMatching(class_name.encode()), more)


def by_name(service_name: str, **more: ValueLike) -> dict[str, ValueLike]:
    """Services with that name in the registry (IOServiceNameMatching). It builds a dictionary and always succeeds; whether
    something matches shows only when it is used."""
    return _made("IOServiceNameMatching", _library.IOServiceNameMatching(service_name.encode()), more)


def by_bsd_name(node: str, **more: ValueLike) -> dict[str, ValueLike]:
    """The service behind a device node (IOBSDNameMatching)."""
    return _made("IOBSDNameMatching", _library.IOBSDNameMatching(_library.MAIN_PORT, 0, node.encode()), more)


def by_id(number: int) -> dict[str, ValueLike]:
    """The one entry with a registry entry id (IORegistryEntryIDMatching)."""
    return _made("IORegistryEntryIDMatching", _library.IORegistryEntryIDMatching(number), {})


def reference_of(matching: Matching | str) -> int:
    """A new CFDictionary for functions that consume it."""
    return to_object(by_class(matching) if isinstance(matching, str) else matching)
