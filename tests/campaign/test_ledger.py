"""Hours in pieces: a ledger adds them up, and counts no run twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from simulator.campaign import __main__ as command_line
from simulator.campaign.campaign import Found, Summary, deciding_code, is_kept, run_names, summarise, total
from simulator.campaign.report import document
from simulator.campaign.run import RunResult


def result(name: str) -> RunResult:
    return RunResult(
        seed=name,
        simulated_s=600.0,
        processor_s=6.0,
        moving_s=300.0,
        fast_s=60.0,
        highest_m_s=0.4,
        scans=60_000,
        injected={"start-hammered": 3},
        in_motion={"start-hammered": 1},
        in_fast=1,
        unfelt={},
        moving_by_fault={"start-hammered": 0.5},
        under_fault_s=30.0,
        begun=(),
        sessions=2,
        events=30,
        violations=(),
        trace="",
    )


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that were asked for; the runs themselves are other tests' business."""
    names: list[str] = []

    def play_all(asked: list[str], _cores: int) -> Iterator[RunResult]:
        names.extend(asked)
        yield from map(result, asked)

    monkeypatch.setattr(command_line, "play_all", play_all)
    monkeypatch.setattr(command_line, "prepare_process", lambda: None)
    return names


def test_a_second_piece_goes_on_where_the_first_ended(tmp_path: Path, played: list[str]) -> None:
    ledger = ["--ledger", str(tmp_path / "ledger.json")]
    for seed, hours in (("7", "0.5"), ("8", "0.3"), ("7", "0.2")):
        assert command_line.main(["--hours", hours, "--seed", seed, *ledger]) == 0
    assert played == ["7/0", "7/1", "7/2", "8/0", "8/1", "7/3", "7/4"]
    batches = msgspec.json.decode((tmp_path / "ledger.json").read_bytes(), type=list[Summary])
    assert [(batch.seed, batch.first_run, batch.runs) for batch in batches] == [("7", 0, 3), ("8", 0, 2), ("7", 3, 2)]
    whole = total(batches)
    assert (whole.runs, whole.scans, whole.faults["start-hammered"]) == (7, 420_000, 21)
    assert whole.simulated_h == pytest.approx(7 / 6)
    assert whole.times_real_time_per_core == pytest.approx(100)


def test_a_violation_of_an_earlier_piece_is_not_forgotten(tmp_path: Path) -> None:
    found = Found("7/0", "never the wrong way", 3.0, "10 mm", "make campaign RUN=7/0")
    first = summarise("7", 0, [result(name) for name in run_names("7", 0.5)], [found], 1.0, 1)
    second = summarise("7", 3, [result(name) for name in run_names("7", 0.5, 3)], [], 1.0, 1)
    text = document([first, second], [])
    assert f"**Of the present code ({deciding_code()}): 1 violations in 1.0 h.**" in text
    assert "| faults that began on a moving belt | 6 (33 %) | >= 25 % |" in text
    assert "| motion with a fault active | 0.1 h (10 %) | >= 10 % |" in text
    assert "| 7/0 to 7/2 |" in text
    assert "| 7/3 to 7/5 |" in text
    path = tmp_path / "ledger.json"
    path.write_bytes(msgspec.json.encode([first, second]))
    assert command_line.main(["--hours", "0", "--ledger", str(path)]) == 1


def test_hours_of_earlier_code_prove_nothing_of_the_present_one() -> None:
    """A ledger from before codes were noted is of earlier code, like one of another code."""
    batch = summarise("7", 0, [result(name) for name in run_names("7", 1.0)], [], 1.0, 1)
    older = [msgspec.structs.replace(batch, code=""), msgspec.structs.replace(batch, code="0123456789abcdef")]
    text = document([*older, batch], [])
    assert f"**Of the present code ({deciding_code()}): 0 violations in 1.0 h: fewer than 3 an hour" in text
    assert "Of earlier codes, all of them together: 0 violations in 2.0 h" in text
    assert "| faults injected | 18 |" in text
    assert "no hour has been run yet" in document(older, [])
    uncounted = msgspec.structs.replace(older[0], in_motion={}, moving_by_fault_s={}, under_fault_h=0.0)
    assert "began on a moving belt |" not in document([uncounted], []).partition("## The batches")[0]


@pytest.mark.parametrize(("processor_s", "words"), [(5.0, "reached (120)"), (7.5, "not reached (80). In a profile of")])
def test_the_page_says_whether_the_aim_for_its_speed_was_reached(processor_s: float, words: str) -> None:
    played = dataclasses.replace(result("7/0"), processor_s=processor_s)
    assert f"a core: {words}" in document([summarise("7", 0, [played], [], 1.0, 1)], [])


def test_a_commit_that_is_gone_is_said_to_be() -> None:
    batch = summarise("7", 0, [result("7/0")], [], 1.0, 1)
    gone = msgspec.structs.replace(batch, commit="575369433100")
    assert is_kept(batch.commit)
    assert not is_kept(gone.commit)
    assert "| 575369433100 (no longer in the repository) |" in document([gone], [])
