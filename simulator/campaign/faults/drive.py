"""The drive and its belt: resets, a frozen report, and everything that can break between firmware and rollers."""

from __future__ import annotations

from typing import Any

from simulator.campaign.fault import Fault, Undo, fault
from simulator.campaign.holding import hold, hold_by, newest
from simulator.campaign.stage import Stage

GROUP = "drive"


@fault("drive-reset", GROUP, 10, 10, 0.7)
def reset(stage: Stage, one: Fault) -> Undo | None:
    """The drive's supply dips: it boots, with another nonce, while the belt still moves."""
    stage.system.drive.reset(watchdog=bool(one.pick % 2))
    return None


@fault("drive-hang", GROUP, 10, 10, 0.7)
def hang(stage: Stage, one: Fault) -> Undo | None:  # noqa: ARG001 (every deed has one form)
    """The firmware stands still with its outputs as they are, until its own watchdog resets it."""
    stage.system.drive.hang()
    return None


@fault("status-stuck", GROUP, 50, 2000)
def stuck_status(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The host hears the same STATUS again and again."""
    up = stage.system.cable.up
    frame = next((chunk for chunk in reversed(up.passed) if chunk.endswith(b"\x00")), b"")

    def repeat() -> None:
        if frame and stage.ticks % 2 == 0:
            stage.system.tty.deliver(frame)

    wake = hold(up, "dead", True)
    stage.each_tick.append(repeat)

    def end() -> None:
        wake()
        stage.each_tick.remove(repeat)

    return end


def _break(stage: Stage, what: str, worst: float | bool = True) -> Undo:
    drive = stage.system.drive

    def put(how: Any) -> None:
        drive.set_faults(**{what: how})

    return hold_by(drive, what, worst, put, rest=0.0 if isinstance(worst, float) else False)


@fault("encoder-slip", GROUP, 100, 3000, 0.7)
def slip(stage: Stage, one: Fault) -> Undo:
    """The encoder loses a share of its counts, all of them at the worst."""
    return _break(stage, "encoder_slip", 1.0 if one.amount > 0.9 else max(0.05, one.amount))


@fault("relay-welded", GROUP, 100, 8000, 0.5)
def weld(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The motor relay's contacts stay closed."""
    return _break(stage, "relay_welded")


@fault("relay-open", GROUP, 100, 3000, 0.5)
def never_close(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The motor relay's contacts do not close, or open by themselves."""
    return _break(stage, "relay_open")


@fault("motor-runaway", GROUP, 50, 3000, 0.5)
def run_away(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The power stage puts out full duty, whatever is asked."""
    return _break(stage, "motor_runaway")


@fault("motor-reversed", GROUP, 50, 3000, 0.4)
def reverse(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The motor turns the other way."""
    return _break(stage, "motor_reversed")


@fault("brake-failed", GROUP, 100, 4000, 0.5)
def fail_brake(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The motor's duty goes up and never down."""
    return _break(stage, "brake_failed")


@fault("stop-input-stuck-closed", GROUP, 200, 6000, 0.5)
def stop_input_closed(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The drive's STOP input reads closed, whatever the chain does; the contactors still fall."""
    return hold(stage.system.world, "stop_input_stuck", True, worst=newest)


@fault("stop-input-stuck-open", GROUP, 50, 3000, 0.5)
def stop_input_open(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The drive's STOP input reads open: a broken wire."""
    return hold(stage.system.world, "stop_input_stuck", False, worst=newest)
