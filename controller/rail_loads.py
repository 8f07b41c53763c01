"""What the rails bear, for people to see: a number that may be believed, or unknown with the reason. Nothing else hears of it.

The rail cells are no input of the core: no rule reads them, and no fault of theirs trips, grants or silences anything
(docs/decisions/0013-rail-cells.md). So whatever goes wrong here ends here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from controller.commissioning.certificate import CalibrationCertificate
from controller.commissioning.readiness import Damaged, Unready, is_in_the_future, judge_calibration
from controller.commissioning.settings import CommissioningSettings
from controller.core.load_chain import LOAD_CHAIN_START, LoadChainSettings, LoadEstimate, advance_load
from controller.core.readings import LoadSample, Quality
from controller.core.settings import CalibrationSettings
from controller.hardware.settings import RAIL_LEFT, RAIL_RIGHT

GAP_LIMIT_S = 0.5
"""A number on a screen may be older than one that a fall is judged by."""
JUDGE_EVERY_NS = 5_000_000_000
NOT_SAMPLED = "not sampled: see `sternway logs`, then restart the controller"
_WORDS = {
    Quality.MISSING: "no sample yet: check the amplifier's supply, wires and RATE pin",
    Quality.STALE: "no sample: check the amplifier's supply and wires",
    Quality.OUT_OF_RANGE: "out of range: overloaded, or a wire of the cell is broken",
    Quality.STUCK: "stuck: check the data wire and the cell's four wires",
    Quality.NOT_FINITE: "not a number",
}


class RailLoad(msgspec.Struct, frozen=True):
    """One rail: newtons, positive when pressed down, or None with the reason in words; both empty where no cell is fitted."""

    load_n: float | None = None
    unknown: str = ""


class RailReading(msgspec.Struct, frozen=True):
    """Both rails at one instant."""

    left: RailLoad = RailLoad()
    right: RailLoad = RailLoad()


NO_RAIL_CELLS_READING = RailReading()


class RailLoadSource(Protocol):
    """Whoever knows what the rails bear."""

    def read(self, now_ns: int) -> RailReading:
        """At most ten times a second; never raises and never waits."""


class NoRailCells:
    """A treadmill without them."""

    def read(self, _now_ns: int) -> RailReading:
        """Nothing."""
        return NO_RAIL_CELLS_READING


class Drained(Protocol):
    """A cell's samples."""

    def drain(self) -> tuple[LoadSample, ...]:
        """Those since the last call."""


class Sampled(Protocol):
    """All fitted cells, being sampled."""

    @property
    def alive(self) -> bool:
        """False once no sample comes any more."""

    @property
    def cells(self) -> Mapping[str, Drained]:
        """By name."""


class FittedCell(msgspec.Struct, frozen=True):
    """One cell as configured, and what lies there as its certificate."""

    calibration: CalibrationSettings
    certificate: CalibrationCertificate | Damaged | None


def judge_rail_cell(name: str, cell: FittedCell, emulated: bool, settings: CommissioningSettings, now: datetime) -> str:
    """Returns why a rail cell counts as uncalibrated, with what to do, or an empty string. now: wall clock, with time zone."""
    for reason in judge_calibration(cell.certificate, cell.calibration, emulated, settings, now):
        return f"{reason.value}: sternway calibrate --cell {name}"
    certificate = cell.certificate
    if isinstance(certificate, CalibrationCertificate) and is_in_the_future(certificate.made_at, now):
        return f"{Unready.CLOCK_UNKNOWN.value}: set the clock"
    return ""


class RailGauge:
    """From one cell's samples to what may be shown: finite, fresh, in range, not stuck."""

    def __init__(self, calibration: CalibrationSettings) -> None:
        self._settings = LoadChainSettings(
            zero_counts=calibration.zero_counts,
            newtons_per_count=calibration.newtons_per_count,
            maximum_n=calibration.maximum_n,
            minimum_n=-calibration.maximum_n,
            gap_limit_s=GAP_LIMIT_S,
        )
        self._state = LOAD_CHAIN_START

    def advance(self, samples: tuple[LoadSample, ...], now_ns: int) -> LoadEstimate:
        """Takes the samples since the last call; `load` has the newest load with its quality."""
        self._state, estimate, _ = advance_load(self._state, samples, 0.0, self._settings, now_ns)
        return estimate


class RailLoads:
    """Reads the fitted cells' samples at each call. What is unknown stays unknown until it is known again."""

    def __init__(
        self,
        sampled: Sampled | None,
        fitted: Mapping[str, FittedCell],
        emulated: bool,
        settings: CommissioningSettings,
        wall_clock: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        """sampled: None where the cells' pins could not be had. emulated: the pins are the simulator's. wall_clock: seconds since
        1970. say: is told once, should reading itself fail."""
        self._sampled = sampled
        self._fitted = fitted
        self._emulated = emulated
        self._settings = settings
        self._wall_clock = wall_clock
        self._say = say
        self._gauges = {name: RailGauge(cell.calibration) for name, cell in fitted.items()}
        self._uncalibrated: dict[str, str] = {}
        self._judge_at_ns: int | None = None
        self._failed = ""

    def read(self, now_ns: int) -> RailReading:
        """What both rails bear now."""
        if not self._failed:
            try:
                return RailReading(self._read(RAIL_LEFT, now_ns), self._read(RAIL_RIGHT, now_ns))
            except Exception as error:  # a number for people is no reason to end a scan
                self._failed = f"failed: {type(error).__name__}: {error}"
                with contextlib.suppress(OSError, ValueError):  # nobody listens on standard error
                    self._say(f"The rails' loads are shown no more, the treadmill runs on: {self._failed}")
        unknown = {name: RailLoad(None, self._failed) for name in self._fitted}
        return RailReading(unknown.get(RAIL_LEFT, RailLoad()), unknown.get(RAIL_RIGHT, RailLoad()))

    def _read(self, name: str, now_ns: int) -> RailLoad:
        if name not in self._fitted:
            return RailLoad()
        if self._sampled is None or not self._sampled.alive:
            return RailLoad(None, NOT_SAMPLED)
        load = self._gauges[name].advance(self._sampled.cells[name].drain(), now_ns).load
        uncalibrated = self._why_uncalibrated(name, now_ns)
        if uncalibrated:
            return RailLoad(None, uncalibrated)
        if load.quality is not Quality.GOOD:
            return RailLoad(None, _WORDS[load.quality])
        return RailLoad(round(load.value, 1) + 0.0)  # minus zero is zero

    def _why_uncalibrated(self, name: str, now_ns: int) -> str:
        if self._judge_at_ns is None or now_ns >= self._judge_at_ns:
            self._judge_at_ns = now_ns + JUDGE_EVERY_NS
            self._uncalibrated = self._judge_all()
        return self._uncalibrated[name]

    def _judge_all(self) -> dict[str, str]:
        try:
            now = datetime.fromtimestamp(self._wall_clock(), UTC)
        except (OSError, ValueError, OverflowError):  # what a clock can do
            return dict.fromkeys(self._fitted, f"{Unready.CLOCK_UNKNOWN.value}: set the clock")
        return {name: judge_rail_cell(name, cell, self._emulated, self._settings, now) for name, cell in self._fitted.items()}
