"""Every word for which the treadmill takes no patient stands in a table with what to do; docs/mqtt.md sends people there."""

from __future__ import annotations

import re
from pathlib import Path

from controller.commissioning.readiness import REMEDIES, Unready

DOCS = Path(__file__).parents[2] / "docs"
HEADING = "| on the display | what to do |\n|---|---|\n"


def rows(page: str) -> list[tuple[str, str]]:
    """Words and remedy of the page's one table of them."""
    _, table = (DOCS / page).read_text(encoding="utf-8").split(HEADING)
    return re.findall(r"^\| (.+?) \| (.+) \|$", table.split("\n\n")[0], re.MULTILINE)


def test_every_word_has_one_row_and_no_row_is_of_another_word() -> None:
    found = [*rows("calibration.md"), *rows("self-test.md")]
    assert sorted(words for words, _ in found) == sorted(reason.value for reason in Unready)


def test_a_row_names_the_command_that_the_status_names() -> None:
    for words, remedy in (*rows("calibration.md"), *rows("self-test.md")):
        told = REMEDIES[Unready(words)]
        for command in ("selftest", "logs"):
            assert (f"sternway {command}" in told) == (f"sternway {command}" in remedy), words
