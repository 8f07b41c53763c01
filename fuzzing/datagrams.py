"""Datagrams on the Unix socket, as controller and telemetry read them: what is accepted is what was sent, and can be sent on.

The first byte, where it is one that begins no msgpack, says that a script follows: which right message, and what is odd in it
(`fuzzing.documents.altered`). Bytes at random hardly ever make a message, and nothing of the decoder is seen to guide them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from controller.core.settings import CoreSettings
from controller.session.caps import judge_plan
from fuzzing.documents import altered
from fuzzing.finding import FindingError, must_be_finite
from messages.wire import MAXIMUM_MESSAGE_BYTES, Message, Prepare, decode_from_controller, decode_to_controller, encode

_CORPUS = Path(__file__).parent / "corpus"
_SCRIPT = 0xC1
_TO_CONTROLLER = ("acknowledge", "cancel", "heartbeat", "prepare", "refused", "silence", "stop", "symptom")
_FROM_CONTROLLER = ("about", "event", "reply", "session", "snapshot")
_HALF, _STANDS_FOR_HALF = "\ud800", "\ue000"
"""Half a character, which no encoder writes, and one of as many bytes that it is written as."""


def to_controller(data: bytes) -> None:
    """As the controller reads it; a plan that comes with it and passes the caps is one of numbers."""
    message = _passed(_datagram(data, "to_controller", _TO_CONTROLLER), decode_to_controller)
    if isinstance(message, Prepare) and not judge_plan(message.plan, CoreSettings()):
        must_be_finite(msgspec.to_builtins(message.plan))


def from_controller(data: bytes) -> None:
    """As telemetry reads it."""
    _passed(_datagram(data, "from_controller", _FROM_CONTROLLER), decode_from_controller)


def _passed(datagram: bytes, decode: Callable[[bytes], Message]) -> Message | None:
    """Returns what was accepted; None for what was refused as it may be."""
    try:
        message = decode(datagram)
    except msgspec.DecodeError:
        return None
    try:
        again = encode(message)
    except ValueError:
        if len(datagram) <= MAXIMUM_MESSAGE_BYTES // 2:
            raise
        return None
    if encode(decode(again)) != again:
        raise FindingError("a message changes on its way")
    with suppress(msgspec.DecodeError):  # the bytes of a key that is left out
        if not _agree(msgspec.msgpack.decode(datagram), msgspec.msgpack.decode(again)):
            raise FindingError("a message is read as another than was sent")
    return message


def _agree(sent: Any, read: Any) -> bool:
    """Whether what was read is what was sent. What was not sent has its default; keys of another version's figures are left out."""
    if isinstance(sent, dict):
        return isinstance(read, dict) and all(_agree(item, read[key]) for key, item in sent.items() if key in read)
    if isinstance(sent, list):
        return isinstance(read, list) and len(sent) == len(read) and all(map(_agree, sent, read))
    if isinstance(read, float) and type(sent) in (int, float):
        return float(sent) == read or (math.isnan(sent) and math.isnan(read))
    return type(sent) is type(read) and bool(sent == read)


def _datagram(data: bytes, folder: str, names: Sequence[str]) -> bytes:
    if len(data) < 2 or data[0] != _SCRIPT:
        return data
    document = altered(_right(f"{folder}/{names[data[1] % len(names)]}"), data[2:])
    try:
        written = msgspec.msgpack.encode(_writable(document))
    except OverflowError:  # an integer that msgpack has no bytes for
        return b""
    return written.replace(_STANDS_FOR_HALF.encode(), _HALF.encode(errors="surrogatepass"))


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_HALF, _STANDS_FOR_HALF).encode(errors="ignore").decode()
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    return [_writable(item) for item in value] if isinstance(value, list) else value


@functools.cache
def _right(name: str) -> Any:
    """A message of the corpus that a person put there, as plain data."""
    return msgspec.msgpack.decode((_CORPUS / name).read_bytes())
