"""A therapist who reads the panel's display and does what it asks, as fast as people do.

Nothing here knows the controller: the first word of the display decides, so that the routine also tests the display's texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from controller.core.inputs import Input
from simulator.hand_count import HandCount
from simulator.patient import Posture
from simulator.scenarios import Said, Scenario
from simulator.world import World

Lines = tuple[str, ...]

SLACK_PITCH_M = 0.025
"""Distance of the marks on the strap."""
_TAUT_SHARE = 0.05
"""Of body weight: how hard the strap is pulled to find where it bears."""
_SIT_SHARE = 0.28
_TRY_AGAIN_NS = 4_000_000_000
_REACTION_NS = (250_000_000, 500_000_000)
_MUSHROOM_NS = 500_000_000
_TAUT_SETTLES_NS = 1_300_000_000
_UNCLIPS_AFTER_NS = 1_500_000_000
_HELP_COMES_NS = 2_000_000_000
_TRIES_NS = 500_000_000
_LET_GO = {f"try {name.name.lower()}": name for name in (Input.RAIL_LEFT, Input.RAIL_RIGHT, Input.ATTENDANT)}


class Therapist:
    """One pair of hands at the panel, and the voice that tells the patient what to do."""

    def __init__(
        self,
        world: World,
        random: Random,
        answers: tuple[bool, ...] = (),
        slack_mark: int = 4,
        symptoms: tuple[Said, ...] = (),
        by_wheelchair: bool = False,
    ) -> None:
        """answers: what to do with each rise that is offered: accept it, or let it pass; none are accepted after the last.
        symptoms: what the patient says to each question of the symptom checks in turn; after the last all is well.
        by_wheelchair: the patient is hoisted over the belt in the harness.
        """
        self._world = world
        self._random = random
        self._answers = list(answers)
        self._slack_mark = slack_mark
        self._symptoms = list(symptoms)
        self._by_wheelchair = by_wheelchair
        self.hand_count = HandCount(world)
        self.works = True
        """Whether the routine is done at all; somebody else may have the hands."""
        self.helps = True
        """Whether a latched stop is cleared: patient up, cause away, RESET."""
        self._shown = ""
        self._act_at_ns = 0
        self._shown_ns = 0
        self._offer_open = False
        self._belt_rests_ns = 0

    def look(self, lines: Lines) -> None:
        """Looks at the display; call it some ten times a second."""
        now_ns = self._world.now_ns
        keyword = _keyword(lines)
        shown = keyword + "".join(lines[:2]) if keyword in ("CHECK", "AFTER") else keyword
        if shown != self._shown:
            self._shown = shown
            self.hand_count.strap_in_hand = False
            self._shown_ns = now_ns
            self._act_at_ns = now_ns + self._random.randint(*_REACTION_NS)
        if not self.works:
            return
        self._answer_offer(lines)
        routine = _ROUTINE.get(keyword)
        if routine is not None and now_ns >= self._act_at_ns and routine(self, lines):
            self._act_at_ns = now_ns + _TRY_AGAIN_NS

    # Each of these returns whether the hand has done its part; if not, it is tried again at the next look.

    def _press(self, name: Input) -> bool:
        self._world.hands.press(name)
        return True

    def _confirm(self, _lines: Lines) -> bool:
        patient = self._world.patient
        if self._by_wheelchair:
            return self._press(Input.OK)
        patient.mount()
        return patient.is_settled and self._press(Input.OK)

    def _ok(self, _lines: Lines) -> bool:
        return self._press(Input.OK)

    def _empty_hook(self, _lines: Lines) -> bool:
        world = self._world
        world.strap.detach()
        world.hands.actuate(Input.CLIP, True)
        return self._press(Input.OK)

    def _check(self, _lines: Lines) -> bool:
        """Asks the patient, and presses what the answer needs."""
        said = self._symptoms.pop(0) if self._symptoms else Said.FINE
        hands = self._world.hands
        if said is Said.MUCH:
            hands.press(Input.SYMPTOM)
            hands.press(Input.SYMPTOM, after_ns=600_000_000)
            return True
        return self._press(Input.SLOWER if said is Said.A_LITTLE else Input.OK)

    def _clip(self, _lines: Lines) -> bool:
        """Both hands are at the harness: the pedal is let go."""
        world = self._world
        patient = world.patient
        if not self._by_wheelchair:
            patient.mount()  # whoever has confirmed too early
        hoisted = self._by_wheelchair and patient.posture is Posture.AWAY
        if not (patient.is_settled or hoisted):
            return False
        weight_n = patient.parameters.weight_n
        world.hands.set_closed(Input.ATTENDANT, False)
        world.strap.attach(world.strap.slack_for_tension_m(_TAUT_SHARE * weight_n))
        if hoisted:
            patient.hoist(world.strap.slack_m + weight_n / world.strap.parameters.stiffness_n_m)
        world.hands.actuate(Input.CLIP, False)
        return True

    def _taut(self, _lines: Lines) -> bool:
        """Pulls the strap until it bears. Once the patient stands: one that bears somebody is no measure of how taut it is."""
        world = self._world
        if not world.patient.is_settled:
            self._shown_ns = world.now_ns
            return False
        world.hands.set_closed(Input.ATTENDANT, False)
        world.strap.attach(world.strap.slack_for_tension_m(_TAUT_SHARE * world.patient.parameters.weight_n))
        self.hand_count.strap_in_hand = True
        return world.now_ns - self._shown_ns > _TAUT_SETTLES_NS and self._press(Input.OK)

    def _slack(self, lines: Lines) -> bool:
        found = re.search(r"mark +(\d+)", lines[1])
        if found is None:
            return False
        mark = int(found.group(1))
        self.hand_count.strap_in_hand = True
        self._world.strap.attach(mark * SLACK_PITCH_M)
        if mark != self._slack_mark:
            self._press(Input.FASTER if mark < self._slack_mark else Input.SLOWER)
            self._act_at_ns = self._world.now_ns + 600_000_000
            return False
        return self._press(Input.OK)

    def _sit(self, _lines: Lines) -> bool:
        world = self._world
        world.patient.hold()
        stretch_m = _SIT_SHARE * world.patient.parameters.weight_n / world.strap.parameters.stiffness_n_m
        world.patient.sit(world.strap.slack_m + stretch_m)
        return True

    def _arrow(self, _lines: Lines) -> bool:
        self._world.patient.hold()
        return self._press(Input.OK)

    def _ready(self, lines: Lines) -> bool:
        """Rails and pedal first; START once nothing else is missing."""
        self._world.patient.hold()
        self._world.hands.set_closed(Input.ATTENDANT, True)
        missing = lines[1].strip() if "but" in lines[0] else ""
        if missing.startswith("try deck_"):
            return self._press(Input.DECK_FRONT if "front" in missing else Input.DECK_REAR)
        if missing in _LET_GO:
            return self._let_go(_LET_GO[missing])
        if missing not in ("", "try start"):
            return False
        self._world.hands.press(Input.START, self._random.randint(200_000_000, 500_000_000))
        return True

    def _let_go(self, name: Input) -> bool:
        """A controller that has come anew while somebody stands here has not seen this contact open: at the next look it closes."""
        world = self._world
        if name is Input.ATTENDANT:
            world.hands.set_closed(name, False)
        else:
            world.patient.let_go(left=name is Input.RAIL_LEFT, right=name is Input.RAIL_RIGHT)
        self._act_at_ns = world.now_ns + _TRIES_NS
        return False

    def _unclip(self, _lines: Lines) -> bool:
        world = self._world
        if world.belt_m_s > 0.01:
            self._belt_rests_ns = 0
        elif not self._belt_rests_ns:
            self._belt_rests_ns = world.now_ns
        rests = self._belt_rests_ns and world.now_ns - self._belt_rests_ns > _UNCLIPS_AFTER_NS
        if not rests or world.patient.posture is not Posture.ON_FEET:
            return False
        world.strap.detach()
        world.hands.actuate(Input.CLIP, True)
        world.hands.set_closed(Input.ATTENDANT, False)
        world.patient.leave()
        return True

    def _help(self, lines: Lines) -> bool:
        """Clears a latched stop, cause by cause, when told to help at all."""
        world = self._world
        somebody_there = world.patient.posture is not Posture.AWAY
        if not self.helps or world.belt_m_s > 0.01:
            return False
        if somebody_there and world.now_ns - self._shown_ns < _HELP_COMES_NS:
            return False
        world.patient.get_up()
        world.patient.walk_on()
        for name in (Input.EMERGENCY_A, Input.EMERGENCY_B, Input.LANYARD):
            world.hands.actuate(name, False)
        if "press mushroom again" in lines[3]:
            for name in (Input.EMERGENCY_A, Input.EMERGENCY_B):
                world.hands.press(name, _MUSHROOM_NS)
        if somebody_there:
            world.hands.actuate(Input.CLIP, False)
        return "RESET" in lines[3] and self._press(Input.RESET)

    def _answer_offer(self, lines: Lines) -> None:
        offered = any(line.startswith("FASTER?") for line in lines)
        if offered and not self._offer_open and self._answers and self._answers.pop(0):
            self._world.hands.press(Input.FASTER, after_ns=self._random.randint(*_REACTION_NS))
        self._offer_open = offered


def therapist_of(scenario: Scenario, world: World, random: Random) -> Therapist:
    """Returns a therapist who does in this world what the scenario says of therapist and patient."""
    return Therapist(world, random, scenario.rises, symptoms=scenario.symptoms, by_wheelchair=scenario.by_wheelchair)


_Routine = Callable[[Therapist, Lines], bool]
_ROUTINE: dict[str, _Routine] = {
    "CONFIRM": Therapist._confirm,
    **dict.fromkeys(("LIST", "AREA", "SHOES", "GLASSES", "HARNESS", "LANYARD", "HIPS", "ANKLES", "AFTER"), Therapist._ok),
    "CHECK": Therapist._check,
    "EMPTY HOOK": Therapist._empty_hook,
    "CLIP": Therapist._clip,
    "TAUT": Therapist._taut,
    "SLACK": Therapist._slack,
    "SIT": Therapist._sit,
    "ARROW": Therapist._arrow,
    "READY": Therapist._ready,
    "COMPLETE": Therapist._unclip,
    "PROTECTIVE STOP": Therapist._help,
    "EMERGENCY STOP": Therapist._help,
    "FAULT": Therapist._help,
}


def _keyword(lines: Lines) -> str:
    """The longest of the known words that the display begins with."""
    first = lines[0] if lines else ""
    for keyword in sorted(_ROUTINE, key=len, reverse=True):
        if first.startswith(keyword):
            return keyword
    return first.strip()[:10]
