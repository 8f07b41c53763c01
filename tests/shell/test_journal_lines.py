"""A journal line is one line with its priority, whatever a stranger put into it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.journal import JournalPriority, goes_to_journal, journal_text, printable
from settings_files.problems import Problem
from telemetry.journal_formatter import JournalFormatter


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with blanks and ä", "plain, with blanks and ä"),
        ("a\n<0>forged", r"a\n<0>forged"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\rb\x00c\x7f", r"a\rb\x00c\x7f"),
        ("a\u2028b\u202ec\x9b", r"a\u2028b\u202ec\x9b"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.lists(st.text(), max_size=4))
def test_as_many_lines_as_were_given_each_with_its_priority(lines: list[str]) -> None:
    written = journal_text(JournalPriority.ERROR, lines, prefixed=True)
    assert written.count("\n") == len(lines)
    found = written.split("\n")[:-1]
    assert all(line.startswith("<3>") and line.isprintable() for line in found)
    assert len(found) == len(lines)


def test_no_priorities_outside_of_the_journal() -> None:
    assert journal_text(JournalPriority.NOTICE, ["a"], prefixed=False) == "a\n"
    assert goes_to_journal({"JOURNAL_STREAM": "8:12345"})
    assert not goes_to_journal({})


def test_a_line_ends_somewhere() -> None:
    assert len(journal_text(JournalPriority.INFO, ["x" * 100_000], prefixed=True)) == 2000 + len("<6>\n")


def test_a_configuration_file_cannot_forge_a_line_either() -> None:
    said = str(Problem("a\n<0>b\x9b", "", "nothing", "remove it"))
    assert said.isprintable()
    assert "\\n" in said


def test_what_telemetry_logs_of_a_stranger_is_one_line_and_a_traceback_keeps_its_priority() -> None:
    def formatted(level: int, exception: BaseException | None = None) -> list[str]:
        information = (type(exception), exception, exception.__traceback__) if exception is not None else None
        record = logging.LogRecord("telemetry.intake", level, __file__, 1, "refused %s", ("a\n<0>b",), information)
        return JournalFormatter(prefixed=True).format(record).split("\n")

    assert formatted(logging.WARNING) == [r"<4>telemetry.intake: refused a\n<0>b"]
    assert formatted(logging.INFO) == [r"<6>telemetry.intake: refused a\n<0>b"]
    try:
        raise ValueError("a\x1b[0m")
    except ValueError as error:
        lines = formatted(logging.ERROR, error)
    assert len(lines) > 3
    assert all(line.startswith("<3>") and line.isprintable() for line in lines)
