"""The scenarios, as data: what is waited for, what happens then, and what must come of it.

Two runners play them: `simulator.virtual` in virtual time, `simulator.rig` on real processes in real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from msgspec.structs import replace

from messages.plan import AttendantStage, Phase, PhaseKind, Plan
from simulator.patient_stories import hands_free_patient, here_twice_this_week, new_patient, osteoporotic_patient
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
    HANDS_FREE = "the therapist holds OK: the hands may go free"
    ATTENDANT_LEAVES = "whoever stands by lets go of the pedal"
    STOP_BY_PATIENT = "the patient takes one hand off its rail and presses STOP"
    THERAPIST_WAITS = "the therapist takes the hands off the panel"
    THERAPIST_HELPS = "the therapist clears latched stops, too"


class Said(Enum):
    """What the patient answers to a question of the symptom check."""

    FINE = "fine"
    A_LITTLE = "a little"
    MUCH = "much"


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
    sessions_done: int = 0
    """Whose patients have left, at least."""


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
    wire; None where no STOP is asked for. standstill_within_s, travel_below_m: from the cause. never: events that must not
    come. presses_to_walking, walking_within_s: at most, from the clip. refused: words of the reason why no session is prepared.
    all_events_once: every event reached the broker, in order and once.
    """

    states: tuple[str, ...]
    causes: tuple[str, ...] = ()
    stop_within_ms: float | None = None
    standstill_within_s: float | None = None
    travel_below_m: float | None = None
    events: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    presses_to_walking: int | None = None
    walking_within_s: float | None = None
    refused: str = ""
    all_events_once: bool = False


@dataclass(frozen=True)
class Scenario:
    """One play. rises: what is done with each offer. ends: when it is over; longest_s: when it is over at the latest.

    patient: whose records come with the plan. symptoms: what the patient answers at the symptom checks. second: the plan of the
    patient who comes next.
    """

    name: str
    description: str
    plan: Plan
    steps: tuple[Step, ...]
    ends: When
    expected: Expected
    rises: tuple[bool, ...] = ()
    symptoms: tuple[Said, ...] = ()
    by_wheelchair: bool = False
    second: Plan | None = None
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

_STEADY = _plan(Phase(PhaseKind.WARM_UP, 20.0, 0.10), Phase(PhaseKind.WORK, 120.0, 0.10), Phase(PhaseKind.COOL_DOWN, 20.0, 0.10))
_FIRST = replace(
    _plan(
        Phase(PhaseKind.WARM_UP, 40.0, 0.10),
        Phase(PhaseKind.WORK, 80.0, 0.15),
        Phase(PhaseKind.REST, 60.0),
        Phase(PhaseKind.WORK, 90.0, 0.15),
        Phase(PhaseKind.COOL_DOWN, 30.0, 0.10),
    ),
    patient="DEMO-NEW",
    first_session=True,
)
_OTHER = replace(_SHORT, patient="DEMO-2", mass_kg=78.0)
_PAUSED = When(states=("paused",), belt_at_rest=True, for_s=1.2)
_FREE, _BACK = "HANDS FREE", "HOLD THE RAILS"

SESSIONS: tuple[Scenario, ...] = (
    Scenario(
        "first-session",
        "A first session: the list line by line, two short bouts with a rest, a symptom check, the lists after it.",
        _FIRST,
        (),
        _IS_OVER,
        Expected(
            states=("standby",),
            events=("check-asked", "check-answered", "session-resumed", "session-complete"),
            never=("check-missed", "bout-too-long"),
            all_events_once=True,
        ),
        rises=(True,),
        longest_s=460.0,
        patient=new_patient,
    ),
    Scenario(
        "hands-free",
        "Two windows without the rails: one ends when the panel calls the hands back, one by the escape that was taught.",
        _STEADY,
        (
            Step(_WALKING, (Action.HANDS_FREE,)),
            Step(When(display=_FREE), (Action.LET_GO,)),
            Step(When(display=_BACK), (Action.HOLD,)),
            Step(When(states=("exercising",), for_s=6.0), (Action.HANDS_FREE,)),
            Step(When(display=_FREE), (Action.LET_GO,)),
            Step(When(display=_FREE, for_s=3.0), (Action.THERAPIST_WAITS, Action.HOLD), is_cause=True),
        ),
        _PAUSED,
        Expected(
            ("paused",),
            ("rails-grabbed",),
            standstill_within_s=2.5,
            travel_below_m=0.2,
            events=("hands-free-begun", "hands-free-ended"),
            never=("rail-slow",),
            presses_to_walking=6,
            walking_within_s=90.0,
        ),
        longest_s=90.0,
        patient=hands_free_patient,
    ),
    Scenario(
        "third-this-week",
        "A third session in seven days is refused before anything is prepared.",
        _SHORT,
        (),
        _IS_OVER,
        Expected(("standby",), never=("session-prepared",), refused="7 days"),
        patient=here_twice_this_week,
    ),
    Scenario(
        "contraindicated",
        "Severe osteoporosis: screening refuses, whatever the plan says.",
        _SHORT,
        (),
        _IS_OVER,
        Expected(("standby",), never=("session-prepared",), refused="osteoporosis"),
        patient=osteoporotic_patient,
    ),
    Scenario(
        "dizzy-at-check",
        "A little dizzy at the symptom check: a pause of two minutes, asked again, then one restart by hand.",
        _FIRST,
        (
            Step(When(display="CHECK"), ()),
            Step(When(states=("paused",), belt_at_rest=True, for_s=5.0), ()),
        ),
        When(states=("exercising",), belt_above_m_s=0.08, for_s=3.0),
        Expected(("exercising",), events=("dizziness-mild", "session-resumed"), never=("dizziness-again",)),
        symptoms=(Said.A_LITTLE,),
        longest_s=460.0,
        patient=new_patient,
    ),
    Scenario(
        "attendant-leaves",
        "Contact guard is given up: the belt slows, then pauses.",
        _STEADY,
        (Step(_WALKING, (Action.THERAPIST_WAITS, Action.ATTENDANT_LEAVES), is_cause=True),),
        _PAUSED,
        Expected(("paused",), ("attendant-pause",), standstill_within_s=6.0, travel_below_m=0.6, events=("attendant-gone",)),
    ),
    Scenario(
        "two-patients",
        "One patient walks and leaves, another comes: nothing of the first is left.",
        _SHORT,
        (),
        When(states=("standby",), belt_at_rest=True, for_s=0.5, sessions_done=2),
        Expected(("standby",), events=("session-complete",), all_events_once=True),
        second=_OTHER,
        longest_s=120.0,
    ),
    Scenario(
        "wheelchair",
        "The patient is hoisted over the belt in the harness, let down, and walks: hanging at rest latches nothing.",
        _SHORT,
        (),
        _IS_OVER,
        Expected(
            ("standby",),
            events=("session-complete",),
            never=("nurse-call", "harness-loaded", "loading-fast", "overload-switch", "post-fall-form"),
            all_events_once=True,
        ),
        by_wheelchair=True,
        longest_s=90.0,
    ),
    Scenario(
        "alone",
        "Under supervision nobody's hands are near: the patient stops the belt with one hand, the other on its rail.",
        replace(_STEADY, attendant=AttendantStage.SUPERVISION),
        (
            Step(_WALKING, (Action.THERAPIST_WAITS, Action.ATTENDANT_LEAVES)),
            Step(When(states=("exercising",), for_s=10.0), (Action.STOP_BY_PATIENT,), is_cause=True),
        ),
        _PAUSED,
        Expected(
            ("paused",),
            ("stop-pressed",),
            standstill_within_s=3.0,
            travel_below_m=0.3,
            never=("attendant-gone", "rail-slow"),
        ),
    ),
)
"""Whole sessions, as long as they take."""

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

BY_NAME: dict[str, Scenario] = {scenario.name: scenario for scenario in (*SCENARIOS, *SESSIONS, GUIDED)}
