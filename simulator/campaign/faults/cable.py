"""The serial line: bytes lost, changed, doubled, late, old; a line that is dead one way, full, or pulled."""

from __future__ import annotations

from simulator.campaign.fault import UNFELT, Fault, Undo, Unfelt, fault
from simulator.campaign.holding import hold, hold_by
from simulator.campaign.line import Direction
from simulator.campaign.stage import Stage

GROUP = "serial line"


def _way(stage: Stage, pick: int) -> Direction:
    return stage.system.cable.up if pick % 2 else stage.system.cable.down


@fault("serial-loss", GROUP, 20, 1500)
def lose(stage: Stage, one: Fault) -> Undo:
    """Stretches of bytes are missing."""
    return hold(_way(stage, one.pick), "lost_share", max(0.05, one.amount))


@fault("serial-corruption", GROUP, 20, 1500)
def corrupt(stage: Stage, one: Fault) -> Undo:
    """Single bits flip."""
    return hold(_way(stage, one.pick), "corrupt_share", 0.002 + 0.2 * one.amount**3)


@fault("serial-duplication", GROUP, 20, 1500)
def double(stage: Stage, one: Fault) -> Undo:
    """What was sent comes twice."""
    return hold(_way(stage, one.pick), "doubled_share", max(0.05, one.amount))


@fault("serial-delay", GROUP, 50, 2000)
def delay(stage: Stage, one: Fault) -> Undo:
    """What was sent comes later, up to 400 ms: beyond every lease."""
    return hold(_way(stage, one.pick), "delay_ns", int(one.amount * 400_000_000))


@fault("serial-half-open", GROUP, 50, 2000)
def half_open(stage: Stage, one: Fault) -> Undo:
    """One direction is dead, the other goes on."""
    return hold(_way(stage, one.pick), "dead", True)


def pull_out(stage: Stage) -> Undo:
    """The cable is out until the last who pulled it has put it back."""
    tty = stage.system.tty
    return hold_by(tty, "out", True, lambda out: tty.unplug() if out else tty.plug_in())


@fault("serial-unplugged", GROUP, 200, 2500, 0.6)
def unplug(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The cable is pulled, and put back under the same name."""
    return pull_out(stage)


@fault("serial-reordered-at-reconnect", GROUP, 100, 1500, 0.6)
def reorder(stage: Stage, one: Fault) -> Undo:
    """After the cable is back the adapter lets out what it held, after what is new."""
    system = stage.system
    held = b"".join(list(system.cable.down.passed)[-1 - one.pick % 16 :])
    put_back = pull_out(stage)

    def plug_in() -> None:
        put_back()
        if not system.tty.plugged_in:
            return
        stage.later(int(50 + 400 * one.amount), lambda: system.cable.inject(held))

    return plug_in


@fault("serial-full", GROUP, 50, 1500)
def full(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The host's line takes nothing more; then it does again."""
    return hold(stage.system.tty, "full", True)


@fault("serial-old-frames", GROUP, 10, 400)
def old_frames(stage: Stage, one: Fault) -> Undo | Unfelt | None:
    """A tty full of old frames reaches the drive all at once."""
    cable = stage.system.cable
    frames = b"".join(cable.down.passed)
    if not frames:
        return UNFELT
    cable.inject((frames * 64)[: 256 + int(3840 * one.amount)])
    return None
