"""The gate counts a mark wherever pytest does: at the test, at its class, and over a whole class or module."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracing.marks import marked_tests

pytest_plugins = ("pytester",)

MARK = 'pytest.mark.hazard("H-01", "C-ONE")'
WAYS = {
    "at the test": f"@{MARK}\ndef test_it(): ...\n",
    "at the class": f"@{MARK}\nclass TestAll:\n    def test_it(self): ...\n",
    "in the class": f"class TestAll:\n    pytestmark = {MARK}\n    def test_it(self): ...\n",
    "over the module": f"pytestmark = {MARK}\ndef test_it(): ...\n",
    "in a list": f"pytestmark = [pytest.mark.real_time, {MARK}]\ndef test_it(): ...\n",
    "in an annotated list": f"pytestmark: list = [{MARK}]\ndef test_it(): ...\n",
    "below the tests": f"def test_it(): ...\npytestmark = {MARK}\n",
}


def found_in(root: Path, text: str) -> dict[str, tuple[str, ...]]:
    (root / "tests/core").mkdir(parents=True, exist_ok=True)
    (root / "tests/core/test_made.py").write_text(f"import pytest\n{text}", encoding="utf-8")
    return {test.node.rpartition("::")[2]: test.marks for test in marked_tests(root)}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_a_mark_counts_wherever_it_is_set(tmp_path: Path, text: str) -> None:
    assert found_in(tmp_path, text) == {"test_it": ("H-01", "C-ONE")}


def test_marks_of_module_class_and_test_add_up_and_each_is_named_once(tmp_path: Path) -> None:
    text = (
        'pytestmark = pytest.mark.hazard("H-01", "C-ONE")\n'
        '@pytest.mark.hazard("H-02")\nclass TestAll:\n    @pytest.mark.hazard("H-01", "C-TWO")\n    def test_it(self): ...\n'
        "def test_other(): ...\n"
    )
    assert found_in(tmp_path, text) == {"test_it": ("H-01", "C-ONE", "H-02", "C-TWO"), "test_other": ("H-01", "C-ONE")}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_pytest_finds_the_same_marks_there(pytester: pytest.Pytester, text: str) -> None:
    """What the gate reads from the text must be what pytest hands to whoever records the outcome."""
    (item,) = pytester.getitems(f"import pytest\n{text}")
    assert [argument for mark in item.iter_markers("hazard") for argument in mark.args] == ["H-01", "C-ONE"]
