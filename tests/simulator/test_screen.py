"""The demo's screen and keys, without a terminal."""

from __future__ import annotations

from random import Random

from rich.console import Console

from controller.core.inputs import Input
from simulator.drive import NativeDrive
from simulator.heard import HeardEvent
from simulator.keys import KEYS
from simulator.patient import Posture
from simulator.scenarios import Action
from simulator.screen import View, draw
from simulator.therapist import Therapist
from simulator.world import World
from tests.simulator.test_verdict import seen

LINES = ("READY               ", "                    ", "hold rails, pedal   ", "press START         ")


def drawn(view: View) -> str:
    console = Console(width=110, height=60, color_system=None, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(draw(view))
    text = console.export_text()
    console.file.close()
    return text


def view_of(world: World, **changes: object) -> View:
    values = {
        "world": world, "therapist": Therapist(world, Random(1)), "snapshot": seen("prepared"), "heard": True, "lines": LINES,
        "outputs": {"lamp_red": True}, "events": [HeardEvent(7, 0, "clip-open", "protective_stop", "Harness clip open")],
        "broker": "mqtt://127.0.0.1:1884", "topics": "sternway/v1/demo/simulated", "caption": "a test",
    }  # fmt: skip
    return View(**{**values, **changes})  # type: ignore[arg-type]


def test_the_screen_shows_display_state_events_broker_and_every_key() -> None:
    text = drawn(view_of(World(NativeDrive(1), Random(1), 0)))
    for words in ("press START", "PREPARED", "clip-open", "mqtt://127.0.0.1:1884", "RED", "harness", "left ○", "quit"):
        assert words in text, words
    for key in KEYS.values():
        assert key.text in text, key.text


def test_a_dead_controller_is_said_in_large_letters() -> None:
    world = World(NativeDrive(1), Random(1), 0)
    assert "CONTROLLER NOT HEARD" in drawn(view_of(world, heard=False))
    assert "CONTROLLER NOT HEARD" in drawn(view_of(world, snapshot=None))


def test_the_patient_is_drawn_where_the_patient_is() -> None:
    world = World(NativeDrive(1), Random(1), 0)
    world.patient.mount()
    world.advance(4_000_000_000)
    assert world.patient.posture is Posture.ON_FEET
    deck = next(line for line in drawn(view_of(world)).splitlines() if "rear " in line)
    assert deck.index("|", deck.index("rear")) < deck.index("o", deck.index("|", deck.index("rear")))


class FakeRig:
    """As much of a rig as the keys of panel and patient need."""

    def __init__(self, world: World) -> None:
        self.treadmill = self
        self.world = world
        self.befell: list[Action] = []
        self.machinery = self

    def befall(self, action: Action) -> None:
        self.befell.append(action)


def press(world: World, name: str) -> FakeRig:
    rig = FakeRig(world)
    KEYS[name].deed(rig, Therapist(world, Random(1)))  # type: ignore[arg-type]
    world.advance(world.now_ns + 20_000_000)
    return rig


def test_each_button_key_closes_or_opens_its_own_contact_and_no_other() -> None:
    buttons = {
        "s": Input.START, "f": Input.FASTER, "d": Input.SLOWER, " ": Input.STOP,
        "o": Input.OK, "r": Input.RESET, "5": Input.SYMPTOM,
    }  # fmt: skip
    for name, expected in buttons.items():
        world = World(NativeDrive(1), Random(1), 0)
        before = world.contacts
        press(world, name)
        assert before ^ world.contacts == expected.bit, name
        world.advance(world.now_ns + 1_000_000_000)
        assert world.contacts == before, f"{name} is let go by itself"


def test_toggles_stay_until_pressed_again() -> None:
    toggles = {
        "m": Input.EMERGENCY_A.bit | Input.EMERGENCY_B.bit, "l": Input.LANYARD.bit, "c": Input.CLIP.bit,
        "a": Input.ATTENDANT.bit, "[": Input.RAIL_LEFT.bit, "]": Input.RAIL_RIGHT.bit,
    }  # fmt: skip
    for name, expected in toggles.items():
        world = World(NativeDrive(1), Random(1), 0)
        before = world.contacts
        press(world, name)
        assert before ^ world.contacts == expected, name
        press(world, name)
        assert world.contacts == before, name


def test_machine_keys_reach_the_machinery() -> None:
    assert press(World(NativeDrive(1), Random(1), 0), "z").befell == [Action.FREEZE]
    assert press(World(NativeDrive(1), Random(1), 0), "w").befell == [Action.THAW]
