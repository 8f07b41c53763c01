"""Plain prompts over a line that may break at any time, and answers as people type them."""

from __future__ import annotations

import io
import sys

import pytest

from controller.commissioning.console import AbandonedError, Terminal, ask_kg, ask_text, ask_yes


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> Terminal:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return Terminal()


def test_a_question_ends_without_a_line_break_and_the_answer_is_trimmed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = typed(monkeypatch, "  Ada \n")
    terminal.say("Hello.")
    assert terminal.ask("Who?") == "Ada"
    assert capsys.readouterr().out == "Hello.\nWho? "


def test_a_line_that_breaks_is_an_end_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AbandonedError):
        typed(monkeypatch, "").ask("Accept?")
    with pytest.raises(AbandonedError):
        ask_yes(typed(monkeypatch, "perhaps\n"), "Accept?")


def test_yes_and_no_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask_yes(typed(monkeypatch, "\nja\nYES\n"), "?")
    assert not ask_yes(typed(monkeypatch, "0\nn\n"), "?")


@pytest.mark.parametrize(
    ("text", "mass"),
    [("20\n", 20.0), ("20.5 kg\n", 20.5), ("20,5\n", 20.5), ("\n", None), ("nan\ninf\n-5\n501\n1e400\nten\n10\n", 10.0)],
)
def test_a_mass_is_a_finite_number_in_range(monkeypatch: pytest.MonkeyPatch, text: str, mass: float | None) -> None:
    assert ask_kg(typed(monkeypatch, text), "?", 0.5, 500.0) == mass


def test_a_name_is_printable_and_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask_text(typed(monkeypatch, f"\n\x1b[2J\n{'x' * 81}\nÅsa\n"), "?", 80) == "Åsa"
