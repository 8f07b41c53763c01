"""The firmware's C and the bridge's Python against the same frames, byte by byte."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from firmware_bridge.codec import Decoder, Frame, Hello, Packet, Sender, encode
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
from tests.firmware.programs import ProtocolProbe
from tests.firmware.vectors import FRAMES, VECTORS, frame_name, sent_by

TYPE_CODES = {"HELLO": 1, "RUN": 2, "STOP": 3, "CLEAR": 4}
UNCLEAN_FLAGS_MASK = 1


def frame_of(vector: dict[str, Any]) -> Frame:
    """The bridge's value for a vector's fields."""
    fields = dict(vector["fields"])
    match vector["type"]:
        case "HELLO":
            return Hello()
        case "CLEAR":
            return Clear()
        case "RUN":
            return Run(**fields)
        case "STOP":
            return Stop(fields["deceleration_mm_s2"], bool(fields["flags"] & UNCLEAN_FLAGS_MASK))
        case "STATUS":
            state, direction = DriveState(fields.pop("state")), BeltDirection(fields.pop("direction"))
            return StatusFrame(state=state, direction=direction, **fields)
        case "IDENT":
            version = tuple(fields.pop(f"firmware_{part}") for part in ("major", "minor", "patch"))
            target, nonce = DriveTarget(fields.pop("target")), fields.pop("nonce")
            return IdentFrame(target, version, nonce, DriveLimits(**fields))
    raise ValueError(f"unknown type in vector {vector['name']}")


def test_every_type_has_a_vector() -> None:
    assert {frame["type"] for frame in FRAMES} == {"HELLO", "RUN", "STOP", "CLEAR", "IDENT", "STATUS"}


@pytest.mark.parametrize("vector", sent_by("host"), ids=frame_name)
def test_the_firmware_decodes_every_host_frame(probe: ProtocolProbe, vector: dict[str, Any]) -> None:
    messages, dropped = probe.feed(bytes.fromhex(vector["hex"]))

    assert dropped == 0
    assert len(messages) == 1
    understood = messages[0]._asdict()
    expected = dict.fromkeys(understood, 0) | {"type": TYPE_CODES[vector["type"]], "sequence": vector["sequence"]}
    assert understood == expected | vector["fields"]


@pytest.mark.parametrize("vector", sent_by("drive"), ids=frame_name)
def test_the_firmware_encodes_every_report(probe: ProtocolProbe, vector: dict[str, Any]) -> None:
    fields = vector["fields"]
    if vector["type"] == "STATUS":
        frame = probe.status(vector["sequence"], *fields.values())
    else:
        frame = probe.ident(vector["sequence"], fields["target"], fields["nonce"])

    assert frame.hex() == vector["hex"]


@pytest.mark.parametrize("vector", FRAMES, ids=frame_name)
def test_the_bridge_encodes_and_decodes_every_frame(vector: dict[str, Any]) -> None:
    frame = frame_of(vector)

    assert encode(frame, vector["sequence"]).hex() == vector["hex"]
    assert Decoder(Sender(vector["sender"])).feed(bytes.fromhex(vector["hex"])) == [Packet(vector["sequence"], frame)]


@pytest.mark.parametrize("vector", [vector for vector in VECTORS["malformed"] if vector["sender"] == "host"], ids=frame_name)
def test_the_firmware_drops_every_malformed_frame(probe: ProtocolProbe, vector: dict[str, Any]) -> None:
    assert probe.feed(bytes.fromhex(vector["hex"])) == ([], 1)


@pytest.mark.parametrize("vector", VECTORS["malformed"], ids=frame_name)
def test_the_bridge_drops_every_malformed_frame_for_its_cause(vector: dict[str, Any]) -> None:
    decoder = Decoder(Sender(vector["sender"]))

    assert decoder.feed(bytes.fromhex(vector["hex"])) == []
    counts = msgspec.structs.asdict(decoder.counts)
    assert {cause: count for cause, count in counts.items() if count} == {vector["cause"]: 1}


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=frame_name)
def test_both_resynchronise_alike(probe: ProtocolProbe, vector: dict[str, Any]) -> None:
    stream = bytes.fromhex(vector["hex"])
    by_name = {frame["name"]: frame for frame in FRAMES}
    wanted = [by_name[name] for name in vector["accepted"]]

    messages, dropped = probe.feed(stream)
    decoder = Decoder(Sender(vector["sender"]))
    packets = decoder.feed(stream)

    assert [(message.type, message.sequence) for message in messages] == [
        (TYPE_CODES[frame["type"]], frame["sequence"]) for frame in wanted
    ]
    assert dropped == vector["dropped"]
    assert packets == [Packet(frame["sequence"], frame_of(frame)) for frame in wanted]
    assert sum(decoder.counts.rejected().values()) == vector["dropped"]
