"""What must hold between keys: every rule at its boundary, from both sides."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.configuration import Configuration, parse_configuration
from controller.configuration_rules import (
    LONGEST_TRAVEL_M,
    ORDERS,
    REACTION_S,
    Order,
    belt_travel_m,
    highest_speed_m_s,
    judge_values,
)
from controller.configuration_tables import CLINICAL_TABLES, CORE_TABLES, TABLES
from tests.configuration.documents import least


def _owner(configuration: Configuration, table: str) -> object:
    if table in CORE_TABLES:
        return configuration.core
    return configuration.clinical if table in CLINICAL_TABLES else configuration


def good_values() -> dict[str, Any]:
    """All values by `table.key` of a correct configuration."""
    configuration = parse_configuration(least())
    values: dict[str, Any] = {}
    for table in TABLES:
        part = getattr(_owner(configuration, table), table)
        values |= {f"{table}.{key}": value for key, value in msgspec.structs.asdict(part).items()}
    return values


def keys_of_problems(values: dict[str, Any]) -> list[str]:
    return [problem.key for problem in judge_values(values)]


def test_a_correct_configuration_breaks_no_rule() -> None:
    assert keys_of_problems(good_values()) == []


def test_every_rule_between_two_keys_names_keys_that_exist() -> None:
    values = good_values()
    assert [key for order in ORDERS for key in (order.low, order.high) if key not in values] == []


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.low}<{order.high}")
def test_each_order_holds_up_to_its_boundary(order: Order) -> None:
    values = good_values()
    boundary = values[order.high] / order.scale

    def breaks(low: float) -> bool:
        found = list(judge_values(values | {order.low: low}))
        return any(problem.key == order.low and order.high in problem.allowed for problem in found)

    assert breaks(boundary * 1.001 + 1e-6)
    assert not breaks(boundary * 0.999 - 1e-6)
    assert breaks(boundary) is order.strict


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.low}<{order.high}")
@pytest.mark.parametrize("end", ["low", "high"])
def test_a_rule_is_silent_where_one_of_its_keys_is_wrong_by_itself(order: Order, end: str) -> None:
    values = good_values() | {order.low: 1e9}
    del values[getattr(order, end)]
    assert not any(problem.key == order.low and order.high in problem.allowed for problem in judge_values(values))


def simulated_travel_m(speed_m_s: float, deceleration_m_s2: float) -> float:
    """The belt's travel by small steps of time: another way to the same number."""
    step_s, travel_m, time_s = 1e-5, 0.0, 0.0
    while speed_m_s > 0:
        travel_m += speed_m_s * step_s
        time_s += step_s
        if time_s > REACTION_S:
            speed_m_s -= deceleration_m_s2 * step_s
    return travel_m


@pytest.mark.parametrize("deceleration_m_s2", [0.5, 1.0, 1.5])
def test_the_highest_speed_uses_up_the_stopping_distance(deceleration_m_s2: float) -> None:
    highest = highest_speed_m_s(deceleration_m_s2)
    assert simulated_travel_m(highest, deceleration_m_s2) == pytest.approx(LONGEST_TRAVEL_M, abs=1e-3)
    assert belt_travel_m(highest, deceleration_m_s2) == pytest.approx(LONGEST_TRAVEL_M)


@pytest.mark.parametrize("deceleration_m_s2", [0.5, 1.0, 1.5])
@pytest.mark.hazard("H-11", "H-30", "C-CONFIGURATION")
def test_a_ceiling_from_which_the_belt_runs_too_far_is_refused_with_the_numbers(deceleration_m_s2: float) -> None:
    values = good_values() | {"ramp.loaded_deceleration_m_s2": deceleration_m_s2, "ramp.protective_deceleration_m_s2": 0.4}
    highest = highest_speed_m_s(deceleration_m_s2)
    assert keys_of_problems(values | {"speed.ceiling_m_s": highest}) == []
    (problem,) = judge_values(values | {"speed.ceiling_m_s": highest + 0.001})
    assert problem.key == "speed.ceiling_m_s"
    assert f"ramp.loaded_deceleration_m_s2 = {deceleration_m_s2:g} m/s²" in problem.allowed
    assert "0.80 m after the onset" in problem.remedy
    offered = float(problem.allowed.split()[2])
    assert highest - 0.01 < offered <= highest


@pytest.mark.parametrize(
    ("pitch_m", "least_m", "most_m", "fits"), [(0.025, 0.03, 0.15, True), (0.1, 0.05, 0.09, False), (0.05, 0.05, 0.06, True)]
)
def test_there_is_a_mark_on_the_strap_between_the_slack_limits(pitch_m: float, least_m: float, most_m: float, fits: bool) -> None:
    slack = {"session.slack_pitch_m": pitch_m, "session.slack_minimum_m": least_m, "session.slack_maximum_m": most_m}
    assert keys_of_problems(good_values() | slack) == ([] if fits else ["session.slack_pitch_m"])


@pytest.mark.parametrize(("walking_m_s", "most_m", "fits"), [(1.0, 0.1, True), (0.9, 0.15, True), (0.9, 0.149, False)])
def test_a_treadmill_that_runs_allows_the_slack_of_running(walking_m_s: float, most_m: float, fits: bool) -> None:
    running = {"speed.ceiling_m_s": 1.0, "prescription.walking_ceiling_m_s": walking_m_s, "session.slack_maximum_m": most_m}
    assert keys_of_problems(good_values() | running) == ([] if fits else ["session.running_slack_minimum_m"])


def test_the_converter_must_reach_the_cells_range() -> None:
    values = good_values() | {"calibration.zero_counts": 0, "calibration.newtons_per_count": 1e-3}
    assert keys_of_problems(values | {"calibration.maximum_n": 8388.6}) == []
    assert keys_of_problems(values | {"calibration.maximum_n": 8388.7}) == ["calibration.maximum_n"]
    assert keys_of_problems(values | {"calibration.maximum_n": 8388.6, "calibration.zero_counts": 1000}) == [
        "calibration.maximum_n"
    ]


PIN_NAMES = TABLES["pins"].__struct_fields__


@pytest.mark.parametrize("name", PIN_NAMES)
def test_no_pin_shares_another_functions_number(name: str) -> None:
    values = good_values()
    for other in PIN_NAMES:
        if other != name:
            (problem,) = judge_values(values | {f"pins.{name}": values[f"pins.{other}"]})
            assert name in problem.remedy
            assert other in problem.remedy


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({"pins.ok": 9}, True),
        ({"pins.ok": 10}, True),
        ({"pins.ok": 11}, True),
        ({"pins.ok": 8}, True),
        ({"pins.ok": 7, "pins.lanyard": 25, "load_cell.spi_device": 1}, True),
        ({"pins.ok": 8, "pins.lanyard": 25, "load_cell.spi_device": 1}, False),
        ({"pins.ok": 11, "load_cell.backend": "gpio"}, False),
        ({"pins.ok": 9, "load_cell.backend": "gpio"}, True),
        ({"pins.ok": 10, "load_cell.backend": "gpio"}, True),
        ({"load_cell.backend": "gpio", "load_cell.dout": 10}, True),
        ({"pins.ok": 9, "load_cell.spi_bus": 1}, False),
    ],
)
def test_the_load_cells_wires_are_no_other_functions_pins(changes: dict[str, Any], shared: bool) -> None:
    assert bool(keys_of_problems(good_values() | changes)) is shared


_BOTH_RAILS = {"rail_left_cell.fitted": True, "rail_right_cell.fitted": True, "load_cell.spi_chip_select": False}


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        (_BOTH_RAILS, []),
        ({"rail_left_cell.fitted": True}, []),
        ({"rail_right_cell.fitted": True}, ["rail_right_cell.dout"]),
        ({"rail_right_cell.fitted": True, "load_cell.backend": "gpio"}, []),
        ({"rail_right_cell.fitted": True, "load_cell.spi_bus": 1}, []),
        (_BOTH_RAILS | {"rail_left_cell.dout": 8}, ["rail_left_cell.dout"]),
        (_BOTH_RAILS | {"rail_left_cell.dout": 1}, ["rail_cells.pd_sck"]),
        (_BOTH_RAILS | {"rail_cells.pd_sck": 10}, ["rail_cells.pd_sck"]),
        (_BOTH_RAILS | {"rail_cells.pd_sck": 9, "load_cell.backend": "gpio"}, ["load_cell.dout"]),
        (_BOTH_RAILS | {"rail_right_cell.dout": 25}, ["pins.ok"]),
        ({"rail_left_cell.dout": 25, "rail_cells.pd_sck": 25}, []),
    ],
)
def test_the_rail_cells_wires_are_no_other_functions_pins(changes: dict[str, Any], keys: list[str]) -> None:
    """The harness cell's clock and data are never shared; cells that are not fitted take no pin."""
    assert keys_of_problems(good_values() | changes) == keys


def test_who_takes_the_chip_selects_pin_is_told_how_to_free_it() -> None:
    (problem,) = judge_values(good_values() | {"rail_right_cell.fitted": True})
    assert "load_cell SPI chip select" in problem.remedy
    assert "dtoverlay=spi0-0cs" in problem.remedy
    assert "load_cell.spi_chip_select = false" in problem.remedy


@pytest.mark.parametrize("table", ["rail_left_cell", "rail_right_cell"])
def test_a_rail_cells_range_is_what_its_converter_can_show(table: str) -> None:
    values = good_values() | {f"{table}.zero_counts": 0, f"{table}.newtons_per_count": 1e-4}
    assert keys_of_problems(values | {f"{table}.maximum_n": 838.8}) == []
    assert keys_of_problems(values | {f"{table}.maximum_n": 838.9}) == [f"{table}.maximum_n"]


def test_a_rail_pin_that_is_wrong_by_itself_takes_no_default_into_a_conflict() -> None:
    values = good_values() | _BOTH_RAILS | {"rail_left_cell.dout": 8}
    del values["rail_right_cell.dout"]
    assert keys_of_problems(values) == []


def test_a_pin_that_is_wrong_by_itself_takes_no_default_into_a_conflict() -> None:
    values = good_values() | {"pins.ok": 4}
    del values["pins.clip"]
    assert keys_of_problems(values) == []
