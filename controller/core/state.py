"""The core's whole memory, what goes in and what comes out: three values, nothing hidden between scans."""

from __future__ import annotations

import msgspec

from controller.core.attendance import AttendanceState
from controller.core.balance import BALANCE_START, BalanceSettings, BalanceState
from controller.core.chart import State
from controller.core.commands import NOTHING, DriveCommand
from controller.core.digital import DigitalFacts, DigitalState
from controller.core.drive_watch import UNHEARD, DriveFacts, DriveWatchState
from controller.core.events import Event, Happening
from controller.core.exercise import ExerciseState
from controller.core.gate import GateLimits
from controller.core.hanging import NOBODY, HangingState
from controller.core.limits import SessionLimits
from controller.core.load_chain import LOAD_CHAIN_START, LoadChainSettings, LoadChainState, LoadEstimate
from controller.core.preparation import PreparationState
from controller.core.ramp import AT_REST, RampState
from controller.core.readings import DriveReading, Levels, LoadSample
from controller.core.settings import CoreSettings
from messages.plan import Plan
from messages.wire import Cancel, Refused, Silence, Stop, Symptom


class SessionRequest(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="session_request"):
    """A request to prepare, as it comes to the core: judged, with what the controller has computed for this patient today.

    The tag tells it from the socket's own messages in a flight recording.
    """

    request: str
    origin: str
    plan: Plan
    limits: SessionLimits


Request = Stop | SessionRequest | Cancel | Symptom | Silence | Refused

GRAVITY_M_S2 = 9.80665
STANDARD_MASS_KG = 70.0
"""Stands in for the patient's mass while nobody is prepared."""


class ScanInputs(msgspec.Struct, frozen=True, gc=False):
    """Everything that one scan knows of the world.

    unready: what else keeps the machine from taking a patient (not calibrated, under-voltage), each in the words of a display line.
    """

    levels: Levels
    load_samples: tuple[LoadSample, ...] = ()
    drive: DriveReading | None = None
    requests: tuple[Request, ...] = ()
    telemetry_present: bool = False
    display_healthy: bool = False
    unready: tuple[str, ...] = ()
    lateness_ns: int = 0


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What became of one request."""

    request: str
    accepted: bool
    reason: str
    session: str = ""


class Outputs(msgspec.Struct, frozen=True, gc=False):
    """What one scan decided. command has passed the gate. hold_chain: the watchdog relay may be held for one more scan."""

    command: DriveCommand
    happenings: tuple[Happening, ...]
    answers: tuple[Answer, ...]
    lamp_red: bool
    lamp_yellow: bool
    buzzer: bool
    nurse_call: bool
    hold_chain: bool = True


class AlarmState(msgspec.Struct, frozen=True, gc=False):
    """Active alarms, each with the time of its onset, and until when low and medium ones are silent."""

    active: tuple[tuple[Event, int], ...] = ()
    silent_until_ns: int = 0


class CoreState(msgspec.Struct, frozen=True, gc=False):
    """One serialisable value.

    unclean_starts: how many there were in the five minutes before this life began, its own among them.
    latched_before: what had latched in the life before this one, by name, until a hand resets. causes: what has latched and not
    been reset; caused_ns: when the newest of them came. channels_proved: since the emergency channels last disagreed, both opened
    together. power_off: the stop is of category 0. rested: standstill was proven since the belt last was to move.
    deceleration_m_s2: of the stop under way, as its cause asks and never below what was ordered of the drive; 0 once the belt
    starts, or a latch has opened.
    retractor_least_n: how hard the strap's retractor pulls at least, as configured; 0 without one. hangs_from_n, down_below_n:
    `HangingLimits` of the prepared patient.
    start_pressed_ns: when START last closed, start_open_before_ns: for how long it had been open before. reset_until_ns,
    start_until_ns, accept_until_ns: how long a hand's press still waits for its effect.
    """

    boot_id: str
    booted_ns: int
    unclean: bool
    unclean_starts: int = 0
    latched_before: tuple[str, ...] = ()
    chart: State = State.SELF_TEST
    since_ns: int = 0
    scanned_ns: int = 0
    digital: DigitalState = DigitalState()
    load: LoadChainState = LOAD_CHAIN_START
    estimate: LoadEstimate | None = None
    retractor_least_n: float = 0.0
    hangs_from_n: float = 0.0
    down_below_n: float = 0.0
    balance: BalanceState = BALANCE_START
    watch: DriveWatchState = DriveWatchState()
    drive: DriveFacts = UNHEARD
    attendance: AttendanceState = AttendanceState()
    preparation: PreparationState = PreparationState()
    exercise: ExerciseState = ExerciseState()
    hanging: HangingState = NOBODY
    alarms: AlarmState = AlarmState()
    ramp: RampState = AT_REST
    causes: tuple[Event, ...] = ()
    caused_ns: int = 0
    stopped_by: Event | None = None
    power_off: bool = False
    deceleration_m_s2: float = 0.0
    rested: bool = False
    channels_proved: bool = True
    reset_until_ns: int = 0
    start_pressed_ns: int = 0
    start_open_before_ns: int = 0
    start_until_ns: int = 0
    accept_until_ns: int = 0
    sessions_prepared: int = 0
    refusal_said_ns: int = 0
    late_said_ns: int = 0
    telemetry_present: bool = False
    display_healthy: bool = False
    unready: tuple[str, ...] = ()
    command: DriveCommand = NOTHING
    denied: str = ""


class Settings(msgspec.Struct, frozen=True):
    """What the core is configured with."""

    core: CoreSettings
    load_chain: LoadChainSettings
    balance: BalanceSettings
    gate: GateLimits


class Scan(msgspec.Struct, gc=False):
    """One scan under way: the only mutable value in the core; it lives from the first line of `step` to its last.

    Each rule reads what the ones before it found, replaces its own part of the state and appends what happened.
    """

    state: CoreState
    inputs: ScanInputs
    settings: Settings
    now_ns: int
    elapsed_ns: int
    digital: DigitalFacts
    estimate: LoadEstimate
    drive: DriveFacts
    watch: DriveWatchState
    happenings: list[Happening]
    answers: list[Answer]
    reset_began_ns: int = 0
    """When the press of RESET that counts in this scan was first seen."""
