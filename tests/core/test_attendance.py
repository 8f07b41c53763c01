"""Whoever stands by: when they count as there, when the belt slows, and when it pauses. Limits are exact."""

from __future__ import annotations

import pytest

from controller.core.attendance import AttendanceState, attendant_present, judge_attendance
from controller.core.digital import DigitalFacts
from controller.core.events import Event
from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.core.settings import AttendantSettings
from messages.plan import AttendantStage

S = 1_000_000_000
SETTINGS = AttendantSettings()
LIMITS_S = {
    AttendantStage.CONTACT_GUARD: SETTINGS.guard_grace_s,
    AttendantStage.STAND_BY: SETTINGS.stand_by_interval_s,
    AttendantStage.SUPERVISION: SETTINGS.supervision_interval_s,
}
NOBODY_PRESSES = DigitalFacts(closed=ALL_INPUTS_MASK & ~Input.ATTENDANT.bit, pressed=0, released=0, changed_at_ns=())
HELD = DigitalFacts(closed=ALL_INPUTS_MASK, pressed=0, released=0, changed_at_ns=())
PRESSED = DigitalFacts(closed=ALL_INPUTS_MASK, pressed=Input.ATTENDANT.bit, released=0, changed_at_ns=())
SHOWN = AttendanceState(100 * S)


def judge(stage: AttendantStage, absent_s: float, state: AttendanceState = SHOWN, *, moving: bool = True):
    return judge_attendance(state, stage, NOBODY_PRESSES, moving, SETTINGS, 100 * S + int(absent_s * S))


@pytest.mark.parametrize("stage", AttendantStage)
@pytest.mark.hazard("H-15", "C-ATTENDANT")
def test_the_belt_slows_just_beyond_the_stages_limit(stage: AttendantStage) -> None:
    limit_s = LIMITS_S[stage]
    assert judge(stage, limit_s) == (SHOWN, ())
    state, (happening,) = judge(stage, limit_s + 0.01)
    assert happening.event is Event.ATTENDANT_GONE
    assert dict(happening.detail) == {"stage": stage.value, "absent_s": pytest.approx(limit_s + 0.01)}
    assert state == AttendanceState(100 * S, 1), "said once, and counted from when somebody was there"
    assert judge(stage, limit_s + 0.02, state) == (state, ())


@pytest.mark.parametrize("stage", AttendantStage)
@pytest.mark.hazard("H-15", "C-ATTENDANT")
def test_it_pauses_when_slowing_brought_nobody_back(stage: AttendantStage) -> None:
    slowed = AttendanceState(100 * S, 1)
    limit_s = LIMITS_S[stage] + SETTINGS.slow_time_s
    assert judge(stage, limit_s, slowed) == (slowed, ())
    state, (happening,) = judge(stage, limit_s + 0.01, slowed)
    assert happening.event is Event.ATTENDANT_PAUSE
    assert dict(happening.detail)["stage"] == stage.value
    assert state == AttendanceState(100 * S, 2)
    assert judge(stage, limit_s + 60, state) == (state, ())


@pytest.mark.parametrize("stage", AttendantStage)
def test_a_pedal_counts_as_each_stage_has_it(stage: AttendantStage) -> None:
    """Contact guard holds it; the others press it anew, and one that is held down, or tied, shows nobody."""
    gone = AttendanceState(100 * S, 2)
    now_ns = 500 * S
    assert judge_attendance(gone, stage, PRESSED, True, SETTINGS, now_ns) == (AttendanceState(now_ns, 0), ())
    state, _ = judge_attendance(AttendanceState(100 * S), stage, HELD, True, SETTINGS, 100 * S + S // 2)
    assert state.shown_at_ns == (100 * S + S // 2 if stage is AttendantStage.CONTACT_GUARD else 100 * S)


def test_at_rest_nobody_is_missed_and_what_was_said_is_forgotten() -> None:
    assert judge(AttendantStage.STAND_BY, 10_000, moving=False) == (SHOWN, ())
    assert judge(AttendantStage.STAND_BY, 10_000, AttendanceState(100 * S, 2), moving=False) == (SHOWN, ())


def test_start_asks_for_the_held_pedal_or_a_press_within_the_interval() -> None:
    def present(stage: AttendantStage, state: AttendanceState, closed: int, after_s: float) -> bool:
        return attendant_present(stage, state, closed, SETTINGS, 100 * S + int(after_s * S))

    guard, stand_by = AttendantStage.CONTACT_GUARD, AttendantStage.STAND_BY
    assert present(guard, AttendanceState(), ALL_INPUTS_MASK, 0)
    assert not present(guard, SHOWN, NOBODY_PRESSES.closed, 0)
    assert present(stand_by, SHOWN, NOBODY_PRESSES.closed, LIMITS_S[stand_by])
    assert not present(stand_by, SHOWN, NOBODY_PRESSES.closed, LIMITS_S[stand_by] + 0.001)
    assert not present(stand_by, AttendanceState(), ALL_INPUTS_MASK, -99), "never shown is not shown just now"
    assert present(AttendantStage.SUPERVISION, SHOWN, 0, LIMITS_S[AttendantStage.SUPERVISION])


@pytest.mark.parametrize("stage", AttendantStage)
def test_the_limit_is_exact_to_the_nanosecond(stage: AttendantStage) -> None:
    settings = AttendantSettings(guard_grace_s=1.0)
    limit_ns = int({**LIMITS_S, AttendantStage.CONTACT_GUARD: 1.0}[stage]) * S
    assert judge_attendance(SHOWN, stage, NOBODY_PRESSES, True, settings, 100 * S + limit_ns) == (SHOWN, ())
    _, (happening,) = judge_attendance(SHOWN, stage, NOBODY_PRESSES, True, settings, 100 * S + limit_ns + 1)
    assert happening.event is Event.ATTENDANT_GONE
