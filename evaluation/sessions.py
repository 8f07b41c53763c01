"""Sessions of the simulated patient in virtual time, with the whole controller as it ships: how often is a good walk stopped?

Patient, hands, strap, load cell, drive and belt are the demo's; the patient walks, wanders over the deck, and takes a hand off its
rail for a moment now and then, but never loses balance. Whatever stops or slows the belt is a nuisance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from controller.configuration import parse_configuration
from messages.plan import Phase, PhaseKind, Plan
from simulator.demo_configuration import demo_document
from simulator.patient import PatientParameters
from simulator.play import LOOK_NS, Player
from simulator.scenarios import Expected, Scenario, When
from simulator.therapist import Therapist
from simulator.virtual import VirtualMachinery, VirtualTreadmill
from simulator.world import WorldParameters

_PREPARING_S = 90.0
"""More than the hands at the panel need to prepare a session; a session that a stop has held up ends by time."""
_STOPS = frozenset({"pause", "protective_stop", "emergency_stop", "fault", "power_off"})


class Sessions(msgspec.Struct, frozen=True):
    """What came of some sessions. belt_s: of exercise asked for; codes: of every event that stopped or slowed the belt."""

    count: int
    completed: int
    belt_s: float
    stops: int
    slows: int
    prompts: int
    codes: tuple[str, ...]


def session_plan(work_s: float) -> Plan:
    """A warm-up, work to which the hands rise step by step, a cool-down; both hands on the rails."""
    phases = (
        Phase(PhaseKind.WARM_UP, work_s / 8, 0.10),
        Phase(PhaseKind.WORK, work_s, 0.30),
        Phase(PhaseKind.COOL_DOWN, work_s / 8, 0.10),
    )
    return Plan(patient="DEMO-1", mass_kg=75.0, phases=phases)


def walk_one_session(seed: int, work_s: float, patient: PatientParameters | None = None) -> Sessions:
    """One session, from an empty treadmill until the patient has left it, or until it is overdue. patient: default the demo's."""
    world = WorldParameters(patient=patient) if patient is not None else None
    plan = session_plan(work_s)
    belt_s = sum(phase.duration_s for phase in plan.phases)
    scenario = Scenario(
        "undisturbed",
        "The patient walks the whole session.",
        plan,
        (),
        When(states=("standby",), belt_at_rest=True, for_s=0.5),
        Expected(("standby",)),
        rises=(True,) * 20,
        longest_s=belt_s + _PREPARING_S,
    )
    configuration = parse_configuration(demo_document())
    with VirtualTreadmill(configuration.core_settings, configuration.drive_limits, seed, world) as treadmill:
        therapist = Therapist(treadmill.world, treadmill.random, scenario.rises)
        player = Player(scenario, treadmill.world, therapist, VirtualMachinery(treadmill))
        prepared = False
        while not player.over:
            treadmill.advance(treadmill.now_ns + LOOK_NS)
            player.look(treadmill.snapshot, treadmill.display.lines)
            if not prepared and treadmill.snapshot is not None and treadmill.snapshot.state == "standby":
                treadmill.prepare(plan, scenario.patient)
                prepared = True
                therapist.helps = False
        return _tell(treadmill, belt_s)


def _tell(treadmill: VirtualTreadmill, belt_s: float) -> Sessions:
    """Counts from the session's first START on: a belt that has not moved cannot be stopped."""
    codes = [event.code for event in treadmill.events]
    begun = codes.index("session-started") if "session-started" in codes else len(codes)
    during = treadmill.events[begun:]
    acting = [event for event in during if event.effect in _STOPS or event.effect == "slow"]
    return Sessions(
        count=1,
        completed=int("session-complete" in codes[begun:]),
        belt_s=belt_s,
        stops=sum(event.effect in _STOPS for event in acting),
        slows=sum(event.effect == "slow" for event in acting),
        prompts=sum(event.code == "rail-released" for event in during),
        codes=tuple(event.code for event in acting),
    )


def add_sessions(walked: Sequence[Sessions]) -> Sessions:
    """All of them as one count."""
    return Sessions(
        count=sum(one.count for one in walked),
        completed=sum(one.completed for one in walked),
        belt_s=math.fsum(one.belt_s for one in walked),
        stops=sum(one.stops for one in walked),
        slows=sum(one.slows for one in walked),
        prompts=sum(one.prompts for one in walked),
        codes=tuple(code for one in walked for code in one.codes),
    )
