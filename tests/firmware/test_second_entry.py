"""Every limit of the drive a second time: a slip of the hand in limits.h has to be made in two places to go through."""

from __future__ import annotations

import ast
import operator
import re
import subprocess

from simulator.drive_build import FIRMWARE

LIMITS = FIRMWARE / "core" / "limits.h"
SECOND_ENTRY = {
    "FIRMWARE_VERSION_MAJOR": 0,
    "FIRMWARE_VERSION_MINOR": 1,
    "FIRMWARE_VERSION_PATCH": 0,
    "LEASE_MS": 150,
    "LEASE_DECELERATION_MM_S2": 300,
    "MAXIMUM_SPEED_MM_S": 1600,
    "MAXIMUM_ACCELERATION_MM_S2": 150,
    "MINIMUM_RISE_MM_S2": 30,
    "MAXIMUM_DECELERATION_MM_S2": 1500,
    "MINIMUM_STOP_DECELERATION_MM_S2": 150,
    "STOP_INPUT_DECELERATION_MM_S2": 1000,
    "FIRST_SPEED_MM_S": 100,
    "INCREMENT_LOW_MM_S": 50,
    "INCREMENT_HIGH_MM_S": 100,
    "INCREMENT_BOUNDARY_MM_S": 500,
    "GRANT_LIFE_MS": 5000,
    "GRANT_REST_MS": 500,
    "GRANT_CREEP_MS": 2000,
    "DEBOUNCE_MS": 10,
    "PRESS_MINIMUM_MS": 50,
    "PRESS_MAXIMUM_MS": 2000,
    "START_OPEN_BEFORE_MS": 1000,
    "FASTER_OPEN_BEFORE_MS": 50,
    "REST_SPEED_MM_S": 20,
    "REST_PROOF_MS": 100,
    "STANDSTILL_MS": 1000,
    "COASTING_MS": 10000,
    "BRAKE_MARGIN_MS": 300,
    "RUN_TO_REST_MS": 1000,
    "OVERSPEED_MARGIN_MM_S": 100,
    "OVERSPEED_PERCENT": 20,
    "OVERSPEED_MS": 100,
    "GROSS_OVERSPEED_MARGIN_MM_S": 250,
    "GROSS_OVERSPEED_PERCENT": 50,
    "GROSS_OVERSPEED_MS": 20,
    "STALL_SET_POINT_MM_S": 80,
    "STALL_MS": 500,
    "EFFORT_MS": 1000,
    "WRONG_DIRECTION_MS": 50,
    "WRONG_DIRECTION_MM": 20,
    "RELAY_FOLLOW_MS": 100,
    "UNEXPECTED_MOTION_MS": 100,
    "OVER_CURRENT_MA": 15000,
    "OVER_CURRENT_MS": 100,
    "CONTACTORS_FALL_MS": 5000,
    "DUTY_FULL": 1023,
    "MOTOR_FULL_DUTY_MM_S": 2400,
    "TRIM_MM_S": 200,
    "PROPORTIONAL_GAIN": 1,
    "INTEGRAL_SHIFT": 8,
    "ENCODER_UM_PER_COUNT": 100,
    "SPEED_WINDOW_MS": 20,
    "SPEED_PER_COUNT_MM_S": 5,
    "COUNTS_PER_MM": 10,
    "COUNTS_PER_STEP_LIMIT": 300,
    "ENCODER_INTERRUPTS_PER_STEP": 100,
    "STATUS_PERIOD_MS": 20,
    "WATCHDOG_MS": 120,
    "CLOCK_LAG_MS": 10,
}

_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.floordiv}


def values() -> dict[str, int]:
    """Returns what each name of limits.h stands for, as the compiler's preprocessor puts it in."""
    names = re.findall(r"^\s*#\s*define\s+(\w+)\s+\S", LIMITS.read_text(encoding="utf-8"), re.MULTILINE)
    asked = f'#include "{LIMITS}"\n' + "".join(f'"{name}" {name}\n' for name in names)
    done = subprocess.run(["cc", "-std=c99", "-E", "-P", "-"], input=asked, capture_output=True, text=True, check=True)
    return {name: _value(text) for name, text in re.findall(r'^"(\w+)" (.+)$', done.stdout, re.MULTILINE)}


def _value(text: str) -> int:
    return _evaluated(ast.parse(re.sub(r"(\d)[uUlL]+", r"\1", text).strip(), mode="eval").body)


def _evaluated(node: ast.expr) -> int:
    if isinstance(node, ast.BinOp):
        return _OPERATIONS[type(node.op)](_evaluated(node.left), _evaluated(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluated(node.operand)
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int)
    return node.value


def test_every_limit_is_what_its_second_entry_says() -> None:
    assert values() == SECOND_ENTRY
