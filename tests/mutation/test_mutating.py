"""The mutation run itself: it makes the mutants that it says, sees a survivor, and cannot be talked out of one."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest
from mutating import c_core, equivalents, judging, page, removals, tables
from mutating.mutant import ROOT, Judged, Mutant, numbered
from mutating.workspace import MutationError
from tracing.analysis import Control, Cut
from tracing.marks import MarkedTest

RAMP = "controller/core/ramp.py"
RAMP_TESTS = "tests/core/test_ramp.py"

MODULE = """
_E = Effect
_LOW, _NONE = Priority.LOW, Priority.NONE
LIMIT_N = 250.0
COUNT = 3
FALLS = frozenset({Event.CLIP_OPEN, Event.OVERLOAD})
ROWS = (
    (Event.CLIP_OPEN, _E.PAUSE, _LOW, True, "words stay"),
    (Event.OVERLOAD, _E.STOP, _LOW, 0, "words stay"),
)


class Settings:
    grace_s: float = 0.3
"""
ENUMERATIONS = {"Effect": ["RECORD", "PAUSE", "STOP"], "Priority": ["NONE", "LOW"], "Event": ["CLIP_OPEN", "OVERLOAD"]}


def test_every_cell_of_a_table_and_every_threshold_is_mutated() -> None:
    found = tables.mutants_of(MODULE, "x.py", ENUMERATIONS)
    assert {(one.place, one.old, one.new) for one in found} == {
        ("LIMIT_N", "250.0", "500.0"),
        ("LIMIT_N", "250.0", "125.0"),
        ("COUNT", "3", "6"),
        ("COUNT", "3", "1"),
        ("FALLS", "Event.CLIP_OPEN", "(gone)"),
        ("FALLS", "Event.OVERLOAD", "(gone)"),
        ("ROWS Event.CLIP_OPEN", "_E.PAUSE", "Effect.RECORD"),
        ("ROWS Event.CLIP_OPEN", "_E.PAUSE", "Effect.STOP"),
        ("ROWS Event.CLIP_OPEN", "_LOW", "Priority.NONE"),
        ("ROWS Event.CLIP_OPEN", "True", "False"),
        ("ROWS Event.OVERLOAD", "_E.STOP", "Effect.PAUSE"),
        ("ROWS Event.OVERLOAD", "_LOW", "Priority.NONE"),
        ("ROWS Event.OVERLOAD", "0", "1"),
        ("Settings.grace_s", "0.3", "0.6"),
        ("Settings.grace_s", "0.3", "0.15"),
    }
    for one in found:
        assert ast.dump(ast.parse(one.text)) != ast.dump(ast.parse(MODULE)), one.sentence


def test_the_tables_of_the_core_are_among_the_mutants() -> None:
    places = {(one.file.rpartition("/")[2], one.place.partition(" ")[0]) for one in tables.table_mutants()}
    assert {("events.py", "_ROWS"), ("chart.py", "_DECLARED"), ("inputs.py", "INPUT_TABLE"), ("gate.py", "_ALL_CLOSED")} <= places


def test_the_same_change_twice_in_a_place_has_two_names() -> None:
    same = Mutant("tables", "x.py", "ROW", "1", "2")
    assert [one.nth for one in numbered([same, same])] == [1, 2]


def test_c_that_compiles_to_the_same_object_code_is_no_other_mutant() -> None:
    path = c_core.CORE / "lease.c"
    text = path.read_text(encoding="utf-8")
    own = c_core._object_code(path, text, [path])
    same = text.replace("<= LEASE_MS", "< LEASE_MS + 1u")
    other = text.replace("<= LEASE_MS", "< LEASE_MS")
    assert own == c_core._object_code(path, same, [path]) != c_core._object_code(path, other, [path])
    assert c_core._object_code(path, text + "int unused = ;", [path]) == ""


def a_mutant(old: str, new: str) -> Mutant:
    text = (ROOT / RAMP).read_text(encoding="utf-8")
    assert text.count(old) == 1
    return Mutant("tables", RAMP, "ramp", old, new, text=text.replace(old, new))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(judging, "FOLDER", tmp_path)
    monkeypatch.setattr(removals, "FOLDER", tmp_path)
    return tmp_path


def test_a_mutant_that_nothing_notices_survives_and_one_that_is_noticed_does_not(folder: Path) -> None:
    harmless = a_mutant("_LONGEST_STEP_S = 0.02", "_LONGEST_STEP_S = 0.020")
    deadly = a_mutant("goal = min(goal, ceiling)", "goal = max(goal, ceiling)")
    judged = judging.judge_files([harmless, deadly], lambda _: [[RAMP_TESTS]], jobs=1)
    assert [one.outcome for one in judged] == ["survived", "killed"]
    tree = folder / "tree-0" / RAMP
    assert tree.read_text(encoding="utf-8") == (ROOT / RAMP).read_text(encoding="utf-8"), "the mutant is taken out again"


def test_tests_that_fail_without_a_mutant_judge_nothing(folder: Path) -> None:
    deadly = a_mutant("goal = min(goal, ceiling)", "goal = max(goal, ceiling)")
    with pytest.raises(MutationError, match="fail without any mutant"):
        judging.judge_files([deadly], lambda _: [["tests/no_such_file.py"]], jobs=1)


def control(old: str, new: str) -> Control:
    return Control("C-RAMP", "a ramp", "inherent", "controller", (Cut(RAMP, old, new),))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("return _up(state, goal, gap, limits, step_s)", "return RampState(goal, 0.0)", ""),
        ("_LONGEST_STEP_S = 0.02", "_LONGEST_STEP_S = 0.020", "none of its 1 tests turns red"),
        ("AT_REST = RampState()", "AT_REST = NoSuchName()", "its tests do not even run"),
        ("no such text", "x", "stands 0 times"),
    ],
    ids=["a real removal", "no removal", "broken code", "text moved"],
)
def test_a_control_is_proved_only_by_a_test_that_turns_red_without_it(folder: Path, old: str, new: str, complaint: str) -> None:
    marked = MarkedTest(f"{RAMP_TESTS}::test_a_rise_keeps_acceleration_and_jerk", "core", ("C-RAMP",), "")
    wrong = removals.judge_removals([control(old, new)], [marked])
    assert len(wrong) == bool(complaint)
    assert complaint in "".join(wrong)


def test_a_control_without_a_removal_or_without_a_test_is_complained_of(folder: Path) -> None:
    bare = Control("C-BARE", "nothing", "inherent", "controller")
    unmarked = msgspec.structs.replace(control("AT_REST = ", "REST = "), id="C-OTHER")
    assert [line.partition(":")[0] for line in removals.judge_removals([bare, unmarked], [])] == ["C-BARE", "C-OTHER"]


def entry(mutant: Mutant) -> equivalents.Equivalent:
    return equivalents.Equivalent(mutant.file, mutant.place, mutant.old, mutant.new, "behaves as the original does")


def test_an_entry_that_is_killed_or_no_longer_made_is_wrong() -> None:
    killed, kept, gone = (Mutant("tables", "x.py", "ROW", "1", str(new)) for new in (2, 3, 4))
    known = {entry(one).key: entry(one) for one in (killed, kept, gone)}
    judged = [Judged(killed, "killed"), Judged(kept, "survived")]
    first, second = equivalents.complaints(known, [killed, kept], judged, frozenset({"x.py"}))
    assert "`1` -> `4`" in first
    assert "`1` -> `2`" in second
    assert equivalents.complaints(known, [], [], frozenset({"other.py"})) == [], "what was not mutated is not judged"


def test_entries_need_a_reason_and_stand_once(tmp_path: Path) -> None:
    file = tmp_path / "equivalent-mutants.toml"
    line = '[[equivalent]]\nfile = "x.py"\nplace = "f"\nold = "a"\nnew = "b"\n'
    file.write_text(line + 'reason = ""\n', encoding="utf-8")
    with pytest.raises(MutationError, match="reason"):
        equivalents.read_equivalents(file)
    file.write_text((line + 'reason = "b is a in every reachable state"\n') * 2, encoding="utf-8")
    with pytest.raises(MutationError, match="stands twice"):
        equivalents.read_equivalents(file)
    assert equivalents.read_equivalents(), "the project's own entries are read"


def test_a_survivor_with_a_reason_is_counted_apart() -> None:
    survivor, explained = (Mutant("tables", "controller/core/gate.py", "ROW", "1", str(new)) for new in (2, 3))
    judged = [Judged(survivor, "survived"), Judged(explained, "survived")]
    run = page.Run("make mutants-full", [survivor, explained], judged, {entry(explained).key: entry(explained)}, [], 0)
    assert [one.mutant for one in run.unexplained()] == [survivor]
    assert "| gate: tables | 2 | 2 | 0 | 0 | 1 | 1 |" in page.table(run)
    assert "`1` → `2`" in page.page(run)
