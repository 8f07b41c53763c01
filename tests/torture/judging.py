"""What a life with one failed call must have come to: belt stopped or unaffected, error said, nothing lost, latched again."""

from __future__ import annotations

import itertools

from tests.torture.machine import Life

REST_AFTER_END_NS = 2_000_000_000
HEARD_WITHIN_NS = 500_000_000
HIGHEST_M_S = 0.13
"""The session asks for 0.10 m/s."""
ORDINARY_EVENTS = frozenset({
    "self-test-passed", "started", "session-prepared", "step-confirmed", "session-started", "phase-started", "network-stop",
    "step-refused",
    "rail-released", "start-refused",
})  # fmt: skip
_LATCHED = ("protective_stop", "emergency_stop", "fault")
_CODES = (0, 2, 3, 4)


def problems(first: Life, second: Life, silence_is_allowed: bool) -> list[str]:
    """Everything that is not as it must be; the fault came in the first life, and the second had none."""
    found = [*_of_the_end(first), *_of_the_belt(first), *_of_the_events(first, second), *_of_the_next_life(first, second)]
    if not silence_is_allowed and not said(first) and not set(first.events) - ORDINARY_EVENTS:
        found.append("nothing was said: no event, nothing on standard error")
    return found


def said(life: Life) -> str:
    """What standard error got, without what every start on a machine without the service's users says."""
    return "\n".join(line for line in life.said.splitlines() if not line.startswith("access."))


def _of_the_end(life: Life) -> list[str]:
    if life.code is None:
        return [f"ended by {life.raised} and no exit code of its own"]
    if life.code not in _CODES:
        return [f"exit code {life.code}"]
    if life.code and not said(life):
        return [f"ended with {life.code} and said nothing"]
    if life.code == 0 and life.states and life.ended_ns - life.heard_after_ns > HEARD_WITHIN_NS:
        return ["no snapshot in the last half second: it hung"]
    return []


def _of_the_belt(life: Life) -> list[str]:
    found = []
    if not life.rest_ns:
        found.append("the belt still moves 3 s after the end")
    elif life.rest_ns - life.ended_ns > REST_AFTER_END_NS:
        found.append(f"the belt moved for {(life.rest_ns - life.ended_ns) / 1e9:.2f} s after the end")
    if not life.highest_m_s <= HIGHEST_M_S:
        found.append(f"the belt reached {life.highest_m_s:.3f} m/s")
    stopped = set(life.states) & set(_LATCHED)
    if life.code == 0 and life.walked and not stopped and life.states[-1] not in ("paused", "complete", "exercising"):
        found.append(f"neither unaffected nor latched: {life.states}")
    if life.code == 0 and not life.walked and not stopped and not set(life.events) - ORDINARY_EVENTS and not said(life):
        found.append(f"it never walked, and nobody knows why: {life.states}")
    return found


def _of_the_events(first: Life, second: Life) -> list[str]:
    told = [*zip(first.ids, first.events, strict=True), *zip(second.ids, second.events, strict=True)]
    if len(set(told)) != len(dict(told)):
        return [f"one number, two events: {told}"]
    # What was told but not acknowledged when the first life ended is told again, as it must: the journal keeps each number once.
    again = set(first.ids) & set(second.ids)
    ids = [*first.ids, *(number for number in second.ids if number not in again)]
    if all(later - earlier == 1 for earlier, later in itertools.pairwise(ids)):
        return []
    return [f"events are not each once and in order: {ids}"]


def _of_the_next_life(first: Life, second: Life) -> list[str]:
    if second.code != 0:
        return [f"the next life ended with {second.code} {second.raised}: {second.said}"]
    found = ["the next life walked"] if second.walked or "exercising" in second.states else []
    unclean = first.code != 0 and bool(first.states)
    latched = first.code == 0 and bool(first.states) and first.states[-1] in _LATCHED
    if (unclean or latched) and "fault" not in second.states:
        found.append(f"the next life is not latched: {second.states}")
    return found
