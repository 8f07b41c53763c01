"""What a screening rule looks at, and what a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import msgspec

from controller.core.settings import CoreSettings
from controller.session.settings import ClinicalSettings
from controller.session.verdict import Finding
from controller.session.week import counted_sessions, is_familiar
from messages.patient import Flag, FlagName, PastSession, Profile, TodayCheck


class DeckGrade(msgspec.Struct, frozen=True):
    """The deck's grade. can_change: the drive can raise it (its capability record). percent: as read back, None: not read."""

    can_change: bool
    percent: float | None = None


WALK_TEST_DISTANCE_M = 3.0
FIXED_FLAT = DeckGrade(can_change=False)


class Facts(msgspec.Struct, frozen=True):
    """Everything that rules know; all of it has been found to make sense. on: the day that they go by."""

    profile: Profile
    today: TodayCheck
    history: tuple[PastSession, ...]
    on: date
    grade: DeckGrade
    core: CoreSettings
    clinical: ClinicalSettings

    def flag(self, name: FlagName) -> Flag | None:
        """The finding of this name, or None."""
        for flag in self.profile.flags:
            if flag.name is name:
                return flag
        return None

    @property
    def counted(self) -> tuple[PastSession, ...]:
        """The backward sessions that count, oldest first."""
        return counted_sessions(self.history, self.clinical.prescription)

    @property
    def familiar(self) -> bool:
        """Whether the patient knows backward walking from a session that came to enough work."""
        return is_familiar(self.history, self.clinical.prescription)

    def is_cleared(self, name: FlagName) -> bool:
        """Whether a named clinician has marked the finding as compensated, lately enough."""
        longest = self.clinical.screening.clearance_days
        return any(each.flag is name and 0 <= (self.on - each.on).days <= longest for each in self.profile.clearances)

    @property
    def walk_test_m_s(self) -> float | None:
        """Overground backward speed, or None while there is no test that is young enough."""
        test = self.profile.walk_test
        if test is None or not 0 <= (self.on - test.on).days <= self.clinical.screening.walk_test_days:
            return None
        return WALK_TEST_DISTANCE_M / test.time_s


class Rule(msgspec.Struct, frozen=True):
    """One line of the table. what: what it does, in words for docs/prescription.md. judge: its findings.

    source: where it comes from, `[O]` for clinical opinion without a trial behind it.
    """

    name: str
    what: str
    source: str
    judge: Callable[[Facts], Iterator[Finding]]
