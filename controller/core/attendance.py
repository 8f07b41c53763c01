"""Whoever stands by: contact guard holds a pedal; stand-by and supervision press it now and then."""

from __future__ import annotations

import msgspec

from controller.core.digital import DigitalFacts
from controller.core.events import Event, Happening
from controller.core.inputs import Input
from controller.core.settings import AttendantSettings
from messages.plan import AttendantStage

_ATTENDANT, _CONTACT_GUARD = Input.ATTENDANT.bit, AttendantStage.CONTACT_GUARD


class AttendanceState(msgspec.Struct, frozen=True, gc=False):
    """When vigilance was last shown, and what has been reported since (0 none, 1 gone, 2 pause)."""

    shown_at_ns: int = 0
    reported: int = 0


def attendant_present(stage: AttendantStage, state: AttendanceState, closed: int, settings: AttendantSettings, now_ns: int) -> bool:
    """Whether the belt may start, as far as the attendant goes."""
    if stage is _CONTACT_GUARD:
        return bool(closed & _ATTENDANT)
    return state.shown_at_ns != 0 and now_ns - state.shown_at_ns <= _limit_ns(stage, settings)


# Control C-ATTENDANT.
def judge_attendance(
    state: AttendanceState,
    stage: AttendantStage,
    facts: DigitalFacts,
    moving: bool,
    settings: AttendantSettings,
    now_ns: int,
) -> tuple[AttendanceState, tuple[Happening, ...]]:
    """Returns ATTENDANT_GONE when the stage's limit has passed, and ATTENDANT_PAUSE when slowing did not bring anybody back."""
    shown = (facts.closed if stage is _CONTACT_GUARD else facts.pressed) & _ATTENDANT
    if shown:
        return AttendanceState(now_ns, 0), ()
    if not moving:
        return (AttendanceState(state.shown_at_ns, 0) if state.reported else state), ()
    absent_ns = now_ns - state.shown_at_ns
    limit_ns = _limit_ns(stage, settings)
    detail = (("stage", stage.value), ("absent_s", round(absent_ns / 1e9, 2)))
    if absent_ns > limit_ns + settings.slow_time_s * 1e9 and state.reported < 2:
        return AttendanceState(state.shown_at_ns, 2), (Happening(Event.ATTENDANT_PAUSE, now_ns, detail),)
    if absent_ns > limit_ns and state.reported < 1:
        return AttendanceState(state.shown_at_ns, 1), (Happening(Event.ATTENDANT_GONE, now_ns, detail),)
    return state, ()


def _limit_ns(stage: AttendantStage, settings: AttendantSettings) -> int:
    if stage is AttendantStage.CONTACT_GUARD:
        return int(settings.guard_grace_s * 1e9)
    if stage is AttendantStage.STAND_BY:
        return int(settings.stand_by_interval_s * 1e9)
    return int(settings.supervision_interval_s * 1e9)
