"""The walking patient beside a recorded one: bounce, cadence, drift, and what each step does to the belt."""

from __future__ import annotations

import statistics

import pytest

from tests.simulator.recordings import rows
from tests.simulator.runner import RunningWorld

WALK_M_S = 0.8
SAMPLES_A_SECOND = 100


class Walk:
    """Series at 100 Hz: belt speed, height and place of the centre of mass; and where the feet struck."""

    def __init__(self, belt: list[float], height: list[float], place: list[float], strikes: list[int]) -> None:
        self.belt, self.height, self.place, self.strikes = belt, height, place, strikes

    def bounce_m(self) -> float:
        """Median over steps of the height's travel."""
        spans = [
            max(self.height[begin:end]) - min(self.height[begin:end])
            for begin, end in zip(self.strikes, self.strikes[1:], strict=False)
        ]
        return statistics.median(spans)

    def dip_m_s(self) -> float:
        """Mean over steps of how far the speed falls within 0.25 s of a strike."""
        return statistics.mean(self.belt[i] - min(self.belt[i : i + 25]) for i in self.strikes[:-1])


@pytest.fixture(scope="module")
def simulated() -> Walk:
    """45 s at 0.8 m/s."""
    treadmill = RunningWorld(seed=3)
    treadmill.walk_at(800)
    walk = Walk([], [], [], [])
    before = treadmill.world.patient.gait.strikes

    def watch(world: object) -> None:
        nonlocal before
        patient = treadmill.world.patient
        if patient.gait.strikes > before:
            before = patient.gait.strikes
            walk.strikes.append(len(walk.belt))
        walk.belt.append(treadmill.world.belt_m_s)
        walk.height.append(-patient.drop_m)
        walk.place.append(patient.x_m)

    treadmill.run(45.0, watch)
    return walk


@pytest.fixture(scope="module")
def recorded() -> Walk:
    """The same from an instrumented treadmill, from 13 s on."""
    data = [row for row in rows("treadmill_walk/UnpertPre_data.csv") if float(row["time"]) >= 13.0]
    times = [float(row["time"]) for row in data]
    events = rows("treadmill_walk/UnpertPre__event.csv")
    strikes = sorted(float(row[name]) for row in events for name in ("lhs", "rhs") if row[name] not in ("", "NaN"))
    within = [at for at in strikes if times[0] < at < times[-1] - 1.0]
    return Walk(
        [float(row["LeftBeltSpeed"]) for row in data],
        [float(row["COM_y"]) for row in data],
        [float(row["COM_x"]) for row in data],
        [min(range(len(times)), key=lambda i: abs(times[i] - at)) for at in within],
    )


def test_the_belt_keeps_its_speed_as_steadily_as_the_recorded_one(simulated: Walk, recorded: Walk) -> None:
    assert statistics.mean(simulated.belt) == pytest.approx(WALK_M_S, abs=0.01)
    assert 0.5 < statistics.pstdev(simulated.belt) / statistics.pstdev(recorded.belt) < 1.5


def test_a_foot_strike_dips_the_belt_by_three_hundredths(simulated: Walk, recorded: Walk) -> None:
    left_only = Walk(recorded.belt, recorded.height, recorded.place, recorded.strikes)
    assert 0.02 < simulated.dip_m_s() < 0.05
    assert left_only.dip_m_s() < simulated.dip_m_s() * 1.5


def test_the_centre_of_mass_bounces_as_recorded(simulated: Walk, recorded: Walk) -> None:
    assert simulated.bounce_m() == pytest.approx(recorded.bounce_m(), rel=0.25)
    assert 0.022 < simulated.bounce_m() < 0.034


def test_cadence_is_within_a_tenth_of_the_recorded_one(simulated: Walk, recorded: Walk) -> None:
    def cadence(walk: Walk) -> float:
        return (len(walk.strikes) - 1) / ((walk.strikes[-1] - walk.strikes[0]) / SAMPLES_A_SECOND)

    assert cadence(simulated) == pytest.approx(cadence(recorded), rel=0.1)


def test_the_patient_wanders_by_about_ten_centimetres(simulated: Walk, recorded: Walk) -> None:
    drift = max(simulated.place) - min(simulated.place)
    assert 0.5 < drift / (max(recorded.place) - min(recorded.place)) < 2.0
