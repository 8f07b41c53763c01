"""The files in config/: every key is in them, with the code's default and its range beside it, and all of them are taken."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from controller.configuration import load_configuration
from controller.configuration_tables import DERIVED, TABLES
from controller.session.caps import judge_plan
from controller.session.plan_file import load_plan
from settings_files.telemetry_table import TelemetrySettings
from settings_files.toml_tables import allowed_text
from telemetry.settings import load_telemetry_settings

CONFIG = Path(__file__).parents[2] / "config"
TREADMILL = CONFIG / "treadmill.toml"
PLANS = sorted((CONFIG / "plans").glob("*.toml"))


def test_the_controller_takes_the_shipped_configuration() -> None:
    assert load_configuration(TREADMILL).identity.treadmill == "treadmill-1"


def test_telemetry_takes_the_same_file() -> None:
    settings = load_telemetry_settings(TREADMILL)
    assert settings.identity.treadmill == "treadmill-1"
    assert settings.telemetry == TelemetrySettings()


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_there_with_its_default(table: str) -> None:
    written = tomllib.loads(TREADMILL.read_text(encoding="utf-8"))[table]
    fields = [field for field in msgspec.structs.fields(TABLES[table]) if field.name not in DERIVED.get(table, {})]
    assert list(written) == [field.name for field in fields]
    for field in fields:
        if field.default is not msgspec.NODEFAULT:
            assert written[field.name] == msgspec.to_builtins(field.default, enc_hook=str), field.name


def test_every_key_has_its_range_beside_it() -> None:
    lines = TREADMILL.read_text(encoding="utf-8").splitlines()
    table, comment, seen = "", "", 0
    for line in lines:
        if line.startswith("["):
            table, comment = line.strip("[]"), ""
        elif line.startswith("#"):
            comment += " " + line.removeprefix("#").strip()
        elif " = " in line:
            key = line.split(" = ")[0]
            kinds = {field.name: field.type for field in msgspec.structs.fields(TABLES[table])} if table in TABLES else {}
            if key in kinds:
                assert allowed_text(key, kinds[key]) in comment, (table, key)
                seen += 1
            comment = ""
    assert seen == sum(len(struct.__struct_fields__) - len(DERIVED.get(name, ())) for name, struct in TABLES.items())


def test_there_are_plans() -> None:
    assert [path.name for path in PLANS] == ["demo.toml", "first-session.toml", "standard.toml"]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.name)
def test_every_plan_may_be_prepared_with_the_shipped_configuration(path: Path) -> None:
    assert judge_plan(load_plan(path), load_configuration(TREADMILL).core) == ()
