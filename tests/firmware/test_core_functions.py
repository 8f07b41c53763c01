"""The firmware's judgements one by one, called in the native library: each limit at its last value and the first beyond it."""

from __future__ import annotations

import ctypes
from ctypes import Structure, byref, c_bool, c_int16, c_uint8, c_uint16, c_uint32

import pytest

from simulator.drive_build import native_library

OVERSPEED, STALL, WRONG_DIRECTION, RELAY = 1 << 2, 1 << 3, 1 << 4, 1 << 5
UNEXPECTED_MOTION, OVER_CURRENT, CONTACTOR = 1 << 9, 1 << 10, 1 << 12


class Lease(Structure):
    """struct lease."""

    _fields_ = (("since_renewal_ms", c_uint16), ("has_sequence", c_bool), ("last_sequence", c_uint8))


class Measurement(Structure):
    """struct measurement."""

    _fields_ = (
        ("window", c_int16 * 20),
        ("at", c_uint8),
        ("counts", c_int16),
        ("window_sum", c_int16),
        ("speed_mm_s", c_int16),
        ("resting_ms", c_uint16),
        ("counts_towards_mm", c_int16),
        ("distance_mm", c_uint32),
    )


class Supervision(Structure):
    """struct supervision."""

    _fields_ = (
        ("overspeed_ms", c_uint16),
        ("gross_overspeed_ms", c_uint16),
        ("stall_ms", c_uint16),
        ("effort_ms", c_uint16),
        ("wrong_way_ms", c_uint16),
        ("wrong_way_counts", c_int16),
        ("relay_ms", c_uint16),
        ("unexpected_motion_ms", c_uint16),
        ("over_current_ms", c_uint16),
        ("contactor_ms", c_uint16),
    )


class View(Structure):
    """struct supervision_view."""

    _fields_ = (
        ("relay_commanded", c_bool),
        ("relay_confirmed", c_bool),
        ("rested", c_bool),
        ("effort_at_limit", c_bool),
        ("set_point_mm_s", c_uint16),
        ("measured_mm_s", c_int16),
        ("counts", c_int16),
        ("current_ma", c_uint16),
        ("contactor_holds", c_bool),
    )


@pytest.fixture(scope="module")
def core() -> ctypes.CDLL:
    library = ctypes.CDLL(str(native_library()))
    for name in ("lease_tick_is_fresh", "lease_is_repeated", "lease_has_ended"):
        getattr(library, name).restype = c_bool
    for name in ("supervision_step", "measurement_magnitude_mm_s"):
        getattr(library, name).restype = c_uint16
    library.lease_tick_is_fresh.argtypes = [c_uint32, c_uint32]
    library.lease_is_repeated.argtypes = [ctypes.POINTER(Lease), c_uint8]
    library.lease_renew.argtypes = [ctypes.POINTER(Lease), c_uint8]
    library.measurement_step.argtypes = [ctypes.POINTER(Measurement), c_int16]
    return library


# --- the lease -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now_ms", "echoed_ms", "fresh"),
    [
        (1000, 1000, True),
        (1000, 850, True),
        (1000, 849, False),
        (1000, 1001, False),
        (100, 2**32 - 50, True),
        (100, 2**32 - 51, False),
        (2**32 - 1, 0, False),
    ],
)
def test_a_tick_is_fresh_up_to_150_ms_and_never_from_the_future(
    core: ctypes.CDLL, now_ms: int, echoed_ms: int, fresh: bool
) -> None:
    assert core.lease_tick_is_fresh(now_ms, echoed_ms) is fresh


def test_a_lease_ends_in_the_151st_millisecond_and_knows_the_last_number_again(core: ctypes.CDLL) -> None:
    lease = Lease()
    assert not core.lease_is_repeated(byref(lease), 0), "nothing was renewed yet"
    core.lease_renew(byref(lease), 7)
    assert core.lease_is_repeated(byref(lease), 7)
    assert not core.lease_is_repeated(byref(lease), 8)
    for _ in range(150):
        core.lease_step(byref(lease))
        assert not core.lease_has_ended(byref(lease))
    core.lease_step(byref(lease))
    assert core.lease_has_ended(byref(lease))
    for _ in range(70_000):
        core.lease_step(byref(lease))
    assert core.lease_has_ended(byref(lease)), "its count stops at the highest and does not begin again"
    core.lease_renew(byref(lease), 8)
    assert not core.lease_has_ended(byref(lease))
    assert (lease.since_renewal_ms, lease.has_sequence, lease.last_sequence) == (0, True, 8)


# --- what the encoder says -------------------------------------------------------------------------------------------------


def measured(core: ctypes.CDLL, *counts: int) -> Measurement:
    state = Measurement()
    for count in counts:
        core.measurement_step(byref(state), count)
    return state


@pytest.mark.parametrize(("count", "taken"), [(300, 300), (301, 300), (-300, -300), (-301, -300), (299, 299), (-299, -299), (0, 0)])
def test_counts_beyond_any_belt_are_cut(core: ctypes.CDLL, count: int, taken: int) -> None:
    state = measured(core, count)
    assert (state.counts, state.window_sum, state.speed_mm_s) == (taken, taken, taken * 5)
    assert core.measurement_magnitude_mm_s(byref(state)) == abs(taken) * 5


def test_speed_is_the_sum_of_the_last_twenty_milliseconds(core: ctypes.CDLL) -> None:
    assert measured(core, *range(1, 21)).speed_mm_s == sum(range(1, 21)) * 5
    assert measured(core, *range(1, 41)).speed_mm_s == sum(range(21, 41)) * 5
    assert measured(core, *[7] * 20, *[0] * 20).speed_mm_s == 0
    assert measured(core, *[0] * 20).at == 0


def test_rest_is_below_20_mm_s_without_a_break(core: ctypes.CDLL) -> None:
    assert measured(core, 3, *[0] * 9).resting_ms == 10, "15 mm/s rest"
    assert measured(core, 4, *[0] * 9).resting_ms == 0, "20 mm/s do not"
    assert measured(core, 4, *[0] * 19).resting_ms == 0
    assert measured(core, 4, *[0] * 24).resting_ms == 5
    assert measured(core, -4, *[0] * 9).resting_ms == 0


@pytest.mark.parametrize(
    ("counts", "distance_mm", "pending"),
    [
        ([9], 0, 9),
        ([10], 1, 0),
        ([25], 2, 5),
        ([25, 25], 5, 0),
        ([100, -9], 10, -9),
        ([100, -10], 9, 0),
        ([100, -25], 8, -5),
        ([10, -300], 0, 0),
        ([-5, 15], 1, 0),
        ([-25, 10], 0, 5),
    ],
)
def test_distance_counts_whole_millimetres_and_takes_the_wrong_way_off_again(
    core: ctypes.CDLL, counts: list[int], distance_mm: int, pending: int
) -> None:
    state = measured(core, *counts)
    assert (state.distance_mm, state.counts_towards_mm) == (distance_mm, pending)


# --- supervision -------------------------------------------------------------------------------------------------------------


def first_ms(core: ctypes.CDLL, fault: int, within_ms: int = 6000, **fields: int) -> int:
    """Returns the millisecond in which the fault is first named; 0 when it is not within so long. It must be the only one."""
    view = View(**{"relay_commanded": 1, "relay_confirmed": 1, "set_point_mm_s": 500, "measured_mm_s": 500, **fields})
    state = Supervision()
    for at in range(1, within_ms + 1):
        faults = core.supervision_step(byref(state), byref(view))
        if faults:
            assert faults == fault
            return at
    return 0


OFF = {"relay_commanded": 0, "relay_confirmed": 0, "set_point_mm_s": 0, "measured_mm_s": 0}


@pytest.mark.parametrize(
    ("fault", "fields", "after_ms"),
    [
        (OVERSPEED, {"measured_mm_s": 600}, 0),
        (OVERSPEED, {"measured_mm_s": 601}, 100),
        (OVERSPEED, {"measured_mm_s": 750}, 100),
        (OVERSPEED, {"measured_mm_s": 751}, 20),
        (OVERSPEED, {"set_point_mm_s": 1000, "measured_mm_s": 1200}, 0),
        (OVERSPEED, {"set_point_mm_s": 1000, "measured_mm_s": 1201}, 100),
        (OVERSPEED, {"set_point_mm_s": 1000, "measured_mm_s": 1500}, 100),
        (OVERSPEED, {"set_point_mm_s": 1000, "measured_mm_s": 1501}, 20),
        (OVERSPEED, {**OFF, "measured_mm_s": 1600}, 0),
        (STALL, {"set_point_mm_s": 81, "measured_mm_s": 19}, 500),
        (STALL, {"set_point_mm_s": 81, "measured_mm_s": 20}, 0),
        (STALL, {"set_point_mm_s": 80, "measured_mm_s": 0}, 0),
        (STALL, {"effort_at_limit": 1}, 1000),
        (STALL, {**OFF, "effort_at_limit": 1}, 0),
        (STALL, {**OFF, "set_point_mm_s": 500}, 0),
        (WRONG_DIRECTION, {"set_point_mm_s": 0, "measured_mm_s": -20}, 0),
        (WRONG_DIRECTION, {"set_point_mm_s": 0, "measured_mm_s": -21}, 50),
        (WRONG_DIRECTION, {**OFF, "measured_mm_s": -21}, 0),
        (WRONG_DIRECTION, {"counts": -1}, 201),
        (WRONG_DIRECTION, {"counts": -3}, 67),
        (WRONG_DIRECTION, {"counts": -200}, 2),
        (WRONG_DIRECTION, {"counts": -201}, 1),
        (WRONG_DIRECTION, {**OFF, "counts": -201}, 0),
        (RELAY, {"relay_confirmed": 0}, 100),
        (RELAY, {**OFF, "relay_confirmed": 1}, 100),
        (UNEXPECTED_MOTION, {**OFF, "rested": 1, "measured_mm_s": 20}, 100),
        (UNEXPECTED_MOTION, {**OFF, "rested": 1, "measured_mm_s": 19}, 0),
        (UNEXPECTED_MOTION, {**OFF, "rested": 1, "measured_mm_s": -20}, 100),
        (UNEXPECTED_MOTION, {**OFF, "rested": 1, "measured_mm_s": -19}, 0),
        (UNEXPECTED_MOTION, {**OFF, "rested": 0, "measured_mm_s": 500}, 0),
        (OVER_CURRENT, {"current_ma": 15000}, 0),
        (OVER_CURRENT, {"current_ma": 15001}, 100),
        (CONTACTOR, {**OFF, "contactor_holds": 1}, 5000),
        (CONTACTOR, {**OFF, "contactor_holds": 0}, 0),
    ],
)
def test_each_check_names_its_fault_at_its_limit_and_its_time(
    core: ctypes.CDLL, fault: int, fields: dict[str, int], after_ms: int
) -> None:
    assert first_ms(core, fault, **fields) == after_ms


def test_a_break_begins_each_check_again(core: ctypes.CDLL) -> None:
    bad = View(
        relay_commanded=1,
        relay_confirmed=0,
        set_point_mm_s=500,
        measured_mm_s=601,
        current_ma=15001,
        effort_at_limit=1,
        contactor_holds=1,
    )
    good = View(relay_commanded=1, relay_confirmed=1, set_point_mm_s=500, measured_mm_s=500)
    state = Supervision()
    for _ in range(60):
        for _ in range(99):
            assert core.supervision_step(byref(state), byref(bad)) == 0
        assert core.supervision_step(byref(state), byref(good)) == 0
    assert [getattr(state, name) for name, *_ in Supervision._fields_] == [0] * 10


def test_the_wrong_way_is_counted_from_the_furthest_point(core: ctypes.CDLL) -> None:
    state = Supervision()

    def step(counts: int, commanded: int = 1) -> int:
        view = View(relay_commanded=commanded, relay_confirmed=commanded, counts=counts)
        return int(core.supervision_step(byref(state), byref(view)))

    assert step(-200) == 0
    assert step(50) == 0
    assert state.wrong_way_counts == 150
    assert step(300) == 0
    assert state.wrong_way_counts == 0, "further on than ever"
    assert step(-200) == 0
    assert step(-100) == WRONG_DIRECTION
    assert state.wrong_way_counts == 201, "held where it is known to be too far"
    assert step(0) == WRONG_DIRECTION
    assert step(1) == 0
    assert step(-300, commanded=0) == 0
    assert state.wrong_way_counts == 0, "without a relay nobody drives"
