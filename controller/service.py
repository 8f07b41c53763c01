"""The controller's process: composes configuration, devices and scan, runs the loop, and leaves the belt at rest.

Exit codes: 0 a clean stop; 2 the configuration; 3 a device; 4 the scan itself failed. After anything but 0 the next start is
latched. Whatever happens here, the drive's lease and the watchdog relay stop the belt without this process.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from controller import __version__
from controller.channel import Channel
from controller.code_identity import code_identity, python_version
from controller.configuration import Configuration, ConfigurationError, load_configuration
from controller.core.commands import Action, DriveCommand
from controller.drive_adapter import DriveAdapter
from controller.event_ring import EventRing
from controller.flight_format import FlightHeader
from controller.flight_recorder import FlightRecorder
from controller.gatekeeper import gatekeeper
from controller.hardware.display import CharacterDisplay
from controller.hardware.errors import HardwareError
from controller.hardware.gpio import PanelPins, board_identity, load_gpio
from controller.hardware.hx711 import LoadCellSampler, open_load_cell
from controller.hardware.service_manager import ServiceManager
from controller.local_clock import LocalClock
from controller.memory import Memory
from controller.pairing import why_not_paired
from controller.scan import Controller, Devices
from controller.scan_loop import ScanLoop
from controller.session.facts import DeckGrade
from firmware_bridge.discovery import open_drive
from firmware_bridge.drive import Drive
from messages.wire import About

_CLEAN, _BAD_CONFIGURATION, _BAD_DEVICE, _SCAN_FAILED = 0, 2, 3, 4
_IDENTITY_WAIT_S = 3.0
_LAST_STOP = DriveCommand(Action.STOP, rate_mm_s2=500)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the controller until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(prog="sternway-controller", description="Drives the treadmill's belt.")
    parser.add_argument("--config", type=Path, default=Path("/etc/sternway/treadmill.toml"), help="configuration file")
    options = parser.parse_args(arguments)
    manager = ServiceManager()
    try:
        configuration = load_configuration(options.config)
    except ConfigurationError as error:
        return _fail(manager, _BAD_CONFIGURATION, str(error))
    try:
        return _run(configuration, manager)
    except HardwareError as error:
        return _fail(manager, _BAD_DEVICE, str(error))
    except OSError as error:
        return _fail(manager, _BAD_DEVICE, f"{error.strerror}: {error.filename}")


def _fail(manager: ServiceManager, code: int, text: str) -> int:
    _say(text)
    manager.status(text.splitlines()[0][:200] if text else "failed")
    return code


def _run(configuration: Configuration, manager: ServiceManager) -> int:
    gpio = load_gpio()
    panel = PanelPins(configuration.pins, gpio)
    drive = open_drive(configuration.serial.driver, configuration.serial.device, configuration.drive_limits, time.monotonic_ns())
    sampler = open_load_cell(configuration.load_cell)
    display = CharacterDisplay(configuration.display)
    try:
        _refuse_mixed_pair(drive, board_identity(gpio).is_simulated)
        return _scan(configuration, manager, panel, drive, sampler, display)
    finally:
        sampler.close()
        display.close()
        drive.close()
        panel.close()


def _refuse_mixed_pair(drive: Drive, panel_is_simulated: bool) -> None:
    """A virtual panel and a real drive never meet: waits for the drive's HELLO, and refuses the pair before the first scan."""
    deadline = time.monotonic() + _IDENTITY_WAIT_S
    while drive.identity is None and drive.loss is None and time.monotonic() < deadline:
        drive.receive(time.monotonic_ns())
        time.sleep(0.005)
    reason = why_not_paired(drive, panel_is_simulated)
    if reason:
        raise HardwareError(reason, "Use real pins with a real drive, or the simulator's pins with the emulated drive.")


def _scan(
    configuration: Configuration,
    manager: ServiceManager,
    panel: PanelPins,
    drive: Drive,
    sampler: LoadCellSampler,
    display: CharacterDisplay,
) -> int:
    adapter = DriveAdapter(drive)
    boot_id = secrets.token_hex(4)
    ring = EventRing(configuration.paths.runtime_directory / "events.ring")
    recorder = FlightRecorder(configuration.paths.runtime_directory, _flight_header(configuration, boot_id), _say)
    memory = Memory(configuration.paths.state_directory / "controller.json")
    channel = Channel(configuration.paths.socket, ring, lambda: _about(configuration, drive, boot_id))
    controller = Controller(
        Devices(panel, sampler, adapter, display, manager),
        configuration.core_settings,
        channel,
        ring,
        memory,
        gatekeeper(configuration.core, configuration.clinical, LocalClock(time.time), _grade(drive)),
        recorder,
        boot_id=boot_id,
        now_ns=time.monotonic_ns(),
        wall_clock=time.time,
    )
    loop = ScanLoop(controller, panel.wake_descriptor, lambda: adapter.wait_descriptor(time.monotonic_ns()))
    _stop_on_signals(controller, loop)
    try:
        loop.run(on_first_scan=lambda: manager.ready(f"Sternway {__version__}: scanning"))
    except BaseException:
        adapter.send(_LAST_STOP)
        raise
    finally:
        manager.stopping("the belt is at rest; stopping")
        controller.close()
        channel.close()
        ring.close()
        recorder.close()
    return _CLEAN


def _grade(drive: Drive) -> DeckGrade:
    """No driver reads a grade back: one whose drive could change it is refused at every session."""
    return DeckGrade(can_change=drive.capabilities.has_grade)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201  the journal reads it


def _flight_header(configuration: Configuration, boot_id: str) -> FlightHeader:
    return FlightHeader(
        version=__version__,
        code=code_identity(),
        python=python_version(),
        treadmill=f"{configuration.identity.clinic}/{configuration.identity.treadmill}",
        boot_id=boot_id,
        began_ns=time.monotonic_ns(),
        began_time=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        settings=configuration.core_settings,
    )


def _stop_on_signals(controller: Controller, loop: ScanLoop) -> None:
    """A request to end first brings the belt to rest, gently; the loop goes on scanning until it is."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        controller.wind_down(loop.stop)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


def _about(configuration: Configuration, drive: Drive, boot_id: str) -> About:
    identity, capabilities = drive.identity, drive.capabilities
    speed = configuration.core_settings.core.speed
    return About(
        version=__version__,
        boot_id=boot_id,
        clinic=configuration.identity.clinic,
        treadmill=configuration.identity.treadmill,
        drive={
            "driver": capabilities.name,
            "target": identity.target.name.lower() if identity is not None else "unknown",
            "firmware": ".".join(map(str, identity.firmware_version)) if identity is not None else "unknown",
            "mounting": configuration.identity.mounting,
            "keepalive": capabilities.keepalive.value,
            "held_by_firmware": ", ".join(sorted(capabilities.held_by_firmware)),
            "held_by_hardware": ", ".join(sorted(capabilities.held_by_hardware)),
        },
        limits={
            "ceiling_m_s": speed.ceiling_m_s,
            "first_session_ceiling_m_s": speed.first_session_ceiling_m_s,
            "first_speed_m_s": speed.first_m_s,
            "lease_ms": configuration.core_settings.core.drive.lease_ms,
        },
    )


if __name__ == "__main__":
    sys.exit(main())
