"""The codec: what is encoded comes back, what is broken never passes, and nothing grows."""

from __future__ import annotations

import itertools
import math
import random
import tracemalloc
from binascii import crc_hqx
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.codec import (
    BODY_LIMIT,
    DELIMITER,
    ENCODED_LIMIT,
    VERSION,
    Decoder,
    Frame,
    FrameType,
    Hello,
    Sender,
    encode,
)
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
from tests.bridge.peer import body_of, wrapped

U8, U16, U32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
LIMITS = st.builds(DriveLimits, *[U16] * 7)
IDENTS = st.builds(IdentFrame, st.sampled_from(DriveTarget), st.tuples(U8, U8, U8), U32, LIMITS)
STATUSES = st.builds(
    StatusFrame,
    *(U32, U32, st.sampled_from(DriveState), U16, st.sampled_from(BeltDirection), U16, U16, U32, U16, U16, U8, U8, U8, U8),
)
HOST_FRAMES = st.one_of(st.just(Hello()), st.just(Clear()), st.builds(Run, U16, U16, U32, U32), st.builds(Stop, U16, st.booleans()))
DRIVE_FRAMES = st.one_of(IDENTS, STATUSES)

STATUS = StatusFrame(
    nonce=0x12345678,
    tick=100_000,
    state=DriveState.RUNNING,
    measured_mm_s=398,
    direction=BeltDirection.BACKWARD_GAIT,
    commanded_mm_s=400,
    granted_mm_s=400,
    distance_mm=70_000,
    current_ma=1200,
    faults=0,
    inputs=0x3C,
    refusal=0,
    refusals=0,
    echo_sequence=9,
)
RUN = Run(target_mm_s=400, acceleration_mm_s2=100, nonce=0x12345678, tick=100_000)
STOP = Stop(deceleration_mm_s2=300)
IDENT = IdentFrame(DriveTarget.HOST, (1, 2, 3), 0x12345678, DriveLimits())
SAMPLES: list[tuple[Frame, Sender]] = [
    (Hello(), Sender.HOST),
    (RUN, Sender.HOST),
    (STOP, Sender.HOST),
    (Clear(), Sender.HOST),
    (IDENT, Sender.DRIVE),
    (STATUS, Sender.DRIVE),
]


def rejected(decoder: Decoder) -> dict[str, int]:
    return {cause: count for cause, count in decoder.counts.rejected().items() if count}


def test_the_crc_is_ccitt_false() -> None:
    assert crc_hqx(b"123456789", 0xFFFF) == 0x29B1


def test_bytes_of_a_run_as_the_document_lays_them_out() -> None:
    """Written out by hand from the table, so that an error made twice in the same way is seen."""
    body = bytes.fromhex("01 02 07 78563412 a0860100 9001 6400".replace(" ", ""))
    assert body_of(RUN, 7) == body
    assert encode(RUN, 7) == wrapped(body)


def test_bytes_of_a_status_as_the_document_lays_them_out() -> None:
    layout = "01 82 ff 78563412 a0860100 02 8e01 01 9001 9001 70110100 b004 0000 3c 00 00 09"
    packets = Decoder(Sender.DRIVE).feed(wrapped(bytes.fromhex(layout.replace(" ", ""))))
    assert [(packet.sequence, packet.frame) for packet in packets] == [(255, STATUS)]


@pytest.mark.parametrize(("frame", "length"), [(Hello(), 0), (RUN, 12), (STOP, 3), (Clear(), 0), (IDENT, 22), (STATUS, 28)])
def test_payload_lengths_of_the_document(frame: Frame, length: int) -> None:
    assert len(body_of(frame)) == 3 + length


@given(frame=HOST_FRAMES, sequence=U8)
def test_host_frames_round_trip(frame: Frame, sequence: int) -> None:
    packets = Decoder(Sender.HOST).feed(encode(frame, sequence))
    assert [(packet.sequence, packet.frame) for packet in packets] == [(sequence, frame)]


@given(frame=DRIVE_FRAMES, sequence=U8)
def test_drive_frames_round_trip(frame: Frame, sequence: int) -> None:
    packets = Decoder(Sender.DRIVE).feed(encode(frame, sequence))
    assert [(packet.sequence, packet.frame) for packet in packets] == [(sequence, frame)]


@given(frame=st.one_of(HOST_FRAMES, DRIVE_FRAMES), sequence=U8)
def test_a_delimiter_stands_only_at_the_end(frame: Frame, sequence: int) -> None:
    encoded = encode(frame, sequence)
    assert encoded.index(DELIMITER) == len(encoded) - 1 <= ENCODED_LIMIT


BAD_VALUES = [math.nan, math.inf, 1.0, True, False, None, "5", -1, 2**32]


def _with_bad_values() -> list[tuple[Frame, Any]]:
    cases: list[tuple[Frame, Any]] = []
    for frame, _ in SAMPLES:
        for name, bad in itertools.product(frame.__struct_fields__, BAD_VALUES):
            if name in ("limits", "firmware_version") or (name == "category_0" and isinstance(bad, bool)):
                continue
            cases.append((msgspec.structs.replace(frame, **{name: bad}), bad))
    for name, bad in itertools.product(DriveLimits.__struct_fields__, BAD_VALUES):
        limits = msgspec.structs.replace(DriveLimits(), **{name: bad})
        cases.append((msgspec.structs.replace(IDENT, limits=limits), bad))
    return cases


@pytest.mark.parametrize(("frame", "bad"), _with_bad_values())
def test_what_is_no_whole_number_in_range_is_never_encoded(frame: Frame, bad: Any) -> None:
    is_whole_number = isinstance(bad, int) and not isinstance(bad, bool)
    is_category = isinstance(frame, Stop) and frame.category_0 is bad
    expected = ValueError if is_whole_number and not is_category else TypeError
    with pytest.raises(expected, match=r"needed|fits"):
        encode(frame, 0)


@pytest.mark.parametrize(("field", "highest"), [("target_mm_s", 0xFFFF), ("acceleration_mm_s2", 0xFFFF), ("tick", 2**32 - 1)])
def test_the_edge_of_a_range(field: str, highest: int) -> None:
    at_the_edge = msgspec.structs.replace(RUN, **{field: highest})
    assert Decoder(Sender.HOST).feed(encode(at_the_edge, 0))[0].frame == at_the_edge
    with pytest.raises(ValueError, match=f"{field} is {highest + 1}: only 0 to {highest} fits"):
        encode(msgspec.structs.replace(RUN, **{field: highest + 1}), 0)


@pytest.mark.parametrize("sequence", [-1, 256, 1.0, True])
def test_a_sequence_is_one_byte(sequence: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="sequence"):
        encode(Hello(), sequence)


@pytest.mark.parametrize(("frame", "sender"), SAMPLES)
def test_no_single_wrong_byte_passes_and_the_next_frames_do(frame: Frame, sender: Sender) -> None:
    """Every byte of a frame set to each of its 255 wrong values."""
    good = encode(frame, 5)
    for position, value in itertools.product(range(len(good)), range(256)):
        if good[position] == value:
            continue
        mutated = good[:position] + bytes((value,)) + good[position + 1 :]
        decoder = Decoder(sender)
        packets = decoder.feed(mutated + encode(frame, 6) + encode(frame, 7))
        sequences = [packet.sequence for packet in packets]
        # A lost delimiter joins the frame with the next one and costs both; everywhere else only the mutated one is lost.
        assert sequences == ([7] if position == len(good) - 1 else [6, 7]), f"byte {position} = {value:#04x}"
        assert all(packet.frame == frame for packet in packets)
        assert sum(decoder.counts.rejected().values()) >= 1


@pytest.mark.parametrize(("frame", "sender"), SAMPLES)
def test_every_wrong_length_is_refused(frame: Frame, sender: Sender) -> None:
    body = body_of(frame)
    padded = body + bytes(BODY_LIMIT)
    for length in range(3, BODY_LIMIT + 1):
        decoder = Decoder(sender)
        packets = decoder.feed(wrapped(padded[:length]))
        if length == len(body):
            assert [packet.frame for packet in packets] == [frame]
        else:
            assert (packets, rejected(decoder)) == ([], {"length": 1})


def test_a_body_of_48_bytes_is_judged_and_one_of_49_is_not_even_kept() -> None:
    decoder = Decoder(Sender.DRIVE)
    assert decoder.feed(wrapped(bytes((VERSION, 0x7F)) + b"\x01" * (BODY_LIMIT - 2))) == []
    assert rejected(decoder) == {"unknown_type": 1}
    assert decoder.feed(wrapped(bytes((VERSION, 0x7F)) + b"\x01" * (BODY_LIMIT - 1))) == []
    assert rejected(decoder) == {"unknown_type": 1, "oversized": 1}


@pytest.mark.parametrize("length", range(1, 3))
def test_a_body_without_its_header_is_refused(length: int) -> None:
    decoder = Decoder(Sender.DRIVE)
    assert decoder.feed(wrapped(b"\x01" * length)) == []
    assert rejected(decoder) == {"undersized": 1}


@pytest.mark.parametrize(("frame", "sender"), SAMPLES)
def test_only_this_version_is_understood(frame: Frame, sender: Sender) -> None:
    body = body_of(frame)
    for version in range(256):
        decoder = Decoder(sender)
        packets = decoder.feed(wrapped(bytes((version,)) + body[1:]))
        if version == VERSION:
            assert [packet.frame for packet in packets] == [frame]
            assert decoder.foreign_version is None
        else:
            assert (packets, rejected(decoder)) == ([], {"version": 1})
            assert decoder.foreign_version == version


@pytest.mark.parametrize("sender", Sender)
def test_only_types_of_the_other_side_pass(sender: Sender) -> None:
    bodies = {frame_type: body_of(frame) for (frame, _), frame_type in zip(SAMPLES, FrameType, strict=True)}
    expected = {frame_type for (_, of), frame_type in zip(SAMPLES, FrameType, strict=True) if of is sender}
    for number in range(256):
        decoder = Decoder(sender)
        body = bodies.get(number, body_of(STATUS))
        packets = decoder.feed(wrapped(bytes((VERSION, number)) + body[2:]))
        assert len(packets) == (number in expected)
        if number not in expected:
            assert rejected(decoder) == {"wrong_sender" if number in bodies else "unknown_type": 1}


@pytest.mark.parametrize(
    ("frame", "offset", "known"),
    [(STATUS, 3 + 8, range(6)), (STATUS, 3 + 11, range(3)), (IDENT, 3, range(1, 4))],
    ids=["state", "direction", "target"],
)
def test_a_value_without_a_meaning_is_refused(frame: Frame, offset: int, known: range) -> None:
    body = body_of(frame)
    for value in range(256):
        decoder = Decoder(Sender.DRIVE)
        packets = decoder.feed(wrapped(body[:offset] + bytes((value,)) + body[offset + 1 :]))
        assert len(packets) == (value in known)
        assert rejected(decoder) == ({} if value in known else {"value": 1})
        assert decoder.foreign_target == (value if frame is IDENT and value not in known else None)


def test_stop_is_obeyed_whatever_its_other_flags_say() -> None:
    for flags in range(256):
        packets = Decoder(Sender.HOST).feed(wrapped(body_of(STOP)[:-1] + bytes((flags,))))
        assert [packet.frame for packet in packets] == [Stop(300, category_0=bool(flags & 1))]


@given(frames=st.lists(DRIVE_FRAMES, max_size=8), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_how_the_stream_is_cut_makes_no_difference(frames: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(encode(frame, number) for number, frame in enumerate(frames))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    decoder = Decoder(Sender.DRIVE)
    packets = [packet for start, end in itertools.pairwise(edges) for packet in decoder.feed(stream[start:end])]
    assert [packet.frame for packet in packets] == frames
    assert rejected(decoder) == {}


@settings(max_examples=300)
@given(
    garbage=st.lists(st.one_of(st.binary(max_size=120), HOST_FRAMES.map(lambda frame: encode(frame, 1)[:-3])), max_size=6),
    frame=DRIVE_FRAMES,
)
def test_a_frame_after_any_garbage_and_a_delimiter_is_read(garbage: list[bytes], frame: Frame) -> None:
    decoder = Decoder(Sender.DRIVE)
    for piece in garbage:
        decoder.feed(piece)
    packets = decoder.feed(DELIMITER + encode(frame, 77))
    assert (packets[-1].sequence, packets[-1].frame) == (77, frame)


def test_beginning_in_the_midst_of_a_frame_costs_only_that_frame() -> None:
    stream = encode(STATUS, 1) + encode(STATUS, 2)
    for start in range(1, len(encode(STATUS, 1))):
        packets = Decoder(Sender.DRIVE).feed(stream[start:])
        assert [packet.sequence for packet in packets] == [2]


def test_reset_forgets_half_a_frame_a_foreign_version_and_a_foreign_target() -> None:
    decoder = Decoder(Sender.DRIVE)
    ident = body_of(IDENT)
    decoder.feed(wrapped(ident[:3] + b"\x09" + ident[4:]))
    decoder.feed(wrapped(b"\x09" + body_of(STATUS)[1:]) + encode(STATUS, 1)[:10])
    assert (decoder.foreign_version, decoder.foreign_target) == (9, 9)
    decoder.reset()
    assert (decoder.foreign_version, decoder.foreign_target) == (None, None)
    assert [packet.sequence for packet in decoder.feed(encode(STATUS, 2))] == [2]
    decoder.feed(b"\x55" * 200)
    decoder.reset()
    assert [packet.sequence for packet in decoder.feed(encode(STATUS, 3))] == [3]


def _peak_growth(decoder: Decoder, chunks: list[bytes]) -> int:
    decoder.feed(chunks[0])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for chunk in chunks:
            decoder.feed(chunk)
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("alphabet", [range(256), range(1, 256), (0, 1, 2, 3)], ids=["any", "no-delimiter", "many-delimiters"])
def test_a_million_bytes_of_garbage_yield_nothing_and_leave_nothing(alphabet: range | tuple[int, ...]) -> None:
    source = random.Random(1961)
    chunks = [bytes(source.choices(alphabet, k=1000)) for _ in range(1000)]
    decoder = Decoder(Sender.DRIVE)
    growth = _peak_growth(decoder, chunks)
    assert decoder.counts.accepted == 0
    assert growth < 4096
    assert decoder.feed(DELIMITER + encode(STATUS, 3))[-1].frame == STATUS


@pytest.mark.hazard("H-18", "C-FRAMES")
def test_a_hundred_thousand_mutated_frames_yield_no_frame_that_was_not_sent() -> None:
    """Two to six wrong bytes each, so that the CRC's guarantee for short bursts does not hold: seeded, and counted."""
    source = random.Random(42)
    decoder = Decoder(Sender.DRIVE)
    good = encode(STATUS, 1)
    accepted = 0
    for _ in range(100_000):
        mutated = bytearray(good)
        for position in source.sample(range(len(good) - 1), source.randint(2, 6)):
            mutated[position] ^= source.randint(1, 255)
        accepted += sum(packet.frame != STATUS for packet in decoder.feed(bytes(mutated)))
    # 16 bits of CRC let about one in 65,536 pass; version, type, length and values must each be right as well.
    assert accepted <= 3
    assert sum(decoder.counts.rejected().values()) >= 100_000 - 3
