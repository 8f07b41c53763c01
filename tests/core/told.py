"""What each event tells, in one table: the journal, the dashboard and the report read these names.

Every test that runs a `Machine` or a bench of the balance rules holds all that happens against it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from controller.core.events import Event, Happening
from controller.core.state import CoreState

Names = tuple[str, ...]

_SPEEDS = ("measured_m_s", "asked_m_s")
_HANDS = ("hands_held", "hands_required", "released_s", "harness_loaded")
_WAITED = ("question", "waited_s")
_SYMPTOM = ("question", "grade")
_HANGING = ("load_n", "hanging_s")
_ATTENDED = ("stage", "absent_s")
_REPORTED = ("origin", "kind")
_MEASURED = ("grade", "heart_rate_per_min", "systolic_mm_hg", "diastolic_mm_hg")

TOLD: dict[Event, tuple[Names, ...]] = {
    Event.ATTENDANT_PAUSE: (_ATTENDED,),
    Event.ATTENDANT_GONE: (_ATTENDED,),
    Event.BALANCE_RECOVERED: (("peak_n", "limit_n", "lasting_s"),),
    Event.BELT_STALLED: (_SPEEDS,),
    Event.BOUT_TOO_LONG: (("bout_s",),),
    Event.BRAKING_FAILED: (_SPEEDS,),
    Event.BUTTON_STUCK: (("input", "held_ms"),),
    Event.CHECK_ASKED: (("questions",),),
    Event.CHECK_MISSED: (_WAITED,),
    Event.CHECK_PAUSE: (_WAITED,),
    Event.DECK_FRONT: ((), ("load_n",)),
    Event.DECK_REAR: ((), ("load_n",)),
    Event.DRIVE_FAULT: (("drive_faults",),),
    Event.DRIVE_RESTARTED: (("nonce",),),
    Event.DRIVE_SILENT: (("status_age_ms",),),
    Event.DRIVE_STOP_INPUT_OPEN: (("drive_faults",),),
    Event.DRIVE_TICK_STUCK: (("tick_ms",),),
    Event.EMERGENCY_DISCREPANCY: (("channel_a_open", "channel_b_open"),),
    Event.GATE_DENIED: (("reason",),),
    Event.HANDS_FREE_BEGUN: (("window_s",),),
    Event.HANDS_FREE_ENDED: (("free_s",),),
    Event.HANGING_60_S: (_HANGING, ("hanging_s",)),
    Event.HANGING_AT_REST: (_HANGING, ("hanging_s",)),
    Event.HANGING_180_S: (_HANGING, ("hanging_s",)),
    Event.HARNESS_LOADED: (("load_n", "limit_n"),),
    Event.INPUT_CHATTER: (("input", "edges_per_s"),),
    Event.LATCH_RESET: (("causes",),),
    Event.LEASE_LOST: (("drive_faults",),),
    Event.LOADING_FAST: (("load_n", "rate_n_s", "limit_n", "limit_n_s"),),
    Event.LOAD_GAP: (("silent_s", "limit_s"),),
    Event.LOAD_OUT_OF_RANGE: (("raw_n", "samples_in_a_row", "maximum_n"),),
    Event.LOAD_STUCK: (("stuck_s", "span_counts"),),
    Event.MOTION_AT_REST: (_SPEEDS,),
    Event.NETWORK_STOP: (("origin",),),
    Event.NURSE_CALL: (_HANGING, ("hanging_s",)),
    Event.OVERLOAD_SWITCH: ((), ("load_n",)),
    Event.PAUSE_TOO_LONG: (("resting_s",), ("paused_s",)),
    Event.PHASE_STARTED: (("phase", "index", "duration_s", "speed_m_s"),),
    Event.POST_FALL_FORM: (("session",),),
    Event.RAILS_GRABBED: (("hands_free_s",),),
    Event.RAIL_PAUSE: (_HANDS,),
    Event.RAIL_RELEASED: (_HANDS,),
    Event.RAIL_SLOW: (_HANDS,),
    Event.REQUEST_REFUSED: (("origin", "command", "reason"),),
    Event.RESET_REFUSED: (("missing",),),
    Event.RESTART_LOOP: (("unclean_starts",),),
    Event.RISE_ACCEPTED: (("wanted_m_s",),),
    Event.RISE_DECLINED: (("reason",),),
    Event.RISE_OFFERED: (("offered_m_s",),),
    Event.RUNAWAY: (_SPEEDS,),
    Event.RUN_REFUSED: (("refusal",),),
    Event.SCAN_LATE: (("late_ms",),),
    Event.SCAN_OVERRUN: (("late_ms",),),
    Event.SELF_TEST_FAILED: (("wrong",), ("wrong", "latched_before")),
    Event.SESSION_CANCELLED: (("session",),),
    Event.SESSION_COMPLETE: (("session",), ("reason", "belt_time_s"), ("reason", "distance_m")),
    Event.SESSION_ENDED: (("session", "origin"),),
    Event.SESSION_LAPSED: (("session",),),
    Event.SESSION_PREPARED: (("session", "patient", "origin"),),
    Event.SESSION_RESUMED: (("session",),),
    Event.SESSION_STARTED: (("session",),),
    Event.STARTED: (("boot_id",), ("boot_id", "unclean")),
    Event.START_DISAGREES: (("drive_start_closed",),),
    Event.START_REFUSED: (("missing",),),
    Event.STEP_CONFIRMED: tuple(
        ("step", *found) for found in ((), ("tare_n",), ("load_n",), ("slack_m",), ("body_weight_fraction",))
    ),
    Event.STEP_REFUSED: tuple(("step", "reason", *found) for found in ((), ("load_n",), ("slack_m",), ("body_weight_fraction",))),
    Event.SUSTAINED_SUPPORT: (("mean_1s_n", "limit_n", "lasting_s"),),
    Event.TENSION_LOST: (("load_n", "least_n", "lasting_s"),),
    Event.UNCLEAN_START: ((), ("latched_before",)),
    Event.WRONG_DIRECTION: (_SPEEDS,),
}
"""Events that are not here tell nothing but that they came, or are a symptom: `_is_symptom`."""

_PLAUSIBLE = (
    ("_n_s", 0.0, 1e6),
    ("_m_s", 0.0, 3.0),
    ("_ms", -1, 2**32),  # a STATUS that never came is -1 ms old
    ("_s", 0.0, 3 * 3600.0),
    ("_n", -1e6, 1e6),
    ("_m", 0.0, 1_000.0),
)
"""By the unit at the end of a name, the first that fits: what no session comes to is a slip in the arithmetic."""

_SYMPTOMS = frozenset(
    {
        *(Event.BLOOD_PRESSURE_FALL, Event.BLOOD_PRESSURE_HIGH, Event.BREATHLESS, Event.BREATH_SHORT, Event.CHECK_ANSWERED),
        *(Event.DIZZINESS_AGAIN, Event.DIZZINESS_MILD, Event.DIZZINESS_SEVERE, Event.EFFORT_HIGH, Event.EFFORT_SEVERE),
        *(Event.HEART_RATE_HIGH, Event.LEGS_UNSURE, Event.LEG_SYMPTOMS, Event.NAUSEA, Event.NETWORK_SYMPTOM),
        *(Event.PAIN_RAISED, Event.PAIN_SEVERE),
    }
)


def check_told(happenings: Iterable[Happening], now_ns: int) -> None:
    """Fails the test when something is told of another instant, under another name, or as a number that nothing comes to."""
    for happening in happenings:
        assert type(happening.at_ns) is int, happening
        assert happening.at_ns == now_ns, happening
        names = tuple(name for name, _ in happening.detail)
        if happening.event in _SYMPTOMS:
            assert _is_symptom(names), happening
        else:
            assert names in TOLD.get(happening.event, ((),)), happening
        for name, value in happening.detail:
            assert type(value) in {int, float, str}, happening
            if isinstance(value, int | float):
                assert _is_plausible(name, value), happening


def _is_plausible(name: str, value: float) -> bool:
    limits = next(((lowest, highest) for unit, lowest, highest in _PLAUSIBLE if name.endswith(unit)), None)
    return limits is None or not (value < limits[0] or value > limits[1])  # NaN is a reading that somebody made up


def _is_symptom(names: Names) -> bool:
    """At the panel a question and the band's grade; from the network who, what, and the numbers that were measured."""
    found = names[len(_REPORTED) :]
    return names == _SYMPTOM or (names[: len(_REPORTED)] == _REPORTED and found == tuple(n for n in _MEASURED if n in found))


def check_types(state: CoreState) -> None:
    """Fails the test when a field of the state holds what its type does not allow: the state is written down and read back."""
    msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=CoreState)
