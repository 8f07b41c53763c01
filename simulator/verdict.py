"""From what was seen of a play to a verdict: did the expected outcome come, and in time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from messages.wire import Snapshot
from simulator.heard import HeardEvent
from simulator.play import Player
from simulator.stall_probe import SLEEP_S

LEASE_MS = 150.0
"""A machine that stood still for longer than the drive's lease stops the belt by itself: such a run proves nothing."""
HANDS = 2
"""A therapist has two."""
LATE_STOP_MS = 50.0
"""The shortest time limit that a stall alone breaks (`supervision.late_stop_ms`): a run that failed on such a machine may have
failed by it, and is void too. One that passed all the same has passed."""
SUSPECT_STALL_MS = LATE_STOP_MS - 1000.0 * SLEEP_S
"""The probe sees a stall shorter than it is by up to its own sleep: 49.1 ms were seen of one that made a scan 52.6 ms late."""


@dataclass(frozen=True)
class Summary:
    """The last line of a run. Times in ms from the cause (what befell the patient or the machine); None: was not seen.

    outcome: passed, failed or void. from_trip_to_stop_ms: from the contact or load that must stop the belt to the STOP frame.
    therapist_hands: busy at once, at most. clipped_to_walking_*: of the first walk.
    """

    scenario: str
    outcome: str
    state: str
    cause: str
    cause_to_stop_command_ms: float | None
    trip_to_stop_command_ms: float | None
    cause_to_standstill_ms: float | None
    belt_travel_after_cause_m: float | None
    belt_speed_at_cause_m_s: float | None
    highest_speed_m_s: float
    peak_load_n: float
    events: int
    worst_stall_ms: float
    duration_s: float
    seed: int
    therapist_hands: int
    clipped_to_walking_s: float | None
    clipped_to_walking_presses: int | None
    reasons: tuple[str, ...]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), separators=(", ", ": "))

    @property
    def passed(self) -> bool:
        """Whether the expected outcome came on a machine that did not stall."""
        return self.outcome == "passed"


def judge(player: Player, final: Snapshot | None, events: list[HeardEvent], *, now_ns: int, stall_ms: float, seed: int) -> Summary:
    """Compares with what the scenario expects. events: as they reached whoever listens, in that order."""
    measured = player.measured
    reasons = tuple(_reasons(player, final, events))
    outcome = "failed" if reasons else "passed"
    walked_s = player.hand_count.clipped_to_walking_s
    stops = player.scenario.expected.standstill_within_s is not None
    if stall_ms > LEASE_MS or (reasons and stall_ms > SUSPECT_STALL_MS):
        outcome = "void"
    return Summary(
        scenario=player.scenario.name,
        outcome=outcome,
        state=final.state if final is not None else "unheard",
        cause=final.cause if final is not None else "",
        cause_to_stop_command_ms=_ms(measured.cause_ns, measured.stop_ns) if stops else None,
        trip_to_stop_command_ms=_ms(measured.trip_ns, measured.stop_ns) if stops else None,
        cause_to_standstill_ms=_ms(measured.cause_ns, measured.standstill_ns) if stops else None,
        belt_travel_after_cause_m=round(measured.travel_m, 4) if stops and measured.standstill_ns else None,
        belt_speed_at_cause_m_s=round(measured.speed_at_cause_m_s, 3) if measured.cause_ns else None,
        highest_speed_m_s=round(measured.highest_m_s, 3),
        peak_load_n=round(measured.peak_load_n, 1),
        events=len(events),
        worst_stall_ms=round(stall_ms, 1),
        duration_s=round((now_ns - measured.began_ns) / 1e9, 1),
        seed=seed,
        therapist_hands=player.hand_count.most_at_once,
        clipped_to_walking_s=None if walked_s is None else round(walked_s, 1),
        clipped_to_walking_presses=player.hand_count.presses_to_walking,
        reasons=reasons,
    )


def _ms(since_ns: int, until_ns: int) -> float | None:
    return round((until_ns - since_ns) / 1e6, 1) if since_ns and until_ns else None


def _reasons(player: Player, final: Snapshot | None, events: list[HeardEvent]) -> list[str]:
    """Every way in which the outcome is not the expected one."""
    expected, measured = player.scenario.expected, player.measured
    reasons = []
    if player.timed_out:
        reasons.append(f"not over after {player.scenario.longest_s} s, or latched without an end")
    if final is None:
        return [*reasons, "the controller was never heard"]
    if final.state not in expected.states:
        reasons.append(f"state is {final.state}, expected {' or '.join(expected.states)}")
    if expected.causes and final.cause not in expected.causes:
        why = "; ".join(event.detail for event in events if event.code == final.cause and event.detail)
        found = f"{final.cause} ({why})" if why else final.cause or "none"
        reasons.append(f"cause is {found}, expected {' or '.join(expected.causes)}")
    if any(step.is_cause for step in player.scenario.steps) and not measured.cause_ns:
        reasons.append("what should have happened never did")
    reasons += _over("ms to STOP", _ms(measured.trip_ns, measured.stop_ns), expected.stop_within_ms)
    standstill_ms = _ms(measured.cause_ns, measured.standstill_ns)
    limit_ms = None if expected.standstill_within_s is None else expected.standstill_within_s * 1000
    reasons += _over("ms to standstill", standstill_ms, limit_ms)
    reasons += _over("m of travel", measured.travel_m if measured.standstill_ns else None, expected.travel_below_m)
    codes = {event.code for event in events}
    reasons += [f"no event {code}" for code in expected.events if code not in codes]
    reasons += [f"event {code}, which must not come" for code in expected.never if code in codes]
    reasons += _on_hands(player)
    reasons += [f"left over from the patient before: {what}" for what in player.left_over]
    if expected.refused not in player.refusal or bool(player.refusal) is not bool(expected.refused):
        reasons.append(f"refused because {player.refusal or 'nothing'}, expected {expected.refused or 'no refusal'}")
    if expected.all_events_once:
        reasons += _not_once(events)
    return reasons


def _on_hands(player: Player) -> list[str]:
    """Two hands must do for everything; and a returning patient waits no longer, for no more presses, than was promised."""
    count, expected = player.hand_count, player.scenario.expected
    reasons = [] if count.most_at_once <= HANDS else [f"{count.most_at_once} of the therapist's hands busy at once"]
    if expected.presses_to_walking is not None:
        reasons += _over("presses from clip to walking", count.presses_to_walking, expected.presses_to_walking)
    if expected.walking_within_s is not None:
        reasons += _over("s from clip to walking", count.clipped_to_walking_s, expected.walking_within_s)
    return reasons


def _over(what: str, value: float | None, limit: float | None) -> list[str]:
    if limit is None:
        return []
    if value is None:
        return [f"{what}: not seen, expected at most {limit}"]
    return [f"{value:.4g} {what}, expected at most {limit}"] if not 0 <= value <= limit else []


def _not_once(events: list[HeardEvent]) -> list[str]:
    """Identifiers must grow by one."""
    ids = [event.id for event in events]
    if not ids:
        return ["no events at all"]
    if ids != list(range(ids[0], ids[0] + len(ids))):
        return [f"events are not each once and in order: {ids}"]
    return []
