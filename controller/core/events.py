"""The event table: the single place where a fault meets its effect.

Severity orders what people read; `effect` is what the machine does; `priority` is the alarm priority of IEC 60601-1-8.
"""

from __future__ import annotations

import enum

import msgspec


class Effect(enum.IntEnum):
    """What an event does to the belt, in rising order: of several at once the strongest wins."""

    RECORD = 0
    REFUSE = 1
    """Refuses or withdraws a start; moves and stops nothing."""
    SLOW = 2
    """Slows to the first speed."""
    PAUSE = 3
    """Controlled stop at the pause deceleration; a new START by hand goes on."""
    END = 4
    """Controlled stop at the planned deceleration; the session is over."""
    PROTECTIVE_STOP = 5
    """Category 1, latched; deceleration by whether the harness is loaded."""
    EMERGENCY_STOP = 6
    """Category 1, latched, the session is over."""
    FAULT = 7
    """Category 1, latched: something cannot be trusted."""
    POWER_OFF = 8
    """Category 0, latched: the drive does not do as told."""


class Severity(enum.IntEnum):
    """How much it matters to those who read the journal."""

    INFO = 0
    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


class Priority(enum.IntEnum):
    """Alarm priority (IEC 60601-1-8)."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Event(enum.Enum):
    """Every event's code."""

    # hands and the stop chain
    EMERGENCY_PRESSED = "emergency-pressed"
    EMERGENCY_DISCREPANCY = "emergency-discrepancy"
    LANYARD_PULLED = "lanyard-pulled"
    DRIVE_STOP_INPUT_OPEN = "drive-stop-input-open"
    STOP_CHAIN_CLOSED = "stop-chain-closed"
    STOP_PRESSED = "stop-pressed"
    SYMPTOM_BUTTON = "symptom-button"
    SLOWER_PRESSED = "slower-pressed"
    NETWORK_STOP = "network-stop"
    NETWORK_SYMPTOM = "network-symptom"
    # symptoms, asked at the panel or reported
    CHECK_ASKED = "check-asked"
    CHECK_ANSWERED = "check-answered"
    CHECK_MISSED = "check-missed"
    CHECK_PAUSE = "check-pause"
    PAIN_RAISED = "pain-raised"
    PAIN_SEVERE = "pain-severe"
    DIZZINESS_MILD = "dizziness-mild"
    DIZZINESS_AGAIN = "dizziness-again"
    DIZZINESS_SEVERE = "dizziness-severe"
    NAUSEA = "nausea"
    LEGS_UNSURE = "legs-unsure"
    LEG_SYMPTOMS = "leg-symptoms"
    EFFORT_HIGH = "effort-high"
    EFFORT_SEVERE = "effort-severe"
    BREATH_SHORT = "breath-short"
    BREATHLESS = "breathless"
    HEART_RATE_HIGH = "heart-rate-high"
    BLOOD_PRESSURE_HIGH = "blood-pressure-high"
    BLOOD_PRESSURE_FALL = "blood-pressure-fall"
    # balance
    CLIP_OPEN = "clip-open"
    OVERLOAD_SWITCH = "overload-switch"
    DECK_FRONT = "deck-front"
    DECK_REAR = "deck-rear"
    HARNESS_LOADED = "harness-loaded"
    LOADING_FAST = "loading-fast"
    SUSTAINED_SUPPORT = "sustained-support"
    BALANCE_RECOVERED = "balance-recovered"
    RAILS_GRABBED = "rails-grabbed"
    TENSION_LOST = "tension-lost"
    RAIL_RELEASED = "rail-released"
    RAIL_SLOW = "rail-slow"
    RAIL_PAUSE = "rail-pause"
    ATTENDANT_GONE = "attendant-gone"
    ATTENDANT_PAUSE = "attendant-pause"
    # sensors
    LOAD_GAP = "load-gap"
    LOAD_STUCK = "load-stuck"
    LOAD_OUT_OF_RANGE = "load-out-of-range"
    INPUT_CHATTER = "input-chatter"
    BUTTON_STUCK = "button-stuck"
    START_DISAGREES = "start-disagrees"
    # drive
    DRIVE_SILENT = "drive-silent"
    DRIVE_RESTARTED = "drive-restarted"
    DRIVE_FAULT = "drive-fault"
    DRIVE_TICK_STUCK = "drive-tick-stuck"
    LEASE_LOST = "lease-lost"
    RUN_REFUSED = "run-refused"
    RUNAWAY = "runaway"
    WRONG_DIRECTION = "wrong-direction"
    BRAKING_FAILED = "braking-failed"
    MOTION_AT_REST = "motion-at-rest"
    BELT_STALLED = "belt-stalled"
    GATE_DENIED = "gate-denied"
    # the scan and its company
    SCAN_LATE = "scan-late"
    SCAN_OVERRUN = "scan-overrun"
    TELEMETRY_LOST = "telemetry-lost"
    TELEMETRY_BACK = "telemetry-back"
    DISPLAY_LOST = "display-lost"
    # life of the machine
    STARTED = "started"
    UNCLEAN_START = "unclean-start"
    RESTART_LOOP = "restart-loop"
    SELF_TEST_PASSED = "self-test-passed"
    SELF_TEST_FAILED = "self-test-failed"
    LATCH_RESET = "latch-reset"
    RESET_REFUSED = "reset-refused"
    REQUEST_REFUSED = "request-refused"
    START_REFUSED = "start-refused"
    # the session
    SESSION_PREPARED = "session-prepared"
    SESSION_CANCELLED = "session-cancelled"
    SESSION_LAPSED = "session-lapsed"
    STEP_CONFIRMED = "step-confirmed"
    STEP_REFUSED = "step-refused"
    SESSION_STARTED = "session-started"
    PHASE_STARTED = "phase-started"
    RISE_OFFERED = "rise-offered"
    RISE_ACCEPTED = "rise-accepted"
    RISE_DECLINED = "rise-declined"
    HANDS_FREE_BEGUN = "hands-free-begun"
    HANDS_FREE_ENDED = "hands-free-ended"
    BOUT_TOO_LONG = "bout-too-long"
    SESSION_RESUMED = "session-resumed"
    SESSION_COMPLETE = "session-complete"
    PAUSE_TOO_LONG = "pause-too-long"
    SESSION_ENDED = "session-ended"
    # after a fall
    NURSE_CALL = "nurse-call"
    HANGING_AT_REST = "hanging-at-rest"
    HANGING_60_S = "hanging-60-s"
    HANGING_180_S = "hanging-180-s"
    POST_FALL_FORM = "post-fall-form"

    __hash__ = object.__hash__
    """There is one of each, so its identity will do; Enum's own is a call of Python code, several times a scan."""


class EventRule(msgspec.Struct, frozen=True):
    """One row: what the event does, whether it latches, how it alarms, and what a person reads."""

    event: Event
    severity: Severity
    effect: Effect
    priority: Priority
    text: str
    remedy: str

    @property
    def latches(self) -> bool:
        """Latched stops open only by a RESET edge with the cause gone."""
        return self.effect >= Effect.PROTECTIVE_STOP


_I, _N, _W, _C = Severity.INFO, Severity.NOTICE, Severity.WARNING, Severity.CRITICAL
_LOW, _MEDIUM, _HIGH, _QUIET = Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.NONE
_E = Effect

# fmt: off  (a table is read in lines)
_ROWS: tuple[tuple[Event, Severity, Effect, Priority, str, str], ...] = (
    (
        Event.EMERGENCY_PRESSED,
        _C,
        _E.EMERGENCY_STOP,
        _HIGH,
        "Emergency stop pressed",
        "Look after the patient. Release the mushroom, then RESET.",
    ),
    (
        Event.EMERGENCY_DISCREPANCY,
        _C,
        _E.FAULT,
        _HIGH,
        "Emergency stop channels disagree",
        "Look after the patient. Do not use: have the emergency stop's wiring checked.",
    ),
    (
        Event.LANYARD_PULLED,
        _C,
        _E.EMERGENCY_STOP,
        _HIGH,
        "Lanyard pulled",
        "Look after the patient. Put the lanyard back, then RESET.",
    ),
    (
        Event.DRIVE_STOP_INPUT_OPEN,
        _C,
        _E.EMERGENCY_STOP,
        _HIGH,
        "Stop chain open at the drive",
        "Check mushroom, lanyard, overload switch and watchdog relay, then RESET.",
    ),
    (
        Event.STOP_CHAIN_CLOSED,
        _C,
        _E.FAULT,
        _HIGH,
        "A stop does not open the chain",
        "Look after the patient. Do not use: have the stop chain's contacts checked.",
    ),
    (Event.STOP_PRESSED, _N, _E.PAUSE, _QUIET, "STOP pressed", "Ask the patient. OK and START to go on."),
    (
        Event.SYMPTOM_BUTTON,
        _W,
        _E.PAUSE,
        _MEDIUM,
        "Patient pressed the symptom button",
        "Ask what is wrong. OK and START to go on.",
    ),
    (Event.SLOWER_PRESSED, _I, _E.RECORD, _QUIET, "SLOWER pressed", ""),
    (Event.NETWORK_STOP, _N, _E.PAUSE, _LOW, "Stopped from the network", "See who asked and why. OK and START to go on."),
    (Event.NETWORK_SYMPTOM, _W, _E.PAUSE, _MEDIUM, "Symptom reported from the network", "Ask the patient. OK and START to go on."),
    (Event.CHECK_ASKED, _I, _E.RECORD, _QUIET, "Symptom check", "Ask the patient. OK: fine. SLOWER: a little. SYMPTOM: stop."),
    (Event.CHECK_ANSWERED, _I, _E.RECORD, _QUIET, "Symptom check answered", ""),
    (Event.CHECK_MISSED, _N, _E.SLOW, _LOW, "Symptom check unanswered: slowing", "Answer the symptom check."),
    (Event.CHECK_PAUSE, _W, _E.PAUSE, _MEDIUM, "Symptom check unanswered", "Answer it. OK and START to go on."),
    (Event.PAIN_RAISED, _W, _E.SLOW, _QUIET, "Pain raised: slowing", "Asked again in 60 s."),
    (Event.PAIN_SEVERE, _W, _E.END, _MEDIUM, "Pain: session over", "Let the patient sit. Note what hurts."),
    (Event.DIZZINESS_MILD, _W, _E.PAUSE, _MEDIUM, "Dizziness", "Stand and hold. Asked again in 2 min; then one restart."),
    (Event.DIZZINESS_AGAIN, _W, _E.END, _MEDIUM, "Dizzy again: session over", "Let the patient sit."),
    (Event.DIZZINESS_SEVERE, _W, _E.END, _MEDIUM, "Dizziness: session over", "Let the patient sit. Stay with them."),
    (Event.NAUSEA, _W, _E.END, _MEDIUM, "Nausea: session over", "Let the patient sit. Stay with them."),
    (Event.LEGS_UNSURE, _W, _E.PAUSE, _MEDIUM, "Legs weak or numb", "Ask the patient. OK and START to go on."),
    (Event.LEG_SYMPTOMS, _W, _E.END, _MEDIUM, "Leg symptoms: session over", "Let the patient sit. Note which leg."),
    (Event.EFFORT_HIGH, _W, _E.SLOW, _QUIET, "Hard effort: slowing", "Go on slower."),
    (Event.EFFORT_SEVERE, _W, _E.END, _MEDIUM, "Very hard effort: session over", "Let the patient rest."),
    (Event.BREATH_SHORT, _W, _E.SLOW, _QUIET, "No full sentence: slowing", "Go on slower."),
    (Event.BREATHLESS, _W, _E.PAUSE, _MEDIUM, "Breathless", "Let the patient rest. OK and START to go on."),
    (Event.HEART_RATE_HIGH, _W, _E.END, _MEDIUM, "Heart rate above its limit", "Let the patient rest. Measure again."),
    (Event.BLOOD_PRESSURE_HIGH, _W, _E.END, _MEDIUM, "Blood pressure too high", "Let the patient sit. Measure again."),
    (Event.BLOOD_PRESSURE_FALL, _W, _E.END, _MEDIUM, "Blood pressure has fallen", "Let the patient lie or sit. Measure again."),
    (
        Event.CLIP_OPEN,
        _C,
        _E.PROTECTIVE_STOP,
        _HIGH,
        "Harness clip open",
        "Clip the harness, then RESET. Harness check before going on.",
    ),
    (Event.OVERLOAD_SWITCH, _C, _E.PROTECTIVE_STOP, _HIGH, "Harness overload switch", "Take the patient's weight. Then RESET."),
    (
        Event.DECK_FRONT,
        _C,
        _E.PROTECTIVE_STOP,
        _HIGH,
        "Front end of the deck reached",
        "Bring the patient to the middle, then RESET.",
    ),
    (
        Event.DECK_REAR,
        _C,
        _E.PROTECTIVE_STOP,
        _HIGH,
        "Rear end of the deck reached",
        "Bring the patient to the middle, then RESET.",
    ),
    (
        Event.HARNESS_LOADED,
        _C,
        _E.PROTECTIVE_STOP,
        _HIGH,
        "Fall: harness loaded",
        "Take the patient's weight. Check for injury. Then RESET.",
    ),
    (
        Event.LOADING_FAST,
        _C,
        _E.PROTECTIVE_STOP,
        _HIGH,
        "Fall: harness loading fast",
        "Take the patient's weight. Check for injury. Then RESET.",
    ),
    (
        Event.SUSTAINED_SUPPORT,
        _W,
        _E.PAUSE,
        _MEDIUM,
        "Patient leans on the harness",
        "Let the patient stand and rest. OK and START to go on.",
    ),
    (Event.BALANCE_RECOVERED, _N, _E.RECORD, _QUIET, "Loss of balance, recovered", ""),
    (Event.RAILS_GRABBED, _W, _E.PAUSE, _MEDIUM, "Patient grabbed both rails", "Ask the patient. OK and START to go on."),
    (Event.TENSION_LOST, _C, _E.PROTECTIVE_STOP, _HIGH, "Harness tension lost", "Check the strap and the clip, then RESET."),
    (Event.RAIL_RELEASED, _N, _E.RECORD, _LOW, "Hold the rails", "Both hands on the rails."),
    (Event.RAIL_SLOW, _W, _E.SLOW, _LOW, "Rail let go: slowing", "Both hands on the rails."),
    (Event.RAIL_PAUSE, _W, _E.PAUSE, _MEDIUM, "Rail let go", "Both hands on the rails. OK and START to go on."),
    (Event.ATTENDANT_GONE, _W, _E.SLOW, _MEDIUM, "Attendant gone: slowing", "Press the attendant's pedal."),
    (Event.ATTENDANT_PAUSE, _W, _E.PAUSE, _MEDIUM, "Attendant gone", "Attendant back, OK and START to go on."),
    (
        Event.LOAD_GAP,
        _C,
        _E.FAULT,
        _HIGH,
        "Harness load cell silent",
        "Look after the patient. Check the load cell's cable, then RESET.",
    ),
    (
        Event.LOAD_STUCK,
        _C,
        _E.FAULT,
        _HIGH,
        "Harness load cell stuck",
        "Look after the patient. Check the load cell's cable, then RESET.",
    ),
    (
        Event.LOAD_OUT_OF_RANGE,
        _C,
        _E.FAULT,
        _HIGH,
        "Harness load cell out of range",
        "Look after the patient. Check the load cell and its calibration, then RESET.",
    ),
    (
        Event.INPUT_CHATTER,
        _C,
        _E.FAULT,
        _MEDIUM,
        "An input chatters",
        "Have the contact that the display names checked, then RESET.",
    ),
    (Event.BUTTON_STUCK, _C, _E.FAULT, _MEDIUM, "A button is stuck", "Free the button that the display names, then RESET."),
    (
        Event.START_DISAGREES,
        _C,
        _E.FAULT,
        _MEDIUM,
        "START differs at panel and drive",
        "Have START's wiring checked, then RESET.",
    ),
    (
        Event.DRIVE_SILENT,
        _C,
        _E.FAULT,
        _HIGH,
        "Drive does not answer",
        "Check the drive's power and its cable, then RESET.",
    ),
    (Event.DRIVE_RESTARTED, _C, _E.FAULT, _HIGH, "Drive restarted by itself", "Have the drive's supply checked, then RESET."),
    (Event.DRIVE_FAULT, _C, _E.FAULT, _HIGH, "Drive reports a fault", "Mend what `sternway events` names, then RESET."),
    (Event.DRIVE_TICK_STUCK, _C, _E.FAULT, _HIGH, "Drive's clock stands still", "Switch the drive off and on, then RESET."),
    (
        Event.LEASE_LOST,
        _C,
        _E.FAULT,
        _HIGH,
        "Drive stopped: no fresh command",
        "RESET. If it comes again, have the computer checked.",
    ),
    (
        Event.RUN_REFUSED,
        _C,
        _E.FAULT,
        _MEDIUM,
        "Drive refuses the speed asked",
        "RESET. If it comes again, compare the drive's limits with the configuration.",
    ),
    (
        Event.RUNAWAY,
        _C,
        _E.POWER_OFF,
        _HIGH,
        "Belt faster than asked",
        "Look after the patient. Do not use: have the drive checked.",
    ),
    (
        Event.WRONG_DIRECTION,
        _C,
        _E.POWER_OFF,
        _HIGH,
        "Belt runs the wrong way",
        "Look after the patient. Do not use: have the drive and its encoder checked.",
    ),
    (
        Event.BRAKING_FAILED,
        _C,
        _E.POWER_OFF,
        _HIGH,
        "Belt does not slow when told",
        "Look after the patient. Do not use: have the brake and the drive checked.",
    ),
    (
        Event.MOTION_AT_REST,
        _C,
        _E.POWER_OFF,
        _HIGH,
        "Belt moves though it should rest",
        "Look after the patient. Do not use: have the drive checked.",
    ),
    (Event.BELT_STALLED, _C, _E.FAULT, _MEDIUM, "Belt does not follow", "Check that nothing blocks the belt, then RESET."),
    (Event.GATE_DENIED, _C, _E.FAULT, _HIGH, "Last check refused a command", "RESET. Have its flight recording looked at."),
    (Event.SCAN_LATE, _N, _E.RECORD, _QUIET, "Scan late", ""),
    (Event.SCAN_OVERRUN, _C, _E.FAULT, _MEDIUM, "Scan far too late", "RESET. If it comes again, have the computer checked."),
    (Event.TELEMETRY_LOST, _N, _E.REFUSE, _LOW, "Recording is away", "The session goes on. No new one starts until it is back."),
    (Event.TELEMETRY_BACK, _I, _E.RECORD, _QUIET, "Recording is back", ""),
    (Event.DISPLAY_LOST, _N, _E.REFUSE, _LOW, "Display lost", "Check the display's cable. No new session starts without it."),
    (Event.STARTED, _I, _E.RECORD, _QUIET, "Controller started", ""),
    (
        Event.UNCLEAN_START,
        _C,
        _E.FAULT,
        _MEDIUM,
        "Controller was not shut down properly",
        "Look after the patient if there is one. Then RESET.",
    ),
    (
        Event.RESTART_LOOP,
        _C,
        _E.FAULT,
        _HIGH,
        "Controller restarts again and again",
        "Do not use. Have the computer examined (sternway logs), then RESET.",
    ),
    (Event.SELF_TEST_PASSED, _I, _E.RECORD, _QUIET, "Self-test passed", ""),
    (Event.SELF_TEST_FAILED, _C, _E.FAULT, _MEDIUM, "Self-test failed", "Mend what `sternway events` names, then RESET."),
    (Event.LATCH_RESET, _I, _E.RECORD, _QUIET, "RESET pressed, stop released", ""),
    (Event.RESET_REFUSED, _N, _E.RECORD, _QUIET, "RESET refused", "The cause named on the display is still there."),
    (Event.REQUEST_REFUSED, _N, _E.RECORD, _QUIET, "Request refused", ""),
    (Event.START_REFUSED, _N, _E.RECORD, _QUIET, "START refused", "See the display for what is missing."),
    (Event.SESSION_PREPARED, _I, _E.RECORD, _QUIET, "Session prepared", ""),
    (Event.SESSION_CANCELLED, _I, _E.RECORD, _QUIET, "Session cancelled", ""),
    (Event.SESSION_LAPSED, _N, _E.RECORD, _QUIET, "Prepared session lapsed", "Prepare it again."),
    (Event.STEP_CONFIRMED, _I, _E.RECORD, _QUIET, "Step confirmed", ""),
    (Event.STEP_REFUSED, _N, _E.RECORD, _QUIET, "Step not accepted", "See the display."),
    (Event.SESSION_STARTED, _I, _E.RECORD, _QUIET, "Session started", ""),
    (Event.PHASE_STARTED, _I, _E.RECORD, _QUIET, "Phase started", ""),
    (Event.RISE_OFFERED, _I, _E.RECORD, _QUIET, "Rise offered", ""),
    (Event.RISE_ACCEPTED, _I, _E.RECORD, _QUIET, "Rise accepted", ""),
    (Event.RISE_DECLINED, _I, _E.RECORD, _QUIET, "Rise declined", ""),
    (
        Event.HANDS_FREE_BEGUN,
        _I,
        _E.RECORD,
        _QUIET,
        "Hands free",
        "Hold the rails again when the display says so. Both rails grabbed: the belt stops.",
    ),
    (Event.HANDS_FREE_ENDED, _I, _E.RECORD, _QUIET, "Hands-free window over", "Hold the rails."),
    (Event.BOUT_TOO_LONG, _N, _E.PAUSE, _LOW, "Time to rest", "Let the patient rest. OK and START to go on."),
    (Event.SESSION_RESUMED, _I, _E.RECORD, _QUIET, "Session resumed", ""),
    (Event.SESSION_COMPLETE, _I, _E.END, _QUIET, "Session complete", ""),
    (Event.PAUSE_TOO_LONG, _N, _E.END, _LOW, "Pause too long: session over", "Prepare a new session if the patient goes on."),
    (Event.SESSION_ENDED, _N, _E.END, _QUIET, "Session ended early", "Prepare a new session if the patient goes on."),
    (Event.NURSE_CALL, _C, _E.RECORD, _HIGH, "Patient hangs in the harness", "Take the weight. Help is called."),
    (Event.HANGING_AT_REST, _C, _E.RECORD, _HIGH, "Strap loaded for a minute at rest", "Take the weight. Help is called."),
    (Event.HANGING_60_S, _C, _E.RECORD, _HIGH, "Hanging for 60 s", "Take the weight now."),
    (Event.HANGING_180_S, _C, _E.RECORD, _HIGH, "Hanging for 3 minutes", "TAKE THE WEIGHT NOW. Call for more help."),
    (
        Event.POST_FALL_FORM,
        _W,
        _E.RECORD,
        _QUIET,
        "Post-fall form is due",
        "At the desk, today: head, pain, blood pressure, conscious.",
    ),
)
# fmt: on

EVENT_TABLE: tuple[EventRule, ...] = tuple(EventRule(*row) for row in _ROWS)
"""Every event, once. A test proves that none is missing."""

RULES: dict[Event, EventRule] = {rule.event: rule for rule in EVENT_TABLE}


class Happening(msgspec.Struct, frozen=True, gc=False):
    """An event as it occurred: when, and the numbers or words that say why (keys carry the unit)."""

    event: Event
    at_ns: int
    detail: tuple[tuple[str, float | int | str], ...] = ()
