"""The packets of the Crystalfontz CFA635 family: type, length, data, CRC. Bytes in, packets out; no device here.

A packet is `type u8, length u8 (0..22), data, CRC u16 low byte first`; the CRC is CRC-16/X.25 over everything before it
(check value of `123456789` is 0x906E). The module answers a command with type 0x40 | command, or 0xC0 | command where it
refuses it, and reports keys of its own as 0x80.
"""

from __future__ import annotations

import msgspec

LARGEST_DATA = 22
PING, CLEAR, WRITE_TEXT = 0, 6, 31
COLUMNS, ROWS = 20, 4
ACKNOWLEDGED, REFUSED = 0x40, 0xC0

_SHORTEST_PACKET = 4
_NOT_AS_IN_ASCII = frozenset("$@[\\]^_`")


class Packet(msgspec.Struct, frozen=True):
    """One packet, checked."""

    type: int
    data: bytes


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16_x25(data: bytes | bytearray) -> int:
    """CRC-16/X.25: polynomial 0x1021 reflected, initial value and final XOR 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF


def encode(packet: Packet) -> bytes:
    """The packet's bytes. Raises ValueError where the data is too long."""
    if len(packet.data) > LARGEST_DATA:
        raise ValueError(f"{len(packet.data)} bytes of data: a packet holds at most {LARGEST_DATA}")
    body = bytes([packet.type, len(packet.data)]) + packet.data
    return body + crc16_x25(body).to_bytes(2, "little")


def write_text(row: int, text: str) -> Packet:
    """The command that shows `text`, cut or filled to 20 characters, in row 0..3.

    The module's characters are those of ASCII only between space and z, and not all of those: others show as a question mark.
    """
    shown = "".join(_displayable(character) for character in text[:COLUMNS].ljust(COLUMNS))
    return Packet(WRITE_TEXT, bytes([0, row]) + shown.encode("ascii"))


def _displayable(character: str) -> str:
    return character if " " <= character <= "z" and character not in _NOT_AS_IN_ASCII else "?"


class PacketReader:
    """Finds packets in a stream and finds its feet again after garbage. Keeps less than one packet between calls."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that are complete with this data."""
        held = self._held
        held += data
        packets = []
        position = 0
        while len(held) - position >= _SHORTEST_PACKET:
            length = held[position + 1]
            if length > LARGEST_DATA:
                position += 1
                continue
            end = position + 2 + length
            if len(held) < end + 2:
                break
            if crc16_x25(held[position:end]) == int.from_bytes(held[end : end + 2], "little"):
                packets.append(Packet(held[position], bytes(held[position + 2 : end])))
                position = end + 2
            else:
                position += 1
        del held[:position]
        return packets
