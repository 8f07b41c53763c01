"""What a run has shown, and what it could not show: a skipped test is neither passed nor failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tracing.evidence import evidence_of_runs, merge, with_recorded
from tracing.marks import marked_tests

pytest_plugins = ("pytester",)

SKIPPED = "skipped: no recordings"
MADE = "tests/core/test_made.py::test_{}"
RECORDED = {MADE.format(name): f"recorded {name}" for name in ("one", "two", "three")}


def shown_by(root: Path, *runs: dict[str, str]) -> tuple[dict[str, str], list[str], dict[str, str]]:
    """What these runs have shown of three marked tests, the outcomes by the tests' short names."""
    (root / "tests/core").mkdir(parents=True)
    tests = "".join(f'@pytest.mark.hazard("H-01")\ndef test_{name}(): ...\n' for name in ("one", "two", "three"))
    (root / "tests/core/test_made.py").write_text(f"import pytest\n{tests}", encoding="utf-8")
    for number, run in enumerate(runs):
        outcomes = {MADE.format(name): outcome for name, outcome in run.items()}
        (root / f"{number}.json").write_text(json.dumps(outcomes), encoding="utf-8")
    shown = evidence_of_runs(root, marked_tests(root))
    return shown.passed, shown.others, shown.skipped


def test_what_is_skipped_stands_on_the_record_and_what_fails_does_not(tmp_path: Path) -> None:
    outcomes = {"one": "passed", "two": SKIPPED, "three": "failed"}
    passed, others, skipped = shown_by(tmp_path, outcomes)
    assert (list(passed), others, skipped) == (
        [MADE.format("one")],
        [f"{MADE.format('three')} failed"],
        {MADE.format("two"): SKIPPED},
    )
    shown = evidence_of_runs(tmp_path, marked_tests(tmp_path))
    assert with_recorded(shown, RECORDED) == passed | {MADE.format("two"): "recorded two"}
    assert with_recorded(shown, {}) == passed, "what was never recorded is not shown"
    merged = merge(RECORDED, shown.passed, shown.others, marked_tests(tmp_path))
    assert merged == passed | {MADE.format("two"): "recorded two"}


@pytest.mark.parametrize("runs", [(SKIPPED, "failed"), ("failed", SKIPPED), ("passed", "failed"), ("failed", "passed")])
def test_a_tests_worst_outcome_counts_whichever_run_it_was_in(tmp_path: Path, runs: tuple[str, str]) -> None:
    assert shown_by(tmp_path, *({"one": outcome} for outcome in runs)) == ({}, [f"{MADE.format('one')} failed"], {})


@pytest.mark.parametrize("runs", [(SKIPPED, "passed"), ("passed", SKIPPED)])
def test_one_case_that_is_skipped_leaves_the_test_unshown(tmp_path: Path, runs: tuple[str, str]) -> None:
    assert shown_by(tmp_path, *({"one": outcome} for outcome in runs)) == ({}, [], {MADE.format("one"): SKIPPED})


def test_a_run_notes_why_a_marked_test_was_skipped_and_a_failure_above_it(pytester: pytest.Pytester) -> None:
    root = Path(__file__).resolve().parents[2]
    pytester.makeconftest((root / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        test_made="import pytest\n"
        'pytestmark = pytest.mark.hazard("H-01")\n'
        "@pytest.mark.parametrize('case', [1, 2, 3])\n"
        "def test_one(case):\n    if case == 1: pytest.skip('no recordings')\n    assert case != 2\n"
        "@pytest.mark.skipif(True, reason='no recordings')\ndef test_two(): ...\n"
        "def test_three(): ...\n"
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider")
    (written,) = (pytester.path / "build" / "evidence").glob("*.json")
    assert json.loads(written.read_text(encoding="utf-8")) == {
        "test_made.py::test_one": "failed",
        "test_made.py::test_two": SKIPPED,
        "test_made.py::test_three": "passed",
    }
