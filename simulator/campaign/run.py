"""One run: a seed becomes patient, plan, hands and faults; the whole system lives through them; the court says what it saw."""

from __future__ import annotations

import hashlib
import struct
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

import msgspec

from controller.configuration import Configuration, parse_configuration
from controller.core.chart import State
from controller.core.settings import CoreSettings
from controller.session.admission import admit
from controller.session.facts import FIXED_FLAT
from controller.session.local_day import Clock
from controller.session.settings import ClinicalSettings
from messages.patient import Screening
from messages.plan import Phase, PhaseKind, Plan
from simulator.campaign.events import RECONNECTED_NS, have_arrived, judge_events
from simulator.campaign.fault import Fault, FaultKind
from simulator.campaign.faults import KINDS
from simulator.campaign.injection import LOOK_MS, Group, Injector
from simulator.campaign.invariants import all_invariants
from simulator.campaign.observation import Court, Violation
from simulator.campaign.stage import Stage
from simulator.campaign.system import Defects, WholeSystem
from simulator.demo_configuration import demo_document
from simulator.drive import SimulatedDrive
from simulator.patient import PatientParameters
from simulator.patients import returning_patient
from simulator.world import WorldParameters

RUN_S = 600.0
_SETTLE_S = 15.0
"""After the last fault: everything is mended, so that what was kept back can arrive."""
_LOOK_NS = LOOK_MS * 1_000_000
_FAULTS_AN_HOUR = 800
"""In bursts. Those that are armed come besides, as often as somebody walks."""
_ARMED_AN_HOUR = 1000
_LATE = 0.18
"""Share of the armed ones that let the session go on for a while first."""
_FAST_RUNS = frozenset("147")
"""Last digits of the runs in which armed faults wait until the belt has come near the speed that the plan is about."""
_FAST_SHARES = (0.4, 0.95)
"""How much of the plan's speed such faults wait for."""
_TOGETHER, _FAST_TOGETHER = (1, 2, 2, 3, 3), (1, 2, 3, 4)
"""How many armed faults come together."""
_BURSTS_S, _FAST_BURSTS_S = (75, 100, 150, 300), 300
"""How long after each other bursts come; a burst ends whatever session there is."""
_DRAWS_AT_MOST = 2000
TODAY = date(2026, 1, 1)
_TRACE = struct.Struct("<qddBIIB")
_MODES = {state: number for number, state in enumerate(State, start=1)}
"""What the trace calls each state of the chart; 0 is no controller."""


@dataclass(frozen=True)
class RunResult:
    """What a run came to. moving_s: simulated time with the belt in motion; fast_s: of it, above FAST_M_S; under_fault_s: of it,
    while a fault lasted.

    in_motion: of the injected, those that began on a moving belt; in_fast: how many of these, above FAST_M_S. unfelt: faults that
    met nothing, which are not injected. begun: every fault as it began. moving_by_fault: seconds of motion by the kind that
    lasted. trace: SHA-256 over every instant and every event.
    """

    seed: str
    simulated_s: float
    processor_s: float
    moving_s: float
    fast_s: float
    highest_m_s: float
    scans: int
    injected: Mapping[str, int]
    in_motion: Mapping[str, int]
    in_fast: int
    unfelt: Mapping[str, int]
    moving_by_fault: Mapping[str, float]
    under_fault_s: float
    begun: tuple[Fault, ...]
    sessions: int
    events: int
    violations: tuple[Violation, ...]
    trace: str


@dataclass(frozen=True)
class Script:
    """Everything that a seed decides before the run begins. A smaller fault list makes another script with the same seed.

    faults: those that begin at their time. armed: those that wait for a moving belt, in the order in which they come.
    """

    seed: str
    plan: Plan
    screening: Screening
    document: Mapping[str, Any]
    patient: PatientParameters
    faults: tuple[Fault, ...] = field(default=())
    armed: tuple[Group, ...] = field(default=())
    lasts_s: float = RUN_S


def write_script(seed: str, lasts_s: float = RUN_S, only: Sequence[str] = ()) -> Script:
    """Returns the script of a seed. only: names of the faults to draw from; empty: all of them."""
    chance = Random(f"{seed}/script")
    mass_kg = round(chance.uniform(45.0, 110.0), 1)
    document = demo_document()
    document["speed"]["ceiling_m_s"] = chance.choice((0.5, 0.8, 1.0))
    core = parse_configuration(dict(document)).core_settings.core
    fast = seed[-1] in _FAST_RUNS
    plan, screening = _session(chance, mass_kg, core, fast)
    patient = PatientParameters(mass_kg=mass_kg, drift_m=chance.uniform(0.01, 0.04), reaction_s=chance.uniform(0.25, 0.4))
    kinds = [KINDS[name] for name in only] if only else list(KINDS.values())
    faults = _faults(chance, lasts_s, kinds, _FAST_BURSTS_S if fast else chance.choice(_BURSTS_S))
    armed = _armed(chance, lasts_s, kinds, max(phase.speed_m_s for phase in plan.phases) if fast else 0.0)
    return Script(seed, plan, screening, document, patient, faults, armed, lasts_s)


def _session(chance: Random, mass_kg: float, core: CoreSettings, fast: bool) -> tuple[Plan, Screening]:
    """Draws plans and records until one is such as the controller admits; raises RuntimeError when none is."""
    for _ in range(_DRAWS_AT_MOST):
        draw = _fast_plan if fast else _plan
        plan = draw(chance, mass_kg, core.speed.ceiling_m_s)
        screening = _screening(chance, plan)
        if admit(plan, screening, Clock(TODAY, trusted=True), core, ClinicalSettings(), FIXED_FLAT).limits is not None:
            return plan, screening
    raise RuntimeError(f"none of {_DRAWS_AT_MOST} plans was admitted: the campaign's plans no longer fit the rules of admission")


def _screening(chance: Random, plan: Plan) -> Screening:
    """Somebody who has been here before, or whose first session this is."""
    records = returning_patient(plan, TODAY)
    if plan.first_session:
        return msgspec.structs.replace(records, history=())
    past = msgspec.structs.replace(records.history[0], top_speed_m_s=round(chance.uniform(0.2, 1.2), 2))
    return msgspec.structs.replace(records, history=(past,))


def _plan(chance: Random, mass_kg: float, ceiling_m_s: float) -> Plan:
    if chance.random() < 0.2:
        return _first_plan(chance, mass_kg)
    highest = chance.choice((0.3, 0.4, 0.5, ceiling_m_s))
    phases = [Phase(PhaseKind.WARM_UP, chance.randint(8, 25), 0.10)]
    for number in range(chance.randint(1, 3)):
        if number and chance.random() < 0.7:
            phases.append(Phase(PhaseKind.REST, chance.choice((5, 20, 60, 90))))
        phases.append(Phase(PhaseKind.WORK, chance.randint(30, 240), round(chance.uniform(0.1, highest), 2)))
    phases.append(Phase(PhaseKind.COOL_DOWN, chance.randint(5, 15), 0.10))
    return Plan("p-017", mass_kg, tuple(phases))


def _fast_plan(chance: Random, mass_kg: float, ceiling_m_s: float) -> Plan:
    """A short warm-up and one long bout: a rise of 0.05 m/s takes 10 s at least."""
    warm_up = Phase(PhaseKind.WARM_UP, chance.randint(8, 12), 0.10)
    work = Phase(PhaseKind.WORK, chance.randint(180, 290), round(chance.uniform(0.5, 1.0) * ceiling_m_s, 2))
    return Plan("p-017", mass_kg, (warm_up, work, Phase(PhaseKind.COOL_DOWN, chance.randint(5, 15), 0.10)))


def _first_plan(chance: Random, mass_kg: float) -> Plan:
    """Short bouts and long rests: a session for getting used to it."""
    phases = [Phase(PhaseKind.WARM_UP, chance.randint(5, 20), 0.10)]
    for number in range(chance.randint(1, 3)):
        if number:
            phases.append(Phase(PhaseKind.REST, chance.randint(60, 90)))
        phases.append(Phase(PhaseKind.WORK, chance.randint(40, 90), round(chance.uniform(0.1, 0.25), 2)))
    phases.append(Phase(PhaseKind.COOL_DOWN, chance.randint(5, 10), 0.10))
    return Plan("p-017", mass_kg, tuple(phases), first_session=True)


def _faults(chance: Random, lasts_s: float, kinds: Sequence[FaultKind], bursts_every_s: float) -> tuple[Fault, ...]:
    """Quiet stretches, in which somebody comes to walk, and bursts, in which faults come alone or together."""
    weights = [kind.weight for kind in kinds]
    wanted = int(lasts_s / 3600 * _FAULTS_AN_HOUR * chance.uniform(0.9, 1.2))
    bursts = max(1, int(lasts_s / bursts_every_s))
    drawn = []
    for number in range(wanted):
        burst = number % bursts
        middle_s = (burst + chance.uniform(0.85, 1.0)) * lasts_s / bursts
        at_s = min(middle_s, lasts_s - _SETTLE_S - 10)
        drawn.append(chance.choices(kinds, weights)[0].draw(int(at_s * 1000), chance))
    return tuple(sorted(drawn, key=lambda one: (one.at_ms, one.name, one.pick)))


def _armed(chance: Random, lasts_s: float, kinds: Sequence[FaultKind], fastest_m_s: float) -> tuple[Group, ...]:
    """One fault, or a few, 1.1 to 5 s after somebody came to walk, or later. More than can come: they wait for each other.

    fastest_m_s: of the plan, where they shall meet a fast belt; 0 where any motion will do.
    """
    weights = [kind.weight for kind in kinds]

    def group() -> Group:
        late = not fastest_m_s and chance.random() < _LATE
        at_ms = chance.randint(4000, 24_000) if late else chance.randint(LOOK_MS, 4000)
        others = chance.choice(_FAST_TOGETHER if fastest_m_s else _TOGETHER) - 1
        times_ms = (at_ms, *(at_ms + chance.randint(0, 300) for _ in range(others)))
        faults = tuple(chance.choices(kinds, weights)[0].draw(time_ms, chance) for time_ms in times_ms)
        return Group(faults, chance.uniform(*_FAST_SHARES) * fastest_m_s if fastest_m_s else 0.0)

    return tuple(group() for _ in range(int(lasts_s / 3600 * _ARMED_AN_HOUR)))


def play(
    script: Script, drive: SimulatedDrive | None = None, defects: Defects | None = None, stop_early: bool = False
) -> RunResult:
    """Plays the script to its end (or, with stop_early, to its first violation) and judges it."""
    began_s = time.process_time()
    configuration = parse_configuration(dict(script.document))
    parameters = WorldParameters(step_ns=10_000_000, patient=script.patient)
    with WholeSystem(configuration.core_settings, configuration.drive_limits, script.seed, parameters, drive, defects) as system:
        stage = Stage(system, script.plan, script.screening, Random(f"{script.seed}/hands"))
        court = Court(stage, all_invariants(script.plan, _ceiling_m_s(script.plan, configuration)))
        recorder = _Recorder(stage)
        mended_ms = int((script.lasts_s - _SETTLE_S) * 1000)
        injector = Injector(stage, script.faults, script.armed, mended_ms, lambda: court.moving_ns)
        end_ns = stage.began_ns + int(script.lasts_s * 1e9)
        while system.now_ns < end_ns and not (stop_early and court.violations):
            stage.advance(min(end_ns, system.now_ns + _LOOK_NS))
            injector.look()
        if not (stop_early and court.violations):
            while system.now_ns < end_ns + RECONNECTED_NS and not have_arrived(system):
                stage.advance(system.now_ns + 10 * _LOOK_NS)
            court.violations.extend(judge_events(system, script.lasts_s))
        felt = injector.felt
        codes = Counter(code for _, _, code in system.appended)
        return RunResult(
            seed=script.seed,
            simulated_s=(system.now_ns - stage.began_ns) / 1e9,
            processor_s=time.process_time() - began_s,
            moving_s=court.moving_ns / 1e9,
            fast_s=court.fast_ns / 1e9,
            highest_m_s=court.highest_m_s,
            scans=system.scans,
            injected=felt.injected,
            in_motion=felt.in_motion,
            in_fast=felt.in_fast,
            unfelt=felt.unfelt,
            moving_by_fault={name: lasted_ns / 1e9 for name, lasted_ns in felt.moving_ns.items()},
            under_fault_s=felt.under_fault_ns / 1e9,
            begun=tuple(felt.begun),
            sessions=codes["session-started"],
            events=len(system.appended),
            violations=tuple(court.violations),
            trace=recorder.digest(system),
        )


def _ceiling_m_s(plan: Plan, configuration: Configuration) -> float:
    speed = configuration.core_settings.core.speed
    return min(speed.ceiling_m_s, speed.first_session_ceiling_m_s) if plan.first_session else speed.ceiling_m_s


class _Recorder:
    """The trace: every instant's truth and what the controller made of it, as bytes, 34 an instant, that are hashed at the end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._instants = bytearray()
        stage.system.world.watchers.append(self._look)

    def _look(self) -> None:
        system = self._stage.system
        drive, state = system.drive, system.state
        mode = 0 if state is None else _MODES[state.chart]
        command = 0 if state is None else state.command.target_mm_s
        self._instants += _TRACE.pack(
            system.now_ns, drive.speed_m_s, drive.travel_m, drive.relay_closed, system.pins.closed, command, mode
        )

    def digest(self, system: WholeSystem) -> str:
        """The hash, with every event that was told and every event that the broker got."""
        whole = hashlib.sha256(self._instants)
        whole.update(repr(system.appended).encode())
        whole.update(repr([(event.id, event.code) for event in system.broker.events]).encode())
        return whole.hexdigest()
