"""A native drive put back is what it was, but for its wires, which are those of now."""

from __future__ import annotations

import pytest

from firmware_bridge.codec import Decoder, Sender
from firmware_bridge.drive import DriveInput, StatusFrame
from simulator.drive import NativeDrive


def test_a_drive_put_back_goes_on_from_then_on_the_wires_of_now() -> None:
    with NativeDrive(3) as drive:
        drive.advance(500_000)
        memory, then_us = drive.memory(), drive.time_us
        drive.advance(300_000, belt_force_n=80.0)
        drive.set_inputs(stop_input=False)
        moved_m = drive.travel_m
        drive.put_back(memory)
        drive.read()
        assert drive.time_us == then_us
        assert drive.travel_m == 0.0 != moved_m
        drive.advance(300_000, belt_force_n=80.0)
        assert drive.travel_m == pytest.approx(moved_m)
        packets = Decoder(Sender.DRIVE).feed(drive.read())
        told = [
            bool(packet.frame.inputs & DriveInput.STOP_INPUT_CLOSED) for packet in packets if isinstance(packet.frame, StatusFrame)
        ]
        assert told[-1] is False


def test_a_closed_drive_has_no_memory() -> None:
    drive = NativeDrive(3)
    memory = drive.memory()
    drive.close()
    with pytest.raises(RuntimeError, match="closed"):
        drive.memory()
    with pytest.raises(RuntimeError, match="closed"):
        drive.put_back(memory)
