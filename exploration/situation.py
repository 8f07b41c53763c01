"""What is explored: the core's state, drive, contacts and what hands did, in one value; and how one scan changes it."""

from __future__ import annotations

import msgspec

from controller.core import step as core_step
from controller.core.balance import BalanceSettings
from controller.core.gate_limits import make_gate_limits
from controller.core.inputs import ALL_INPUTS_MASK, INPUT_TABLE, Contact, Input
from controller.core.load_chain import LoadChainSettings
from controller.core.readings import DriveReading, Levels, LoadSample
from controller.core.settings import CoreSettings, RampSettings, SpeedSettings
from controller.core.state import GRAVITY_M_S2, CoreState, Outputs, Request, ScanInputs, Settings
from exploration.drive import DriveFault, ModelDrive, advance, obey, status
from messages.plan import Phase, PhaseKind, Plan

MS = 1_000_000
START_NS = 1_000_000 * MS
MASS_KG = 70.0
WEIGHT_N = MASS_KG * GRAVITY_M_S2
NEWTONS_PER_COUNT = 0.01
NOISE_COUNTS = 20
AT_REST = ALL_INPUTS_MASK & ~sum(rule.input.bit for rule in INPUT_TABLE if rule.contact is Contact.NORMALLY_OPEN)
"""The contacts while nobody does anything and everything is whole."""
CHAIN = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit | Input.LANYARD.bit | Input.OVERLOAD.bit

_CORE = CoreSettings(
    speed=SpeedSettings(first_m_s=0.05, increment_interval_s=10.0, offer_s=10.0),
    ramp=RampSettings(acceleration_m_s2=0.15, jerk_m_s3=1.0),
)
SETTINGS = Settings(
    core=_CORE,
    load_chain=LoadChainSettings(zero_counts=0.0, newtons_per_count=NEWTONS_PER_COUNT, maximum_n=10_000.0),
    balance=BalanceSettings(),
    gate=make_gate_limits(_CORE),
)
PLAN = Plan(
    patient="p-1",
    mass_kg=MASS_KG,
    phases=(
        Phase(PhaseKind.WARM_UP, 5, 0.05),
        Phase(PhaseKind.WORK, 30, 0.15),
        Phase(PhaseKind.REST, 5),
        Phase(PhaseKind.COOL_DOWN, 5, 0.05),
    ),
)


class Situation(msgspec.Struct, frozen=True, gc=False):
    """One concrete situation. load_n is None while the load cell is silent.

    The last three are the laws' own memory, from contacts and commands alone: when START was last let go, when RESET was last
    pressed, and whether the last command was RUN.
    """

    core: CoreState
    drive: ModelDrive = ModelDrive()
    now_ns: int = START_NS
    closed: int = AT_REST
    load_n: float | None = 0.0
    telemetry: bool = True
    display: bool = True
    start_released_ns: int = 0
    reset_pressed_ns: int = 0
    ran: bool = False


def unusual(situation: Situation) -> int:
    """Returns how many things are other than they rest: contacts (the mushroom's two are one), load, drive, telemetry, display."""
    differ = situation.closed ^ AT_REST
    both = Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit
    contacts = differ.bit_count() - (differ & both == both)
    others = situation.load_n != 0.0, situation.drive.fault is not DriveFault.NONE, not situation.telemetry, not situation.display
    return contacts + others.count(True)


class Scanned(msgspec.Struct, frozen=True, gc=False):
    """One scan as the laws judge it."""

    before: Situation
    after: Situation
    inputs: ScanInputs
    outputs: Outputs


def boot() -> Situation:
    """Returns a controller that has just started on a sound machine."""
    return Situation(core_step.start_state("b00t", False, START_NS))


def scan(before: Situation, elapsed_ns: int, requests: tuple[Request, ...] = (), edges: int = 0, lateness_ns: int = 0) -> Scanned:
    """Returns the situation after one scan, elapsed_ns after the last."""
    now_ns = before.now_ns + elapsed_ns
    closed = before.closed
    chain = closed & CHAIN == CHAIN
    drive = advance(before.drive, now_ns, bool(closed & Input.START.bit), bool(closed & Input.FASTER.bit), chain)
    inputs = ScanInputs(
        levels=Levels(now_ns, closed, edges),
        load_samples=_samples(before.load_n, now_ns),
        drive=_heard(drive, before, now_ns, chain),
        requests=requests,
        telemetry_present=before.telemetry,
        display_healthy=before.display,
        lateness_ns=lateness_ns,
    )
    core, outputs = core_step.step(before.core, inputs, SETTINGS, now_ns)
    after = msgspec.structs.replace(
        before, core=core, drive=obey(drive, outputs.command, now_ns), now_ns=now_ns, ran=outputs.command.action == _RUN
    )
    return Scanned(before, after, inputs, outputs)


_RUN = 1
"""Action.RUN, written down a second time: the laws trust no name of the core's."""


def _samples(load_n: float | None, now_ns: int) -> tuple[LoadSample, ...]:
    """Two a scan, with a converter's noise, so that a step is believed and a still load is not stuck."""
    if load_n is None:
        return ()
    counts = int(load_n / NEWTONS_PER_COUNT)
    return (LoadSample(now_ns - 6 * MS, counts + NOISE_COUNTS), LoadSample(now_ns - MS, counts - NOISE_COUNTS))


def _heard(drive: ModelDrive, before: Situation, now_ns: int, chain: bool) -> DriveReading | None:
    if drive.fault is not DriveFault.SILENT:
        return status(drive, now_ns, chain)
    return status(drive, before.core.booted_ns, chain)
