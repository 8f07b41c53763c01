"""The belt's speed in the journal: small, whole, bounded."""

from __future__ import annotations

import asyncio
import math
import random
import signal
import zlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.wire import BeltSpeed
from telemetry.journal import open_journal
from telemetry.journal_reader import JournalReader
from telemetry.speed_blocks import MAXIMUM_UNPACKED_BYTES, SpeedBlock, SpeedCollector, TracePoint, pack, unpack
from tests.telemetry import samples
from tests.telemetry.bench import Peer, Telemetry

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SPEEDS = st.builds(BeltSpeed, st.integers(0, 2**32 - 1), st.integers(0, 65535))
POINTS = st.builds(
    TracePoint, st.integers(0, 2**40), st.integers(0, 59), st.integers(0, 5000), st.none() | st.floats(0, 1e4, allow_nan=False)
)


@given(st.lists(SPEEDS, max_size=50), st.lists(POINTS, max_size=20), st.integers(0, 2**40))
def test_a_block_comes_back_as_it_was(speeds: list[BeltSpeed], points: list[TracePoint], start_ms: int) -> None:
    block = SpeedBlock("s-1", start_ms, tuple(speeds) or (BeltSpeed(1, 2),), tuple(points))
    assert unpack("s-1", pack(block)) == block


def noisy_minute(session: str = "s-1", start_ms: int = 0) -> SpeedBlock:
    chance = random.Random(1)
    speeds = tuple(BeltSpeed(start_ms + 20 * index, 800 + round(chance.gauss(0, 6))) for index in range(3000))
    points = tuple(TracePoint(start_ms + 500 * index, 1, 800, chance.random() * 5) for index in range(120))
    return SpeedBlock(session, start_ms, speeds, points)


def test_a_minute_takes_few_bytes() -> None:
    size = len(pack(noisy_minute()))
    print(f"a noisy minute takes {size} bytes")
    assert size < 6 * 1024


@pytest.mark.parametrize("content", [b"", b"x", zlib.compress(b"x"), zlib.compress(b"\x00" * (MAXIMUM_UNPACKED_BYTES * 40))])
def test_what_is_no_block_is_an_error_and_no_bomb(content: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        unpack("s-1", content)


def take_all(seconds: float, collector: SpeedCollector, **changes: object) -> list[SpeedBlock]:
    blocks = []
    for index in range(int(seconds * 10)):
        at_ms = index * 100
        speeds = tuple(BeltSpeed(at_ms + 20 * each, 400) for each in range(5))
        fields = {"at_ns": (5000 + at_ms) * 1_000_000, "belt_speeds": speeds, **changes}
        block = collector.take(samples.snapshot(index, **fields))
        if block is not None:
            blocks.append(block)
    return blocks


def test_every_status_is_in_one_block_and_a_block_is_a_minute() -> None:
    collector = SpeedCollector()
    blocks = take_all(150, collector)
    last = collector.finish()
    assert last is not None
    ticks = [speed.at_ms for block in (*blocks, last) for speed in block.speeds]
    assert ticks == list(range(0, 150_000, 20))
    assert [len(block.speeds) for block in blocks] == [3000, 3000]
    # the newest STATUS of a snapshot came with it, so the first speed lies 80 ms before the first snapshot
    assert blocks[0].start_ms == 5000 - 80
    assert blocks[1].start_ms - blocks[0].start_ms == 60_000
    assert [point.at_ms - blocks[0].points[0].at_ms for point in blocks[0].points[:3]] == [0, 500, 1000]
    assert collector.finish() is None


def test_nothing_is_kept_without_a_session_or_before_it_moves() -> None:
    for changes in ({"session": ""}, {"state": "standby"}, {"state": "prepared"}):
        collector = SpeedCollector()
        assert take_all(70, collector, **changes) == []
        assert collector.finish() is None


def test_another_session_begins_another_block() -> None:
    collector = SpeedCollector()
    take_all(5, collector, session="s-1")
    (block,) = take_all(5, collector, session="s-2")
    last = collector.finish()
    assert last is not None
    assert (block.session, last.session) == ("s-1", "s-2")


def test_a_point_keeps_the_highest_load_since_the_one_before() -> None:
    collector = SpeedCollector()
    for index, load in enumerate((1.0, 2.0, 40.0, 3.0, 1.0, 1.0, None, 2.0)):
        snapshot = samples.snapshot(
            index, at_ns=index * 100_000_000, load_body_weight_percent=load, belt_speeds=(BeltSpeed(index, 1),)
        )
        collector.take(snapshot)
    block = collector.finish()
    assert block is not None
    assert [point.load_percent for point in block.points] == [1.0, 40.0]


def test_a_point_keeps_the_mean_force_on_the_rails_where_all_of_it_is_known() -> None:
    collector = SpeedCollector()
    unknown = {"rail-right": "stuck"}
    rails: list[tuple[float | None, float | None, dict[str, str]]] = [
        (10.0, 20.0, {}),
        (20.0, 30.0, {}),
        (40.0, None, unknown),
        (None, None, {}),
        (math.nan, 5.0, {}),
        (60.0, None, {}),
        (None, None, {}),
        (7.0, None, unknown),
        (None, None, {}),
        (None, None, {}),
        (None, None, {}),
    ]
    for index, (left_n, right_n, why) in enumerate(rails):
        collector.take(
            samples.snapshot(
                index,
                at_ns=index * 100_000_000,
                rail_left_load_n=left_n,
                rail_right_load_n=right_n,
                rail_loads_unknown=why,
                belt_speeds=(BeltSpeed(index, 1),),
            )
        )
    block = collector.finish()
    assert block is not None
    assert [point.rails_n for point in block.points] == [30.0, 55.0, None]
    assert unpack("s-1", pack(block)).points == block.points


def test_a_block_that_was_kept_before_there_were_rail_cells_is_read() -> None:
    old = zlib.compress(msgspec.msgpack.encode([0, 0, 400, [20], [1], [[100, 1, 400, 2.5]]]))
    assert unpack("s-1", old).points == (TracePoint(100, 1, 400, 2.5, None),)


def test_the_journal_keeps_and_prunes_speeds(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal, _ = open_journal(path, 64, NOW)
    names = [f"s-{number}" for number in range(4)]
    for number, name in enumerate(names):
        time = f"2026-02-2{number}T12:00:00.000Z"
        blocks = [noisy_minute(name, start) for start in (0, 60_000)]
        journal.store([samples.event(number + 1, session=name, time=time)], [samples.session("complete", name, time)], blocks)
    size = len(pack(noisy_minute())) * 2
    assert journal.prune_speeds(size * 5) == 0
    assert journal.prune_speeds(size * 2 + size // 2) == 2
    with JournalReader(path) as reader:
        assert [len(reader.speeds(name)) for name in names] == [0, 0, 2, 2]
        assert reader.speeds("s-3") == [noisy_minute("s-3", 0), noisy_minute("s-3", 60_000)]
    journal.confirm(4)
    journal.store([samples.event(5, session="", time="2026-03-02T12:00:00.000Z")], [])
    journal.confirm(5)
    journal.prune(datetime(2026, 3, 8, 18, tzinfo=UTC), 1)  # and two weeks: before 21 February, 18:00
    with JournalReader(path) as reader:
        assert [entry.record.session for entry in reader.sessions()] == ["s-3", "s-2"]
        assert [len(reader.speeds(name)) for name in names] == [0, 0, 2, 2]
    journal.close()


async def test_speeds_of_a_live_session_reach_the_journal(peer: Peer, telemetry: Telemetry) -> None:
    """Through the socket and the process that ships; what is not a full minute is kept when it ends."""
    peer.session(samples.session("running", "s-1"))
    for index in range(30):
        speeds = tuple(BeltSpeed(index * 100 + 20 * each, 400 + each) for each in range(5))
        peer.channel.publish(samples.snapshot(index, at_ns=(50 + index) * 100_000_000, session="s-1", belt_speeds=speeds))
        await asyncio.sleep(0.02)
    assert await telemetry.end(signal.SIGTERM) == 0
    with JournalReader(telemetry.journal) as reader:
        (block,) = reader.speeds("s-1")
    assert [speed.at_ms for speed in block.speeds] == list(range(0, 3000, 20))
    assert [speed.speed_mm_s for speed in block.speeds[:5]] == [400, 401, 402, 403, 404]
    assert len(block.points) == 6
