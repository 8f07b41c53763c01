"""Plays a scenario: waits for its conditions, lets its actions happen, and measures what comes of them in the world itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from controller.core.inputs import Input
from firmware_bridge.codec import Decoder, Sender
from firmware_bridge.drive import Stop
from messages.plan import Plan
from messages.wire import Snapshot
from simulator.hand_count import HandCount
from simulator.load_cell import CellFault
from simulator.patient import Loss
from simulator.scenarios import Action, Scenario, When
from simulator.therapist import Lines, Therapist
from simulator.world import World

LOOK_NS = 100_000_000
STANDSTILL_M_S = 0.02
_LATCHED = ("protective_stop", "emergency_stop", "fault")
_HANGS_AFTER_NS = 8_000_000_000
_UNHEARD_NS = 600_000_000
_CATCH_AFTER_S = 0.8
_HOLDS_OK_NS = 2_300_000_000
_REACHES_NS = 500_000_000
_RECOVER_AFTER_S = 0.12
_FALL_SHARE = 0.30
"""Of body weight on the strap: a fall (numbers from trials; see the balance rules)."""


class Machinery(Protocol):
    """What befalls processes and cables; each runner has its own."""

    def befall(self, action: Action) -> None:
        """Does one of the actions that are not the patient's or a hand's."""


@dataclass
class Measured:
    """Times are the world's nanoseconds, 0 while not seen; travel in m."""

    began_ns: int = 0
    cause_ns: int = 0
    trip_ns: int = 0
    stop_ns: int = 0
    standstill_ns: int = 0
    travel_at_cause_m: float = 0.0
    travel_m: float = 0.0
    speed_at_cause_m_s: float = 0.0
    peak_load_n: float = 0.0
    highest_m_s: float = 0.0


class Player:
    """One scenario under way. It watches every step of the world; call `look` ten times a second."""

    def __init__(self, scenario: Scenario, world: World, therapist: Therapist, machinery: Machinery) -> None:
        self.scenario = scenario
        self.measured = Measured(began_ns=world.now_ns)
        self.over = False
        self.timed_out = False
        self.refusal = ""
        """Why the session was not prepared, as whoever asked was told."""
        self.sessions_done = 0
        self._proposed = 0
        self.left_over: list[str] = []
        """What was still shown of a patient who had left."""
        self.actions: list[tuple[int, Action]] = []
        """What happened when, for the plot."""
        self._world = world
        self._therapist = therapist
        self._machinery = machinery
        self._decoder = Decoder(Sender.HOST)
        self._steps = list(scenario.steps)
        self._holds_since_ns: int | None = None
        self._cause: Action | None = None
        self._latched_since_ns = 0
        self._was_complete = False
        self.hand_count.begin()
        world.watchers.append(self._watch)

    def hear_host(self, data: bytes, at_ns: int) -> None:
        """Bytes that the controller wrote to the drive."""
        for packet in self._decoder.feed(data):
            if isinstance(packet.frame, Stop):
                self._hear_stop(at_ns)

    def _hear_stop(self, at_ns: int) -> None:
        """The first after the cause, while the belt still moved: one that comes to a belt at rest has stopped nothing."""
        measured = self.measured
        if measured.cause_ns and not measured.stop_ns and not measured.standstill_ns:
            measured.stop_ns = at_ns

    def _watch(self) -> None:
        """Notes what the world shows."""
        world, measured = self._world, self.measured
        measured.highest_m_s = max(measured.highest_m_s, world.belt_m_s)
        if not measured.cause_ns:
            return
        measured.peak_load_n = max(measured.peak_load_n, world.load_n)
        if not measured.trip_ns and self._cause is not None and _tripped(self._cause, world):
            measured.trip_ns = world.now_ns
        if world.belt_m_s >= STANDSTILL_M_S:
            measured.standstill_ns = 0
        elif not measured.standstill_ns:
            measured.standstill_ns = world.now_ns
            measured.travel_m = world.drive.travel_m - measured.travel_at_cause_m

    def look(self, snapshot: Snapshot | None, lines: Lines) -> None:
        """Ten times a second: the therapist looks at the display, and the script at its conditions."""
        now_ns = self._world.now_ns
        self._therapist.look(lines)
        heard = snapshot if snapshot is not None and now_ns - snapshot.at_ns < _UNHEARD_NS else None
        if heard is not None:
            self._look_for_remains(heard)
        if now_ns - self.measured.began_ns > self.scenario.longest_s * 1e9 or self._hangs(heard, now_ns):
            self.over = self.timed_out = True
            return
        waited_for = self._steps[0].when if self._steps else self.scenario.ends
        if not self._holds(waited_for, heard, lines):
            self._holds_since_ns = None
            return
        if self._holds_since_ns is None:
            self._holds_since_ns = now_ns
        if now_ns - self._holds_since_ns < waited_for.for_s * 1e9:
            return
        self._holds_since_ns = None
        if not self._steps:
            self.over = True
            return
        step = self._steps.pop(0)
        for action in step.then:
            self._do(action, is_cause=step.is_cause and action is step.then[-1])

    @property
    def hand_count(self) -> HandCount:
        """How busy the therapist's hands were."""
        return self._therapist.hand_count

    def plan_due(self, heard: Snapshot | None) -> Plan | None:
        """The plan to propose now, each once: the first in standby, the second when the first patient has left."""
        plans: list[Plan] = [plan for plan in (self.scenario.plan, self.scenario.second) if plan is not None]
        if heard is None or heard.state != "standby" or self._proposed >= len(plans) or self.sessions_done < self._proposed:
            return None
        self._proposed += 1
        return plans[self._proposed - 1]

    def hear_refusal(self, reason: str) -> None:
        """The session was refused: the play is over."""
        self.refusal = reason
        self.over = True

    def _look_for_remains(self, heard: Snapshot) -> None:
        """Once a session is complete and its patient has left, nothing of it may be shown."""
        if heard.state == "standby" and self._was_complete:
            shown = {"session": heard.session, "patient": heard.patient, "cause": heard.cause, "distance": heard.distance_m}
            self.left_over += [f"{name} {value}" for name, value in shown.items() if value]
            self.left_over += [f"alarm {code}" for code, _ in heard.alarms]
            self.sessions_done += 1
        self._was_complete = heard.state == "complete"

    def _hangs(self, heard: Snapshot | None, now_ns: int) -> bool:
        """Whether the machine has been latched for so long that nothing the script waits for will come."""
        if heard is None or heard.state not in _LATCHED:
            self._latched_since_ns = 0
        elif not self._latched_since_ns:
            self._latched_since_ns = now_ns
        return self._latched_since_ns > 0 and now_ns - self._latched_since_ns > _HANGS_AFTER_NS

    def _holds(self, when: When, heard: Snapshot | None, lines: Lines) -> bool:
        belt_m_s = self._world.belt_m_s
        if when.running is not None and when.running != (heard is not None):
            return False
        if when.states and (heard is None or heard.state not in when.states):
            return False
        if when.phase and (heard is None or heard.phase != when.phase):
            return False
        if self.sessions_done < when.sessions_done:
            return False
        if when.display and not any(when.display in line for line in lines):
            return False
        if when.belt_above_m_s is not None and not belt_m_s > when.belt_above_m_s:
            return False
        return not (when.belt_at_rest and belt_m_s >= STANDSTILL_M_S)

    def _do(self, action: Action, *, is_cause: bool) -> None:
        world = self._world
        self.actions.append((world.now_ns, action))
        if is_cause:
            self._cause = action
            self.measured.cause_ns = world.now_ns
            self.measured.travel_at_cause_m = world.drive.travel_m
            self.measured.speed_at_cause_m_s = world.belt_m_s
        if not befall_world(action, world, self._therapist):
            self._machinery.befall(action)


def befall_world(action: Action, world: World, therapist: Therapist) -> bool:
    """Does an action of patient, hand or sensor; False when it is none of those."""
    deed = _DEEDS.get(action)
    if action in _PATIENTS_BUTTON:
        therapist.hand_count.patients_press = _PATIENTS_BUTTON[action]
    if deed is not None:
        deed(world)
    elif action is Action.THERAPIST_WAITS:
        therapist.works = False
    elif action is Action.THERAPIST_HELPS:
        therapist.works = therapist.helps = True
    return deed is not None or action in (Action.THERAPIST_WAITS, Action.THERAPIST_HELPS)


def _press_mushroom(world: World) -> None:
    """Its two channels never open at the same instant."""
    world.hands.actuate(Input.EMERGENCY_A, True)
    world.hands.actuate(Input.EMERGENCY_B, True, after_ns=3_000_000)


def _stick_sensor(world: World) -> None:
    world.cell.fault = CellFault.STUCK


def _stop_by_patient(world: World) -> None:
    """One hand leaves its rail for the STOP button: within the grace that a hand has."""
    world.patient.let_go(right=True)
    world.hands.press(Input.STOP, after_ns=_REACHES_NS)


_DEEDS: dict[Action, Callable[[World], None]] = {
    Action.STUMBLE: lambda world: world.patient.lose_balance(Loss.SLIP, _CATCH_AFTER_S),
    Action.NEAR_FALL: lambda world: world.patient.lose_balance(Loss.TRIP, _RECOVER_AFTER_S),
    Action.FALL: lambda world: world.patient.lose_balance(Loss.SLIP),
    Action.COLLAPSE: lambda world: world.patient.lose_balance(Loss.COLLAPSE),
    Action.LET_GO: lambda world: world.patient.let_go(left=True, right=True),
    Action.HOLD: lambda world: world.patient.hold(),
    Action.STAND_STILL: lambda world: world.patient.freeze(),
    Action.WALK_ON: lambda world: world.patient.walk_on(),
    Action.SYMPTOM: lambda world: world.hands.press(Input.SYMPTOM),
    Action.MUSHROOM: _press_mushroom,
    Action.LANYARD: lambda world: world.hands.actuate(Input.LANYARD, True),
    Action.OPEN_CLIP: lambda world: world.hands.actuate(Input.CLIP, True),
    Action.HANDS_FREE: lambda world: world.hands.press(Input.OK, _HOLDS_OK_NS),
    Action.ATTENDANT_LEAVES: lambda world: world.hands.set_closed(Input.ATTENDANT, False),
    Action.STOP_BY_PATIENT: _stop_by_patient,
    Action.STICK_SENSOR: _stick_sensor,
}


_PATIENTS_BUTTON = {Action.SYMPTOM: Input.SYMPTOM, Action.STOP_BY_PATIENT: Input.STOP}
_OPENS = {
    Action.STOP_BY_PATIENT: Input.STOP,
    Action.STAND_STILL: Input.DECK_FRONT,
    Action.SYMPTOM: Input.SYMPTOM,
    Action.MUSHROOM: Input.EMERGENCY_A,
    Action.LANYARD: Input.LANYARD,
    Action.OPEN_CLIP: Input.CLIP,
}
_LOADS = (Action.STUMBLE, Action.NEAR_FALL, Action.FALL, Action.COLLAPSE)


def _tripped(cause: Action, world: World) -> bool:
    """Whether what should stop the belt is there, in truth, not as a sensor has it."""
    if cause in _LOADS:
        return world.load_n >= _FALL_SHARE * world.patient.parameters.weight_n
    contact = _OPENS.get(cause)
    return contact is not None and not world.contacts & contact.bit
