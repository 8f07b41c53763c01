"""What must hold between keys: orders of thresholds, the drive's ceilings, the stopping distance, one function a pin.

Every rule works on a flat map from `table.key` to its value in which defective keys are missing, and says nothing where one of
its own keys is: so all other mistakes are still found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from controller.hardware.settings import (
    LoadCellSettings,
    PinSettings,
    RailCells,
    RailClockSettings,
    RailLeftCellSettings,
    RailRightCellSettings,
    functions_by_pin,
)
from settings_files.problems import Problem, written
from settings_files.units import unit_text

Values = Mapping[str, Any]

REACTION_S = 0.3
"""From the onset of a fall to the first braking: a postural correction starts at about 300 ms (PMC6262780), and a slack strap of
10 cm trips the load threshold 246-273 ms after onset."""
LONGEST_TRAVEL_M = 0.8
"""How far the belt may carry a falling patient, reaction included. A fall that is noticed after REACTION_S takes more."""
_HIGHEST_COUNTS = 0x7FFFFF
_LONGEST_SOCKET_PATH = 107
_CHIP_SELECT_PINS = {0: 8, 1: 7}
_EQUAL_WITHIN = 1e-9


class Order(msgspec.Struct, frozen=True):
    """`low` must not be above `high`, nor equal where `strict`. scale: from low's unit to high's."""

    low: str
    high: str
    why: str
    strict: bool = False
    scale: float = 1.0


_STOPS = "stops brake harder the graver their cause"
_CEILING = "nothing may be asked that the drive's firmware refuses"
_SIGNS = "each sign of a fall must be stronger than the one before"

ORDERS: tuple[Order, ...] = (
    Order("speed.first_m_s", "speed.first_session_ceiling_m_s", "a first session starts at the first speed"),
    Order("speed.first_session_ceiling_m_s", "speed.ceiling_m_s", "a first session is never faster than another"),
    Order("speed.increment_low_m_s", "speed.increment_high_m_s", "the smaller step is the one at low speed"),
    Order("speed.offer_s", "speed.increment_interval_s", "an offer ends before the next can come", strict=True),
    Order("speed.first_m_s", "firmware.first_speed_mm_s", _CEILING, scale=1000),
    Order("speed.increment_low_m_s", "firmware.increment_low_mm_s", _CEILING, scale=1000),
    Order("speed.increment_high_m_s", "firmware.increment_high_mm_s", _CEILING, scale=1000),
    Order("speed.ceiling_m_s", "firmware.max_speed_mm_s", _CEILING, scale=1000),
    Order("ramp.acceleration_m_s2", "firmware.max_acceleration_mm_s2", _CEILING, scale=1000),
    Order("ramp.first_session_acceleration_m_s2", "ramp.acceleration_m_s2", "a first session is gentler"),
    Order("ramp.planned_deceleration_m_s2", "ramp.pause_deceleration_m_s2", _STOPS),
    Order("ramp.pause_deceleration_m_s2", "ramp.protective_deceleration_m_s2", _STOPS),
    Order("ramp.protective_deceleration_m_s2", "ramp.loaded_deceleration_m_s2", _STOPS),
    Order("ramp.loaded_deceleration_m_s2", "firmware.max_deceleration_mm_s2", _CEILING, scale=1000),
    Order("drive.status_limit_ms", "drive.lease_ms", "an old STATUS must be noticed before the lease ends", strict=True),
    Order("drive.standstill_m_s", "speed.first_m_s", "a belt at the first speed is not at rest", strict=True),
    Order("drive.standstill_time_s", "drive.coasting_time_s", "a proof is quicker than the worst case", strict=True),
    Order("rails.both_hands_grace_s", "rails.one_hand_grace_s", "two hands off are worse than one"),
    Order("attendant.stand_by_interval_s", "attendant.supervision_interval_s", "supervision is the looser stage", strict=True),
    Order("session.harness_recheck_pause_s", "session.pause_limit_s", "a longer pause ends the session"),
    Order("session.first_session_belt_time_s", "session.belt_time_limit_s", "a first session is never the longest"),
    Order("caution.severe_ceiling_m_s", "caution.ceiling_m_s", "a severe finding never allows more than another"),
    Order("speed.first_m_s", "caution.severe_ceiling_m_s", "a careful session starts at the first speed, too"),
    Order("speed.first_m_s", "first_session.measured_ceiling_m_s", "a first session starts at the first speed"),
    Order("screening.pain_caution", "screening.pain_refused", "more pain never leads to less care"),
    Order("screening.cardiac_heart_rate_limit_per_min", "screening.exercise_heart_rate_limit_per_min", "a finding raises no limit"),
    Order("prescription.sessions_a_week", "prescription.prescribed_sessions_a_week", "a prescription is for more sessions"),
    Order("session.bout_rest_s", "session.pause_limit_s", "a rest must end before the session does", strict=True),
    Order("checks.dizziness_again_s", "session.pause_limit_s", "asked again before the session ends", strict=True),
    Order("hands_free.return_s", "hands_free.window_s", "there must be time without hands before the return", strict=True),
    Order("session.slack_minimum_m", "session.slack_maximum_m", "there must be slack to choose", strict=True),
    Order("session.slack_minimum_m", "session.running_slack_minimum_m", "running bounces more than walking"),
    Order("supervision.late_record_ms", "supervision.late_stop_ms", "what stops the belt was recorded before", strict=True),
    Order("balance.touched_share", "balance.support_share", _SIGNS),
    Order("balance.support_share", "balance.fast_share", _SIGNS),
    Order("balance.fast_share", "balance.loaded_share", _SIGNS),
    Order("balance.no_grace_share", "balance.loaded_share", _SIGNS),
    Order("balance.touched_ceiling_n", "balance.support_ceiling_n", _SIGNS),
    Order("balance.support_ceiling_n", "balance.fast_ceiling_n", _SIGNS),
    Order("balance.fast_ceiling_n", "balance.loaded_ceiling_n", _SIGNS),
    Order("balance.no_grace_ceiling_n", "balance.loaded_ceiling_n", _SIGNS),
    Order("balance.tension_least_n", "balance.pretension_n", "tension is lost below what a retractor pulls", strict=True),
    Order("balance.loaded_ceiling_n", "calibration.maximum_n", "the load cell must be able to show a fall", strict=True),
)


def judge_values(values: Values) -> Iterator[Problem]:
    """Returns every rule's problem, in the order of this file."""
    for order in ORDERS:
        yield from _judge_order(order, values)
    yield from _judge_stopping_distance(values)
    yield from _judge_slack_marks(values)
    yield from _judge_running_slack(values)
    for table in ("calibration", "rail_left_cell", "rail_right_cell"):
        yield from _judge_cell_range(table, values)
    yield from _judge_pins(values)
    yield from _judge_paths(values)


def _with_unit(key: str, value: float) -> str:
    unit = unit_text(key)
    return f"{value:g}{' ' + unit if unit else ''}"


def _judge_order(order: Order, values: Values) -> Iterator[Problem]:
    if order.low not in values or order.high not in values:
        return
    low, high = values[order.low], values[order.high]
    highest = high / order.scale
    holds = low < highest - _EQUAL_WITHIN if order.strict else low <= highest + _EQUAL_WITHIN
    if holds:
        return
    bound = "less than" if order.strict else "at most"
    yield Problem(
        order.low,
        written(low),
        f"{bound} {_with_unit(order.low, highest)} ({order.high} = {_with_unit(order.high, high)})",
        f"lower {order.low} or raise {order.high}: {order.why}",
    )


def belt_travel_m(speed_m_s: float, deceleration_m_s2: float) -> float:
    """Returns how far the belt runs from the onset of a fall until it rests: first REACTION_S unbraked, then braked."""
    return speed_m_s * REACTION_S + speed_m_s * speed_m_s / (2 * deceleration_m_s2)


def highest_speed_m_s(deceleration_m_s2: float) -> float:
    """Returns the speed from which the belt's travel is LONGEST_TRAVEL_M: the root of `belt_travel_m`."""
    reaction_m_s = REACTION_S * deceleration_m_s2
    return float((reaction_m_s**2 + 2 * deceleration_m_s2 * LONGEST_TRAVEL_M) ** 0.5) - reaction_m_s


def _judge_stopping_distance(values: Values) -> Iterator[Problem]:
    ceiling_m_s, deceleration_m_s2 = values.get("speed.ceiling_m_s"), values.get("ramp.loaded_deceleration_m_s2")
    if ceiling_m_s is None or deceleration_m_s2 is None:
        return
    travel_m = belt_travel_m(ceiling_m_s, deceleration_m_s2)
    if travel_m <= LONGEST_TRAVEL_M + _EQUAL_WITHIN:
        return
    highest_hundredths = int(highest_speed_m_s(deceleration_m_s2) * 100 + _EQUAL_WITHIN)
    yield Problem(
        "speed.ceiling_m_s",
        written(ceiling_m_s),
        f"at most {highest_hundredths / 100:g} m/s with ramp.loaded_deceleration_m_s2 = {deceleration_m_s2:g} m/s²",
        f"lower it, or brake harder under a loaded harness: the belt would run {travel_m:.2f} m after the onset of a fall "
        f"({REACTION_S} s and v²/2a), {LONGEST_TRAVEL_M} m are allowed",
    )


def _judge_slack_marks(values: Values) -> Iterator[Problem]:
    names = ("session.slack_pitch_m", "session.slack_minimum_m", "session.slack_maximum_m")
    if any(name not in values for name in names):
        return
    pitch_m, least_m, most_m = (values[name] for name in names)
    highest_mark_m = int(most_m / pitch_m + _EQUAL_WITHIN) * pitch_m
    if least_m <= most_m and highest_mark_m < least_m - _EQUAL_WITHIN:
        allowed = f"a distance of which a multiple lies from {least_m:g} to {most_m:g} m"
        yield Problem(names[0], written(pitch_m), allowed, "no mark of the strap could be chosen: correct pitch or slack limits")


def _judge_running_slack(values: Values) -> Iterator[Problem]:
    """A treadmill that runs must allow the slack that running needs; one that only walks may have a shorter strap."""
    names = ("speed.ceiling_m_s", "prescription.walking_ceiling_m_s", "session.running_slack_minimum_m", "session.slack_maximum_m")
    if any(name not in values for name in names):
        return
    ceiling_m_s, walking_m_s, running_m, most_m = (values[name] for name in names)
    if ceiling_m_s > walking_m_s and not running_m <= most_m:
        allowed = f"at most session.slack_maximum_m, {most_m:g} m, with speed.ceiling_m_s above prescription.walking_ceiling_m_s"
        yield Problem(names[2], written(running_m), allowed, "no plan that runs could be prepared: allow more slack, or only walk")


def _judge_cell_range(table: str, values: Values) -> Iterator[Problem]:
    names = (f"{table}.zero_counts", f"{table}.newtons_per_count", f"{table}.maximum_n")
    if any(name not in values for name in names):
        return
    zero_counts, span, maximum_n = (values[name] for name in names)
    reach_n = (_HIGHEST_COUNTS - zero_counts) * span
    if reach_n < maximum_n:
        yield Problem(
            names[2],
            written(maximum_n),
            f"at most {reach_n:.0f} N, the highest load that the converter can show with this zero and span",
            "correct zero_counts and newtons_per_count, or lower maximum_n to the cell's range",
        )


def _judge_pins(values: Values) -> Iterator[Problem]:
    cell = _part(LoadCellSettings, "load_cell", values)
    functions = functions_by_pin(PinSettings(**_part(PinSettings, "pins", values)), LoadCellSettings(**cell), _rail_cells(values))
    drives_chip_select = cell.get("backend") == "spi" and cell.get("spi_bus") == 0 and cell.get("spi_chip_select")
    if drives_chip_select and cell.get("spi_device") in _CHIP_SELECT_PINS:
        functions.setdefault(_CHIP_SELECT_PINS[cell["spi_device"]], []).append(_CHIP_SELECT)
    defective = {name for key, name in _PIN_KEYS if key not in values}
    for number, names in sorted(functions.items()):
        users = [name for name in names if name not in defective]
        if len(users) > 1:
            first = next(key for key, name in _PIN_KEYS if name in users)
            remedy = f"BCM {number} is used by {' and '.join(users)}: move one"
            if _CHIP_SELECT in users:
                remedy += ", or free it: dtoverlay=spi0-0cs in config.txt and load_cell.spi_chip_select = false"
            yield Problem(first, str(number), "a pin with no other function", remedy)


_CHIP_SELECT = "load_cell SPI chip select"
_PIN_KEYS = (
    *((f"pins.{field.name}", field.name) for field in msgspec.structs.fields(PinSettings)),
    *((key, key) for key in ("load_cell.pd_sck", "load_cell.dout")),
    *((key, key) for key in ("rail_cells.pd_sck", "rail_left_cell.dout", "rail_right_cell.dout")),
)
"""Keys that hold a pin's number, each with the name of its function."""


def _rail_cells(values: Values) -> RailCells:
    return RailCells(
        RailClockSettings(**_part(RailClockSettings, "rail_cells", values)).pd_sck,
        RailLeftCellSettings(**_part(RailLeftCellSettings, "rail_left_cell", values)),
        RailRightCellSettings(**_part(RailRightCellSettings, "rail_right_cell", values)),
    )


def _part(struct: type[msgspec.Struct], table: str, values: Values) -> dict[str, Any]:
    names = (field.name for field in msgspec.structs.fields(struct))
    return {name: values[f"{table}.{name}"] for name in names if f"{table}.{name}" in values}


def _judge_paths(values: Values) -> Iterator[Problem]:
    socket = values.get("paths.socket")
    if socket is not None and len(str(socket).encode()) > _LONGEST_SOCKET_PATH:
        allowed = f"a path of at most {_LONGEST_SOCKET_PATH} bytes"
        yield Problem("paths.socket", written(str(socket)), allowed, "choose a shorter one: the kernel takes no longer address")
    runtime, state = values.get("paths.runtime_directory"), values.get("paths.state_directory")
    if runtime is not None and runtime == state:
        allowed = "a directory that survives a reboot"
        yield Problem("paths.state_directory", written(str(state)), allowed, "it must not be paths.runtime_directory")
    reader = values.get("telemetry.socket_path")
    if socket is not None and isinstance(reader, str) and reader != str(socket):
        remedy = "give both the same path: without telemetry no session starts"
        yield Problem("telemetry.socket_path", written(reader), f'"{socket}", as paths.socket', remedy)
