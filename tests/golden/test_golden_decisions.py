"""Every scenario, event and kept recording decides as it was accepted by name; a change of behaviour shows here, line by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import controller.core.step
from controller.core.events import RULES, Effect, Event
from tests.golden import golden, kept_recordings


@pytest.mark.parametrize("name", golden.GOLDEN)
def test_the_decisions_are_the_golden_ones(name: str) -> None:
    now = golden.decisions(name)
    shown = golden.difference(name, now)
    assert not shown, f"{shown}\nIf this is meant: make golden NAME={name}"


def test_every_golden_file_has_what_makes_it() -> None:
    assert {path.stem for path in golden.DIRECTORY.glob("*.txt")} == set(golden.GOLDEN)


def test_every_event_that_acts_on_the_belt_is_decided_in_a_golden_text() -> None:
    texts = [path.read_text() for path in golden.DIRECTORY.glob("*.txt")]
    decided = {code for text in texts for code in re.findall(r"^ *[0-9.]+  event ([a-z0-9-]+)", text, re.MULTILINE)}
    acting = {event for event in Event if RULES[event].latches or RULES[event].effect >= Effect.SLOW}
    assert {event for event in acting if event.value not in decided} == set()


@pytest.mark.parametrize("name", ["event-runaway", "recording-power-off", "mushroom"])
def test_a_chain_that_is_always_held_is_a_difference(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What drops the contactors is a decision as well."""
    monkeypatch.setattr(controller.core.step, "_may_hold_chain", lambda _scan: True)
    changed = golden.difference(name, golden.decisions(name)).splitlines()[2:]
    assert any(line.startswith("-") and line.endswith("chain let go") for line in changed)


@pytest.mark.parametrize("name", kept_recordings.MAKERS)
def test_a_kept_recording_holds_a_stop_and_is_small(name: str) -> None:
    path = kept_recordings.DIRECTORY / f"{name}.flight.gz"
    assert path.stat().st_size < 100_000
    assert re.search(r"^ *[0-9.]+  state (protective_stop|fault)$", golden.kept(f"recording-{name}"), re.MULTILINE)


def test_a_kept_recording_that_cannot_be_read_any_more_says_how_to_make_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kept_recordings, "DIRECTORY", tmp_path)
    (tmp_path / "power-off.flight.gz").write_bytes(b"of another layout")
    with pytest.raises(kept_recordings.UnreadableError, match="--record power-off"):
        golden.decisions("recording-power-off")
    assert golden.main(["--record", "power-off"]) == 0
    assert "RECORDED" in capsys.readouterr().out
    assert golden.decisions("recording-power-off").count("event braking-failed") == 1


def test_another_seed_is_another_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: what is compared really comes from the run."""
    monkeypatch.setattr(golden, "SEED", 2)
    shown = golden.difference("mushroom", golden.decisions("mushroom"))
    assert any(line.startswith("+") and "state" in line for line in shown.splitlines())


def test_only_what_is_named_is_accepted(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(golden, "DIRECTORY", tmp_path)
    monkeypatch.setattr(golden, "decisions", lambda name: f"scenario {name}\n")
    assert golden.main(["--accept", "stumble"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["stumble.txt"]
    assert "stumble: DIFFERS" in capsys.readouterr().out
    assert golden.main([]) == 1
    assert golden.main(["--accept", "stumbel"]) == 2
    assert golden.main(["--accept", "all"]) == 0
    assert golden.main([]) == 0
    assert "DIFFERS" not in capsys.readouterr().out.splitlines()[-1]
