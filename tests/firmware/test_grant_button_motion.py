"""What a hand grants, what counts as a press, and how the set-point goes: called one by one in the native library."""

from __future__ import annotations

import ctypes
from ctypes import Structure, byref, c_bool, c_int16, c_int32, c_uint8, c_uint16, c_uint32

import pytest

from simulator.drive_build import native_library
from tests.firmware.programs import run_program

QUIET, CLOSED, PRESSED = 0, 1, 2


class Grant(Structure):
    """struct grant."""

    _fields_ = (("ceiling_mm_s", c_uint16), ("used_mm_s", c_uint16), ("last_target_mm_s", c_uint16), ("age_ms", c_uint16))


class Button(Structure):
    """struct button."""

    _fields_ = (
        ("closed", c_bool),
        ("was_open_before", c_bool),
        ("disagreeing_ms", c_uint8),
        ("open_ms", c_uint16),
        ("closed_ms", c_uint16),
    )


class Motion(Structure):
    """struct motion."""

    _fields_ = (
        ("set_point_um_s", c_uint32),
        ("target_mm_s", c_uint16),
        ("rate_mm_s2", c_uint16),
        ("integral", c_int32),
        ("trim_mm_s", c_int16),
    )


@pytest.fixture(scope="module")
def core() -> ctypes.CDLL:
    library = ctypes.CDLL(str(native_library()))
    library.button_step.argtypes = [ctypes.POINTER(Button), c_bool, c_uint16]
    library.motion_aim.argtypes = [ctypes.POINTER(Motion), c_uint16, c_uint16]
    library.motion_control.argtypes = [ctypes.POINTER(Motion), c_int16]
    library.grant_note_target.argtypes = [ctypes.POINTER(Grant), c_uint16]
    for name in ("motion_control", "motion_set_point_mm_s"):
        getattr(library, name).restype = c_uint16
    for name in ("grant_has_expired", "button_is_stuck", "motion_effort_is_at_limit"):
        getattr(library, name).restype = c_bool
    return library


def fields(state: Structure) -> tuple[int, ...]:
    return tuple(int(getattr(state, name)) for name, *_ in state._fields_)


# --- the grant ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [(100, 150), (450, 500), (499, 549), (500, 600), (501, 601), (1400, 1500), (1500, 1600), (1550, 1600), (1600, 1600)],
)
def test_a_press_raises_by_its_increment_and_never_beyond_the_ceiling(core: ctypes.CDLL, before: int, after: int) -> None:
    grant = Grant(before, 30, before, 4000)
    core.grant_increment(byref(grant))
    assert fields(grant) == (after, before, before, 0)


@pytest.mark.parametrize(
    ("ceiling", "in_use", "after"),
    [
        pytest.param(150, 100, 150, id="a second press before the first was used"),
        pytest.param(150, 130, 180, id="after a part was used"),
        pytest.param(100, 20, 100, id="never down"),
        pytest.param(600, 499, 600, id="just below the boundary"),
        pytest.param(550, 500, 600, id="at the boundary"),
        pytest.param(1600, 1550, 1600, id="at the absolute ceiling"),
    ],
)
def test_a_press_raises_from_what_is_in_use(core: ctypes.CDLL, ceiling: int, in_use: int, after: int) -> None:
    grant = Grant(ceiling, in_use, in_use, 4000)
    core.grant_increment(byref(grant))
    assert fields(grant) == (after, in_use, in_use, 0)


def test_presses_that_nothing_follows_do_not_pile_up(core: ctypes.CDLL) -> None:
    grant = Grant(100, 100, 100, 0)
    for _ in range(20):
        core.grant_increment(byref(grant))
        for _ in range(4500):
            core.grant_step(byref(grant))
    assert fields(grant) == (150, 100, 100, 4500)


def test_start_grants_the_first_speed_and_revoking_leaves_nothing(core: ctypes.CDLL) -> None:
    grant = Grant(700, 600, 500, 400)
    core.grant_first_speed(byref(grant))
    assert fields(grant) == (100, 0, 0, 0)
    assert not core.grant_has_expired(byref(grant))
    core.grant_revoke(byref(grant))
    assert fields(grant) == (0, 0, 0, 5000)
    assert core.grant_has_expired(byref(grant))


def test_what_was_slowed_down_from_is_gone_and_what_was_used_is_known(core: ctypes.CDLL) -> None:
    grant = Grant(300, 0, 0, 0)
    for target, expected in (
        (200, (300, 200, 200, 0)),
        (200, (300, 200, 200, 0)),
        (250, (300, 250, 250, 0)),
        (249, (249, 250, 249, 0)),
    ):
        core.grant_note_target(byref(grant), target)
        assert fields(grant) == expected


def test_an_unused_rise_dies_in_its_5000th_millisecond(core: ctypes.CDLL) -> None:
    grant = Grant(300, 200, 200, 0)
    for _ in range(4999):
        core.grant_step(byref(grant))
    assert fields(grant) == (300, 200, 200, 4999)
    assert not core.grant_has_expired(byref(grant))
    core.grant_step(byref(grant))
    assert fields(grant) == (200, 200, 200, 5000)
    assert core.grant_has_expired(byref(grant))
    grant.ceiling_mm_s = 300
    core.grant_step(byref(grant))
    assert fields(grant) == (300, 200, 200, 5000), "it dies once, not again each millisecond"


def test_a_grant_that_was_slowed_below_what_it_used_is_not_raised_by_its_end(core: ctypes.CDLL) -> None:
    grant = Grant(150, 200, 150, 4999)
    core.grant_step(byref(grant))
    assert grant.ceiling_mm_s == 150


# --- a press -----------------------------------------------------------------------------------------------------------------


def pressed(core: ctypes.CDLL, open_ms: int, closed_ms: int, open_before_ms: int = 1000) -> list[tuple[int, int]]:
    """Returns each event with its millisecond, for a contact that is open, closed, and open again for 50 ms."""
    button = Button()
    core.button_reset(byref(button))
    events = []
    levels = [False] * open_ms + [True] * closed_ms + [False] * 50
    for at, level in enumerate(levels, 1):
        event = core.button_step(byref(button), level, open_before_ms)
        if event != QUIET:
            events.append((at, event))
    return events


@pytest.mark.parametrize(
    ("open_ms", "closed_ms", "events"),
    [
        (1000, 9, []),
        (1000, 10, [(1010, CLOSED)]),
        (1000, 49, [(1010, CLOSED)]),
        (1000, 50, [(1010, CLOSED), (1060, PRESSED)]),
        (1000, 2000, [(1010, CLOSED), (3010, PRESSED)]),
        (1000, 2001, [(1010, CLOSED)]),
        (990, 100, [(1000, CLOSED), (1100, PRESSED)]),
        (989, 100, []),
        (0, 100, []),
    ],
)
def test_a_press_is_debounced_long_enough_and_begins_after_the_open_time(
    core: ctypes.CDLL, open_ms: int, closed_ms: int, events: list[tuple[int, int]]
) -> None:
    assert pressed(core, open_ms, closed_ms) == events


def test_a_bounce_begins_the_wait_again(core: ctypes.CDLL) -> None:
    button = Button()
    core.button_reset(byref(button))
    assert fields(button) == (0, 0, 0, 0, 0)
    for _ in range(5):
        for _ in range(9):
            assert core.button_step(byref(button), True, 0) == QUIET
        assert core.button_step(byref(button), False, 0) == QUIET
        assert not button.closed
    assert button.open_ms == 50


def test_a_contact_that_falls_back_at_once_has_to_last_as_long_again(core: ctypes.CDLL) -> None:
    button = Button()
    core.button_reset(byref(button))
    for _ in range(10):
        core.button_step(byref(button), True, 0)
    assert button.closed
    for _ in range(9):
        core.button_step(byref(button), False, 0)
        assert button.closed
    core.button_step(byref(button), False, 0)
    assert not button.closed


def test_the_open_time_is_counted_from_the_release(core: ctypes.CDLL) -> None:
    button = Button()
    core.button_reset(byref(button))
    steps = [False] * 1000 + [True] * 100 + [False] * 999 + [True] * 100 + [False] * 1000 + [True] * 100 + [False] * 20
    events = [core.button_step(byref(button), level, 1000) for level in steps]
    assert [at + 1 for at, event in enumerate(events) if event == CLOSED] == [1010, 3209], "999 ms are not enough"
    assert button.open_ms == 10


def test_held_longer_than_any_press_it_is_stuck(core: ctypes.CDLL) -> None:
    button = Button()
    core.button_reset(byref(button))
    for _ in range(10):
        core.button_step(byref(button), True, 0)
    for _ in range(2000):
        core.button_step(byref(button), True, 0)
        assert not core.button_is_stuck(byref(button))
    core.button_step(byref(button), True, 0)
    assert core.button_is_stuck(byref(button))
    button.closed = False
    assert not core.button_is_stuck(byref(button))


# --- braking -------------------------------------------------------------------------------------------------------------------


def test_a_stop_gets_the_time_that_the_faster_of_belt_and_set_point_needs() -> None:
    result = run_program("brake_deadline")
    assert (result.returncode, result.stderr) == (0, "")
    cases = [tuple(map(int, line.split())) for line in result.stdout.splitlines()]
    assert len(cases) == 6
    for measured_mm_s, set_point_um_s, deceleration_mm_s2, given_ms in cases:
        assert given_ms == max(abs(measured_mm_s) * 1000, set_point_um_s) // deceleration_mm_s2 + 300


# --- the set-point -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_um_s", "target_mm_s", "rate", "to_um_s"),
    [
        (0, 100, 150, 150),
        (99_900, 100, 150, 100_000),
        (99_850, 100, 150, 100_000),
        (99_849, 100, 150, 99_999),
        (100_000, 100, 150, 100_000),
        (100_100, 100, 150, 100_000),
        (100_150, 100, 150, 100_000),
        (100_151, 100, 150, 100_001),
        (100_000, 0, 300, 99_700),
        (299, 0, 300, 0),
    ],
)
def test_the_ramp_goes_by_its_rate_and_meets_its_target(
    core: ctypes.CDLL, from_um_s: int, target_mm_s: int, rate: int, to_um_s: int
) -> None:
    motion = Motion(set_point_um_s=from_um_s)
    core.motion_aim(byref(motion), target_mm_s, rate)
    core.motion_ramp(byref(motion))
    assert motion.set_point_um_s == to_um_s
    assert core.motion_set_point_mm_s(byref(motion)) == to_um_s // 1000
    core.motion_halt(byref(motion))
    assert fields(motion) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("set_point_mm_s", "measured", "integral", "expected"),
    [
        (0, 0, 500, (0, 0, 0)),
        (500, 500, 0, (0, 0, 213)),
        (500, 490, 0, (10, 10, 217)),
        (500, 510, 0, (-10, -10, 208)),
        (500, 500, 2560, (2560, 10, 217)),
        (500, 500, -2560, (-2560, -10, 208)),
        (500, 499, -256, (-255, 1, 213)),
        (500, 300, 0, (200, 200, 298)),
        (500, 301, 0, (199, 199, 297)),
        (500, 0, 0, (500, 200, 298)),
        (500, 1500, 0, (-1000, -200, 127)),
        (500, 500, 51_200, (51_200, 200, 298)),
        (500, 490, 51_195, (51_200, 200, 298)),
        (500, 510, -51_195, (-51_200, -200, 127)),
        (200, 1000, 0, (-800, -200, 0)),
        (201, 1000, 0, (-799, -200, 0)),
        (205, 1000, 0, (-795, -200, 2)),
        (2300, 2100, 0, (200, 200, 1023)),
    ],
)
def test_duty_is_the_feed_forward_with_a_bounded_trim(
    core: ctypes.CDLL, set_point_mm_s: int, measured: int, integral: int, expected: tuple[int, int, int]
) -> None:
    motion = Motion(set_point_um_s=set_point_mm_s * 1000, integral=integral)
    duty = core.motion_control(byref(motion), measured)
    assert (motion.integral, motion.trim_mm_s, duty) == expected
    assert core.motion_effort_is_at_limit(byref(motion)) is (abs(motion.trim_mm_s) == 200)
