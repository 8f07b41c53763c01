"""Runs the shipped chain and detector over samples at their own times, scan by scan, as the controller does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from controller.core.balance import BALANCE_START, BalanceFacts, BalanceSettings, judge_balance
from controller.core.events import RULES, Effect, Event, Happening
from controller.core.load_chain import LOAD_CHAIN_START, LoadChainSettings, LoadEstimate, advance_load
from controller.core.readings import LoadSample

SCAN_NS = 10_000_000
NS = 1_000_000_000
SENSOR_EVENTS = frozenset({Event.LOAD_GAP, Event.LOAD_STUCK, Event.LOAD_OUT_OF_RANGE})


class Surroundings(msgspec.Struct, frozen=True):
    """Hands, deck and stage from `at_ns` on, until the next one. The defaults leave the harness load as the only evidence."""

    at_ns: int = -(2**62)
    rail_left: bool = True
    rail_right: bool = True
    rails_required: int = 0
    hands_free: bool = False
    deck_front_clear: bool = True
    deck_rear_clear: bool = True


class Decision(msgspec.Struct, frozen=True):
    """One happening: when the scan decided it, which rule, and what it does to the belt."""

    at_ns: int
    event: Event
    effect: Effect
    detail: dict[str, float | int | str]

    @property
    def stops(self) -> bool:
        """Whether the belt comes to a stop for it."""
        return self.effect >= Effect.PAUSE

    @property
    def of_sensor(self) -> bool:
        """Whether it says that the load cell cannot be trusted, rather than that a patient falls."""
        return self.event in SENSOR_EVENTS


class Subject(msgspec.Struct, frozen=True):
    """Who hangs on which cell: body weight and tare in newtons, and the shipped settings with that cell's calibration."""

    body_weight_n: float
    chain: LoadChainSettings
    tare_n: float = 0.0
    balance: BalanceSettings = BalanceSettings()


EstimateTap = Callable[[int, LoadEstimate], None]


def judge(
    samples: Sequence[LoadSample],
    subject: Subject,
    surroundings: Sequence[Surroundings] = (Surroundings(),),
    until_ns: int | None = None,
    tap: EstimateTap | None = None,
) -> list[Decision]:
    """Returns every decision of a belt that moves from the first sample to `until_ns` (else to the last sample).

    `samples` in order of time. `tap` sees each scan's estimate that rests on new samples.
    """
    if not samples:
        return []
    chain, balance = LOAD_CHAIN_START, BALANCE_START
    decisions: list[Decision] = []
    changes = list(surroundings)
    around = changes.pop(0)
    taken, count = 0, len(samples)
    now_ns = samples[0].measured_at_ns
    end_ns = until_ns if until_ns is not None else samples[-1].measured_at_ns + SCAN_NS
    while now_ns <= end_ns:
        first = taken
        while taken < count and samples[taken].measured_at_ns <= now_ns:
            taken += 1
        while changes and changes[0].at_ns <= now_ns:
            around = changes.pop(0)
        chain, estimate, faults = advance_load(chain, tuple(samples[first:taken]), subject.tare_n, subject.chain, now_ns)
        balance, found = judge_balance(balance, _facts(estimate, subject, around), subject.balance, now_ns)
        if faults or found:
            decisions.extend(_decide(happening) for happening in faults + found)
        if tap is not None and taken > first:
            tap(now_ns, estimate)
        now_ns += SCAN_NS
    return decisions


def _facts(estimate: LoadEstimate, subject: Subject, around: Surroundings) -> BalanceFacts:
    return BalanceFacts(
        estimate,
        subject.body_weight_n,
        True,
        around.rail_left,
        around.rail_right,
        around.rails_required,
        False,
        False,
        around.hands_free,
        around.deck_front_clear,
        around.deck_rear_clear,
        True,
        False,
    )


def _decide(happening: Happening) -> Decision:
    return Decision(happening.at_ns, happening.event, RULES[happening.event].effect, dict(happening.detail))


def first_stop(decisions: Sequence[Decision], from_ns: int = -(2**62)) -> Decision | None:
    """The first decision at or after `from_ns` that stops the belt because of the patient, not of the sensor."""
    for decision in decisions:
        if decision.at_ns >= from_ns and decision.stops and not decision.of_sensor:
            return decision
    return None
