"""The processes and what they rest on: scans late, frozen, killed; telemetry, broker, disk, display and clock."""

from __future__ import annotations

from simulator.campaign.fault import UNFELT, Fault, Undo, Unfelt, fault
from simulator.campaign.holding import hold, hold_by, newest
from simulator.campaign.stage import Stage

GROUP = "processes"


@fault("scan-late", GROUP, 10, 10, 2.0)
def late(stage: Stage, one: Fault) -> Undo | None:
    """The next scan gets the processor late: 5 to 200 ms."""
    stage.system.delay_scan(int((5 + 195 * one.amount**2) * 1e6))
    return None


@fault("controller-frozen", GROUP, 50, 3000)
def freeze(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The host gives it no processor, nor one that is started meanwhile."""
    return hold(stage.system, "frozen", True)


@fault("controller-killed", GROUP, 200, 3000, 0.5)
def kill(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """As SIGKILL; systemd starts it again."""
    system = stage.system
    return hold_by(system, "killed", True, lambda dead: system.kill_controller() if dead else system.start_controller())


@fault("telemetry-killed", GROUP, 200, 6000)
def kill_telemetry(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """As SIGKILL; systemd starts it again."""
    telemetry = stage.system.telemetry
    return hold_by(telemetry, "killed", True, lambda dead: telemetry.kill() if dead else telemetry.start())


@fault("telemetry-frozen", GROUP, 200, 6000)
def freeze_telemetry(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """A reader that does not read."""
    return hold(stage.system.telemetry, "frozen", True)


@fault("broker-away", GROUP, 500, 15000)
def broker_away(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """Connections break, none is taken."""
    return _take_away(stage)


def _take_away(stage: Stage) -> Undo:
    broker = stage.system.broker
    return hold_by(broker, "away", True, lambda away: broker.set_present(not away))


@fault("broker-flapping", GROUP, 500, 8000)
def broker_flaps(stage: Stage, one: Fault) -> Undo:
    """The broker comes and goes several times a second."""
    period = 10 + one.pick % 90
    away: list[Undo] = []

    def flap() -> None:
        if stage.ticks % period == 0:
            if away:
                away.pop()()
            else:
                away.append(_take_away(stage))

    stage.each_tick.append(flap)

    def end() -> None:
        stage.each_tick.remove(flap)
        for come_back in away:
            come_back()

    return end


@fault("broker-slow", GROUP, 500, 8000)
def broker_slow(stage: Stage, one: Fault) -> Undo:
    """Each confirmation takes up to 6 s: beyond the client's own patience."""
    return hold(stage.system.broker, "delay_s", 0.05 + 6.0 * one.amount**2)


@fault("disk-full", GROUP, 500, 8000)
def disk_full(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The journal's disk takes no commit more; counted where it had to refuse one."""
    disk = stage.system.telemetry.disk
    refused_before = disk.refused
    make_room = hold(disk, "full", True)

    def end() -> Unfelt | None:
        make_room()
        return UNFELT if disk.refused == refused_before else None

    return end


@fault("disk-slow", GROUP, 500, 8000)
def disk_slow(stage: Stage, one: Fault) -> Undo:
    """Each call into the journal's thread takes up to 3 s."""
    return hold(stage.system.telemetry.disk, "delay_s", 3.0 * one.amount)


@fault("wall-clock-jump", GROUP, 1000, 20000)
def jump(stage: Stage, one: Fault) -> Undo:
    """What people's clocks show leaps, up to ten years either way; somebody puts it right."""
    telemetry = stage.system.telemetry
    return hold(telemetry, "clock_offset_s", (2 * one.amount - 1) ** 3 * 3.15e8, worst=newest)


@fault("display-lost", GROUP, 200, 5000)
def display(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The character display does not answer."""
    return hold(stage.system.display, "healthy", False, worst=min)
