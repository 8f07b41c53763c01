"""The serial line: bytes lost, changed, doubled, late, old; a line that is dead one way, full, or pulled."""

from __future__ import annotations

from simulator.campaign.fault import Fault, Undo, fault
from simulator.campaign.line import Direction
from simulator.campaign.stage import Stage

GROUP = "serial line"


def _way(stage: Stage, pick: int) -> Direction:
    return stage.system.cable.up if pick % 2 else stage.system.cable.down


@fault("serial-loss", GROUP, 20, 1500)
def lose(stage: Stage, one: Fault) -> Undo:
    """Stretches of bytes are missing."""
    way = _way(stage, one.pick)
    way.lost_share = max(0.05, one.amount)
    return lambda: setattr(way, "lost_share", 0.0)


@fault("serial-corruption", GROUP, 20, 1500)
def corrupt(stage: Stage, one: Fault) -> Undo:
    """Single bits flip."""
    way = _way(stage, one.pick)
    way.corrupt_share = 0.002 + 0.2 * one.amount**3
    return lambda: setattr(way, "corrupt_share", 0.0)


@fault("serial-duplication", GROUP, 20, 1500)
def double(stage: Stage, one: Fault) -> Undo:
    """What was sent comes twice."""
    way = _way(stage, one.pick)
    way.doubled_share = max(0.05, one.amount)
    return lambda: setattr(way, "doubled_share", 0.0)


@fault("serial-delay", GROUP, 50, 2000)
def delay(stage: Stage, one: Fault) -> Undo:
    """What was sent comes later, up to 400 ms: beyond every lease."""
    way = _way(stage, one.pick)
    way.delay_ns = int(one.amount * 400_000_000)
    return lambda: setattr(way, "delay_ns", 0)


@fault("serial-half-open", GROUP, 50, 2000)
def half_open(stage: Stage, one: Fault) -> Undo:
    """One direction is dead, the other goes on."""
    way = _way(stage, one.pick)
    way.dead = True
    return lambda: setattr(way, "dead", False)


@fault("serial-unplugged", GROUP, 200, 2500, 0.6)
def unplug(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The cable is pulled, and put back under the same name."""
    tty = stage.system.tty
    tty.unplug()
    return tty.plug_in


@fault("serial-reordered-at-reconnect", GROUP, 100, 1500, 0.6)
def reorder(stage: Stage, one: Fault) -> Undo:
    """After the cable is back the adapter lets out what it held, after what is new."""
    system = stage.system
    held = b"".join(list(system.cable.down.passed)[-1 - one.pick % 16 :])
    system.tty.unplug()

    def plug_in() -> None:
        system.tty.plug_in()
        stage.later(int(50 + 400 * one.amount), lambda: system.cable.inject(held))

    return plug_in


@fault("serial-full", GROUP, 50, 1500)
def full(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The host's line takes nothing more; then it does again."""
    tty = stage.system.tty
    tty.full = True
    return lambda: setattr(tty, "full", False)


@fault("serial-old-frames", GROUP, 10, 400)
def old_frames(stage: Stage, one: Fault) -> Undo | None:
    """A tty full of old frames reaches the drive all at once."""
    cable = stage.system.cable
    frames = b"".join(cable.down.passed)
    if frames:
        cable.inject((frames * 64)[: 256 + int(3840 * one.amount)])
    return None
