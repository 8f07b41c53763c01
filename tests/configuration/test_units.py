"""The unit in a key's name is read right, and a value in another unit of the same kind is turned right."""

import pytest

from settings_files.units import UNITS, same_in, split_unit, unit_text


@pytest.mark.parametrize(
    ("key", "stem", "text"),
    [
        ("first_m_s", "first", "m/s"),
        ("first_mm_s", "first", "mm/s"),
        ("planned_deceleration_m_s2", "planned_deceleration", "m/s²"),
        ("jerk_m_s3", "jerk", "m/s³"),
        ("offer_s", "offer", "s"),
        ("lease_ms", "lease", "ms"),
        ("chatter_edges_per_s", "chatter_edges", "1/s"),
        ("fast_ceiling_n_s", "fast_ceiling", "N/s"),
        ("slack_pitch_m", "slack_pitch", "m"),
        ("clip", "clip", ""),
        ("_s", "_s", ""),
    ],
)
def test_the_unit_is_split_off(key: str, stem: str, text: str) -> None:
    assert split_unit(key)[0] == stem
    assert unit_text(key) == text


@pytest.mark.parametrize(
    ("value", "written", "wanted", "text"),
    [
        (3.6, "_km_h", "_m_s", "3.6 km/h = 1 m/s"),
        (1, "_mph", "_m_s", "1 mile/h = 0.447 m/s"),
        (2, "_min", "_s", "2 min = 120 s"),
        (10, "_kgf", "_n", "10 kgf = 98.07 N"),
        (1, "_min", "_m_s", ""),
        (True, "_min", "_s", ""),
        ("1", "_min", "_s", ""),
    ],
)
def test_a_value_is_turned_into_the_wanted_unit(value: object, written: str, wanted: str, text: str) -> None:
    assert same_in(value, UNITS[written], UNITS[wanted]) == text
