"""The gate counts a mark wherever pytest does: at the test, at its class, and over a whole class or module.

It stays shut while a control of a hazard has no test marked with both, and takes no inspection for shown.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from trace_hazards import judge
from tracing.analysis import Analysis, Control, Hazard
from tracing.marks import MarkedTest, marked_tests
from tracing.page import trace_page

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


def analysed(*controls: Control, **hazard: object) -> Analysis:
    """One hazard, of which a core test is asked unless `hazard` says otherwise, with these controls."""
    values = {"verification": ("core",), "controls": tuple(control.id for control in controls)} | hazard
    return Analysis(controls, (Hazard("H-01", "title", "cause", "harm", "minor", residual="none", **values),))


def complaints(analysis: Analysis, *tests: MarkedTest) -> list[str]:
    """What shuts the gate when these have passed, stamps aside."""
    places = {control.id: ["code.py"] for control in analysis.control if control.shown_by == "tests"}
    found = judge(analysis, places, list(tests), {test.node: test.file for test in tests})
    return [line for line in found if "without a review" not in line]


ONE, TWO = (Control(name, "what", "protective", "controller") for name in ("C-ONE", "C-TWO"))
COVER = Control("C-COVER", "a cover", "inherent", "hardware", shown_by="inspection")
SHOWS = MarkedTest("t.py::test_one", "core", ("H-01", "C-ONE"), "f")


def test_a_hazard_and_its_control_need_a_test_that_is_marked_with_both() -> None:
    elsewhere = MarkedTest("t.py::test_two", "core", ("C-TWO",), "f")
    assert complaints(analysed(ONE), SHOWS) == []
    assert complaints(analysed(ONE, TWO), SHOWS, elsewhere) == ["H-01 and C-TWO have no passed test marked with both"]


def test_an_inspection_is_asked_for_by_name_and_shown_by_nothing() -> None:
    looked_at = analysed(ONE, COVER, verification=("core", "inspection"))
    assert complaints(looked_at, SHOWS) == []
    assert "| inspection | inspection: not done | C-COVER |" in trace_page(looked_at, {}, [SHOWS], {SHOWS.node: SHOWS.file})
    (unsaid,) = complaints(analysed(ONE, COVER), SHOWS)
    (needless,) = complaints(analysed(ONE, verification=("core", "inspection")), SHOWS)
    assert unsaid == needless == "H-01: needs an inspection exactly when one of its controls is shown by none but that"


def test_a_program_is_not_excused_by_an_inspection() -> None:
    (wrong,) = complaints(
        analysed(ONE, msgspec.structs.replace(COVER, layer="controller"), verification=("core", "inspection")), SHOWS
    )
    assert wrong == "C-COVER: an inspection is for what no program has a part in, and tells of nothing to remove"
