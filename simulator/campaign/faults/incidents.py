"""A host that is not ours any more, and the accidents that befell others' treadmills: each as bytes that a drive might be sent.

The numbers are those of the list of incidents that the project started from (their sources stand in docs/campaign.md).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from controller.core.inputs import Input
from firmware_bridge.codec import Hello, encode
from firmware_bridge.drive import Clear, Run
from messages.wire import Stop
from simulator.campaign.fault import Fault, Undo, fault
from simulator.campaign.faults.cable import pull_out
from simulator.campaign.holding import hold
from simulator.campaign.stage import Stage

HOSTILE, INCIDENT = "hostile host", "incidents of others"


def _each_tick(stage: Stage, deed: Callable[[], None]) -> Undo:
    stage.each_tick.append(deed)
    return lambda: stage.each_tick.remove(deed)


def _run(stage: Stage, target_mm_s: int, rate_mm_s2: int) -> None:
    """A RUN with everything right that a program on the host can know: nonce, tick, sequence."""
    status = stage.system.status
    if status is not None:
        stage.hostile_sequence = (stage.hostile_sequence + 1) & 0xFF
        frame = Run(max(0, min(0xFFFF, target_mm_s)), max(0, min(0xFFFF, rate_mm_s2)), status.nonce, status.tick_ms)
        stage.system.cable.inject(encode(frame, stage.hostile_sequence))


@fault("hostile-host", HOSTILE, 100, 5000, 1.5)
def hostile(stage: Stage, one: Fault) -> Undo:
    """Whoever has the Pi sends whatever may move the belt, beside what the controller sends, or in its stead."""
    chance = Random(one.pick)
    alone = one.amount > 0.6
    give_back = hold(stage.system.cable.down, "dead", True) if alone else None

    def attack() -> None:
        kind = chance.random()
        if kind < 0.7:
            granted = stage.system.status.granted_mm_s if stage.system.status is not None else 0
            target = chance.choice((granted, granted, granted, granted + 1, 2 * granted, 1600, 5000, 100))
            _run(stage, target, chance.choice((150, 150, 1, 151, 1500, 60000)))
        elif kind < 0.8:
            stage.system.cable.inject(encode(chance.choice((Clear(), Hello())), chance.randrange(256)))
        else:
            stage.system.cable.inject(chance.randbytes(chance.randrange(1, 40)))

    undo = _each_tick(stage, attack)

    def end() -> None:
        undo()
        if give_back is not None:
            give_back()

    return end


@fault("incident-1-profile-restarts-after-stop", INCIDENT, 500, 8000)
def profile_restarts(stage: Stage, one: Fault) -> Undo:
    """The operator presses STOP; the host's running profile goes on asking for its speed."""
    stage.system.world.hands.press(Input.STOP, 200_000_000)
    return _each_tick(stage, lambda: _run(stage, int(100 + 500 * one.amount), 150))


@fault("incident-2-automatic-acceleration", INCIDENT, 500, 8000)
def accelerate(stage: Stage, one: Fault) -> Undo:
    """A profile raises the speed by itself, a little at a time."""
    asked = [100.0]

    def rise() -> None:
        asked[0] += 1 + 4 * one.amount
        _run(stage, int(asked[0]), 150)

    return _each_tick(stage, rise)


@fault("incident-3-negative-speed", INCIDENT, 100, 2000)
def negative(stage: Stage, one: Fault) -> Undo:
    """A negative speed, as a careless host writes it into an unsigned field."""
    return _each_tick(stage, lambda: _run(stage, 0x10000 - int(1 + 2000 * one.amount), 100))


@fault("incident-4-moves-on-connect", INCIDENT, 100, 1000)
def connect(stage: Stage, one: Fault) -> Undo:
    """A host connects, says HELLO, clears, and sends the last session's frames."""
    cable = stage.system.cable
    old = b"".join(cable.down.passed)
    put_back = pull_out(stage)

    def end() -> None:
        put_back()
        if not stage.system.tty.plugged_in:
            return
        cable.inject(encode(Hello(), 1) + encode(Clear(), 2) + old[: int(2000 * one.amount)])

    return end


@fault("incident-5-stop-behind-queued-writes", INCIDENT, 100, 1500)
def queued(stage: Stage, one: Fault) -> Undo:
    """The line takes nothing more, and somebody asks for a stop."""
    drain = hold(stage.system.tty, "full", True)
    stage.later(int(50 * one.amount), lambda: stage.stop_from_network(Stop("n-stop", "campaign")))
    return drain


@fault("incident-6-start-taken-for-a-toggle", INCIDENT, 10, 10)
def toggle(stage: Stage, one: Fault) -> Undo | None:
    """START twice: to pause, and to go on."""
    hands = stage.system.world.hands
    hands.press(Input.START, 200_000_000)
    hands.press(Input.START, 200_000_000, after_ns=int((0.6 + 2.5 * one.amount) * 1e9))
    return None


@fault("incident-6-wrong-unit", INCIDENT, 200, 4000)
def wrong_unit(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """Every speed is asked in miles where kilometres are meant."""

    def ask() -> None:
        state = stage.system.state
        if state is not None and state.command.target_mm_s:
            _run(stage, int(state.command.target_mm_s * 1.609), 150)

    return _each_tick(stage, ask)


@fault("incident-7-speed-reverts", INCIDENT, 200, 5000)
def revert(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The frames of some time ago come again and again."""
    cable = stage.system.cable
    old = list(cable.down.passed)[:8]

    def again() -> None:
        if old and stage.ticks % 4 == 0:
            cable.inject(old[stage.ticks // 4 % len(old)])

    return _each_tick(stage, again)


@fault("incident-8-runs-on-while-paused", INCIDENT, 500, 8000)
def runs_on(stage: Stage, one: Fault) -> Undo:
    """The panel says paused; the host goes on with the speed that was set, and renews its lease."""
    stage.stop_from_network(Stop("n-stop", "campaign"))
    target = int(100 + 300 * one.amount)
    return _each_tick(stage, lambda: _run(stage, target, 100))


@fault("incident-9-communication-loss", INCIDENT, 300, 4000)
def silence(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """Both directions go dead at once: where drives keep running, or accelerate."""
    cable = stage.system.cable
    up, down = hold(cable.up, "dead", True), hold(cable.down, "dead", True)

    def end() -> None:
        up()
        down()

    return end


@fault("incident-10-host-starved", INCIDENT, 500, 520)
def starve(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The host gets no processor for half a second."""
    return hold(stage.system, "frozen", True)
