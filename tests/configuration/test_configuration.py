"""A configuration is taken whole or refused whole, with every mistake named: key, value, what is allowed, what to do."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.configuration import (
    MAXIMUM_BYTES,
    Configuration,
    ConfigurationError,
    load_configuration,
    parse_configuration,
)
from controller.configuration_tables import DERIVED, TABLES
from firmware_bridge.drive import DriveLimits, Mounting
from settings_files.toml_tables import read_table
from tests.configuration.documents import LEAST, least


def refused(document: dict[str, Any]) -> dict[str, str]:
    """The problems of a document that must be refused: text by key."""
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(document)
    for problem in caught.value.problems:
        assert problem.allowed
        assert problem.remedy
        assert str(problem) in str(caught.value)
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_the_least_document_is_taken_with_every_default() -> None:
    configuration = parse_configuration(least())
    assert configuration.identity.mounting is Mounting.BELT_REVERSED
    assert configuration.serial.driver == "reference"
    assert configuration.paths.socket == Path("/run/sternway/controller.sock")
    assert configuration.core.ramp.acceleration_m_s2 == 0.10
    assert configuration.drive_limits == DriveLimits()


@pytest.mark.parametrize(
    ("tables", "key", "words"),
    [
        ({"speed": {"first_km_h": 0.36}}, "speed.first_km_h", "write first_m_s, in m/s (0.36 km/h = 0.1 m/s)"),
        ({"speed": {"first_mm_s": 100}}, "speed.first_mm_s", "100 mm/s = 0.1 m/s"),
        ({"drive": {"lease_s": 0.15}}, "drive.lease_s", "write lease_ms, in ms (0.15 s = 150 ms)"),
        ({"speed": {"ceeling_m_s": 1.0}}, "speed.ceeling_m_s", "perhaps speed.ceiling_m_s was meant"),
        ({"sped": {"ceiling_m_s": 1.0}}, "sped", "perhaps speed was meant"),
        ({"rails": {"zzz": 1}}, "rails.zzz", "one_hand_grace_s, both_hands_grace_s, slow_time_s; remove it"),
        ({"rails": {"one_hand_grace_s": "1"}}, "rails.one_hand_grace_s", '= "1": allowed is a number from 0 to 3 s'),
        ({"rails": {"one_hand_grace_s": True}}, "rails.one_hand_grace_s", "= true: allowed is a number"),
        ({"rails": {"one_hand_grace_s": math.nan}}, "rails.one_hand_grace_s", "= nan: allowed is a number"),
        ({"rails": {"one_hand_grace_s": 10**400}}, "rails.one_hand_grace_s", "allowed is a number from 0 to 3 s"),
        ({"drive": {"lease_ms": 0}}, "drive.lease_ms", "= 0: allowed is a whole number from 100 to 250 ms"),
        ({"drive": {"lease_ms": 150.5}}, "drive.lease_ms", "= 150.5: allowed is a whole number"),
        ({"ramp": {"acceleration_m_s2": 0.16}}, "ramp.acceleration_m_s2", "from 0.03 to 0.15 m/s²"),
        ({"ramp": {"loaded_deceleration_m_s2": 1.6}}, "ramp.loaded_deceleration_m_s2", "from 0.5 to 1.5 m/s²"),
        ({"pins": {"clip": 1}}, "pins.clip", "from 2 to 27"),
        ({"pins": {"clip": 28}}, "pins.clip", "from 2 to 27"),
        ({"identity": {"clinic": "Clinic X"}}, "identity.clinic", "1 to 32 of a-z, 0-9 and the hyphen"),
        ({"identity": {"clinic": "a" * 33}}, "identity.clinic", "1 to 32"),
        ({"identity": {"clinic": "a\n"}}, "identity.clinic", "1 to 32"),
        ({"identity": {"mounting": "reversed"}}, "identity.mounting", '"belt_reversed" or "patient_turned"'),
        ({"serial": {"device": "ttyUSB0"}}, "serial.device", "/dev/serial/by-id"),
        ({"paths": {"socket": "run/x.sock"}}, "paths.socket", "allowed is an absolute path"),
        ({"paths": {"socket": "/run/" + "x" * 120}}, "paths.socket", "at most 107 bytes"),
        ({"paths": {"state_directory": "/run/sternway"}}, "paths.state_directory", "must not be paths.runtime_directory"),
        ({"telemetry": {"socket_path": "/run/other.sock"}}, "telemetry.socket_path", "give both the same path"),
        ({"speed": 3}, "speed", "write its keys below [speed]"),
        ({"speed": [{"first_m_s": 0.1}]}, "speed", "one table [speed]"),
        ({"load_cell": {"backend": "i2c"}}, "load_cell.backend", '= "i2c": allowed is "gpio" or "spi"'),
        ({"load_cell": {"counts_zero": 5}}, "load_cell.counts_zero", "remove it"),
        ({"rail_left_cell": {"fited": True}}, "rail_left_cell.fited", "perhaps rail_left_cell.fitted was meant"),
        ({"rail_right_cell": {"dout": 28}}, "rail_right_cell.dout", "from 0 to 27"),
        ({"rail_cells": {"dout": 3}}, "rail_cells.dout", "one of pd_sck; remove it"),
        ({"balance": {"rails": {}}}, "balance.rails", "remove it"),
    ],
)
@pytest.mark.hazard("H-30", "C-CONFIGURATION")
def test_a_mistake_is_named_with_what_is_allowed(tables: dict[str, Any], key: str, words: str) -> None:
    problems = refused(least(**tables))
    assert words in problems[key]


def test_what_must_be_given_is_missed() -> None:
    assert set(refused({"speed": {"ceiling_m_s": 1.0}})) == {
        "identity.clinic",
        "identity.treadmill",
        "identity.mounting",
        "serial.device",
    }


def test_all_mistakes_come_at_once() -> None:
    wrong = least(
        identity={"clinic": "Ü"},
        speed={"first_km_h": 1, "ceiling_m_s": 1.2},
        ramp={"planned_deceleration_m_s2": 0.4, "acceleration_m_s2": "fast"},
        pins={"ok": 24, "start": 99},
        unknown={},
    )
    assert set(refused(wrong)) == {
        "identity.clinic",
        "speed.first_km_h",
        "speed.ceiling_m_s",
        "ramp.planned_deceleration_m_s2",
        "ramp.acceleration_m_s2",
        "pins.stop",
        "pins.start",
        "unknown",
    }


def test_whole_numbers_do_where_a_number_is_asked() -> None:
    configuration = parse_configuration(least(rails={"one_hand_grace_s": 2}))
    assert configuration.core.rails.one_hand_grace_s == 2.0
    assert isinstance(configuration.core.rails.one_hand_grace_s, float)


def test_telemetrys_own_table_is_left_to_telemetry() -> None:
    assert parse_configuration(least(telemetry={"whatever": "it likes"})) == parse_configuration(least())


def test_one_fact_stands_in_one_key_and_reaches_every_part() -> None:
    calibration = {"zero_counts": -5000, "newtons_per_count": 0.004, "maximum_n": 5000.0}
    rails = {"one_hand_grace_s": 1.5, "both_hands_grace_s": 0.2, "slow_time_s": 1.0}
    configuration = parse_configuration(least(calibration=calibration, rails=rails, drive={"lease_ms": 200}))
    chain = configuration.load_chain
    assert (chain.zero_counts, chain.newtons_per_count, chain.maximum_n) == (-5000, 0.004, 5000.0)
    assert (configuration.load_cell.counts_zero, configuration.load_cell.newtons_per_count) == (-5000, 0.004)
    assert msgspec.structs.asdict(configuration.balance.rails) == rails
    assert configuration.drive_limits.lease_ms == 200
    assert configuration.core_settings.core is configuration.core
    assert configuration.core_settings.gate.ceiling_mm_s == 1000
    assert configuration.core_settings.balance is configuration.balance


def numeric_keys() -> list[tuple[str, str, Any]]:
    keys = []
    for table, struct in TABLES.items():
        for field in msgspec.structs.fields(struct):
            info = msgspec.inspect.type_info(field.type)
            inner = info.type if isinstance(info, msgspec.inspect.Metadata) else info
            is_number = isinstance(inner, msgspec.inspect.FloatType | msgspec.inspect.IntType)
            if is_number and field.name not in DERIVED.get(table, {}):
                keys.append((table, field.name, inner))
    return keys


@pytest.mark.parametrize(("table", "key", "kind"), numeric_keys(), ids=lambda part: part if isinstance(part, str) else "")
def test_every_number_has_a_range_and_keeps_it(table: str, key: str, kind: Any) -> None:
    def taken(value: object) -> bool:
        return key in read_table(TABLES[table], {key: value}, table, DERIVED.get(table, ())).values

    assert kind.ge is not None
    assert kind.le is not None
    assert taken(kind.ge)
    assert taken(kind.le)
    step = 1 if isinstance(kind, msgspec.inspect.IntType) else (kind.le - kind.ge) / 1e6
    outside = (kind.ge - step, kind.le + step, math.nan, math.inf, -math.inf, True, False, "1", [1], {})
    assert [value for value in outside if taken(value)] == []


def load(tmp_path: Path, content: bytes) -> Configuration:
    path = tmp_path / "treadmill.toml"
    path.write_bytes(content)
    return load_configuration(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#" * (MAXIMUM_BYTES + 1), "at most 256 KiB"),
        (b"[identity]\nclinic = \xff", "save it as UTF-8"),
        (b"[speed]\nfirst_m_s = 0.1\nfirst_m_s = 0.2", "each key once"),
        (b"[speed]\n[speed]", "each key once"),
        (b"[speed\n", "TOML"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "remove the deeply nested lists"),
        (b"x = " + b"9" * 5000, "TOML"),
    ],
    ids=["large", "utf-8", "key twice", "table twice", "syntax", "nesting", "digits"],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load(tmp_path, content)


def test_a_file_that_is_not_there_or_is_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load_configuration(tmp_path / "away.toml")
    with pytest.raises(ConfigurationError, match="is a directory"):
        load_configuration(tmp_path)


def test_a_file_is_read_and_errors_name_it(tmp_path: Path) -> None:
    good = b'[identity]\nclinic = "c"\ntreadmill = "t"\nmounting = "patient_turned"\n[serial]\ndevice = "/dev/x"\n'
    assert load(tmp_path, good + b"[speed]\nceiling_m_s = 0.9\n").core.speed.ceiling_m_s == 0.9
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, good + b"[speed]\nceiling_m_s = 0.9\nfirst_m_s = 9\n")
    assert str(caught.value).splitlines()[0] == f"{tmp_path / 'treadmill.toml'}: 1 problem"


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_keys = st.sampled_from(sorted({key for struct in TABLES.values() for key in struct.__struct_fields__})) | st.text(max_size=8)
_documents = st.dictionaries(
    st.sampled_from([*TABLES, "telemetry"]) | st.text(max_size=8), _values | st.dictionaries(_keys, _values, max_size=6), max_size=8
)


@settings(max_examples=300, deadline=None)
@given(_documents)
@pytest.mark.hazard("H-30", "C-CONFIGURATION")
def test_no_document_brings_anything_but_a_configuration_or_its_problems(document: dict[str, Any]) -> None:
    try:
        configuration = parse_configuration({**LEAST, **document})
    except ConfigurationError as error:
        problems = error.problems
    else:
        problems = ()
        assert configuration.core.speed.first_m_s <= configuration.core.speed.ceiling_m_s
    known = {*TABLES, "telemetry"}
    assert problems or document.keys() <= known
