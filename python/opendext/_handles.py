# SPDX-License-Identifier: Apache-2.0
"""Handles of libIOKit that are given back once: by close(), at the end of a `with` block, or when nobody holds the Python
object any more."""

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from ._library import IOObjectRelease
from .errors import Closed

_Self = TypeVar("_Self", bound="Resource")


class Resource:
    """Something of libIOKit that has to be given back. Any thread may close it, and more than once."""

    __slots__ = ("_release", "__weakref__")

    def __init__(self, release: Callable[..., Any], *arguments: Any):
        # Runs once: by close(), by the garbage collector, or never at the end of the program, which frees everything.
        self._release = weakref.finalize(self, release, *arguments)
        self._release.atexit = False

    @property
    def closed(self) -> bool:
        return not self._release.alive

    def close(self) -> None:
        """Gives it back now. Everything but close() and `closed` raises Closed from here on."""
        self._release()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_open(self) -> None:
        if not self._release.alive:
            raise Closed(f"this {type(self).__name__} is closed")


class Handle(Resource):
    """An io_object_t."""

    __slots__ = ("_number",)

    def __init__(self, number: int, release: Callable[[int], Any] = IOObjectRelease):
        self._number = number
        super().__init__(release, number)

    @property
    def handle(self) -> int:
        """The io_object_t itself, for C functions that this module has no form of. It stays ours."""
        self._check_open()
        return self._number
