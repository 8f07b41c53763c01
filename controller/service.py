"""The controller's process: composes configuration, devices and scan, runs the loop, and leaves the belt at rest.

Exit codes: 0 a clean stop; 2 the configuration; 3 a device; 4 the scan itself failed. After anything but 0 the next start is
latched. Whatever happens here, the drive's lease and the watchdog relay stop the belt without this process.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from controller import __version__
from controller.channel import Channel
from controller.code_identity import code_identity, python_version
from controller.commissioning.readiness import Damaged
from controller.configuration import Configuration, ConfigurationError, load_configuration
from controller.core.commands import Action, DriveCommand
from controller.drive_adapter import DriveAdapter
from controller.event_ring import EventRing
from controller.flight_format import FlightHeader
from controller.flight_recorder import FlightRecorder
from controller.gatekeeper import gatekeeper
from controller.hardware.display import CharacterDisplay
from controller.hardware.errors import HardwareError
from controller.hardware.gpio import PanelPins
from controller.hardware.hx711 import LoadCellSampler, open_load_cell
from controller.hardware.memory_lock import lock_memory
from controller.hardware.pi_health import read_pi_health
from controller.hardware.rail_cells import RailCellSampler, open_rail_cells
from controller.hardware.service_manager import ServiceManager
from controller.local_clock import LocalClock, clock_is_kept
from controller.memory import Memory
from controller.opened_devices import open_panel_and_drive
from controller.pairing import refuse_wrong_drive, why_refused
from controller.peers import rule_of, why_out_of_reach
from controller.rail_certificates import fitted_rail_cells
from controller.rail_loads import NoRailCells, RailLoads, RailLoadSource
from controller.readiness_watch import ReadinessWatch, fitted_to, read_certificates
from controller.restart_budget import kernel_boot_id
from controller.scan import Controller, Devices
from controller.scan_loop import ScanLoop
from controller.session.facts import DeckGrade
from firmware_bridge.discovery import UnknownDriveError
from firmware_bridge.drive import Drive
from messages.journal import JournalPriority, goes_to_journal, journal_text
from messages.wire import About

_CLEAN, _BAD_CONFIGURATION, _BAD_DEVICE, _SCAN_FAILED = 0, 2, 3, 4
_HOUSE = Path(__file__).resolve().parents[1]
_LAST_STOP = DriveCommand(Action.STOP, rate_mm_s2=500)


class _Parts(msgspec.Struct, frozen=True):
    """What is open while the process scans."""

    panel: PanelPins
    panel_is_simulated: bool
    drive: Drive
    sampler: LoadCellSampler
    display: CharacterDisplay
    readiness: ReadinessWatch
    manager: ServiceManager
    rail_loads: RailLoadSource


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the controller until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(prog="sternway-controller", description="Drives the treadmill's belt.")
    parser.add_argument("--config", type=Path, default=Path("/etc/sternway/treadmill.toml"), help="configuration file")
    options = parser.parse_args(arguments)
    try:
        manager = ServiceManager()
    except OSError as error:
        _say(JournalPriority.ERROR, f"The service manager cannot be told anything: {error.strerror}.")
        return _BAD_DEVICE
    try:
        return _run_or_say_why(options.config, manager)
    finally:
        manager.close()


def _run_or_say_why(path: Path, manager: ServiceManager) -> int:
    try:
        return _run(load_configuration(path), path.parent, manager)
    except (ConfigurationError, UnknownDriveError) as error:
        return _fail(manager, _BAD_CONFIGURATION, str(error).splitlines())
    except HardwareError as error:
        return _fail(manager, _BAD_DEVICE, [str(error)])
    except OSError as error:
        return _fail(manager, _BAD_DEVICE, [f"{error.strerror or error}: {error.filename or _where(error)}"])
    except Exception:
        return _fail(
            manager, _SCAN_FAILED, ["the controller failed; the next start is latched", *traceback.format_exc().splitlines()]
        )


def _where(error: BaseException) -> str:
    """The last of our own lines on the way to the error, as `controller/scan_loop.py line 80`."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent.is_relative_to(_HOUSE)]
    return f"{Path(ours[-1].filename).relative_to(_HOUSE)} line {ours[-1].lineno}" if ours else "an unknown place"


def _say(priority: JournalPriority, *lines: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody listens: no reason to stop a belt
        sys.stderr.write(journal_text(priority, lines, prefixed=goes_to_journal(os.environ)))


def _warn(line: str) -> None:
    _say(JournalPriority.WARNING, line)


def _fail(manager: ServiceManager, code: int, lines: list[str]) -> int:
    _say(JournalPriority.ERROR, *lines)
    manager.status(lines[0][:200] if lines else "failed")
    return code


def _run(configuration: Configuration, certificates: Path, manager: ServiceManager) -> int:
    """Opens every device, each to be given back whatever happens, and scans. certificates: the directory they are in."""
    with contextlib.ExitStack() as stack:
        panel, simulated, drive = open_panel_and_drive(configuration, stack)
        display = CharacterDisplay(configuration.display)
        stack.callback(display.close)
        sampler = open_load_cell(configuration.load_cell, _warn)
        stack.callback(sampler.close)
        refuse_wrong_drive(drive, simulated, configuration.identity.mounting)
        readiness = _watch_readiness(configuration, certificates, simulated, drive)
        stack.callback(readiness.close)
        rail_loads = _rail_loads(configuration, certificates, simulated, stack)
        mark_clean = _scan(configuration, _Parts(panel, simulated, drive, sampler, display, readiness, manager, rail_loads))
    mark_clean()
    return _CLEAN


def _rail_loads(configuration: Configuration, certificates: Path, simulated: bool, stack: contextlib.ExitStack) -> RailLoadSource:
    """The rail cells are opened last, and the treadmill runs without them where that fails: they protect nobody."""
    fitted = fitted_rail_cells(configuration, certificates)
    if not fitted:
        return NoRailCells()
    sampler: RailCellSampler | None = None
    try:
        sampler = open_rail_cells(configuration.rails, _warn)
        stack.callback(sampler.close)
    except HardwareError as error:
        _warn(f"The rail cells are not read, the treadmill runs without them: {error}")
    return RailLoads(sampler, fitted, simulated, configuration.commissioning, time.time, _warn)


def _watch_readiness(configuration: Configuration, directory: Path, simulated: bool, drive: Drive) -> ReadinessWatch:
    found = read_certificates(directory)
    for certificate in (found.calibration, found.self_test):
        if isinstance(certificate, Damaged):
            _say(JournalPriority.WARNING, certificate.reason)
    state_directory = configuration.paths.state_directory
    fitted = fitted_to(configuration, simulated)
    return ReadinessWatch(
        found,
        fitted,
        configuration.commissioning,
        lambda: read_pi_health(state_directory, clock_is_kept),
        time.time,
        time.monotonic,
        _warn,
        lambda: bool(why_refused(drive)),
    )


def _scan(configuration: Configuration, parts: _Parts) -> Callable[[], None]:
    """Scans until asked to end; returns what writes the marker of a clean stop, for when everything else has ended well."""
    adapter = DriveAdapter(parts.drive, parts.panel_is_simulated, _warn)
    boot_id = secrets.token_hex(4)
    ring = EventRing(configuration.paths.runtime_directory / "events.ring")
    recorder = FlightRecorder(configuration.paths.runtime_directory, _flight_header(configuration, boot_id), _warn)
    memory = Memory(configuration.paths.state_directory / "controller.json", _warn)
    rule, unknown = rule_of(configuration.access)
    _say(JournalPriority.WARNING, *unknown)
    channel = Channel(configuration.paths.socket, ring, lambda: _about(configuration, parts, boot_id), rule)
    _say(JournalPriority.WARNING, *why_out_of_reach(configuration.access, configuration.paths.socket))
    controller = Controller(
        Devices(parts.panel, parts.sampler, adapter, parts.display, parts.manager, parts.readiness, parts.rail_loads),
        configuration.core_settings,
        channel,
        ring,
        memory,
        gatekeeper(configuration.core, configuration.clinical, LocalClock(time.time), _grade(parts.drive)),
        recorder,
        boot_id=boot_id,
        now_ns=time.monotonic_ns(),
        wall_clock=time.time,
        kernel_boot=kernel_boot_id(),
    )
    loop = ScanLoop(controller, parts.panel.wake_descriptor, lambda: adapter.wait_descriptor(time.monotonic_ns()))
    _stop_on_signals(controller, loop)
    not_locked = lock_memory()
    if not_locked:
        _say(JournalPriority.WARNING, not_locked)
    try:
        loop.run(on_first_scan=lambda: parts.manager.ready(f"Sternway {__version__}: scanning"))
    except BaseException:
        adapter.send(_LAST_STOP)
        parts.manager.stopping("the scan has failed; the belt stops without it")
        controller.close(failed=True)
        raise
    finally:
        channel.close()
        recorder.close()
        ring.close()
    parts.manager.stopping("the belt is at rest; stopping")
    return lambda: controller.close(failed=False)


def _grade(drive: Drive) -> DeckGrade:
    """No driver reads a grade back: one whose drive could change it is refused at every session."""
    return DeckGrade(can_change=drive.capabilities.has_grade)


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


def _about(configuration: Configuration, parts: _Parts, boot_id: str) -> About:
    identity, capabilities = parts.drive.identity, parts.drive.capabilities
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
        certificates=parts.readiness.dates(),
    )


if __name__ == "__main__":
    sys.exit(main())
