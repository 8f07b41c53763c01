"""What a run has shown, and what it could not show: a skipped test is neither passed nor failed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from trace_hazards import main
from tracing.evidence import Run, Shown, evidence_of_runs, merge, with_recorded
from tracing.marks import digest_of, marked_tests

pytest_plugins = ("pytester",)

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = "skipped: no recordings"
MADE = "tests/core/test_made.py::test_{}"
RECORDED = {MADE.format(name): f"recorded {name}" for name in ("one", "two", "three")}


def make_tests(root: Path) -> Path:
    """Three marked tests."""
    (root / "tests/core").mkdir(parents=True)
    tests = "".join(f'@pytest.mark.hazard("H-01")\ndef test_{name}(): ...\n' for name in ("one", "two", "three"))
    file = root / "tests/core/test_made.py"
    file.write_text(f"import pytest\n{tests}", encoding="utf-8")
    return file


def shown_by(root: Path, *runs: dict[str, str], cases: int = 1, digest: str = "") -> Shown:
    """What these runs have shown of them: outcomes by the tests' short names, `one[case]` where there are more.

    digest: of the file that ran, its own if empty.
    """
    file = make_tests(root)
    for number, run in enumerate(runs):
        tests: dict[str, Run] = {}
        for name, outcome in run.items():
            node = MADE.format(name.partition("[")[0])
            of = tests.setdefault(node, Run(digest or digest_of(file), cases, {}))
            of.outcomes[MADE.format(name)] = outcome
        (root / f"{number}.json").write_bytes(msgspec.json.encode(tests))
    return evidence_of_runs(root, marked_tests(root))


def test_what_is_skipped_stands_on_the_record_and_what_fails_does_not(tmp_path: Path) -> None:
    shown = shown_by(tmp_path, {"one": "passed", "two": SKIPPED, "three": "failed"})
    tests = marked_tests(tmp_path)
    passed = {MADE.format("one"): digest_of(tmp_path / "tests/core/test_made.py")}
    assert shown == Shown(passed, {MADE.format("three"): "failed"}, {MADE.format("two"): SKIPPED})
    assert with_recorded(shown, RECORDED) == passed | {MADE.format("two"): "recorded two"}
    assert with_recorded(shown, {}) == passed, "what was never recorded is not shown"
    assert merge(RECORDED, shown, tests) == passed | {MADE.format("two"): "recorded two"}


@pytest.mark.parametrize("runs", [(SKIPPED, "failed"), ("failed", SKIPPED), ("passed", "failed"), ("failed", "passed")])
def test_a_tests_worst_outcome_counts_whichever_run_it_was_in(tmp_path: Path, runs: tuple[str, str]) -> None:
    assert shown_by(tmp_path, *({"one": outcome} for outcome in runs)) == Shown(failed={MADE.format("one"): "failed"})


@pytest.mark.parametrize("runs", [(SKIPPED, "passed"), ("passed", SKIPPED)])
def test_one_case_that_is_skipped_leaves_the_test_unshown(tmp_path: Path, runs: tuple[str, str]) -> None:
    assert shown_by(tmp_path, *({"one": outcome} for outcome in runs)) == Shown(skipped={MADE.format("one"): SKIPPED})


def test_one_case_that_did_not_run_leaves_the_test_unshown_and_nothing_recorded(tmp_path: Path) -> None:
    shown = shown_by(tmp_path, {"one[a]": "passed", "one[b]": "passed"}, cases=3)
    assert shown == Shown(unshown={MADE.format("one"): "2 of its 3 cases ran"})
    assert merge({}, shown, marked_tests(tmp_path)) == {}
    assert with_recorded(shown, RECORDED) == {}, "no record stands in for what was left out"


def test_cases_that_ran_in_two_runs_make_one_test(tmp_path: Path) -> None:
    """As those in virtual time and those in real time do in `make test`."""
    assert list(shown_by(tmp_path, {"one[a]": "passed"}, {"one[b]": "passed"}, cases=2).passed) == [MADE.format("one")]


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_a_run_of_another_text_shows_nothing_of_this_one(tmp_path: Path, outcome: str) -> None:
    shown = shown_by(tmp_path, {"one": outcome}, digest="another")
    assert shown == Shown(unshown={MADE.format("one"): "its file has changed since it ran"})


def test_a_test_that_ran_as_evidence_and_whose_mark_nobody_can_read_shuts_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """pytest knows marks by other ways than the text tells: here one under a name of another file."""
    file, node = make_tests(tmp_path), "tests/core/test_other.py::test_it"
    other = file.with_name("test_other.py")
    other.write_text("from tests.core.test_made import ONE\n\n\n@ONE\ndef test_it(): ...\n", encoding="utf-8")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/1.json").write_bytes(msgspec.json.encode({node: Run(digest_of(other), 1, {node: "passed"})}))
    for way in ("--proven", "--record"):
        assert main(["--root", str(tmp_path), way, str(tmp_path / "runs")]) == 1
        assert f"{node}: ran as evidence, and no hazard mark of it is read" in capsys.readouterr().err
    other.write_text("def test_of_today(): ...\n", encoding="utf-8")
    main(["--root", str(tmp_path), "--proven", str(tmp_path / "runs")])
    assert "ran as evidence" not in capsys.readouterr().err, "a run of an older text says nothing of this one"


def test_a_text_that_never_ran_is_not_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way, through the script: passed, then changed outside of any test, then recorded."""
    (tmp_path / "docs/safety").mkdir(parents=True)
    for name in ("hazards.toml", "SAFETY.md"):
        (tmp_path / "docs/safety" / name).write_bytes((ROOT / "docs/safety" / name).read_bytes())
    for name in ("wiring.md", "session.md", "install.md"):
        (tmp_path / "docs" / name).write_bytes((ROOT / "docs" / name).read_bytes())
    file = make_tests(tmp_path)
    node = MADE.format("one")
    (tmp_path / "runs").mkdir()
    run = {node: Run(digest_of(file), 1, {node: "passed"})}
    (tmp_path / "runs/1.json").write_bytes(msgspec.json.encode(run))
    recorded = tmp_path / "docs/safety/evidence.json"

    file.write_text(file.read_text(encoding="utf-8") + "TABLE = 1\n", encoding="utf-8")
    main(["--root", str(tmp_path), "--record", str(tmp_path / "runs")])
    assert json.loads(recorded.read_text(encoding="utf-8")) == {}
    assert f"not shown here: {node}, its file has changed since it ran" in capsys.readouterr().out

    run = {node: Run(digest_of(file), 1, {node: "passed"})}
    (tmp_path / "runs/1.json").write_bytes(msgspec.json.encode(run))
    main(["--root", str(tmp_path), "--record", str(tmp_path / "runs")])
    assert list(json.loads(recorded.read_text(encoding="utf-8"))) == [node]
    file.write_text(file.read_text(encoding="utf-8") + "TABLE = 2\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["--root", str(tmp_path), "--check"]) == 1
    assert "test_made.py: not recorded as passed with this file as it is now: test_one," in capsys.readouterr().err


MARKED = (
    "import pytest\n"
    'pytestmark = pytest.mark.hazard("H-01")\n'
    "@pytest.mark.parametrize('case', [1, 2, 3])\n"
    "def test_one(case):\n    if case == 1: pytest.skip('no recordings')\n    assert case != 2\n"
    "@pytest.mark.skipif(True, reason='no recordings')\ndef test_two(): ...\n"
    "def test_three(): ...\n"
    "@pytest.mark.parametrize('case', 'ab')\ndef test_four(case): ...\n"
    "async def test_five(): ...\n"
)


def written_by(pytester: pytest.Pytester, *arguments: str) -> dict[str, Run]:
    """What a run of the marked tests writes, with these arguments."""
    pytester.makeconftest((ROOT / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_made=MARKED)
    pytester.makepyprojecttoml(
        f"[tool.pytest.ini_options]\npythonpath = ['{ROOT / 'scripts'}']\nasyncio_mode = 'auto'\nmarkers = ['hazard(ids): x']\n"
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
    (written,) = (pytester.path / "build" / "evidence").glob("*.json")
    return msgspec.json.decode(written.read_bytes(), type=dict[str, Run])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_a_run_notes_every_case_with_the_file_that_ran(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    written = written_by(pytester, *workers)
    assert {run.file for run in written.values()} == {digest_of(pytester.path / "test_made.py")}
    assert {node.removeprefix("test_made.py::test_"): (run.cases, set(run.outcomes.values())) for node, run in written.items()} == {
        "one": (3, {SKIPPED, "failed", "passed"}),
        "two": (1, {SKIPPED}),
        "three": (1, {"passed"}),
        "four": (2, {"passed"}),
        "five": (1, {"passed"}),
    }


@pytest.mark.parametrize(
    "arguments", [("-k", "four[a]"), ("test_made.py::test_four[a]",), ("--deselect", "test_made.py::test_four[b]")]
)
def test_a_run_that_leaves_out_a_case_says_how_many_there_are(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    run = written_by(pytester, *arguments)["test_made.py::test_four"]
    assert (run.cases, run.outcomes) == (2, {"test_made.py::test_four[a]": "passed"})
