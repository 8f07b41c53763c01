"""The mutation run itself: it makes the mutants that it says, sees a survivor, and cannot be talked out of one."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest
from mutating import c_core, equivalents, functions, judging, page, proofs, removals, suites, tables, verdicts
from mutating.mutant import ROOT, Judged, Mutant, numbered
from mutating.proofs import Proofs
from mutating.watched_tests import Watched
from mutating.workspace import MutationError, Tree
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
    assert {
        ("events.py", "_ROWS"),
        ("chart.py", "_DECLARED"),
        ("inputs.py", "INPUT_TABLE"),
        ("gate.py", "_MUST_BE_CLOSED"),
    } <= places


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
    folder = tmp_path / "build" / "mutants"
    folder.mkdir(parents=True)
    for module in (judging, removals, suites):
        monkeypatch.setattr(module, "FOLDER", folder)
    return folder


RAMP_SUITE = suites.Suite("ramp", ("-m", "not real_time"), (RAMP_TESTS,), of_python=True)


def outcomes(folder: Path, *mutants: Mutant, suite: suites.Suite = RAMP_SUITE) -> list[str]:
    """Judges them in this order, one at a time."""
    known = verdicts.Verdicts(folder / "verdicts.jsonl")
    judged = judging.judge(mutants, suite, lambda _, reach: list(reach.tests), 1, known)
    return [one.outcome for one in sorted(judged, key=lambda one: mutants.index(one.mutant))]


HARMLESS = ("_LONGEST_STEP_S = 0.02", "_LONGEST_STEP_S = 0.020")
DEADLY = ("goal = min(goal, ceiling)", "goal = max(goal, ceiling)")
BROKEN = ("AT_REST = RampState()", "AT_REST = NoSuchName()")
ENDLESS = ("goal = min(goal, ceiling)", "goal = min(goal, ceiling)\n    while True:\n        pass")


def test_a_mutant_that_nothing_notices_survives_and_one_that_is_noticed_does_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "_LIMIT_S", 3)
    monkeypatch.setattr(judging, "_LIMIT_FACTOR", 0)
    mutants = [a_mutant(*change) for change in (HARMLESS, DEADLY, BROKEN, ENDLESS, HARMLESS)]
    mutants[-1] = msgspec.structs.replace(mutants[-1], nth=2)
    assert outcomes(folder, *mutants) == ["survived", "killed", "killed", "timed out", "survived"]
    tree = folder / "tree-0" / RAMP
    assert tree.read_text(encoding="utf-8") == (ROOT / RAMP).read_text(encoding="utf-8"), "the mutant is taken out again"
    for source, by in ((RAMP, ""), (RAMP_TESTS, "-pytest-*")):
        kept = (folder / "tree-0" / source).parent / "__pycache__"
        assert list(kept.glob(f"{Path(source).stem}.*{by}.pyc")), "made once, before the first mutant: no fork compiles the project"


def test_a_run_goes_on_where_the_last_one_ended_and_judges_survivors_again_when_a_test_is_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmless, deadly = a_mutant(*HARMLESS), a_mutant(*DEADLY)
    assert outcomes(folder, harmless, deadly) == ["survived", "killed"]
    again = verdicts.Verdicts(folder / "verdicts.jsonl")
    known = again.of(deadly)
    assert known is not None
    assert known.killer.startswith(f"{RAMP_TESTS}::test_")
    assert again.of(harmless) is not None
    assert again.of(msgspec.structs.replace(deadly, text=deadly.text + "\n")) is None, "the file has changed"
    monkeypatch.setattr(verdicts, "digest_of", lambda _: "another project")
    changed = verdicts.Verdicts(folder / "verdicts.jsonl")
    assert changed.of(harmless) is None
    assert changed.of(deadly) == known
    monkeypatch.setattr(verdicts, "digest_of_file", lambda _: "another test")
    assert changed.of(deadly) is None
    monkeypatch.undo()
    fresh = verdicts.Verdicts(folder / "verdicts.jsonl", fresh=True)
    assert [fresh.of(deadly), fresh.of(harmless)] == [None, None], "a fresh run believes no earlier one"


def test_a_kill_holds_while_the_function_is_the_same_whatever_else_of_its_file_changes(folder: Path) -> None:
    known = verdicts.Verdicts(folder / "verdicts.jsonl")
    mutant = next(one for one in functions.mutants_of((ROOT / RAMP).read_text(encoding="utf-8"), RAMP) if one.place == "_down")
    known.add(Judged(mutant, "killed", f"{RAMP_TESTS}::test_x"))
    again = verdicts.Verdicts(folder / "verdicts.jsonl")
    assert again.of(msgspec.structs.replace(mutant, text="# one line more\n" + mutant.text)) is not None
    assert again.of(msgspec.structs.replace(mutant, unit=mutant.unit + "\n    # one line more")) is None
    assert again.of(msgspec.structs.replace(mutant, place="_up")) is None


def test_a_mutant_of_a_function_carries_that_function_alone() -> None:
    made = functions.mutants_of((ROOT / RAMP).read_text(encoding="utf-8"), RAMP)
    assert {one.place for one in made} == {"advance_ramp", "_up", "_down"}
    for one in made:
        assert one.unit in one.text
        assert f"def {one.place}(" in one.unit, one.sentence
        assert one.unit.count("def ") == 1


def test_a_loaded_project_kills_what_a_fresh_import_kills_and_what_it_lets_pass_is_shown_to_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = functions.mutants_of((ROOT / RAMP).read_text(encoding="utf-8"), RAMP)
    mutants = [one for one in made if one.place == "_down"]
    fresh = outcomes(folder, *(msgspec.structs.replace(one, part="tables") for one in mutants))
    assert "killed" in fresh
    (folder / "verdicts.jsonl").unlink()
    by_import: list[str] = []
    show = judging.Server.show

    def noted(self: judging.Server, mutant: Mutant, tests: list[str], limit_s: int) -> Judged:
        judged = show(self, mutant, tests, limit_s)
        by_import.append(judged.outcome)
        return judged

    monkeypatch.setattr(judging.Server, "show", noted)
    assert outcomes(folder, *mutants) == fresh
    assert "killed" not in by_import


def test_mutants_of_an_unchanged_file_are_not_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "FOLDER", folder)
    text = (ROOT / RAMP).read_text(encoding="utf-8")
    first = functions._mutants_of(ROOT / RAMP)
    assert first == functions.mutants_of(text, RAMP)
    monkeypatch.setattr(functions, "mutants_of", lambda *_: [])
    assert functions._mutants_of(ROOT / RAMP) == first
    for kept in folder.glob("functions-*"):
        kept.unlink()
    assert functions._mutants_of(ROOT / RAMP) == [], "only what is kept is not made"


def test_a_mutant_of_a_table_or_of_c_knows_the_row_or_the_function_that_it_stands_in() -> None:
    for one in tables.mutants_of(MODULE, "x.py", ENUMERATIONS):
        assert one.unit in one.text
        assert one.unit not in MODULE, one.sentence
    assert {len(one.unit.splitlines()) for one in tables.mutants_of(MODULE, "x.py", ENUMERATIONS)} == {1}
    lease = c_core.CORE / "lease.c"
    text = lease.read_text(encoding="utf-8")
    one = c_core._named(lease, text, text.replace("> LEASE_MS", ">= LEASE_MS"))
    assert (one.place, one.unit.splitlines()) == (
        "lease_has_ended",
        ["bool lease_has_ended(const struct lease *lease) {", "    return lease->since_renewal_ms >= LEASE_MS;", "}"],
    )


def test_only_the_c_file_that_has_changed_is_compiled_again(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = tmp_path_factory.mktemp("core")
    compiled: list[str] = []

    def compile_nothing(path: Path, _: object) -> c_core.Made:
        compiled.append(path.name)
        return c_core.Made((Mutant("C", path.name, "f", "1", str(len(compiled))),), 3, 1, 1)

    monkeypatch.setattr(c_core, "_compile", compile_nothing)
    for module, name, value in ((c_core, "FOLDER", folder), (c_core, "CORE", core), (c_core, "HEADER", core / "limits.h")):
        monkeypatch.setattr(module, name, value)
    for file in ("a.c", "b.c", "limits.h"):
        (core / file).write_text(file, encoding="utf-8")
    first = c_core.c_mutants(1)
    assert (compiled, first.made, first.refused, first.same) == (["a.c", "b.c", "limits.h"], 9, 3, 3)
    assert c_core.c_mutants(1) == first
    (core / "b.c").write_text("other", encoding="utf-8")
    c_core.c_mutants(1)
    assert compiled[3:] == ["b.c", "limits.h"], "the limits are compiled into every file"


def test_each_part_has_its_share_of_the_time_that_is_left() -> None:
    assert judging.share_ends_at_s(1000.0, 1180.0, 3) == 1060.0
    assert judging.share_ends_at_s(1010.0, 1180.0, 2) == 1095.0, "what the first did not need is the others'"
    assert judging.share_ends_at_s(1090.0, 1180.0, 1) == 1180.0
    assert judging.share_ends_at_s(1000.0, float("inf"), 3) == float("inf")


def test_a_run_whose_time_is_over_begins_no_mutant(folder: Path) -> None:
    known = verdicts.Verdicts(folder / "verdicts.jsonl")
    judged = judging.judge([a_mutant(*DEADLY)], RAMP_SUITE, lambda _, reach: list(reach.tests), 1, known, ends_at_s=0.0)
    assert judged == []
    assert not (folder / "verdicts.jsonl").exists()


def test_tests_that_fail_without_a_mutant_judge_nothing(folder: Path) -> None:
    suite = msgspec.structs.replace(RAMP_SUITE, options=("-p", "a_plugin_that_is_not_there"))
    with pytest.raises(MutationError, match="fail without any mutant"):
        outcomes(folder, a_mutant(*DEADLY), suite=suite)


@pytest.fixture
def tree(folder: Path) -> Tree:
    tree = Tree(folder / "tree-0")
    (tree.path / "breaks_down.py").write_text("def pytest_runtest_protocol():\n    raise OSError('no space')\n", encoding="utf-8")
    return tree


def shown_to(tree: Tree, change: tuple[str, str], test: str, *options: str) -> Judged:
    """What is said of a mutant of the ramp that is shown to this test."""
    server = judging.Server(tree, msgspec.structs.replace(RAMP_SUITE, options=options), loaded=False)
    try:
        return server.show(a_mutant(*change), [test], 20)
    finally:
        server.close()


RAMP_TEST = f"{RAMP_TESTS}::test_a_rise_keeps_acceleration_and_jerk"
# What the mutant itself brings: a skip that hides a file from its tests must not pass for a kill.
SKIPPED = (BROKEN[0], f"{BROKEN[0]}\nimport pytest\npytest.skip('nothing to see', allow_module_level=True)")


@pytest.mark.parametrize(
    ("change", "test", "options", "words"),
    [
        (HARMLESS, f"{RAMP_TESTS}::test_of_nothing", (), "without any mutant(?s:.*)not found"),
        (HARMLESS, RAMP_TEST, ("-k", "nothing"), "without any mutant(?s:.*)deselected"),
        (HARMLESS, RAMP_TEST, ("-p", "breaks_down"), "pytest has broken down(?s:.*)no space"),
        (BROKEN, RAMP_TEST, ("-p", "breaks_down"), "without any mutant(?s:.*)no space"),
    ],
    ids=["no such test", "none chosen", "a plugin breaks down", "a plugin would break down"],
)
def test_what_fails_without_the_mutant_too_kills_none(
    tree: Tree, change: tuple[str, str], test: str, options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(MutationError, match=words):
        shown_to(tree, change, test, *options)


def test_tests_that_only_the_mutant_keeps_from_running_judge_it(tree: Tree) -> None:
    """It is killed where they cannot be loaded, and survives where all of a file step aside: none is red."""
    broken, skipped = shown_to(tree, BROKEN, RAMP_TEST), shown_to(tree, SKIPPED, RAMP_TESTS)
    assert (broken.outcome, broken.killer) == ("killed", "")
    assert skipped.outcome == "survived"


def test_the_likely_killer_comes_first_then_the_cheap_and_every_test_comes_once(folder: Path) -> None:
    watched = {f"t.py::test_{name}": Watched(cpu_s, {}) for name, cpu_s in {"a": 0.1, "b": 5.0, "c": 2.5, "d": 0.9}.items()}
    plan = judging.Plan(suites.Reach(watched, {}), lambda _, reach: list(reach.tests))
    mutant = a_mutant(*DEADLY)
    assert plan.stages(mutant) == ([], ["t.py::test_a", "t.py::test_d"], ["t.py::test_c", "t.py::test_b"])
    plan.note(mutant, "t.py::test_b")
    plan.note(mutant, "t.py::test_of_another_suite")
    assert plan.stages(mutant) == (["t.py::test_b"], ["t.py::test_a", "t.py::test_d"], ["t.py::test_c"])


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
    wrong = removals.judge_removals([control(old, new)], [marked], Proofs(folder / "proofs.jsonl"))
    assert len(wrong) == bool(complaint)
    assert complaint in "".join(wrong)
    again = Proofs(folder / "proofs.jsonl")
    assert holds(again, control(old, new), [marked.node]) == (not complaint), "what is proved is remembered, and nothing else"


def holds(known: Proofs, of: Control, nodes: list[str]) -> bool:
    return all(known.holds(of, cut, nodes) for cut in of.removal)


def test_each_cut_of_a_removal_is_proved_by_itself(folder: Path) -> None:
    """Two at once would let one red test speak for both."""
    real, none = Cut(RAMP, "return _up(", "return _down("), Cut(RAMP, "_LONGEST_STEP_S = 0.02", "_LONGEST_STEP_S = 0.020")
    both = Control("C-RAMP", "a ramp", "inherent", "controller", (real, none))
    marked = MarkedTest(f"{RAMP_TESTS}::test_a_rise_keeps_acceleration_and_jerk", "core", ("C-RAMP",), "")
    (wrong,) = removals.judge_removals([both], [marked], Proofs(folder / "proofs.jsonl"))
    assert "none of its 1 tests turns red" in wrong
    again = Proofs(folder / "proofs.jsonl")
    assert [again.holds(both, cut, [marked.node]) for cut in both.removal] == [True, False]


def test_a_proof_holds_while_removal_code_and_test_are_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, node = control("return _up(", "return _down("), f"{RAMP_TESTS}::test_a_rise_keeps_acceleration_and_jerk"
    Proofs(folder / "proofs.jsonl").add(known, known.removal[0], node)
    again = Proofs(folder / "proofs.jsonl")
    assert holds(again, known, [node])
    assert removals.judge_removals([known], [MarkedTest(node, "core", (known.id,), "")], again) == []
    assert not holds(again, known, []), "the test is marked with it no longer"
    assert not holds(again, control("return _up(", "return _same("), [node])
    monkeypatch.setattr(proofs, "digest_of_file", lambda name: f"another {name}")
    assert not holds(again, known, [node])
    assert not holds(Proofs(folder / "proofs.jsonl", fresh=True), known, [node])


def test_of_a_controls_tests_those_near_its_code_come_first_and_the_dear_last() -> None:
    nodes = ["tests/simulator/test_s.py::s", "tests/core/test_dear.py::d", "tests/core/test_cheap.py::c", "hil_tests/test_h.py::h"]
    tests = [MarkedTest(node, "core", ("C-RAMP",), "") for node in nodes]
    costs = {"tests/core/test_dear.py::d": 9.0, "tests/core/test_cheap.py::c": 0.1}
    ours = control("a", "b")
    assert removals._ordered(ours, tests, costs) == [nodes[2], nodes[1], nodes[3], nodes[0]]
    firmware = msgspec.structs.replace(ours, layer="firmware")
    assert removals._ordered(firmware, tests, costs) == [nodes[3], nodes[2], nodes[1], nodes[0]]


def test_a_control_without_a_removal_or_without_a_test_is_complained_of(folder: Path) -> None:
    bare = Control("C-BARE", "nothing", "inherent", "controller")
    unmarked = msgspec.structs.replace(control("AT_REST = ", "REST = "), id="C-OTHER")
    assert [line.partition(":")[0] for line in removals.judge_removals([bare, unmarked], [], Proofs(folder / "p"))] == [
        "C-BARE",
        "C-OTHER",
    ]


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
