"""The reference drive's frames as bytes, without I/O: COBS(body || CRC) || 0x00, see docs/drive-protocol.md.

Both directions are here, so that the shared vectors and a hostile peer can be built with the same table.
"""

from __future__ import annotations

import enum
import struct
from binascii import crc_hqx
from collections.abc import Callable
from typing import Any

import msgspec
from cobs import cobs

from firmware_bridge.drive import (
    BeltDirection,
    Clear,
    DriveLimits,
    DriveState,
    DriveTarget,
    IdentFrame,
    Run,
    StatusFrame,
    Stop,
)

VERSION = 1
DELIMITER = b"\x00"
BODY_LIMIT = 48
"""Bytes of a decoded body, header included and CRC excluded."""
HEADER_LENGTH = 3
CRC_LENGTH = 2
ENCODED_LIMIT = BODY_LIMIT + CRC_LENGTH + 1
"""Bytes between two delimiters: COBS adds one to anything shorter than 254."""

_U8, _U16, _U32 = 0xFF, 0xFFFF, 0xFFFFFFFF
_CATEGORY_0 = 1


class Hello(msgspec.Struct, frozen=True, gc=False):
    """Ask the drive who it is. Moves nothing."""


Frame = Hello | Run | Stop | Clear | IdentFrame | StatusFrame


class Sender(enum.Enum):
    """Who sends a type of frame. The other side's own frames coming back (a loop-back plug, an echo) are no answer."""

    HOST = "host"
    DRIVE = "drive"


class FrameType(enum.IntEnum):
    """The second byte of a body."""

    HELLO = 0x01
    RUN = 0x02
    STOP = 0x03
    CLEAR = 0x04
    IDENT = 0x81
    STATUS = 0x82


class Packet(msgspec.Struct, frozen=True):
    """A frame as it was received, with its sender's sequence number."""

    sequence: int
    frame: Frame


class DecodeCounts(msgspec.Struct):
    """What a decoder has seen. All but `accepted` are causes for which a frame was dropped."""

    accepted: int = 0
    oversized: int = 0
    undersized: int = 0
    stuffing: int = 0
    checksum: int = 0
    version: int = 0
    unknown_type: int = 0
    wrong_sender: int = 0
    length: int = 0
    value: int = 0

    def rejected(self) -> dict[str, int]:
        """Dropped frames by cause."""
        causes: dict[str, int] = msgspec.structs.asdict(self)
        del causes["accepted"]
        return causes


class _Layout(msgspec.Struct, frozen=True):
    """How one type is laid out. `limits` names each value, in order, with the highest that its bytes can hold."""

    type: FrameType
    sender: Sender
    payload: struct.Struct
    limits: tuple[tuple[str, int], ...]
    to_values: Callable[[Any], tuple[int, ...]]
    from_values: Callable[[tuple[int, ...]], Frame]


def _limit_names(struct_type: type[msgspec.Struct], highest: int) -> tuple[tuple[str, int], ...]:
    return tuple((name, highest) for name in struct_type.__struct_fields__)


def _run_values(run: Run) -> tuple[int, ...]:
    return run.nonce, run.tick, run.target_mm_s, run.acceleration_mm_s2


def _run_frame(values: tuple[int, ...]) -> Run:
    nonce, tick, target_mm_s, acceleration_mm_s2 = values
    return Run(target_mm_s, acceleration_mm_s2, nonce, tick)


def _stop_values(stop: Stop) -> tuple[int, ...]:
    if type(stop.category_0) is not bool:
        raise TypeError(f"category_0 is {stop.category_0!r}: True or False is needed")
    return stop.deceleration_mm_s2, _CATEGORY_0 if stop.category_0 else 0


def _stop_frame(values: tuple[int, ...]) -> Stop:
    return Stop(values[0], bool(values[1] & _CATEGORY_0))


def _ident_values(ident: IdentFrame) -> tuple[int, ...]:
    return ident.target, *ident.firmware_version, ident.nonce, *msgspec.structs.astuple(ident.limits)


def _ident_frame(values: tuple[int, ...]) -> IdentFrame:
    return IdentFrame(DriveTarget(values[0]), (values[1], values[2], values[3]), values[4], DriveLimits(*values[5:]))


# Fifty STATUS a second: a table finds a member several times as fast as the enumeration's own call does.
_STATES = {int(state): state for state in DriveState}
_DIRECTIONS = {int(direction): direction for direction in BeltDirection}


def _status_frame(values: tuple[int, ...]) -> StatusFrame:
    nonce, tick, state, measured_mm_s, direction, *others = values
    return StatusFrame(nonce, tick, _STATES[state], measured_mm_s, _DIRECTIONS[direction], *others)


_LAYOUTS: dict[type[Frame], _Layout] = {
    Hello: _Layout(FrameType.HELLO, Sender.HOST, struct.Struct("<"), (), lambda _: (), lambda _: Hello()),
    Run: _Layout(
        FrameType.RUN,
        Sender.HOST,
        struct.Struct("<IIHH"),
        (("nonce", _U32), ("tick", _U32), ("target_mm_s", _U16), ("acceleration_mm_s2", _U16)),
        _run_values,
        _run_frame,
    ),
    Stop: _Layout(
        FrameType.STOP,
        Sender.HOST,
        struct.Struct("<HB"),
        (("deceleration_mm_s2", _U16), ("flags", _U8)),
        _stop_values,
        _stop_frame,
    ),
    Clear: _Layout(FrameType.CLEAR, Sender.HOST, struct.Struct("<"), (), lambda _: (), lambda _: Clear()),
    IdentFrame: _Layout(
        FrameType.IDENT,
        Sender.DRIVE,
        struct.Struct("<4BI7H"),
        (
            *(("target", _U8), ("major", _U8), ("minor", _U8), ("patch", _U8), ("nonce", _U32)),
            *_limit_names(DriveLimits, _U16),
        ),
        _ident_values,
        _ident_frame,
    ),
    StatusFrame: _Layout(
        FrameType.STATUS,
        Sender.DRIVE,
        struct.Struct("<IIBHBHHIHHBBBB"),
        tuple(
            zip(
                StatusFrame.__struct_fields__,
                (_U32, _U32, _U8, _U16, _U8, _U16, _U16, _U32, _U16, _U16, _U8, _U8, _U8, _U8),
                strict=True,
            )
        ),
        msgspec.structs.astuple,
        _status_frame,
    ),
}
_BY_TYPE: dict[int, _Layout] = {int(layout.type): layout for layout in _LAYOUTS.values()}


def encode(frame: Frame, sequence: int) -> bytes:
    """One frame, delimiter included.

    Raises TypeError for a value that is no whole number (a float, a NaN, a bool), ValueError for one that its bytes cannot hold.
    """
    layout = _LAYOUTS[type(frame)]
    _check("sequence", sequence, _U8)
    values = layout.to_values(frame)
    for (name, highest), value in zip(layout.limits, values, strict=True):
        if type(value) is not int or not 0 <= value <= highest:
            _check(name, value, highest)
    body = bytes((VERSION, layout.type, sequence)) + layout.payload.pack(*values)
    encoded: bytes = cobs.encode(body + _checksum(body))
    return encoded + DELIMITER


def _check(name: str, value: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}: a whole number from 0 to {highest} is needed")
    if not 0 <= value <= highest:
        raise ValueError(f"{name} is {value}: only 0 to {highest} fits the wire")


def _checksum(body: bytes) -> bytes:
    """CRC-16/CCITT-FALSE, low byte first.

    `crc_hqx` has its polynomial and order; the initial value makes it this CRC.
    """
    return crc_hqx(body, 0xFFFF).to_bytes(2, "little")


class Decoder:
    """Frames out of a byte stream that may start anywhere, break off or be garbage.

    Keeps at most one unfinished frame.
    """

    def __init__(self, sender: Sender) -> None:
        """sender: whose frames are expected; the other side's are dropped."""
        self.counts = DecodeCounts()
        self.foreign_version: int | None = None
        """Version of the last frame that was whole (its CRC right) but of another version than ours."""
        self.foreign_target: int | None = None
        """Target in the last IDENT that was whole but named a target that is none of `DriveTarget`."""
        self._sender = sender
        self._unfinished = b""
        self._is_oversized = False

    def feed(self, data: bytes) -> list[Packet]:
        """The good frames that end within `data`, oldest first.

        What is bad is dropped and counted; the next delimiter resynchronises.
        """
        packets: list[Packet] = []
        if not data:
            return packets
        pieces = data.split(DELIMITER)
        for piece in pieces[:-1]:
            self._append(piece)
            packet = self._finish()
            if packet is not None:
                packets.append(packet)
        self._append(pieces[-1])
        return packets

    def reset(self) -> None:
        """Forget an unfinished frame, a foreign version and target: another drive may be there now. The counts stay."""
        self._unfinished = b""
        self._is_oversized = False
        self.foreign_version = None
        self.foreign_target = None

    def _append(self, piece: bytes) -> None:
        if self._is_oversized or len(self._unfinished) + len(piece) > ENCODED_LIMIT:
            self._is_oversized = True
            self._unfinished = b""
        else:
            self._unfinished += piece

    def _finish(self) -> Packet | None:
        """Judge what stands before a delimiter.

        Nothing at all between two delimiters is legal: senders use it to resynchronise.
        """
        encoded, self._unfinished = self._unfinished, b""
        if self._is_oversized:
            self._is_oversized = False
            self.counts.oversized += 1
            return None
        return self._decode(encoded) if encoded else None

    def _decode(self, encoded: bytes) -> Packet | None:
        counts = self.counts
        try:
            decoded: bytes = cobs.decode(encoded)
        except cobs.DecodeError:
            counts.stuffing += 1
            return None
        if len(decoded) < HEADER_LENGTH + CRC_LENGTH:
            counts.undersized += 1
            return None
        body = decoded[:-CRC_LENGTH]
        if decoded[-CRC_LENGTH:] != _checksum(body):
            counts.checksum += 1
            return None
        return self._interpret(body)

    def _interpret(self, body: bytes) -> Packet | None:
        """A whole body: is it one of ours, and does every value in it have a meaning?"""
        counts = self.counts
        if body[0] != VERSION:
            counts.version += 1
            self.foreign_version = body[0]
            return None
        layout = _BY_TYPE.get(body[1])
        if layout is None:
            counts.unknown_type += 1
            return None
        if layout.sender is not self._sender:
            counts.wrong_sender += 1
            return None
        if len(body) - HEADER_LENGTH != layout.payload.size:
            counts.length += 1
            return None
        try:
            frame = layout.from_values(layout.payload.unpack_from(body, HEADER_LENGTH))
        except (KeyError, ValueError):  # a number that no state, direction or target has
            counts.value += 1
            if layout.type is FrameType.IDENT:
                self.foreign_target = body[HEADER_LENGTH]
            return None
        counts.accepted += 1
        return Packet(body[2], frame)
