"""A host that sends whatever it likes: without a hand at START nothing moves; with one, nothing beyond the grant.

tests/firmware does the same with millions of frames on the core alone; here every byte takes the whole way, on the AVR too.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from firmware_bridge.codec import Frame, Hello, encode
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
from hil_tests.bench import Bench, Hands
from hil_tests.conformance.steps import grant, lies_still, walk
from hil_tests.simulated import Simulated

FRAMES = 1500
EDGES = (0, 1, 99, 100, 101, 149, 150, 151, 1500, 1501, 1600, 1601, 0x7FFF, 0x8000, 0xFFFF)
Attack = Callable[[Bench, random.Random, list[bytes]], bytes]


def random_bytes(_: Bench, dice: random.Random, __: list[bytes]) -> bytes:
    return dice.randbytes(dice.randint(1, 60)) + b"\0"


def every_type(bench: Bench, dice: random.Random, _: list[bytes]) -> bytes:
    frames: tuple[Frame, ...] = (
        Hello(),
        Clear(),
        Stop(dice.choice(EDGES), dice.random() < 0.5),
        Run(dice.choice(EDGES), dice.choice(EDGES), bench.status.nonce, bench.status.tick),
        bench.status,
        StatusFrame(bench.status.nonce, 0, DriveState.RUNNING, 100, BeltDirection.REST, 100, 1600, 0, 0, 0, 63, 0, 0, 0),
        IdentFrame(DriveTarget.BOARD, (9, 9, 9), bench.status.nonce, DriveLimits(lease_ms=0, first_speed_mm_s=1600)),
    )
    return encode(dice.choice(frames), dice.randrange(256))


def honest_run(bench: Bench, dice: random.Random, _: list[bytes]) -> bytes:
    return encode(bench.run_frame(dice.choice((50, 100, 1600)), 150), dice.randrange(256))


def other_times(bench: Bench, dice: random.Random, _: list[bytes]) -> bytes:
    nonce = (bench.status.nonce + dice.choice((0, 0, 1, -1))) % 2**32
    tick = (bench.status.tick + dice.choice((-10_000, -151, 0, 1, 1000, 2**31))) % 2**32
    return encode(Run(100, 100, nonce, tick), dice.randrange(256))


def mutated(bench: Bench, dice: random.Random, sent: list[bytes]) -> bytes:
    frame = bytearray(dice.choice(sent) if sent else honest_run(bench, dice, sent))
    match dice.randrange(4):
        case 0:
            frame[dice.randrange(len(frame))] ^= 1 << dice.randrange(8)
        case 1:
            del frame[dice.randrange(len(frame)) :]
        case 2:
            frame.insert(dice.randrange(len(frame)), dice.randrange(256))
        case _:
            frame[dice.randrange(len(frame)) :] = dice.choice(sent or [b"\0"])
    return bytes(frame) or b"\0"


def replayed(bench: Bench, dice: random.Random, sent: list[bytes]) -> bytes:
    return dice.choice(sent) if sent else honest_run(bench, dice, sent)


ATTACKS: tuple[Attack, ...] = (random_bytes, every_type, honest_run, other_times, mutated, replayed)


def attack(bench: Bench, dice: random.Random, frames: int, check: Callable[[], None]) -> None:
    """One frame each 2 ms, checking after each."""
    sent: list[bytes] = []
    for _ in range(frames):
        frame = dice.choice(ATTACKS)(bench, dice, sent)
        sent.append(frame)
        del sent[:-200]
        bench.drive.write(frame)
        bench.pass_ms(2)
        check()


def ask_for_more(bench: Bench, dice: random.Random, check: Callable[[], None]) -> None:
    """Fresh RUNs above a grant of 150 mm/s and nothing else but the host's own: in `attack` slower RUNs and STOPs follow each
    of them within milliseconds, so that a drive that obeyed it would not show it."""
    for _ in range(60):
        bench.drive.write(encode(bench.run_frame(dice.choice((151, 1600)), 150), dice.randrange(256)))
        bench.pass_ms(2)
        check()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.hazard("H-01", "H-19", "C-GRANT")
def test_without_start_nothing_moves_whatever_comes(bench: Bench, seed: int) -> None:
    def check() -> None:
        assert not bench.drive.relay_commanded
        assert abs(bench.drive.speed_m_s) < 0.001

    rejected = bench.rejected  # a serial port may be opened in the middle of a frame
    attack(bench, random.Random(seed), FRAMES, check)

    assert bench.states_heard() == [DriveState.IDLE]
    assert bench.status.refusals > 0
    assert bench.rejected == rejected


@pytest.mark.hazard("H-18", "C-FRAMES")
def test_frames_of_an_earlier_session_start_nothing(bench: Bench, hands: Hands) -> None:
    """The most dangerous recording: a session that walked, played back to the same boot."""
    recording: list[bytes] = []
    honest_write = bench.drive.write

    def tap(data: bytes) -> int:
        recording.append(data)
        return honest_write(data)

    bench.drive.write = tap  # type: ignore[method-assign]
    walk(bench, hands)
    bench.drive.write = honest_write  # type: ignore[method-assign]
    bench.fall_silent()
    bench.stop(1000)
    bench.pass_until(lambda: not bench.drive.relay_commanded, 1000)
    grant(bench, hands)
    for frame in recording:
        bench.drive.write(frame)
        bench.pass_ms(2)

    assert len(recording) > 50
    assert lies_still(bench)


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.hazard("H-04", "H-19", "C-GRANT")
def test_while_walking_it_can_slow_and_stop_but_not_exceed_the_grant(simulated: Simulated, seed: int) -> None:
    bench, machine, hands = simulated
    dice = random.Random(seed)
    for _ in range(3):
        bench.fall_silent()
        bench.stop(1500)
        bench.pass_until(lambda: lies_still(bench), 2000)
        walk(bench, hands, 150)

        def check() -> None:
            assert machine.speed_m_s < 0.15 + 0.02
            assert bench.status.commanded_mm_s <= 150

        ask_for_more(bench, dice, check)
        attack(bench, dice, 200, check)
    assert bench.rejected == 0


def test_pressing_faster_alone_moves_nothing(simulated: Simulated) -> None:
    bench, _, hands = simulated
    bench.follow(100)
    for _ in range(10):
        bench.pass_ms(200)
        hands.press("faster", 200)

    assert bench.state is DriveState.IDLE
    assert bench.status.granted_mm_s == 0
    assert lies_still(bench)
