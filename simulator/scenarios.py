"""The scenarios, as data: what is waited for, what happens then, and what must come of it.

Two runners play them: `simulator.virtual` in virtual time, `simulator.rig` on real processes in real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from messages.plan import Phase, PhaseKind, Plan
from simulator.patients import PatientRecords, returning_patient


class Action(Enum):
    """What may befall patient, panel or machine."""

    STUMBLE = "the patient stumbles and is caught by the harness, then by the feet"
    NEAR_FALL = "the patient stumbles and recovers at once"
    FALL = "the patient falls into the harness"
    COLLAPSE = "the patient's legs give way"
    LET_GO = "the patient lets go of both rails"
    HOLD = "the patient holds both rails"
    STAND_STILL = "the patient stands still"
    WALK_ON = "the patient walks on"
    SYMPTOM = "the patient presses the symptom button"
    MUSHROOM = "somebody presses the mushroom"
    LANYARD = "somebody pulls the lanyard"
    OPEN_CLIP = "the harness clip opens"
    STICK_SENSOR = "the load cell delivers the same counts for ever"
    UNPLUG = "the drive's serial cable is pulled"
    PLUG_IN = "the drive's serial cable is put back"
    FREEZE = "the controller's process is stopped (SIGSTOP)"
    THAW = "the controller's process goes on (SIGCONT)"
    KILL = "the controller's process is killed (SIGKILL)"
    RESTART = "the controller's process is started again"
    KILL_TELEMETRY = "the telemetry process is killed (SIGKILL)"
    RESTART_TELEMETRY = "the telemetry process is started again"
    STOP_BROKER = "the broker goes away"
    START_BROKER = "the broker comes back"
    THERAPIST_WAITS = "the therapist takes the hands off the panel"
    THERAPIST_HELPS = "the therapist clears latched stops, too"


@dataclass(frozen=True)
class When:
    """A condition; everything given must hold, for for_s without a break. states (any of them), phase and
    display are the controller's."""

    states: tuple[str, ...] = ()
    phase: str = ""
    display: str = ""
    """Text that must be on one of the display's lines."""
    belt_above_m_s: float | None = None
    belt_at_rest: bool = False
    for_s: float = 0.0
    running: bool | None = None
    """Whether the controller is heard at all."""


@dataclass(frozen=True)
class Step:
    """When the condition holds, the actions happen. `is_cause`: times and travel are measured from here."""

    when: When
    then: tuple[Action, ...]
    is_cause: bool = False


@dataclass(frozen=True)
class Expected:
    """What must have come in the end.

    states, causes: the controller's; any one of them. stop_within_ms: from the trip (load, contact) to the STOP frame on the
    wire; None where no STOP is asked for. standstill_within_s, travel_below_m: from the cause. all_events_once: every event
    reached the broker, in order and once.
    """

    states: tuple[str, ...]
    causes: tuple[str, ...] = ()
    stop_within_ms: float | None = None
    standstill_within_s: float | None = None
    travel_below_m: float | None = None
    events: tuple[str, ...] = ()
    all_events_once: bool = False


@dataclass(frozen=True)
class Scenario:
    """One play. rises: what is done with each offer. ends: when it is over; longest_s: when it is over at the latest.

    patient: whose records come with the plan.
    """

    name: str
    description: str
    plan: Plan
    steps: tuple[Step, ...]
    ends: When
    expected: Expected
    rises: tuple[bool, ...] = ()
    longest_s: float = 58.0
    patient: PatientRecords = returning_patient


def _plan(*phases: Phase) -> Plan:
    return Plan(patient="DEMO-1", mass_kg=75.0, phases=phases)


_WALK = _plan(Phase(PhaseKind.WARM_UP, 10.0, 0.10), Phase(PhaseKind.WORK, 60.0, 0.30))
_SHORT = _plan(Phase(PhaseKind.WARM_UP, 4.0, 0.10), Phase(PhaseKind.WORK, 14.0, 0.10), Phase(PhaseKind.COOL_DOWN, 3.0, 0.10))
_WHOLE = _plan(
    Phase(PhaseKind.WARM_UP, 4.0, 0.10),
    Phase(PhaseKind.WORK, 21.0, 0.20),
    Phase(PhaseKind.REST, 2.0),
    Phase(PhaseKind.COOL_DOWN, 4.0, 0.10),
)
_WALKING = When(states=("exercising",), belt_above_m_s=0.08, for_s=3.0)
_AT_REST = When(belt_at_rest=True, for_s=1.2)
_IS_OVER = When(states=("standby",), belt_at_rest=True, for_s=0.5)
_LATCHED = ("emergency_stop", "fault")
_FALLS = ("harness-loaded", "loading-fast", "overload-switch")


def _incident(
    name: str, description: str, action: Action, expected: Expected, *, ends: When = _AT_REST, then: tuple[Step, ...] = ()
) -> Scenario:
    """Walk for some seconds, then the thing happens, and the therapist leaves everything as it is."""
    happens = Step(_WALKING, (Action.THERAPIST_WAITS, action), is_cause=True)
    return Scenario(name, description, _WALK, (happens, *then), ends, expected)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "session",
        "A whole session: one rise accepted, one declined by silence, a rest with a restart, the end.",
        _WHOLE,
        (),
        _IS_OVER,
        Expected(
            states=("standby",),
            events=("rise-accepted", "rise-declined", "session-resumed", "session-complete"),
            all_events_once=True,
        ),
        rises=(True, False),
    ),
    _incident(
        "stumble",
        "The patient stumbles; the harness bears, and the belt stops.",
        Action.STUMBLE,
        Expected(("protective_stop",), _FALLS, stop_within_ms=120.0, standstill_within_s=1.5, travel_below_m=0.20),
    ),
    _incident(
        "fall",
        "The patient falls and hangs in the harness; the belt stops under them and help is called.",
        Action.FALL,
        Expected(("protective_stop",), _FALLS, 120.0, 1.5, 0.20, events=("nurse-call",)),
    ),
    _incident(
        "hands-off",
        "The patient lets go of both rails; the belt slows, then pauses.",
        Action.LET_GO,
        Expected(("paused",), ("rail-pause",), standstill_within_s=6.0, travel_below_m=0.8),
        ends=When(states=("paused",), belt_at_rest=True, for_s=1.2),
    ),
    _incident(
        "stands-still",
        "The patient stands still and is carried to the deck's front end; the belt stops.",
        Action.STAND_STILL,
        Expected(("protective_stop",), ("deck-front",), 40.0, 8.0, 0.8),
        ends=When(states=("protective_stop",), belt_at_rest=True, for_s=1.2),
    ),
    _incident(
        "dizzy",
        "The patient is dizzy and presses the symptom button; the belt pauses gently.",
        Action.SYMPTOM,
        Expected(("paused",), ("symptom-button",), 40.0, 2.5, 0.20),
        ends=When(states=("paused",), belt_at_rest=True, for_s=1.2),
    ),
    _incident(
        "mushroom",
        "Somebody presses the mushroom; chain and controller stop the belt.",
        Action.MUSHROOM,
        Expected(("emergency_stop",), ("emergency-pressed",), 40.0, 1.5, 0.10),
    ),
    _incident(
        "clip-open",
        "The harness clip opens under a walking patient; the belt stops.",
        Action.OPEN_CLIP,
        Expected(("protective_stop",), ("clip-open",), 40.0, 1.5, 0.10),
    ),
    _incident(
        "sensor-stuck",
        "The load cell delivers the same counts again and again; unknown means stop.",
        Action.STICK_SENSOR,
        Expected(("fault",), ("load-stuck",), standstill_within_s=3.0, travel_below_m=0.4),
        ends=When(states=("fault",), belt_at_rest=True, for_s=1.2),
    ),
    _incident(
        "unplug",
        "The drive's serial cable is pulled; its firmware's lease stops the belt.",
        Action.UNPLUG,
        Expected(("fault",), ("drive-silent",), standstill_within_s=1.5, travel_below_m=0.15),
        ends=When(states=("fault",), belt_at_rest=True, for_s=1.2),
    ),
    _incident(
        "freeze",
        "The controller is frozen; watchdog relay and lease stop the belt, and it stays at rest when the controller goes on.",
        Action.FREEZE,
        Expected(_LATCHED, ("scan-overrun", "drive-stop-input-open", "lease-lost"), None, 1.5, 0.15),
        then=(Step(When(belt_at_rest=True, for_s=1.5), (Action.THAW,)),),
        ends=When(running=True, states=_LATCHED, belt_at_rest=True, for_s=1.5),
    ),
    _incident(
        "kill",
        "The controller is killed; watchdog relay and lease stop the belt, and its next life begins latched.",
        Action.KILL,
        Expected(("fault",), ("unclean-start",), standstill_within_s=1.5, travel_below_m=0.15),
        then=(Step(When(belt_at_rest=True, for_s=1.5), (Action.RESTART,)),),
        ends=When(running=True, states=("fault",), belt_at_rest=True, for_s=1.0),
    ),
    Scenario(
        "telemetry-kill",
        "Telemetry is killed in mid-session and comes back: the session goes on and ends, and no event is lost.",
        _SHORT,
        (
            Step(_WALKING, (Action.KILL_TELEMETRY,), is_cause=True),
            Step(When(states=("exercising",), for_s=4.0), (Action.RESTART_TELEMETRY,)),
        ),
        _IS_OVER,
        Expected(("standby",), events=("telemetry-lost", "telemetry-back", "session-complete"), all_events_once=True),
    ),
    Scenario(
        "broker-down",
        "The broker goes away in mid-session and comes back: the session goes on, events arrive later, none lost, none twice.",
        _SHORT,
        (
            Step(_WALKING, (Action.STOP_BROKER,), is_cause=True),
            Step(When(states=("exercising",), phase="work", for_s=6.0), (Action.START_BROKER,)),
        ),
        _IS_OVER,
        Expected(("standby",), events=("session-complete",), all_events_once=True),
    ),
)
"""All of them, each under a minute in real time."""

GUIDED = Scenario(
    "guided",
    "A session is prepared and begun, one rise is accepted; then the patient stumbles, and the belt stops.",
    _WALK,
    (
        Step(
            When(states=("exercising",), belt_above_m_s=0.13, for_s=3.0),
            (Action.THERAPIST_WAITS, Action.STUMBLE),
            is_cause=True,
        ),
    ),
    When(states=("protective_stop",), belt_at_rest=True, for_s=1.5),
    Expected(("protective_stop",), _FALLS, 120.0, 1.5, 0.20, events=("rise-accepted",)),
    rises=(True,),
)
"""What `make demo` shows of itself."""

BY_NAME: dict[str, Scenario] = {scenario.name: scenario for scenario in (*SCENARIOS, GUIDED)}
