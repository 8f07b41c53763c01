"""Every scenario decides as it was accepted by name; a change of behaviour shows here, line by line."""

from __future__ import annotations

import pytest

from simulator.scenarios import BY_NAME
from tests.golden import golden


@pytest.mark.parametrize("name", BY_NAME)
def test_the_decisions_are_the_golden_ones(name: str) -> None:
    now = golden.decisions(name)
    shown = golden.difference(name, now)
    assert not shown, f"{shown}\nIf this is meant: make golden NAME={name}"


def test_every_golden_file_has_its_scenario() -> None:
    assert {path.stem for path in golden.DIRECTORY.glob("*.txt")} == set(BY_NAME)


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
