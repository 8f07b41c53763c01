"""The processes and what they rest on: scans late, frozen, killed; telemetry, broker, disk, display and clock."""

from __future__ import annotations

from simulator.campaign.fault import Fault, Undo, fault
from simulator.campaign.stage import Stage

GROUP = "processes"


@fault("scan-late", GROUP, 10, 10, 2.0)
def late(stage: Stage, one: Fault) -> Undo | None:
    """The next scan gets the processor late: 5 to 200 ms."""
    stage.system.delay_scan(int((5 + 195 * one.amount**2) * 1e6))
    return None


@fault("controller-frozen", GROUP, 50, 3000)
def freeze(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """As SIGSTOP, then SIGCONT."""
    system = stage.system
    system.frozen = True
    return lambda: setattr(system, "frozen", False)


@fault("controller-killed", GROUP, 200, 3000, 0.5)
def kill(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """As SIGKILL; systemd starts it again."""
    stage.system.kill_controller()
    return stage.system.start_controller


@fault("telemetry-killed", GROUP, 200, 6000)
def kill_telemetry(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """As SIGKILL; systemd starts it again."""
    stage.system.telemetry.kill()
    return stage.system.telemetry.start


@fault("telemetry-frozen", GROUP, 200, 6000)
def freeze_telemetry(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """A reader that does not read."""
    telemetry = stage.system.telemetry
    telemetry.frozen = True
    return lambda: setattr(telemetry, "frozen", False)


@fault("broker-away", GROUP, 500, 15000)
def broker_away(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """Connections break, none is taken."""
    stage.system.broker.go_away()
    return stage.system.broker.come_back


@fault("broker-flapping", GROUP, 500, 8000)
def broker_flaps(stage: Stage, one: Fault) -> Undo:
    """The broker comes and goes several times a second."""
    broker = stage.system.broker
    period = 10 + one.pick % 90

    def flap() -> None:
        if stage.ticks % period == 0:
            (broker.go_away if broker.present else broker.come_back)()

    stage.each_tick.append(flap)

    def end() -> None:
        stage.each_tick.remove(flap)
        broker.come_back()

    return end


@fault("broker-slow", GROUP, 500, 8000)
def broker_slow(stage: Stage, one: Fault) -> Undo:
    """Each confirmation takes up to 6 s: beyond the client's own patience."""
    broker = stage.system.broker
    broker.delay_s = 0.05 + 6.0 * one.amount**2
    return lambda: setattr(broker, "delay_s", 0.0)


@fault("disk-full", GROUP, 500, 8000)
def disk_full(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """SQLite finds no page more."""
    telemetry = stage.system.telemetry
    telemetry.set_disk_full(True)
    return lambda: telemetry.set_disk_full(False)


@fault("disk-slow", GROUP, 500, 8000)
def disk_slow(stage: Stage, one: Fault) -> Undo:
    """Each call into the journal's thread takes up to 3 s."""
    telemetry = stage.system.telemetry
    telemetry.disk_delay_s = 3.0 * one.amount
    return lambda: setattr(telemetry, "disk_delay_s", 0.0)


@fault("wall-clock-jump", GROUP, 1000, 20000)
def jump(stage: Stage, one: Fault) -> Undo:
    """What people's clocks show leaps, up to ten years either way; somebody puts it right."""
    telemetry = stage.system.telemetry
    telemetry.jump((2 * one.amount - 1) ** 3 * 3.15e8)
    return lambda: telemetry.jump(0.0)


@fault("display-lost", GROUP, 200, 5000)
def display(stage: Stage, one: Fault) -> Undo:  # noqa: ARG001 (every deed has one form)
    """The character display does not answer."""
    shown = stage.system.display
    shown.healthy = False
    return lambda: setattr(shown, "healthy", True)
