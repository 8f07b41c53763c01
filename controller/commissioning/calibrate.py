"""`sternway calibrate`: from a cell of which nothing is known to a certificate, with a person who hangs weights on hook or rail.

Diagnose, tare, known weights, tare again, residuals, accept or abandon. Until the last yes nothing is written. A fault that is
found withdraws the certificate of before at once: the cell is not what it certifies, whatever the person does next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from controller.commissioning.calibration import (
    Fit,
    Measured,
    diagnose,
    differs_from_before,
    drifts,
    fit,
    judge_fit,
    judge_weights,
    measure,
    swings,
)
from controller.commissioning.cells import HARNESS, CalibratedCell
from controller.commissioning.certificate import CalibrationCertificate, why_no_date, withdraw_certificate, write_certificate
from controller.commissioning.configuration_edit import EditError, Value, with_values
from controller.commissioning.console import AbandonedError, Console, ask_kg, ask_text, ask_yes
from controller.core.readings import LoadSample
from controller.core.settings import CalibrationSettings
from controller.durable_file import write_durably

DIAGNOSE_S, MEASURE_S = 4.0, 3.0
_POLL_S = 0.1
_LOWEST_KG, _HIGHEST_KG = 0.5, 500.0
_CONFIGURATION_MODE = 0o640


class Cell(Protocol):
    """The load cell, being sampled."""

    def drain(self) -> tuple[LoadSample, ...]:
        """The samples since the last call."""

    def discarded_total(self) -> int:
        """Samples that were dropped for their clocking since the start; settling is none."""


class Work(msgspec.Struct, frozen=True):
    """What one calibration is about. wall_clock: the time with its zone. emulated: the pins are the simulator's."""

    configuration: Path
    before: CalibrationSettings
    emulated: bool
    wall_clock: Callable[[], datetime]
    wait: Callable[[float], None] = time.sleep
    cell: CalibratedCell = HARNESS


def calibrate(cell: Cell, console: Console, work: Work) -> CalibrationCertificate | None:
    """Leads through a calibration; returns its certificate, or None where it was not accepted. Raises AbandonedError, OSError.

    Refused weights and giving up before a fault say nothing of the cell, and leave the certificate of before.
    """
    undated = why_no_date(work.wall_clock())
    if undated:
        console.say(f"NOT CALIBRATED. {undated}")
        return None
    if work.emulated:
        console.say("These pins are simulated: the certificate will say that the cell was emulated.")
    person = ask_text(console, "Who calibrates? Your name:", 80)
    serial = ask_text(console, _serial_question(work.before), 40)
    place = work.cell.place
    console.say(f"Take everything off the {place} and let nothing touch it. Nobody stands on the treadmill.")
    console.ask(f"Press Enter when the {place} is empty.")
    if not _healthy(cell, console, work):
        return None
    tare = _settled(cell, console, work)
    loads = _weigh(cell, console, work, tare)
    unfit = judge_weights(tuple(mass for mass, _ in loads), work.cell)
    if unfit:
        console.say(f"NOT CALIBRATED. {unfit}")
        return None
    console.ask(f"Take the weights off, let nothing touch the empty {place}, and press Enter.")
    found = fit(tare, loads, _settled(cell, console, work, tare))
    _report(console, found, place)
    if not _accepted(console, found, work):
        return None
    certificate = _certificate(found, tare, person, serial, work)
    _write(console, certificate, work)
    return certificate


def _serial_question(before: CalibrationSettings) -> str:
    now = f" (configured: {before.cell_serial})" if before.cell_serial else ""
    return f"Serial number on the load cell{now}:"


def _sample(cell: Cell, seconds: float, wait: Callable[[float], None]) -> Measured:
    cell.drain()
    dropped = cell.discarded_total()
    samples: list[LoadSample] = []
    for _ in range(round(seconds / _POLL_S)):
        wait(_POLL_S)
        samples += cell.drain()
    return measure(tuple(samples), cell.discarded_total() - dropped)


def _healthy(cell: Cell, console: Console, work: Work) -> bool:
    console.say(f"Looking at cell and amplifier for {DIAGNOSE_S:g} s ...")
    found = _sample(cell, DIAGNOSE_S, work.wait)
    faults = diagnose(found)
    console.say(f"  {found.rate_hz:.1f} samples a second, noise {found.noise_counts:.0f} counts, at {found.mean_counts:.0f} counts")
    for fault in faults:
        console.say(f"  FAULT: {fault}")
    if faults:
        console.say("NOT CALIBRATED. Mend this first, then begin again.")
        _withdraw(console, work)
    return not faults


def _withdraw(console: Console, work: Work) -> None:
    withdrawn = withdraw_certificate(work.configuration.parent / work.cell.file)
    if withdrawn is not None:
        follows = "no patient is taken" if work.cell.needed else "its load is shown as unknown"
        console.say(f"The certificate of before is WITHDRAWN (now {withdrawn}): {follows} until this cell is calibrated.")


def _settled(cell: Cell, console: Console, work: Work, tare: Measured | None = None) -> Measured:
    """A measurement of a load at rest; asks again as long as it is not. Raises AbandonedError when the person gives up.

    tare: None while it is this that is measured. What swings is judged before noise, which a cable has: one looks like the other.
    """
    while True:
        console.say(f"Measuring for {MEASURE_S:g} s ...")
        found = _sample(cell, MEASURE_S, work.wait)
        swinging = tare is not None and swings(found, tare)
        faults = () if swinging else diagnose(found)
        if faults:
            console.say(f"  FAULT: {faults[0]}")
            _withdraw(console, work)
        elif swinging or drifts(found):
            console.say("  The load is not still: let it hang until it rests, and touch nothing.")
        else:
            return found
        if not ask_yes(console, "Measure again?"):
            raise AbandonedError


def _weigh(cell: Cell, console: Console, work: Work, tare: Measured) -> tuple[tuple[float, Measured], ...]:
    place, heaviest_kg = work.cell.place, work.cell.least_heaviest_kg
    console.say(
        f"Now hang known weights on the {place}, one after the other: two at least, the heaviest {heaviest_kg:g} kg or more."
    )
    loads: list[tuple[float, Measured]] = []
    while True:
        question = "Hang a weight and let it rest. Its mass in kg (an empty line when there is no more):"
        mass_kg = ask_kg(console, question, _LOWEST_KG, _HIGHEST_KG)
        if mass_kg is None:
            return tuple(loads)
        loads.append((mass_kg, _settled(cell, console, work, tare)))
        console.say(f"  {mass_kg:g} kg: {loads[-1][1].mean_counts:.0f} counts")


def _report(console: Console, found: Fit, place: str) -> None:
    console.say("    mass      force    reading     error")
    for point in found.weights:
        reading = point.force_n + point.residual_n
        console.say(f"{point.mass_kg:8.3f} kg {point.force_n:8.1f} N {reading:8.1f} N {point.residual_n:+8.2f} N")
    console.say(f"Zero {found.zero_counts} counts, span {found.newtons_per_count:.8g} N a count.")
    console.say(f"Largest error {found.worst_residual_n:.2f} N; the empty {place} came back to {found.zero_return_n:+.2f} N.")


def _accepted(console: Console, found: Fit, work: Work) -> bool:
    faults = judge_fit(found, work.before.maximum_n, work.cell)
    for fault in faults:
        console.say(f"  FAULT: {fault}")
    if faults:
        console.say("NOT CALIBRATED. The configuration is as it was.")
        _withdraw(console, work)
        return False
    unusual = differs_from_before(found, work.before)
    if unusual:
        console.say(f"NOTE: {unusual} Is it another cell, or was a weight wrong?")
    if not ask_yes(console, "Accept this calibration?"):
        console.say("NOT CALIBRATED. The configuration is as it was.")
        _withdraw(console, work)
        return False
    return True


def _certificate(found: Fit, tare: Measured, person: str, serial: str, work: Work) -> CalibrationCertificate:
    return CalibrationCertificate(
        kind="sternway-calibration-1",
        cell=work.cell.name,
        cell_serial=serial,
        made_at=work.wall_clock(),
        made_by=person,
        emulated=work.emulated,
        zero_counts=found.zero_counts,
        newtons_per_count=found.newtons_per_count,
        weights=found.weights,
        worst_residual_n=found.worst_residual_n,
        zero_return_n=found.zero_return_n,
        noise_n=tare.noise_counts * found.newtons_per_count,
        rate_hz=tare.rate_hz,
    )


def _write(console: Console, certificate: CalibrationCertificate, work: Work) -> None:
    """The configuration first: a power cut between the two leaves a pair that does not match, which the controller refuses."""
    values: dict[str, Value] = {
        "zero_counts": certificate.zero_counts,
        "newtons_per_count": certificate.newtons_per_count,
        "cell_serial": certificate.cell_serial,
    }
    try:
        edited = with_values(work.configuration.read_text(encoding="utf-8"), work.cell.table, values)
        write_durably(work.configuration, edited.encode(), _CONFIGURATION_MODE)
        console.say(f"{work.configuration}: the table [{work.cell.table}] has the new values.")
    except EditError as error:
        console.say(f"{error}. Write these lines into it by hand:")
        for line in with_values("", work.cell.table, values).splitlines():
            console.say(f"  {line}")
    path = work.configuration.parent / work.cell.file
    write_certificate(path, certificate)
    console.say(f"CALIBRATED. The certificate is {path}. Start the controller: systemctl start sternway-controller")
