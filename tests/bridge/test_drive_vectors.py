"""The codec against the vectors that hold the firmware's C to the same bytes."""

from __future__ import annotations

import json
from binascii import crc_hqx
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.codec import Decoder, Frame, Hello, Sender, encode
from firmware_bridge.drive import Clear, DriveLimits, DriveTarget, IdentFrame, Run, StatusFrame, Stop

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "drive_protocol.json").read_text(encoding="utf-8")
)


def frame_of(vector: dict[str, Any]) -> Frame:
    fields = vector["fields"]
    match vector["type"]:
        case "HELLO":
            return Hello(**fields)
        case "RUN":
            return Run(**fields)
        case "STOP":
            return Stop(fields["deceleration_mm_s2"], category_0=bool(fields["flags"]))
        case "CLEAR":
            return Clear(**fields)
        case "STATUS":
            return StatusFrame(**fields)
        case "IDENT":
            limits = DriveLimits(**{name: fields[name] for name in DriveLimits.__struct_fields__})
            version = (fields["firmware_major"], fields["firmware_minor"], fields["firmware_patch"])
            return IdentFrame(DriveTarget(fields["target"]), version, fields["nonce"], limits)
    raise ValueError(f"a vector of unknown type {vector['type']!r}")


def named(part: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", VECTORS[part], ids=[vector.get("name", "") for vector in VECTORS[part]])


@named("crc")
def test_the_checksum(vector: dict[str, Any]) -> None:
    assert crc_hqx(vector["ascii"].encode("ascii"), 0xFFFF) == vector["crc"]


@named("frames")
def test_a_frame_is_encoded_to_these_bytes_and_decoded_from_them(vector: dict[str, Any]) -> None:
    frame = frame_of(vector)
    assert encode(frame, vector["sequence"]).hex() == vector["hex"]
    packets = Decoder(Sender(vector["sender"])).feed(bytes.fromhex(vector["hex"]))
    assert [(packet.sequence, packet.frame) for packet in packets] == [(vector["sequence"], frame)]


@named("malformed")
def test_a_malformed_frame_is_dropped_for_its_cause(vector: dict[str, Any]) -> None:
    decoder = Decoder(Sender(vector["sender"]))
    assert decoder.feed(bytes.fromhex(vector["hex"])) == []
    assert {cause: count for cause, count in decoder.counts.rejected().items() if count} == {vector["cause"]: 1}


@named("streams")
def test_a_stream_yields_its_good_frames(vector: dict[str, Any]) -> None:
    by_name = {frame["name"]: frame_of(frame) for frame in VECTORS["frames"]}
    stream = bytes.fromhex(vector["hex"])
    for chunk_length in (1, 7, len(stream)):
        decoder = Decoder(Sender(vector["sender"]))
        chunks = [stream[start : start + chunk_length] for start in range(0, len(stream), chunk_length)]
        frames = [packet.frame for chunk in chunks for packet in decoder.feed(chunk)]
        assert frames == [by_name[name] for name in vector["accepted"]]
        assert sum(decoder.counts.rejected().values()) == vector["dropped"]
