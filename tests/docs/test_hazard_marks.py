"""The gate counts a mark wherever pytest does: at the test, at its class, and over a whole class or module.

It complains of a mark that it cannot read. It stays shut while a control of a hazard has no test marked with both, and takes no
inspection for shown.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from trace_hazards import judge, main
from tracing.analysis import Analysis, Control, Hazard
from tracing.marks import MarkedTest, marked_tests, unread_marks
from tracing.page import trace_page

pytest_plugins = ("pytester",)

ROOT = Path(__file__).resolve().parents[2]
MARK = 'pytest.mark.hazard("H-01", "C-ONE")'
WAYS = {
    "at the test": f"@{MARK}\ndef test_it(): ...\n",
    "at the class": f"@{MARK}\nclass TestAll:\n    def test_it(self): ...\n",
    "in the class": f"class TestAll:\n    pytestmark = {MARK}\n    def test_it(self): ...\n",
    "over the module": f"pytestmark = {MARK}\ndef test_it(): ...\n",
    "in a list": f"pytestmark = [pytest.mark.real_time, {MARK}]\ndef test_it(): ...\n",
    "in an annotated list": f"pytestmark: list = [{MARK}]\ndef test_it(): ...\n",
    "below the tests": f"def test_it(): ...\npytestmark = {MARK}\n",
    "by a name": f"ONE = {MARK}\n@ONE\ndef test_it(): ...\n",
    "by an annotated name": f"ONE: pytest.MarkDecorator = {MARK}\n@ONE\ndef test_it(): ...\n",
    "by a name, at the class": f"ONE = {MARK}\n@ONE\nclass TestAll:\n    def test_it(self): ...\n",
    "by a name, over the module": f"ONE = {MARK}\npytestmark = [ONE]\ndef test_it(): ...\n",
}
UNREAD = {
    "at a case": f"@pytest.mark.parametrize('case', [pytest.param(1,\n marks={MARK})])\ndef test_it(case): ...\n",
    "by a name, at a case": f"ONE = {MARK}\n@ONE\ndef test_other(): ...\n"
    "@pytest.mark.parametrize('case', [pytest.param(1, marks=ONE)])\ndef test_it(case): ...\n",
    "by a name of two": f"ONE = {MARK}\n@ONE\ndef test_it(): ...\nONE = {MARK}\n",
    "by a name of a list": f"ALL = [{MARK}]\npytestmark = ALL\ndef test_it(): ...\n",
    "by a name of the kind": "hazard = pytest.mark.hazard\n@hazard('H-01')\ndef test_it(): ...\n",
    "by a name in the class": f"class TestAll:\n    ONE = {MARK}\n    @ONE\n    def test_it(self): ...\n",
    "by a name for ids": 'IDS = ["H-01"]\n@pytest.mark.hazard(*IDS)\ndef test_it(): ...\n',
    "with one of the ids by a name": 'ONE = "C-ONE"\n@pytest.mark.hazard("H-01", ONE)\ndef test_it(): ...\n',
    "with nothing": "@pytest.mark.hazard\ndef test_it(): ...\n",
    "without pytest before it": "from pytest import mark\n@mark.hazard('H-01')\ndef test_it(): ...\n",
    "under a condition": f"if True:\n    @{MARK}\n    def test_it(): ...\n",
    "added": f"pytestmark = []\npytestmark += [{MARK}]\ndef test_it(): ...\n",
    "twice over the module": f"pytestmark = {MARK}\npytestmark = pytest.mark.real_time\ndef test_it(): ...\n",
    "at a helper": f"@{MARK}\ndef helper(): ...\ndef test_it(): ...\n",
    "at nothing": f"ONE = {MARK}\ndef test_it(): ...\n",
}


def make_test(root: Path, text: str, name: str = "test_made.py") -> None:
    (root / "tests/core").mkdir(parents=True, exist_ok=True)
    (root / "tests/core" / name).write_text(f"import pytest\n{text}", encoding="utf-8")


def found_in(root: Path, text: str) -> dict[str, tuple[str, ...]]:
    make_test(root, text)
    return {test.node.rpartition("::")[2]: test.marks for test in marked_tests(root)}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_a_mark_counts_wherever_it_is_set(tmp_path: Path, text: str) -> None:
    assert found_in(tmp_path, text) == {"test_it": ("H-01", "C-ONE")}
    assert unread_marks(tmp_path) == []


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


@pytest.mark.parametrize("text", UNREAD.values(), ids=UNREAD)
def test_a_mark_that_the_gate_cannot_read_is_complained_of(tmp_path: Path, text: str) -> None:
    """Whatever pytest makes of it: silent, it would be evidence that the gate knows nothing of."""
    assert "test_it" not in found_in(tmp_path, text)
    assert unread_marks(tmp_path)


def test_a_complaint_says_where_the_mark_is(tmp_path: Path) -> None:
    make_test(tmp_path, UNREAD["at a case"])
    make_test(tmp_path, f"ONE = {MARK}\n", "shared.py")
    assert [line.partition(": ")[0] for line in unread_marks(tmp_path)] == ["tests/core/shared.py:2", "tests/core/test_made.py:3"]


def test_the_gate_stays_shut_for_a_mark_that_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    make_test(tmp_path, UNREAD["at a case"])
    assert main(["--root", str(tmp_path)]) == 1
    assert "tests/core/test_made.py:3: no test is read to have this hazard mark" in capsys.readouterr().err


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
