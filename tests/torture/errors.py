"""What each kind of call can plausibly answer instead of doing its work."""

from __future__ import annotations

import errno
import os
import sqlite3
import termios
from collections.abc import Callable
from typing import Any

Failing = Callable[[Callable[..., Any]], Callable[..., Any]]


def _system(number: int) -> Failing:
    def failing(_call: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*_args: Any, **_options: Any) -> Any:
            raise OSError(number, os.strerror(number))

        return fail

    return failing


def _terminal(number: int) -> Failing:
    def failing(_call: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*_args: Any, **_options: Any) -> Any:
            raise termios.error(number, os.strerror(number))

        return fail

    return failing


def _plain(kind: type[Exception], text: str) -> Failing:
    def failing(_call: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*_args: Any, **_options: Any) -> Any:
            raise kind(text)

        return fail

    return failing


def _sqlite(code: int, text: str) -> Failing:
    def failing(_call: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*_args: Any, **_options: Any) -> Any:
            error = sqlite3.OperationalError(text)
            error.sqlite_errorcode = code
            raise error

        return fail

    return failing


def _closed_then(number: int) -> Failing:
    """Linux frees the descriptor even when close says that something went wrong."""

    def failing(call: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*args: Any, **options: Any) -> Any:
            call(*args, **options)
            raise OSError(number, os.strerror(number))

        return fail

    return failing


def _short(call: Callable[..., Any]) -> Callable[..., Any]:
    """A write of which the system took only half, as it may at any time; on a full disk it does."""

    def half(descriptor: int, data: bytes) -> Any:
        return call(descriptor, data[: len(data) // 2])

    return half


ERRORS: dict[str, Failing] = {
    **{name: _system(getattr(errno, name)) for name in (
        "EACCES", "EIO", "ENOSPC", "EMFILE", "EROFS", "ENOENT", "ENOMEM", "EAGAIN", "ECONNRESET", "EPIPE", "ENOBUFS", "EADDRINUSE",
        "ECONNREFUSED", "ECONNABORTED", "EBADF", "ENODEV", "ENXIO", "EBUSY", "ETIMEDOUT",
        "ENOPROTOOPT", "EINVAL", "ENOLCK", "EINTR", "EPERM",
    )},
    "terminal EIO": _terminal(errno.EIO),
    "pins busy": _plain(RuntimeError, "GPIO busy"),
    "no thread": _plain(RuntimeError, "can't start new thread"),
    "no module": _plain(ModuleNotFoundError, "No module named 'RPi'"),
    "closed EIO": _closed_then(errno.EIO),
    "short": _short,
    "disk full": _sqlite(sqlite3.SQLITE_FULL, "database or disk is full"),
    "disk error": _sqlite(sqlite3.SQLITE_IOERR, "disk I/O error"),
    "locked": _sqlite(sqlite3.SQLITE_BUSY, "database is locked"),
}  # fmt: skip

_BY_KIND: dict[str, tuple[str, ...]] = {
    "file": ("EIO", "EACCES", "ENOSPC", "EMFILE"),
    "map": ("ENOMEM", "EACCES"),
    "event": ("EBADF", "EMFILE"),
    "socket": ("EMFILE", "ENOBUFS", "ECONNRESET"),
    "wait": ("EBADF", "ENOMEM"),
    "line": ("EIO", "ENODEV", "EACCES"),
    "terminal": ("terminal EIO",),
    "pins": ("pins busy", "EIO"),
    "bus": ("EIO", "ETIMEDOUT"),
    "library": ("no module", "EIO"),
    "thread": ("no thread",),
    "close": ("closed EIO",),
    "journal": ("disk full", "disk error", "locked"),
    "broker": ("EIO", "ECONNRESET"),
}
_BY_CALL: dict[str, tuple[str, ...]] = {
    "recv": ("ECONNRESET", "ENOBUFS"),
    "send": ("EPIPE", "EAGAIN", "ENOBUFS", "ECONNRESET"),
    "sendto": ("ECONNREFUSED", "EAGAIN", "ENOBUFS"),
    "accept": ("EMFILE", "ECONNABORTED", "ENOMEM"),
    "bind": ("EADDRINUSE", "EACCES", "EROFS"),
    "connect": ("ECONNREFUSED", "EAGAIN", "EACCES", "ENOENT"),
    "setsockopt": ("ENOBUFS", "EBADF"),
    "getsockopt": ("ENOBUFS", "ENOPROTOOPT"),
    "setblocking": ("EBADF", "EINVAL"),
    "flock": ("ENOLCK", "EINTR"),
    "fchmod": ("EPERM", "EROFS", "EIO"),
    "fchown": ("EPERM", "EROFS", "EIO"),
    "read": ("EIO", "EAGAIN"),
    "write": ("EIO", "ENOSPC", "EAGAIN"),
    "fsync": ("EIO", "ENOSPC"),
    "unlink": ("EIO", "EACCES", "EROFS"),
    "Serial": ("ENOENT", "EACCES", "EBUSY", "EIO"),
    "exists": ("EACCES", "EIO"),
    "start": ("no thread",),
    "distribution": ("EIO", "EACCES"),
    "CDLL": ("EIO", "ENOMEM"),
}


def plausible(kind: str, call: str, name: str) -> tuple[str, ...]:
    """The errors of a site, by names in ERRORS."""
    found = _BY_CALL.get(call, _BY_KIND[kind])
    return (*found, "short") if name.endswith("os.write") else found
