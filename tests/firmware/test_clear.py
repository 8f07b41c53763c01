"""CLEAR opens the latch of a fault and does nothing else: least of all to what a hand has granted."""

from __future__ import annotations

import pytest

from controller.core.inputs import Input
from controller.core.readings import DriveState
from firmware_bridge.codec import Decoder, Sender, encode
from firmware_bridge.drive import Clear, StatusFrame, Stop
from tests.core.machine import Machine


def test_clear_does_not_touch_a_grant_that_waits() -> None:
    machine = Machine()
    machine.to_standby()
    machine.prepare()
    machine.run(1.2)
    machine.commands_lost = True  # the controller would use the grant, or take it back
    machine.press(Input.START, 0.3)
    assert machine.drive_state is DriveState.GRANTED
    for _ in range(5):
        machine.drive.write(encode(Clear(), 99))
        machine.run(0.05)
        assert machine.drive_state is DriveState.GRANTED
    assert machine.belt_m_s == 0.0


@pytest.mark.parametrize("frame", [Clear(), Stop(1000, category_0=True)], ids=["CLEAR", "STOP"])
def test_what_changes_nothing_brings_no_status_before_its_time(frame: Clear | Stop) -> None:
    """A host that sends one again and again must not fill the line with STATUS: 50 a second it is, and one at each change."""
    machine = Machine()
    machine.to_walking()
    machine.open(Input.LANYARD)
    machine.to_rest()
    assert machine.drive_state is DriveState.LATCHED
    decoder, told = Decoder(Sender.DRIVE), 0
    for number in range(100):
        machine.drive.write(encode(frame, number))
        machine.drive.advance(10_000)
        frames = [packet.frame for packet in decoder.feed(machine.drive.read()) if isinstance(packet.frame, StatusFrame)]
        assert all(status.state.name == "LATCHED" for status in frames)
        told += len(frames)
    assert 49 <= told <= 52
