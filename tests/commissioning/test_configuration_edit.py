"""Values go into a person's file, and nothing else in it changes; where that is not certain, nothing changes at all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.commissioning.configuration_edit import EditError, with_values

SHIPPED = (Path(__file__).parents[2] / "config" / "treadmill.toml").read_text(encoding="utf-8")
VALUES = {"zero_counts": -12, "newtons_per_count": 3.6e-05, "cell_serial": 'C "7" #1'}


@pytest.mark.parametrize(
    "text",
    [
        SHIPPED,
        "",
        "[calibration]\n",
        "[calibration] # here\nzero_counts=5 # was 4\n\n[rails]\nzero_counts_of_another = 1\n",
        "  [ calibration ]\n  zero_counts = 1\n[calibration_of_rails]\nzero_counts = 9\n",
        '[calibration]\r\nzero_counts = 1\r\ncell_serial = "a # b"\r\n[rails]\r\n',
        "[rails]\none_hand_grace_s = 1.0",
    ],
)
def test_the_values_are_set_and_the_rest_stays(text: str) -> None:
    before, after = tomllib.loads(text), tomllib.loads(with_values(text, "calibration", VALUES))
    assert after["calibration"] == {**before.get("calibration", {}), **VALUES}
    assert {key: value for key, value in after.items() if key != "calibration"} == {
        key: value for key, value in before.items() if key != "calibration"
    }


def test_every_comment_of_the_shipped_file_stays() -> None:
    edited = with_values(SHIPPED, "calibration", VALUES)
    changed = [line for line, now in zip(SHIPPED.splitlines(), edited.splitlines(), strict=True) if line != now]
    assert sorted(line.split(" = ")[0] for line in changed) == sorted(VALUES), (
        "the same keys of other cells' tables are as they were"
    )


@pytest.mark.parametrize(
    "text",
    [
        "calibration = {zero_counts = 1}\n",
        "calibration.zero_counts = 1\n",
        'x = """\n[calibration]\n"""\n[calibration]\nzero_counts = 1\n',
        "[calibration]\nnewtons_per_count = [\n1\n]\n",
    ],
)
def test_a_file_written_otherwise_is_left_to_a_person(text: str) -> None:
    with pytest.raises(EditError):
        with_values(text, "calibration", VALUES)


@given(
    st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=30),
    st.floats(1e-5, 1),
    st.integers(-(1 << 23), 1 << 23),
)
def test_any_value_is_read_back_as_it_was(serial: str, span: float, zero: int) -> None:
    values = {"cell_serial": serial, "newtons_per_count": span, "zero_counts": zero}
    text = "[calibration]\nzero_counts = 1 # as delivered\n"
    assert tomllib.loads(with_values(text, "calibration", values))["calibration"] == values
