# SPDX-License-Identifier: Apache-2.0
"""Python values <-> objects of CoreFoundation, which is how properties and matching dictionaries travel.

| Python | registry |
|---|---|
| bool | boolean |
| int | number: 32 bits where it fits a signed one, else 64 bits |
| float | number |
| str | string |
| bytes, bytearray, memoryview | data (comes back as bytes) |
| list, tuple | array (list) |
| set, frozenset | set (frozenset; list if a member cannot be hashed) |
| dict with str keys | dictionary (dict) |
| None | null |

Numbers that come from the registry have the sign that a C program sees: one of up to 32 bits whose top bit is set is
negative; `value & 0xffffffff` is the unsigned form."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias, Union

from ._library import function, library, pointer_t

Value: TypeAlias = Union[None, bool, int, float, str, bytes, list["Value"], dict[str, "Value"], frozenset["Value"]]
"""What a property of the registry is in Python."""

ValueLike: TypeAlias = Union[None, bool, int, float, str, bytes, bytearray, memoryview, Sequence["ValueLike"],
                             Mapping[str, "ValueLike"], AbstractSet["ValueLike"]]
"""What can be given as a property or as a matching dictionary's value."""

_index = ctypes.c_long
_type_id = ctypes.c_ulong
_boolean = ctypes.c_ubyte


class _Range(ctypes.Structure):
    """CFRange"""
    _fields_ = [("location", ctypes.c_long), ("length", ctypes.c_long)]


CFRelease = function("CFRelease", None, pointer_t)
_CFGetTypeID = function("CFGetTypeID", _type_id, pointer_t)
_CFBooleanGetValue = function("CFBooleanGetValue", _boolean, pointer_t)
_CFNumberCreate = function("CFNumberCreate", pointer_t, pointer_t, _index, pointer_t)
_CFNumberIsFloatType = function("CFNumberIsFloatType", _boolean, pointer_t)
_CFNumberGetValue = function("CFNumberGetValue", _boolean, pointer_t, _index, pointer_t)
_CFStringCreateWithBytes = function("CFStringCreateWithBytes", pointer_t, pointer_t, ctypes.c_char_p, _index, ctypes.c_uint32,
                                    _boolean)
_CFStringGetLength = function("CFStringGetLength", _index, pointer_t)
_CFStringGetCharacters = function("CFStringGetCharacters", None, pointer_t, _Range, pointer_t)
_CFStringGetCStringPtr = function("CFStringGetCStringPtr", pointer_t, pointer_t, ctypes.c_uint32)
_CFDataCreate = function("CFDataCreate", pointer_t, pointer_t, ctypes.c_char_p, _index)
_CFDataGetLength = function("CFDataGetLength", _index, pointer_t)
_CFDataGetBytePtr = function("CFDataGetBytePtr", pointer_t, pointer_t)
_CFArrayCreateMutable = function("CFArrayCreateMutable", pointer_t, pointer_t, _index, pointer_t)
_CFArrayAppendValue = function("CFArrayAppendValue", None, pointer_t, pointer_t)
_CFArrayGetCount = function("CFArrayGetCount", _index, pointer_t)
_CFArrayGetValueAtIndex = function("CFArrayGetValueAtIndex", pointer_t, pointer_t, _index)
_CFSetCreateMutable = function("CFSetCreateMutable", pointer_t, pointer_t, _index, pointer_t)
_CFSetAddValue = function("CFSetAddValue", None, pointer_t, pointer_t)
_CFSetGetCount = function("CFSetGetCount", _index, pointer_t)
_CFSetGetValues = function("CFSetGetValues", None, pointer_t, pointer_t)
_CFDictionaryCreateMutable = function("CFDictionaryCreateMutable", pointer_t, pointer_t, _index, pointer_t, pointer_t)
_CFDictionarySetValue = function("CFDictionarySetValue", None, pointer_t, pointer_t, pointer_t)
_CFDictionaryGetCount = function("CFDictionaryGetCount", _index, pointer_t)
_CFDictionaryGetKeysAndValues = function("CFDictionaryGetKeysAndValues", None, pointer_t, pointer_t, pointer_t)

_UTF8 = 0x08000100
_SINT32, _SINT64, _FLOAT64 = 3, 4, 6


def _constant(name: str) -> int:
    """The object that a constant of the library points to."""
    return pointer_t.in_dll(library, name).value or 0


def _address(name: str) -> int:
    """Where a structure of the library lies."""
    return ctypes.addressof(ctypes.c_char.in_dll(library, name))


_NULL = _constant("kCFNull")
_TRUE = _constant("kCFBooleanTrue")
_FALSE = _constant("kCFBooleanFalse")
_ARRAY_CALLBACKS = _address("kCFTypeArrayCallBacks")
_SET_CALLBACKS = _address("kCFTypeSetCallBacks")
_KEY_CALLBACKS = _address("kCFTypeDictionaryKeyCallBacks")
_VALUE_CALLBACKS = _address("kCFTypeDictionaryValueCallBacks")


def _type(name: str) -> int:
    return int(function(name + "GetTypeID", _type_id)())


def _from_number(reference: int) -> int | float:
    if _CFNumberIsFloatType(reference):
        floating = ctypes.c_double()
        _CFNumberGetValue(reference, _FLOAT64, ctypes.byref(floating))
        return floating.value
    whole = ctypes.c_int64()
    _CFNumberGetValue(reference, _SINT64, ctypes.byref(whole))
    return whole.value


def _from_string(reference: int) -> str:
    own = _CFStringGetCStringPtr(reference, _UTF8)
    length = int(_CFStringGetLength(reference))
    if own:
        # A string may contain a zero: then its C form ends early.
        text = ctypes.string_at(own).decode("utf-8", "replace")
        if len(text) == length:
            return text
    units = ctypes.create_string_buffer(2 * length)
    _CFStringGetCharacters(reference, _Range(0, length), units)
    return units.raw.decode("utf-16-le", "replace")


def _from_data(reference: int) -> bytes:
    length = int(_CFDataGetLength(reference))
    return ctypes.string_at(_CFDataGetBytePtr(reference), length) if length else b""


def _from_array(reference: int) -> list[Value]:
    return [from_object(_CFArrayGetValueAtIndex(reference, index)) for index in range(_CFArrayGetCount(reference))]


def _from_set(reference: int) -> Value:
    count = int(_CFSetGetCount(reference))
    members = (pointer_t * count)()
    _CFSetGetValues(reference, members)
    values = [from_object(member) for member in members]
    try:
        return frozenset(values)
    except TypeError:
        return values


def _from_dictionary(reference: int) -> dict[str, Value]:
    count = int(_CFDictionaryGetCount(reference))
    keys, values = (pointer_t * count)(), (pointer_t * count)()
    _CFDictionaryGetKeysAndValues(reference, keys, values)
    return {_from_string(key or 0): from_object(value) for key, value in zip(keys, values)}


_READERS: dict[int, Callable[[int], Value]] = {
    _type("CFNull"): lambda reference: None,
    _type("CFBoolean"): lambda reference: bool(_CFBooleanGetValue(reference)),
    _type("CFNumber"): _from_number,
    _type("CFString"): _from_string,
    _type("CFData"): _from_data,
    _type("CFArray"): _from_array,
    _type("CFSet"): _from_set,
    _type("CFDictionary"): _from_dictionary,
}


def from_object(reference: int | None) -> Value:
    """The Python value of a borrowed object."""
    if not reference:
        return None
    reader = _READERS.get(int(_CFGetTypeID(reference)))
    if reader is None:
        raise TypeError(f"an object of CoreFoundation type {_CFGetTypeID(reference)} has no form in Python")
    return reader(reference)


def take_object(reference: int | None) -> Value:
    """The Python value of an object that is ours; lets go of it."""
    try:
        return from_object(reference)
    finally:
        if reference:
            CFRelease(reference)


def _fill(make: Callable[..., Any], arguments: tuple[Any, ...], add: Callable[[int], None]) -> int:
    """A new collection, filled by add(collection); nothing is left over if a member cannot be converted."""
    collection = int(make(None, 0, *arguments))
    try:
        add(collection)
    except BaseException:
        CFRelease(collection)
        raise
    return collection


def _string(text: str) -> int:
    encoded = text.encode("utf-8", "surrogatepass")
    made = _CFStringCreateWithBytes(None, encoded, len(encoded), _UTF8, 0)
    if not made:
        raise ValueError(f"{text!r} is no text that can be encoded in UTF-8")
    return int(made)


def _number(value: int) -> int:
    if -(1 << 31) <= value < 1 << 31:
        return int(_CFNumberCreate(None, _SINT32, ctypes.byref(ctypes.c_int32(value))))
    if -(1 << 63) <= value < 1 << 64:
        return int(_CFNumberCreate(None, _SINT64, ctypes.byref(ctypes.c_int64(value))))
    raise OverflowError(f"{value} does not fit into 64 bits")


def to_object(value: ValueLike) -> int:
    """A new object for a Python value, ours to release. TypeError names what the registry has no form for."""
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        return _number(int(value))
    if isinstance(value, float):
        return int(_CFNumberCreate(None, _FLOAT64, ctypes.byref(ctypes.c_double(value))))
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        return int(_CFDataCreate(None, raw, len(raw)))
    if isinstance(value, Mapping):
        return _dictionary(value)
    if isinstance(value, AbstractSet):
        members: list[ValueLike] = list(value)
        return _fill(_CFSetCreateMutable, (_SET_CALLBACKS,), lambda made: _append(_CFSetAddValue, made, members))
    if isinstance(value, Sequence):
        elements: Sequence[ValueLike] = value
        return _fill(_CFArrayCreateMutable, (_ARRAY_CALLBACKS,), lambda made: _append(_CFArrayAppendValue, made, elements))
    raise TypeError(f"a {type(value).__name__} cannot be a property: {value!r}")


def _append(add: Callable[..., Any], collection: int, members: Sequence[ValueLike]) -> None:
    for member in members:
        with Owned(member) as made:
            add(collection, made)


def _dictionary(value: Mapping[str, ValueLike]) -> int:
    def add(collection: int) -> None:
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} of a dictionary is no string")
            with Owned(key) as name, Owned(member) as made:
                _CFDictionarySetValue(collection, name, made)

    return _fill(_CFDictionaryCreateMutable, (_KEY_CALLBACKS, _VALUE_CALLBACKS), add)


class Owned:
    """The object of a Python value for the length of a `with` block."""

    def __init__(self, value: ValueLike):
        self._value = value
        self._reference = 0

    def __enter__(self) -> int:
        self._reference = to_object(self._value)
        return self._reference

    def __exit__(self, *exception: object) -> None:
        CFRelease(self._reference)
