"""Opens the devices for a calibration or a self-test, with the controller stopped, and gives them back.

The drive is only listened to: neither program has a way to send it an order, so nothing here can move a belt.
"""

from __future__ import annotations

import collections
import contextlib
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from controller.commissioning.calibrate import Work, calibrate
from controller.commissioning.cells import CELLS, HARNESS, CalibratedCell
from controller.commissioning.certificate import SELF_TEST_FILE, SelfTestCertificate, why_no_date, write_certificate
from controller.commissioning.console import AbandonedError, Console, ask_text
from controller.commissioning.panel_bench import PanelBench
from controller.commissioning.readiness import wiring_fingerprint
from controller.commissioning.self_test import DriveFacts, Extras, Gauge, Walk
from controller.configuration import Configuration
from controller.core.readings import LoadSample
from controller.core.settings import CalibrationSettings
from controller.drive_adapter import DriveAdapter
from controller.hardware.device_lock import DeviceLock
from controller.hardware.display import CharacterDisplay
from controller.hardware.errors import HardwareError
from controller.hardware.gpio import board_identity, load_gpio
from controller.hardware.hx711 import Discard, open_load_cell
from controller.hardware.rail_cells import open_rail_cells
from controller.opened_devices import open_panel_and_drive
from controller.pairing import refuse_wrong_drive
from firmware_bridge.drive import DriveFault, DriveLimits
from settings_files.problems import Problem, ProblemsError

STOP_INPUT_DECELERATION_MM_S2 = 1000
"""As firmware_bridge/firmware/core/limits.h has it; the drive does not announce it."""
_FAULT_BITS = 16
_SAMPLES_OF_A_READING = 5
_READING_FRESH_NS = 500_000_000


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC).replace(microsecond=0)


class Sampled(Protocol):
    """A cell of a sampler."""

    @property
    def discarded(self) -> dict[Discard, int]:
        """How many samples were dropped so far, by cause."""

    def drain(self) -> tuple[LoadSample, ...]:
        """The samples since the last call."""


class SampledCell:
    """A sampled cell as a calibration sees it."""

    def __init__(self, sampler: Sampled) -> None:
        self._sampler = sampler

    def drain(self) -> tuple[LoadSample, ...]:
        """The samples since the last call."""
        return self._sampler.drain()

    def discarded_total(self) -> int:
        """Samples dropped for their clocking. The first conversions after a start are no fault."""
        return sum(count for why, count in self._sampler.discarded.items() if why is not Discard.SETTLING)


def run_calibration(configuration: Configuration, path: Path, console: Console, cell: CalibratedCell = HARNESS) -> bool:
    """Calibrates one cell; returns whether a certificate was written. Raises HardwareError, OSError, ProblemsError."""
    if cell is not HARNESS:
        _refuse_unfitted(configuration, path, cell)
    with DeviceLock(configuration.paths.runtime_directory), contextlib.ExitStack() as stack:
        emulated = board_identity(load_gpio()).is_simulated
        sampled, before = _open_cell(configuration, cell, stack)
        try:
            work = Work(path, before, emulated, _now, cell=cell)
            return calibrate(SampledCell(sampled), console, work) is not None
        except (AbandonedError, KeyboardInterrupt):
            console.say("ABANDONED. Nothing has been certified.")
            return False


def _refuse_unfitted(configuration: Configuration, path: Path, cell: CalibratedCell) -> None:
    if cell.name not in configuration.rails.fitted:
        remedy = f"fit the cell (docs/wiring.md), then set {cell.table}.fitted = true"
        raise ProblemsError(str(path), (Problem(f"{cell.table}.fitted", "false", "true", remedy),))


def _open_cell(
    configuration: Configuration, cell: CalibratedCell, stack: contextlib.ExitStack
) -> tuple[Sampled, CalibrationSettings]:
    """The cell being sampled, a rail cell alone on its clock, and how it is configured now."""
    if cell is HARNESS:
        sampler = open_load_cell(configuration.load_cell)
        stack.callback(sampler.close)
        return sampler, configuration.core.calibration
    rails = open_rail_cells(configuration.rails.only(cell.name))
    stack.callback(rails.close)
    return rails.cells[cell.name], configuration.rails.fitted[cell.name].calibration


class LoadGauge:
    """The load in newtons, for a person who pulls: the median of the newest samples."""

    def __init__(self, sampler: Sampled, calibration: CalibrationSettings) -> None:
        self._sampler = sampler
        self._calibration = calibration
        self._newest: collections.deque[LoadSample] = collections.deque(maxlen=_SAMPLES_OF_A_READING)

    def load_n(self) -> float | None:
        """The load now; None while no sample is younger than half a second."""
        self._newest.extend(self._sampler.drain())
        if not self._newest or time.monotonic_ns() - self._newest[-1].measured_at_ns > _READING_FRESH_NS:
            return None
        counts = statistics.median(sample.counts for sample in self._newest)
        return (counts - self._calibration.zero_counts) * self._calibration.newtons_per_count


def run_self_test(configuration: Configuration, path: Path, console: Console, wall_clock: Callable[[], datetime] = _now) -> bool:
    """Walks through the machine; returns whether all was found right. Raises HardwareError, OSError."""
    undated = why_no_date(wall_clock())
    if undated:
        console.say(f"NOT TESTED. {undated}")
        return False
    with contextlib.ExitStack() as stack:
        panel, emulated, drive = open_panel_and_drive(configuration, stack)
        refuse_wrong_drive(drive, emulated, configuration.identity.mounting)
        sampler = open_load_cell(configuration.load_cell)
        stack.callback(sampler.close)
        display = CharacterDisplay(configuration.display)
        stack.callback(display.close)
        bench = PanelBench(panel, DriveAdapter(drive, emulated, console.say))
        stack.callback(bench.close)
        gauge = LoadGauge(sampler, configuration.core.calibration)
        rails = _rail_gauges(configuration, console, stack)
        extras = Extras(gauge.load_n, display.show if configuration.display.device else None, rails)
        walk = Walk(bench, facts_of(configuration.drive_limits), extras, console)
        return _walk(configuration, path, console, walk, emulated)


def facts_of(limits: DriveLimits) -> DriveFacts:
    """Returns what the self-test must know of a drive with these limits.

    One that was built to brake less than the STOP input's usual rate keeps to what it was built with.
    """
    deceleration_mm_s2 = min(STOP_INPUT_DECELERATION_MM_S2, limits.max_deceleration_mm_s2)
    return DriveFacts(
        brakes_s=limits.max_speed_mm_s / deceleration_mm_s2,
        name_faults=name_faults,
        faults_of_push=DriveFault.UNEXPECTED_MOTION,
    )


def name_faults(faults: int) -> str:
    """Returns by name those that only RESET ends, or an empty string. The two others end with the next START."""
    names = {int(fault): fault.name.lower().replace("_", " ") for fault in DriveFault}
    latching = faults & ~(DriveFault.LEASE | DriveFault.STOP_INPUT)
    return ", ".join(names.get(1 << bit, f"bit {bit}") for bit in range(_FAULT_BITS) if latching >> bit & 1)


def _rail_gauges(configuration: Configuration, console: Console, stack: contextlib.ExitStack) -> dict[str, Gauge]:
    """By place, as `left rail`. Cells that cannot be read keep nobody from testing all the rest: they feel nothing."""
    fitted = configuration.rails.fitted
    try:
        sampler = open_rail_cells(configuration.rails) if fitted else None
    except HardwareError as error:
        console.say(f"The rail cells cannot be read. {error}")
        return {CELLS[name].place: lambda: None for name in fitted}
    if sampler is None:
        return {}
    stack.callback(sampler.close)
    return {CELLS[name].place: LoadGauge(sampler.cells[name], cell.calibration).load_n for name, cell in fitted.items()}


def _walk(configuration: Configuration, path: Path, console: Console, walk: Walk, emulated: bool) -> bool:
    if emulated:
        console.say("These pins are simulated: the record will say that the test was emulated.")
    person = ""
    try:
        with _hanging_up_interrupts():
            person = ask_text(console, "Who tests? Your name:", 80)
            walk.run()
    except (AbandonedError, KeyboardInterrupt):
        if not walk.failed:
            console.say("ABANDONED. Nothing has been written.")
            return False
        record = _record(configuration, path, walk, person, emulated)
        console.say(f"ABANDONED, and FAILED: {', '.join(walk.failed)}. The record is {record}.")
        return False
    except (HardwareError, OSError):
        if walk.failed:
            _record(configuration, path, walk, person, emulated)
        raise
    record = _record(configuration, path, walk, person, emulated)
    failed = walk.failed
    console.say(f"{'FAILED: ' + ', '.join(failed) if failed else 'PASSED'}. The record is {record}.")
    unshown = [item.name for item in walk.items if not item.protects and not item.passed]
    if unshown:
        console.say(f"Found wrong, and no reason to refuse a patient: {', '.join(unshown)}.")
    return not failed


@contextlib.contextmanager
def _hanging_up_interrupts() -> Iterator[None]:
    """A connection that breaks hangs up on the program, which would end it with what was found forgotten."""
    before = signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _record(configuration: Configuration, path: Path, walk: Walk, person: str, emulated: bool) -> Path:
    """Writes what was found, and returns where. path: of the configuration."""
    certificate = SelfTestCertificate(
        kind="sternway-self-test-1",
        made_at=_now(),
        made_by=person,
        emulated=emulated,
        wiring=wiring_fingerprint(configuration.pins, configuration.load_cell, configuration.serial.driver),
        belt_at_rest=walk.belt_at_rest,
        items=tuple(walk.items),
    )
    record = path.parent / SELF_TEST_FILE
    write_certificate(record, certificate)
    return record
