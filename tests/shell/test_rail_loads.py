"""What the rails bear: shown when it may be believed, else unknown with the reason; and the core never hears of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from controller.commissioning.certificate import CalibrationCertificate
from controller.commissioning.readiness import Damaged
from controller.commissioning.settings import CommissioningSettings
from controller.core.chart import State
from controller.core.inputs import Input
from controller.core.readings import LoadSample
from controller.core.settings import CalibrationSettings
from controller.hardware.settings import RAIL_LEFT, RAIL_RIGHT
from controller.rail_loads import GAP_LIMIT_S, JUDGE_EVERY_NS, NOT_SAMPLED, FittedCell, RailLoad, RailLoads
from messages.wire import Snapshot
from tests.shell.test_scan import Treadmill, to_walking

MS = 1_000_000
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CONFIGURED = CalibrationSettings(zero_counts=5_000, newtons_per_count=0.01, maximum_n=1000.0, cell_serial="R-1")
CERTIFICATE = CalibrationCertificate(
    kind="sternway-calibration-1",
    cell="rail-left",
    cell_serial="R-1",
    made_at=NOW - timedelta(days=10),
    made_by="Ada",
    emulated=False,
    zero_counts=5_000,
    newtons_per_count=0.01,
    weights=(),
    worst_residual_n=0.1,
    zero_return_n=0.0,
    noise_n=0.3,
    rate_hz=66.0,
)
GOOD = FittedCell(CONFIGURED, CERTIFICATE)
REPLACE = msgspec.structs.replace


class Cell:
    """Hands over what the test has put there."""

    def __init__(self) -> None:
        self.samples: list[LoadSample] = []

    def drain(self) -> tuple[LoadSample, ...]:
        samples, self.samples = tuple(self.samples), []
        return samples


class Sampled:
    """Both cells, with time at hand."""

    def __init__(self) -> None:
        self.alive = True
        self.cells: Mapping[str, Any] = {RAIL_LEFT: Cell(), RAIL_RIGHT: Cell()}


class Bench:
    """Both rails fitted and calibrated, read ten times a second; each cell trembles by 100 counts as real ones do."""

    def __init__(self, left: FittedCell = GOOD, right: FittedCell | None = GOOD) -> None:
        self.sampled = Sampled()
        self.wall_s = NOW.timestamp()
        self.said: list[str] = []
        fitted = {RAIL_LEFT: left} | ({RAIL_RIGHT: right} if right is not None else {})
        self.loads = RailLoads(self.sampled, fitted, False, CommissioningSettings(), lambda: self.wall_s, self.said.append)
        self.now_ns = 0
        self.counts: dict[str, float | None] = {RAIL_LEFT: 10_000, RAIL_RIGHT: 20_000}
        self.trembling: dict[str, int] = {RAIL_LEFT: 100, RAIL_RIGHT: 100}

    def run(self, seconds: float) -> tuple[RailLoad, RailLoad]:
        reading = self.loads.read(self.now_ns)
        for _ in range(round(seconds * 10)):
            for _ in range(7):
                self.now_ns += 14 * MS
                for name, counts in self.counts.items():
                    if counts is not None:
                        noise = self.trembling[name] * (1 if self.now_ns // (14 * MS) % 2 else -1)
                        self.sampled.cells[name].samples.append(LoadSample(self.now_ns, counts + noise))
            self.now_ns += 2 * MS
            reading = self.loads.read(self.now_ns)
        return reading.left, reading.right


def test_both_rails_are_shown_in_newtons() -> None:
    left, right = Bench().run(1.0)
    assert left.load_n == pytest.approx(50.0, abs=1.1)
    assert right.load_n == pytest.approx(150.0, abs=1.1)
    assert (left.unknown, right.unknown) == ("", "")


def test_a_hand_that_pulls_the_rail_up_is_negative() -> None:
    bench = Bench()
    bench.counts[RAIL_LEFT] = -5_000
    assert bench.run(1.0)[0].load_n == pytest.approx(-100.0, abs=1.1)


def test_a_rail_that_nobody_holds_is_zero_and_not_minus_zero() -> None:
    bench = Bench()
    bench.counts[RAIL_LEFT], bench.trembling[RAIL_LEFT] = 5_000, 4
    shown = {str(bench.run(0.1)[0].load_n) for _ in range(20)}
    assert "0.0" in shown
    assert "-0.0" not in shown


def test_a_rail_without_a_cell_is_neither_known_nor_unknown() -> None:
    assert Bench(right=None).run(1.0)[1] == RailLoad(None, "")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (None, "no sample"),
        (8_388_607, "out of range"),
        (-8_388_608, "out of range"),
        (5_000 + 110_000, "out of range"),
        (5_000 - 110_000, "out of range"),
        (math.nan, "out of range"),
        (math.inf, "out of range"),
    ],
)
def test_what_cannot_be_believed_is_unknown_and_never_zero(counts: float | None, words: str) -> None:
    bench = Bench()
    bench.run(1.0)
    bench.counts[RAIL_LEFT] = counts
    left, right = bench.run(1.0)
    assert left.load_n is None
    assert words in left.unknown
    assert right.load_n == pytest.approx(150.0, abs=1.1)
    bench.counts[RAIL_LEFT] = 10_000
    assert bench.run(1.0)[0].load_n == pytest.approx(50.0, abs=1.1), "it is known again"


def test_a_reading_that_never_trembles_is_stuck() -> None:
    bench = Bench()
    bench.trembling[RAIL_RIGHT] = 0
    left, right = bench.run(1.0)
    assert left.load_n is not None
    assert right.load_n is None
    assert "stuck" in right.unknown


def test_a_single_glitch_is_not_shown() -> None:
    bench = Bench()
    bench.run(1.0)
    bench.sampled.cells[RAIL_LEFT].samples.append(LoadSample(bench.now_ns + 1, 5_000 + 80_000))
    shown = [bench.run(0.1)[0].load_n for _ in range(3)]
    assert all(load_n == pytest.approx(50.0, abs=1.1) for load_n in shown)


def test_an_old_number_is_none() -> None:
    bench = Bench()
    bench.run(1.0)
    bench.counts = dict.fromkeys(bench.counts, None)
    assert bench.run(GAP_LIMIT_S - 0.1)[0].load_n is not None
    assert bench.run(0.2)[0].load_n is None


def test_before_the_first_sample_nothing_is_known() -> None:
    left, right = Bench().run(0.0)
    assert (left.load_n, right.load_n) == (None, None)
    assert "no sample yet" in left.unknown


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (None, "not calibrated: sternway calibrate --cell rail-left"),
        (Damaged("x"), "calibration damaged: sternway calibrate --cell rail-left"),
        (REPLACE(CERTIFICATE, zero_counts=5_001), "calibration differs"),
        (REPLACE(CERTIFICATE, newtons_per_count=math.nan), "calibration differs"),
        (REPLACE(CERTIFICATE, cell_serial="R-2"), "calibration differs"),
        (REPLACE(CERTIFICATE, emulated=True), "cell was emulated"),
        (REPLACE(CERTIFICATE, made_at=NOW - timedelta(days=180)), "calibration overdue"),
        (REPLACE(CERTIFICATE, made_at=NOW + timedelta(days=2)), "clock unknown"),
    ],
)
def test_a_cell_that_is_not_calibrated_now_is_unknown(certificate: CalibrationCertificate | Damaged | None, words: str) -> None:
    left, right = Bench(left=FittedCell(CONFIGURED, certificate)).run(1.0)
    assert left.load_n is None
    assert words in left.unknown
    assert right.load_n is not None


def test_a_calibration_becomes_overdue_while_the_treadmill_runs() -> None:
    bench = Bench()
    assert bench.run(1.0)[0].load_n is not None
    bench.wall_s += timedelta(days=170).total_seconds()
    assert "overdue" in bench.run(JUDGE_EVERY_NS / 1e9 + 0.2)[0].unknown


@pytest.mark.parametrize("wall_s", [1e30, math.nan, -1e30])
def test_a_clock_that_says_nothing_makes_them_unknown(wall_s: float) -> None:
    bench = Bench()
    bench.wall_s = wall_s
    assert "clock unknown" in bench.run(1.0)[0].unknown


def test_a_thread_that_has_died_and_pins_that_could_not_be_had() -> None:
    bench = Bench()
    bench.run(1.0)
    bench.sampled.alive = False
    assert bench.run(0.1) == (RailLoad(None, NOT_SAMPLED), RailLoad(None, NOT_SAMPLED))
    without = RailLoads(None, {RAIL_LEFT: GOOD}, False, CommissioningSettings(), NOW.timestamp, print).read(0)
    assert without.left == RailLoad(None, NOT_SAMPLED)
    assert without.right == RailLoad()


class Broken:
    """Whatever reads it fails."""

    def drain(self) -> tuple[LoadSample, ...]:
        raise RuntimeError("broken")


def test_what_fails_here_ends_here_and_is_said_once() -> None:
    bench = Bench()
    bench.run(1.0)
    bench.sampled.cells = {RAIL_LEFT: Broken(), RAIL_RIGHT: Cell()}
    bench.counts = {}
    left, right = bench.run(0.5)
    assert left.load_n is right.load_n is None
    assert "RuntimeError: broken" in left.unknown
    assert len(bench.said) == 1
    assert "the treadmill runs on" in bench.said[0]


# --- the core --------------------------------------------------------------------------------------------------------------

_COUNTS = st.one_of(st.integers(-(1 << 23), (1 << 23) - 1), st.floats(), st.just(10_000))
_AT = st.one_of(st.integers(-(10**9), 10**12), st.none())
_DEEDS = st.lists(
    st.one_of(st.just("die"), st.just("break"), st.tuples(st.sampled_from([RAIL_LEFT, RAIL_RIGHT]), _AT, _COUNTS)), max_size=40
)


class Wild(Sampled):
    """Does one deed each time it is looked at: dies, breaks, or delivers any number with any time."""

    def __init__(self, deeds: list[Any]) -> None:
        super().__init__()
        self._deeds = deeds
        self.looks = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "alive":
            self.looks += 1
            deeds = self._deeds
            deed = deeds[self.looks % len(deeds)] if deeds else None
            if deed == "die":
                return False
            if deed == "break":
                raise RuntimeError("broken")
            if deed is not None:
                cell, at_ns, counts = deed
                self.cells[cell].samples.append(LoadSample(self.looks * 10 * MS if at_ns is None else at_ns, counts))
            return True
        return super().__getattribute__(name)


def _played(directory: Path, loads: RailLoads | None) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """A walk, a stop and a fall: what went into each scan, what came of it, and every snapshot without what the rails bear."""
    directory.mkdir()
    treadmill = Treadmill(directory, loads) if loads is not None else Treadmill(directory)
    scans: list[bytes] = []
    decisions: list[bytes] = []
    keep = treadmill.recorder.record

    def record(before: Any, inputs: Any, outputs: Any, now_ns: int) -> None:
        scans.append(msgspec.json.encode(inputs))
        decisions.append(msgspec.json.encode(outputs))
        keep(before, inputs, outputs, now_ns)

    # The recorder sees each scan as the core did; this listens there and passes everything on.
    treadmill.recorder.record = record  # type: ignore[method-assign]
    treadmill.run(2.0)
    treadmill.press(Input.RESET)
    treadmill.run(0.2)
    to_walking(treadmill)
    treadmill.run(1.0)
    treadmill.load_n = 300.0
    treadmill.run(1.0)
    assert treadmill.state.chart is State.PROTECTIVE_STOP
    told = [
        msgspec.json.encode(
            REPLACE(snapshot, rail_left_load_n=None, rail_right_load_n=None, rail_loads_unknown={}, lateness_ms=0.0)
        )
        for snapshot in treadmill.told(Snapshot)
    ]
    treadmill.shut()
    return scans, decisions, told


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The same on a treadmill without rail cells."""
    return _played(tmp_path_factory.mktemp("rails") / "without", None)


@settings(deadline=None, max_examples=10, phases=[Phase.explicit, Phase.generate])
@example(deeds=["die"])
@example(deeds=["break"])
@example(deeds=[(RAIL_LEFT, None, 8_388_607)])
@given(deeds=_DEEDS)
def test_whatever_the_rail_cells_do_the_core_is_given_and_does_the_same(
    tmp_path_factory: pytest.TempPathFactory, without: tuple[list[bytes], list[bytes], list[bytes]], deeds: list[Any]
) -> None:
    wild = Wild(deeds)
    fitted = {RAIL_LEFT: GOOD, RAIL_RIGHT: GOOD}
    loads = RailLoads(wild, fitted, False, CommissioningSettings(), NOW.timestamp, lambda _text: None)
    assert _played(tmp_path_factory.mktemp("rails") / "with", loads) == without
    assert wild.looks > 0, "they were looked at"
