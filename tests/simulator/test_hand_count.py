"""The count of hands is itself counted: a third hand is found, a press is a press, and the clip begins it."""

from __future__ import annotations

import pytest

from controller.core.inputs import Input
from simulator.hand_count import HandCount
from tests.simulator.runner import RunningWorld


def test_pedal_strap_and_button_are_three_hands() -> None:
    running = RunningWorld(1)
    count = HandCount(running.world)
    count.begin()
    running.world.hands.set_closed(Input.ATTENDANT, True)
    count.strap_in_hand = True
    running.run(0.2)
    assert count.most_at_once == 2
    running.world.hands.press(Input.OK)
    running.run(0.3)
    assert count.most_at_once == 3


def test_presses_are_counted_from_the_clip_to_the_walk() -> None:
    running = RunningWorld(1)
    running.world.hands.set_closed(Input.CLIP, False)
    count = HandCount(running.world)
    count.begin()
    running.world.hands.press(Input.OK)
    running.run(1.0)
    running.world.hands.set_closed(Input.CLIP, True)
    running.run(0.2)
    for name in (Input.OK, Input.SYMPTOM):
        running.world.hands.press(name)
        running.run(1.0)
    running.walk_at(100)
    assert count.presses_to_walking == 3, "OK, SYMPTOM and START; what came before the clip, and after the walk, is not counted"
    assert count.clipped_to_walking_s == pytest.approx(2.2 + 4.0 + 1.0, abs=1.0)


def test_a_press_by_the_patient_is_not_the_therapists() -> None:
    running = RunningWorld(1)
    count = HandCount(running.world)
    count.begin()
    count.patients_press = Input.STOP
    running.world.hands.press(Input.STOP)
    running.run(0.5)
    assert count.presses == 0
    assert count.most_at_once == 0
