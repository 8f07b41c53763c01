"""The firmware's framing under hypothesis, with Python's cobs and crc_hqx as the independent second opinion."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from typing import Any

import pytest
from cobs import cobs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_bridge.codec import Decoder, Hello, Packet, Sender, encode
from firmware_bridge.drive import Run
from tests.firmware.programs import ProtocolProbe
from tests.firmware.vectors import frame_name, sent_by

BODY_LIMIT = 48
probed = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
zeros_and_others = st.one_of(st.just(0), st.integers(0, 255))


def framed(body: bytes) -> bytes:
    encoded: bytes = cobs.encode(body + struct.pack("<H", crc_hqx(body, 0xFFFF)))
    return encoded + b"\0"


@probed
@given(body=st.lists(zeros_and_others, min_size=1, max_size=BODY_LIMIT).map(bytes))
def test_any_body_is_framed_as_python_frames_it(probe: ProtocolProbe, body: bytes) -> None:
    assert probe.frame(body) == framed(body)


@probed
@given(length=st.integers(BODY_LIMIT + 1, 255))
def test_a_body_that_does_not_fit_is_refused(probe: ProtocolProbe, length: int) -> None:
    assert probe.frame(bytes(length)) is None


@probed
@given(
    sequence=st.integers(0, 255),
    fields=st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
)
def test_any_run_arrives_as_it_was_sent(probe: ProtocolProbe, sequence: int, fields: tuple[int, int, int, int]) -> None:
    run = Run(*fields)

    messages, dropped = probe.feed(encode(run, sequence))

    assert dropped == 0
    understood = messages[0]
    assert (understood.sequence, understood.nonce, understood.tick) == (sequence, run.nonce, run.tick)
    assert (understood.target_mm_s, understood.acceleration_mm_s2) == (run.target_mm_s, run.acceleration_mm_s2)


@probed
@given(garbage=st.binary(max_size=600))
def test_one_delimiter_after_any_garbage_is_enough(probe: ProtocolProbe, garbage: bytes) -> None:
    probe.feed(garbage + b"\0")

    messages, dropped = probe.feed(encode(Hello(), 9))

    assert [(message.type, message.sequence) for message in messages] == [(1, 9)]
    assert dropped == 0


@pytest.mark.parametrize("vector", sent_by("host"), ids=frame_name)
@pytest.mark.hazard("H-18", "C-FRAMES")
def test_no_single_flipped_bit_gets_through(probe: ProtocolProbe, vector: dict[str, Any]) -> None:
    """Every bit of every vector: also those that turn a byte into a delimiter or a delimiter into a byte."""
    frame = bytes.fromhex(vector["hex"])
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8

        messages, _ = probe.feed(bytes(flipped) + b"\0")

        assert messages == [], f"bit {bit}"


@probed
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=70),
            st.builds(lambda body: framed(bytes(body)), st.lists(zeros_and_others, min_size=1, max_size=BODY_LIMIT)),
            st.builds(
                encode,
                st.builds(Run, st.integers(0, 1600), st.integers(1, 150), st.just(5), st.integers(0, 2**32 - 1)),
                st.integers(0, 255),
            ),
        ),
        max_size=12,
    )
)
def test_c_and_python_agree_on_any_stream(probe: ProtocolProbe, pieces: list[bytes]) -> None:
    stream = b"\0" + b"".join(pieces) + b"\0"
    probe.feed(b"\0")
    decoder = Decoder(Sender.HOST)

    messages, dropped = probe.feed(stream)
    packets: list[Packet] = decoder.feed(stream)

    assert [message.sequence for message in messages] == [packet.sequence for packet in packets]
    assert dropped == sum(decoder.counts.rejected().values())
