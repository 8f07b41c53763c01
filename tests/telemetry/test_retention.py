"""What the journal deletes for its age, and that no wall clock that leaps makes it delete anything sooner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telemetry import journal as journal_module
from telemetry.journal import PRUNED_AT_ONCE, Journal, open_journal
from telemetry.journal_age import KEPT_LONGER_DAYS, LONGEST_STEP_DAYS, MOST_STEPS, SURE_DAYS, Moment, newest_beyond
from telemetry.utc import rfc3339
from tests.telemetry import samples

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RETENTION_DAYS = 30
DECADES_DAYS = 14_600.0


class Machine:
    """A journal, the honest time, and a wall clock that is off by so much. Time in days since START."""

    def __init__(self) -> None:
        self.journal = Journal(journal_module._connect(Path(":memory:"), 64))
        self.day = self.off_days = 0.0
        self.born: dict[int, float] = {}

    def wall_clock(self) -> datetime:
        return START + timedelta(days=self.day + self.off_days)

    def happen(self) -> None:
        """An event, and the record of the session that it belongs to; the broker has it at once."""
        number = len(self.born) + 1
        self.born[number] = self.day
        time = rfc3339(self.wall_clock())
        self.journal.store(
            [samples.event(number, session=f"s-{number}", time=time)], [samples.session("ended", f"s-{number}", time)]
        )
        self.journal.confirm(number)

    def prune(self) -> None:
        self.journal.prune(self.wall_clock(), RETENTION_DAYS)

    def kept(self) -> set[int]:
        return {number for (number,) in self.journal._connection.execute("SELECT id FROM events")}

    def ages(self, numbers: set[int]) -> list[float]:
        return [self.day - self.born[number] for number in numbers]

    def sessions(self) -> set[int]:
        return {int(name[2:]) for (name,) in self.journal._connection.execute("SELECT session FROM sessions")}


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    made.journal.close()


def test_one_event_under_a_clock_that_leapt_deletes_nothing(machine: Machine) -> None:
    machine.happen()
    machine.day, machine.off_days = 1.0, DECADES_DAYS
    machine.prune()
    machine.happen()
    for _ in range(3):
        machine.day += 1 / 24
        machine.prune()
    assert (machine.kept(), machine.sessions()) == ({1, 2}, {1, 2})


_gap_days = st.one_of(st.just(0.0), st.floats(0.0, 0.5), st.floats(0.5, 4.0), st.floats(4.0, 90.0))
_leap_days = st.one_of(st.floats(-10.0, 10.0), st.floats(-400.0, 400.0), st.floats(-DECADES_DAYS, DECADES_DAYS))
_excursion = st.tuples(
    st.lists(_gap_days, max_size=8),  # right
    _gap_days,  # over which it leaps
    _leap_days,
    st.lists(_gap_days, max_size=8),  # wrong
    _gap_days,  # over which it is set right
)


@given(st.lists(_excursion, min_size=1, max_size=6), st.booleans())
@example([([], 0.0, -7.0, [2.0, 7.0], 0.0), ([], 0.0, 3.0, [4.0, 4.0, 4.0, 7.0], 0.0)], False)
@example([([0.5] * 8, 0.0, 3650.0, [0.5] * 8, 0.0)], True)
@settings(max_examples=150, deadline=None)
def test_a_clock_that_leaps_and_is_set_right_again_deletes_nothing_that_is_young(
    excursions: list[tuple[list[float], float, float, list[float], float]], prune_first: bool
) -> None:
    machine = Machine()

    def live(gap_days: float) -> None:
        before = machine.kept(), machine.sessions()
        machine.day += gap_days
        if prune_first:
            machine.prune()
        machine.happen()
        machine.prune()
        events_gone, sessions_gone = before[0] - machine.kept(), before[1] - machine.sessions()
        assert min(machine.ages(events_gone | sessions_gone), default=RETENTION_DAYS) >= RETENTION_DAYS - 1e-6

    machine.happen()
    for right, into, leap_days, wrong, out in excursions:
        for gap_days in right:
            live(gap_days)
        machine.off_days = leap_days
        for gap_days in (into, *wrong):
            live(gap_days)
        machine.off_days = 0.0
        live(out)
    machine.journal.close()


@given(st.lists(st.tuples(_gap_days, st.one_of(st.none(), _leap_days)), max_size=50))
@settings(max_examples=150, deadline=None)
def test_each_leap_ahead_of_a_clock_that_is_never_right_counts_for_a_week_at_most(
    steps: list[tuple[float, float | None]],
) -> None:
    machine = Machine()
    machine.happen()
    leaps = 0
    for gap_days, off_days in steps:
        machine.day += gap_days
        if off_days is not None:
            leaps += off_days > machine.off_days
            machine.off_days = off_days
        before = machine.kept()
        machine.happen()
        machine.prune()
        least_days = RETENTION_DAYS + KEPT_LONGER_DAYS - LONGEST_STEP_DAYS * leaps
        assert min(machine.ages(before - machine.kept()), default=least_days) >= least_days - 1e-6
    machine.journal.close()


@given(st.lists(st.tuples(_gap_days, _leap_days), max_size=12), st.floats(0.05, 3.0))
@settings(max_examples=60, deadline=None)
def test_what_is_old_goes_in_the_end_whatever_the_clock_did(steps: list[tuple[float, float]], gap_days: float) -> None:
    """Closed for months, clock wrong for years: once the machine runs at least twice a week again, all of that goes."""
    machine = Machine()
    for closed_days, off_days in steps:
        machine.day += closed_days
        machine.off_days = off_days
        machine.happen()
    machine.off_days, before = 0.0, set(machine.born)
    # A leap back makes what is before it look younger, by a week at most.
    days = RETENTION_DAYS + KEPT_LONGER_DAYS + LONGEST_STEP_DAYS * (len(steps) + 1) + SURE_DAYS + gap_days
    for _ in range(int(days / gap_days) + 1):
        machine.day += gap_days
        machine.happen()
    machine.prune()
    assert not before & (machine.kept() | machine.sessions())
    least_days = RETENTION_DAYS + KEPT_LONGER_DAYS + SURE_DAYS + gap_days + 1e-6
    if len(machine.born) < PRUNED_AT_ONCE:
        assert max(machine.ages(machine.kept())) <= least_days
    machine.journal.close()


def test_a_call_deletes_so_many_events_and_no_session_before_its_last_event(tmp_path: Path) -> None:
    journal, _ = open_journal(tmp_path / "journal.sqlite", 64, START)
    old, young = rfc3339(START), [rfc3339(START + timedelta(days=day)) for day in range(1, 50)]
    names = [f"s-{number // 400}" for number in range(1, 1201)]
    events = [samples.event(number, session=name, time=old) for number, name in enumerate(names, 1)]
    events += [samples.event(number, session="s-young", time=time) for number, time in enumerate(young, 1201)]
    records = [
        samples.session("ended", "s-never-had-one", old),
        *(samples.session("ended", name, old) for name in sorted(set(names))),
    ]
    journal.store(
        events, [*records, samples.session("running", "s-young", young[0]), samples.session("running", "s-new", young[-1])]
    )
    journal.confirm(1100)
    left = []
    for _ in range(3):
        journal.prune(START + timedelta(days=50), RETENTION_DAYS)
        rows = journal._connection.execute("SELECT session FROM sessions ORDER BY rowid")
        (events_left,) = journal._connection.execute("SELECT COUNT(*) FROM events").fetchone()
        left.append((events_left, " ".join(name for (name,) in rows)))
    assert left == [
        (749, "s-1 s-2 s-3 s-young s-new"),
        (249, "s-2 s-3 s-young s-new"),
        (149, "s-2 s-3 s-young s-new"),  # the broker has not confirmed the rest of s-2 and s-3
    ]
    journal.confirm(1249)
    journal.prune(START + timedelta(days=50), RETENTION_DAYS)
    rows = journal._connection.execute("SELECT session FROM sessions ORDER BY rowid")
    assert [name for (name,) in rows] == ["s-young", "s-new"], "one without any event is not old because of that"
    journal.close()


def test_a_time_that_cannot_be_read_holds_up_nothing(machine: Machine) -> None:
    for _ in range(60):
        machine.day += 1
        machine.happen()
    machine.journal._connection.execute("UPDATE events SET time = 'x\u00ff' WHERE id % 7 = 0 OR id > 58")
    machine.prune()
    assert min(machine.kept()) == 60 - RETENTION_DAYS - KEPT_LONGER_DAYS


@pytest.mark.parametrize("leap_days", [0.0, DECADES_DAYS])
@pytest.mark.parametrize("events", [10, 100_000])
def test_the_work_of_a_call_has_a_bound(events: int, leap_days: float) -> None:
    """A clock that is another with every event leaves no stretch that counts as one step."""
    looks = count()

    def look(event_id: int) -> Moment | None:
        next(looks)
        return Moment(event_id, event_id / events + leap_days * (event_id % 2)) if event_id >= 1 else None

    assert newest_beyond(look, 1, 1.0 + events, 1e6) is None
    assert next(looks) <= 2 * MOST_STEPS + 64
