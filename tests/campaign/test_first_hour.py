"""The first of two hours, in a file of its own so that two workers share them. `make campaign RUN=...` repeats a failure."""

from __future__ import annotations

from tests.campaign.hour import play_an_hour


def test_the_first_hour_of_faults_breaks_no_law() -> None:
    play_an_hour("first")
