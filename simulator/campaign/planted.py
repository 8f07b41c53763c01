"""Defects that somebody might make, each planted alone, to prove that the judges can say no.

Most laws are kept twice, by the core and by the firmware, so that many a single defect never reaches the belt: such a one is
planted together with the defect of what stands behind it. `seek` names the faults under which it is looked for: a test has not
all day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller.core.inputs import Input
from simulator.campaign import events, stops
from simulator.campaign.fault import Fault
from simulator.campaign.modules import Change
from simulator.campaign.observation import Violation
from simulator.campaign.planting import firmware_changed, functions_changed
from simulator.campaign.run import Script, play, write_script
from simulator.drive import NativeDrive, SimulatedDrive

SEEK_S = 300.0
RUNS_AT_MOST = 40
_LATER_MS = 3000
_HOSTILE = ("hostile-host", "incident-2-automatic-acceleration", "incident-8-runs-on-while-paused")
_CALM = ("broker-away", "wall-clock-jump", "display-lost")
"""Faults that touch no motion: somebody walks."""

Edits = Mapping[str, Sequence[Change]]


@dataclass(frozen=True)
class Defect:
    """core: by "module:function". firmware: by file of the C core. shell: by module name as `WholeSystem` takes it.

    befalls: come in each run instead of drawn faults, in each a little later than in the one before.
    """

    name: str
    caught_by: tuple[str, ...]
    seek: tuple[str, ...]
    core: Edits = field(default_factory=dict)
    firmware: Edits = field(default_factory=dict)
    shell: Edits = field(default_factory=dict)
    befalls: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Catch:
    """simulated_s: over all runs, until the judge spoke."""

    violation: Violation
    seed: str
    simulated_s: float


def seek(defect: Defect, seed: str) -> Catch | None:
    """Plays runs with the defect planted until one of the judges it is meant for says so; None when none did."""
    library = firmware_changed(defect.firmware) if defect.firmware else None
    simulated_s = 0.0
    with functions_changed(defect.core):
        for number in range(RUNS_AT_MOST):
            script = _script(defect, f"{seed}/{defect.name}/{number}", number)
            drive = SimulatedDrive(library, "", number) if library is not None else NativeDrive(number)
            result = play(script, drive, defect.shell, stop_early=True)
            for violation in result.violations:
                if violation.invariant in defect.caught_by:
                    return Catch(violation, script.seed, simulated_s + violation.at_s)
            simulated_s += result.simulated_s
    return None


def _script(defect: Defect, name: str, number: int) -> Script:
    script = write_script(name, SEEK_S, defect.seek)
    if not defect.befalls:
        return script
    later_ms = _LATER_MS * (number % 8)
    return replace(script, faults=tuple(replace(one, at_ms=one.at_ms + later_ms) for one in defect.befalls))


def _stop(rule: str) -> str:
    return f"stops: {rule}"


_GATE = "controller.core.gate:_why_not"
_BLIND_GATE: Change = (
    "    if command.action is not Action.RUN:",
    '    if command.action is Action.RUN:\n        return ""\n    if command.action is not Action.RUN:',
)
_SEES_NOTHING: tuple[Change, ...] = (("    found: list[tuple[Event, Detail]] = []\n", "    return []\n"),)
"""The core overlooks whatever the drive does: it would take the watchdog's pulses away within a tenth of a second."""
_DRIVE_SAYS_ALL = (
    "    return run->target_mm_s > drive->grant.ceiling_mm_s ? REFUSAL_ABOVE_GRANTED : REFUSAL_NONE;",
    "    return REFUSAL_NONE;",
)
_NOT_GRANTED = (
    "    if (drive->state != STATE_GRANTED && drive->state != STATE_RUNNING) {\n        return REFUSAL_NOT_GRANTED;\n    }\n",
    "",
)

_ANY_TICK = ("return (uint32_t)(now_ms - echoed_ms) <= LEASE_MS;", "(void)now_ms; (void)echoed_ms; return true;")
_CLIP_NOT_MISSING: Change = ("if not closed & name.bit]", "if not closed & name.bit and name is not Input.CLIP]")
_CLIP_NOT_CHECKED: Change = ("if scan.digital.was_released(Input.CLIP) and preparation.step in HARNESS_STEPS", "if False")
_AIMS = "motion_aim(&drive->motion, message->target_mm_s, message->acceleration_mm_s2);"
_AIMS_HIGHER = _AIMS.replace("message->target_mm_s", "(uint16_t)(message->target_mm_s + (message->target_mm_s >= 95u ? 50u : 0u))")
_STOP_RANGE_ENDS = "    return deceleration_mm_s2 < MAXIMUM_DECELERATION_MM_S2 ? deceleration_mm_s2 : MAXIMUM_DECELERATION_MM_S2;"

_STATE_SURVIVES = (
    "        .state = drive->state,\n        .relay_commanded = drive->relay_commanded,\n        .grant = drive->grant,\n"
    "        .motion = drive->motion,\n        .measurement = drive->measurement,\n"
)

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "firmware: a RUN needs no grant",
        ("moves only after a hand",),
        _HOSTILE,
        firmware={"commands.c": (_NOT_GRANTED, _DRIVE_SAYS_ALL)},
    ),
    Defect(
        "firmware: a RUN may ask for more than hands granted",
        ("never faster than hands released",),
        _HOSTILE,
        core={"controller.core.drive_watch:_findings": _SEES_NOTHING},
        firmware={"commands.c": (_DRIVE_SAYS_ALL,)},
    ),
    Defect(
        "firmware: the lease never ends",
        (_stop(stops.HOST_SILENT),),
        ("serial-half-open", "incident-9-communication-loss"),
        firmware={"lease.c": (("return lease->since_renewal_ms > LEASE_MS;", "return lease->since_renewal_ms > 60000u;"),)},
    ),
    Defect(
        "both ramps, the core's and the firmware's, are too steep",
        ("accelerates within limits",),
        _CALM,
        core={
            "controller.core.ramp:_up": (
                ("    change = limits.jerk_m_s3 * step_s\n", "    change = 500.0 * limits.jerk_m_s3 * step_s\n"),
                ("rate = min(rate, limits.acceleration_m_s2)", "rate = min(rate, 50.0 * limits.acceleration_m_s2)"),
            )
        },
        firmware={"motion.c": (("uint32_t step_um_s = motion->rate_mm_s2;", "uint32_t step_um_s = 20u * motion->rate_mm_s2;"),)},
    ),
    Defect(
        "firmware: a brake does a quarter of what it should",
        (_stop(stops.PAUSING_PINS.name), _stop(stops.LATCHING_PINS.name), _stop(stops.HOST_SILENT), _stop(stops.NETWORK_STOP)),
        ("wrong-button", "clip-opens", "network-request", "serial-half-open"),
        firmware={
            "motion.c": (
                (
                    "motion->set_point_um_s -= excess < step_um_s ? excess : step_um_s;",
                    "motion->set_point_um_s -= excess < step_um_s / 4u ? excess : step_um_s / 4u;",
                ),
            ),
            "states.c": (("uint32_t time_ms = speed_um_s / deceleration_mm_s2 + BRAKE_MARGIN_MS;", "uint32_t time_ms = 60000u;"),),
        },
    ),
    Defect(
        "firmware: the relay stays closed at rest",
        ("the relay opens at rest",),
        _CALM,
        firmware={"states.c": (("        drive->relay_commanded = false;\n", "        drive->relay_commanded = true;\n"),)},
    ),
    Defect(
        "nobody watches for a runaway",
        ("never faster than hands released",),
        ("motor-runaway",),
        core={
            "controller.core.drive_watch:_judge_motion": (
                ("if _lasts(moved.fast_since_ns, settings.overspeed_time_ms, now_ns):", "if False:"),
            )
        },
        firmware={
            "supervision.c": (
                ("    return over_long || gross_long;", "    (void)over_long;\n    (void)gross_long;\n    return false;"),
                ("    return still_long || straining_long;", "    (void)still_long;\n    (void)straining_long;\n    return false;"),
                ("view->current_ma > OVER_CURRENT_MA", "view->current_ma > 60000u"),
            )
        },
    ),
    Defect(
        "nobody watches for the wrong way",
        ("never the wrong way",),
        ("motor-reversed",),
        core={
            "controller.core.drive_watch:_judge_motion": (
                ("if _lasts(moved.wrong_since_ns, settings.wrong_direction_time_ms, now_ns):", "if False:"),
            )
        },
        firmware={
            "supervision.c": (
                ("if (wrong_direction(supervision, view)) {", "if (wrong_direction(supervision, view) && view->counts > 9999) {"),
                ("    return over_long || gross_long;", "    (void)over_long;\n    (void)gross_long;\n    return false;"),
                ("    return still_long || straining_long;", "    (void)still_long;\n    (void)straining_long;\n    return false;"),
            )
        },
    ),
    Defect(
        "neither drive nor core looks at the stop chain",
        (_stop(stops.CHAIN.name),),
        ("emergency-stop", "lanyard-pulled"),
        core={
            "controller.core.trips:judge_trips": (
                ("if opened & _EITHER_EMERGENCY:", "if False:"),
                ("if opened & Input.LANYARD.bit:", "if False:"),
            ),
            "controller.core.drive_watch:_judge_drive_says": (
                ("if not reading.stop_input_closed or (stopped and reading.faults & _STOP_INPUT_FAULT):", "if False:"),
            ),
            _GATE: (_BLIND_GATE,),
        },
        firmware={"drive.c": (("    if (!inputs->stop_input_closed) {\n", "    if (!inputs->stop_input_closed && 0) {\n"),)},
    ),
    Defect(
        "the drive goes on where it was before its reset, and the core does not mind",
        (_stop(stops.DRIVE_RESTART),),
        ("drive-reset",),
        core={
            "controller.core.drive_watch:_judge_link": (("if before.nonce not in (-1, reading.nonce):", "if False:"),),
            "controller.core.drive_watch:_judge_drive_says": (("if reading.state is _FAULT:", "if False:"),),
        },
        firmware={
            "drive.c": (
                ("        .state = after_watchdog_reset ? STATE_FAULT : STATE_IDLE,\n", _STATE_SURVIVES),
                ("    grant_revoke(&drive->grant);\n    motion_halt(&drive->motion);\n", ""),
            )
        },
    ),
    Defect(
        "core and gate do not look at the clip",
        (_stop(stops.LATCHING_PINS.name),),
        ("clip-opens",),
        core={"controller.core.trips:judge_trips": (("opened & Input.CLIP.bit and moving", "False"),), _GATE: (_BLIND_GATE,)},
    ),
    Defect(
        "core and gate do not look at STOP",
        (_stop(stops.PAUSING_PINS.name),),
        ("wrong-button", "two-buttons-at-once"),
        core={"controller.core.trips:judge_trips": (("if opened & Input.STOP.bit:", "if False:"),), _GATE: (_BLIND_GATE,)},
    ),
    Defect(
        "core: a fall is no reason to stop",
        (_stop(stops.FALL),),
        ("fall",),
        core={
            "controller.core.step:_judge_balance": (("    scan.happenings.extend(happenings)", "    pass"),),
            _GATE: (_BLIND_GATE,),
        },
    ),
    Defect(
        "core: rails may be let go for ever",
        (_stop(stops.RAILS),),
        ("rails-let-go",),
        core={"controller.core.balance_hands:_next_step": (("due = RailStep.PAUSED", "due = RailStep.PROMPTED"),)},
    ),
    Defect(
        "core: a stop from the network is answered and not obeyed",
        (_stop(stops.NETWORK_STOP),),
        ("network-request",),
        core={
            "controller.core.requests:_take": (
                ("            if _can_stop(scan):\n                _say(scan, Event.NETWORK_STOP, origin=request.origin)\n", ""),
            )
        },
    ),
    Defect(
        "core: a silent load cell keeps its last value",
        (_stop(stops.LOAD_UNKNOWN),),
        ("load-gap",),
        core={
            "controller.core.step:step": (("        scan.happenings.extend(load_faults)", "        pass"),),
            _GATE: (_BLIND_GATE,),
        },
    ),
    Defect(
        "core: a latch opens as soon as its cause is gone",
        ("a latch opens by a hand alone",),
        ("emergency-stop", "clip-opens", "lanyard-pulled"),
        core={"controller.core.effects:judge_reset": (("    if pressed:", "    if not reset_blockers(state):"),)},
    ),
    Defect(
        "core: a rise goes beyond the plan",
        ("never beyond the prescription",),
        _CALM,
        core={
            "controller.core.exercise:accept_rise": (("next_m_s if next_m_s <= granted_m_s else granted_m_s", "granted_m_s"),),
            "controller.core.exercise:next_speed_m_s": (("goal, ceiling_m_s)", "5.0)"),),
        },
    ),
    Defect(
        "core: a phase's time is not counted",
        ("never beyond the prescription",),
        _CALM,
        core={"controller.core.exercise:count_motion": (("state.phase_elapsed_ns + elapsed_ns", "state.phase_elapsed_ns"),)},
    ),
    Defect(
        "START, the harness check and the gate do not look at the clip",
        (_stop(stops.LATCHING_PINS.name),),
        ("gpio-stuck-high",),
        befalls=(Fault(8_000, "gpio-stuck-high", 40_000, 0.5, int(Input.CLIP)),),
        core={
            "controller.core.start:missing_to_start": (_CLIP_NOT_MISSING,),
            "controller.core.preparing_rules:_check_harness_again": (_CLIP_NOT_CHECKED,),
            _GATE: (_BLIND_GATE,),
        },
    ),
    Defect(
        "firmware: a brake is twenty times too steep",
        ("accelerates within limits",),
        ("wrong-button", "network-request", *_CALM),
        firmware={
            "motion.c": (
                (
                    "motion->set_point_um_s -= excess < step_um_s ? excess : step_um_s;",
                    "motion->set_point_um_s -= excess < 20u * step_um_s ? excess : 20u * step_um_s;",
                ),
            )
        },
    ),
    Defect(
        "firmware: a STOP brakes at 1.5 m/s2, whatever it asks",
        ("accelerates within limits",),
        ("wrong-button", "network-request", *_CALM),
        firmware={"states.c": ((_STOP_RANGE_ENDS, "    return MAXIMUM_DECELERATION_MM_S2;"),)},
    ),
    Defect(
        "core: a planned stop brakes as one under a loaded harness",
        ("accelerates within limits",),
        ("wrong-button", "network-request", *_CALM),
        core={
            "controller.core.order:_stop": (
                ("deceleration = max(deceleration, ramp.planned_", "deceleration = max(deceleration, ramp.loaded_"),
            ),
        },
    ),
    Defect(
        "core: RESET opens a latch whatever stands in its way",
        ("a latch opens by a hand alone",),
        ("emergency-stop", "lanyard-pulled", "reset-hammered", "fall"),
        core={"controller.core.effects:judge_reset": (("blockers = reset_blockers(state)", "blockers = ()"),)},
    ),
    Defect(
        "shell: a controller that was killed starts without a latch",
        ("a latch opens by a hand alone",),
        ("controller-killed", *_CALM * 20),
        core={"controller.scan:Controller.__init__": (("not found.clean,", "False,"),)},
    ),
    Defect(
        "firmware: a tick of any age renews the lease",
        (_stop(stops.HOST_SILENT),),
        ("incident-7-speed-reverts", "serial-half-open"),
        befalls=(Fault(40_000, "incident-7-speed-reverts", 5000, 0.5, 0), Fault(40_300, "serial-half-open", 4500, 0.5, 0)),
        core={"controller.core.drive_watch:_findings": _SEES_NOTHING},
        firmware={"lease.c": (_ANY_TICK,)},
    ),
    Defect(
        "firmware: the belt runs 50 mm/s above what is asked",
        ("never faster than hands released",),
        _CALM,
        core={"controller.core.drive_watch:_findings": _SEES_NOTHING},
        firmware={"commands.c": ((_AIMS, _AIMS_HIGHER),)},
    ),
    Defect(
        "core: a phase's own speed is not looked at",
        ("never beyond the prescription",),
        _CALM,
        core={
            "controller.core.exercise:next_speed_m_s": (
                (
                    "goal = phase.speed_m_s if phase is not None else 0.0",
                    "goal = max(one.speed_m_s for one in state.plan.phases) if phase is not None else 0.0",
                ),
            )
        },
    ),
    Defect(
        "core: every phase is over at once",
        ("never beyond the prescription",),
        _CALM,
        core={"controller.core.exercise:beyond_phase_ns": (("int(phase.duration_s * 1e9)", "int(phase.duration_s * 2e8)"),)},
    ),
    Defect(
        "core: the attendant is always there",
        (_stop(stops.GUARD_SLOWS), _stop(stops.GUARD)),
        ("pedal-released", *_CALM),
        core={"controller.core.attendance:judge_attendance": (("    if shown:\n", "    if True:\n"),)},
    ),
    Defect(
        "core: without an attendant the belt slows and goes on",
        (_stop(stops.GUARD),),
        ("pedal-released", *_CALM),
        core={"controller.core.attendance:judge_attendance": (("state.reported < 2", "state.reported < 0"),)},
    ),
    Defect(
        "firmware: a STOP is not heeded, and its lease goes on without end",
        (_stop(stops.HOST_STOPS),),
        ("wrong-button", "network-request", *_CALM),
        core={"controller.core.drive_watch:_findings": _SEES_NOTHING},
        firmware={
            "commands.c": (("states_brake(drive, message->deceleration_mm_s2);", "(void)message;"),),
            "lease.c": (("return lease->since_renewal_ms > LEASE_MS;", "return lease->since_renewal_ms > 60000u;"),),
        },
    ),
    Defect(
        "shell: event ids begin anew in each life",
        (events.NAME,),
        ("controller-killed",),
        core={"controller.scan:Controller.__init__": (("ring.first_id(found.reserved_event_id)", "1"),)},
    ),
    Defect(
        "shell: the ring forgets an event too many",
        (events.NAME,),
        ("telemetry-killed", "controller-killed", "disk-full", "disk-slow", "wrong-button"),
        core={"controller.event_ring:EventRing.acknowledge": (("known <= up_to_id]", "known <= up_to_id + 2]"),)},
    ),
    Defect(
        "telemetry: the journal acknowledges before its commit",
        (events.NAME,),
        ("disk-slow", "telemetry-killed", "wrong-button"),
        shell={
            "keeper": (
                (
                    "        received = await self._in_thread(self._write, events, sessions, speeds, give_up_below)\n",
                    "        self._on_committed(max((event.id for event in events), default=0))\n"
                    "        received = await self._in_thread(self._write, events, sessions, speeds, give_up_below)\n",
                ),
            )
        },
    ),
    Defect(
        "telemetry: the journal knows age by the wall clock alone",
        (events.NAME,),
        ("wall-clock-jump", "telemetry-killed"),
        shell={
            "journal": (
                (
                    "newest_beyond(look, oldest_id, now_day, retention_days + KEPT_LONGER_DAYS)",
                    'self._one("SELECT MAX(id) FROM events WHERE julianday(time) < ?", (now_day - retention_days,))',
                ),
            )
        },
    ),
    Defect(
        "telemetry: an event is published with another severity than it was told with",
        (events.NAME,),
        ("wrong-button", "emergency-stop"),
        shell={"publisher": (("        severity=event.severity,\n", '        severity="info",\n'),)},
    ),
    Defect(
        "telemetry: an event counts as published before the broker has it",
        (events.NAME,),
        ("broker-away", "broker-flapping", "broker-slow", "wrong-button"),
        shell={
            "publisher": (
                (
                    "                payload = msgspec.json.encode(event_payload(event))\n",
                    "                confirmed_id = event.id\n"
                    "                payload = msgspec.json.encode(event_payload(event))\n",
                ),
            )
        },
    ),
)
