"""Who the scan asks whether a session may be prepared: the pure admission with this treadmill's configuration, day and grade."""

from __future__ import annotations

from collections.abc import Callable

from controller.core.settings import CoreSettings
from controller.session.admission import Admission, admit
from controller.session.facts import DeckGrade
from controller.session.local_day import Clock
from controller.session.settings import ClinicalSettings
from messages.patient import Screening
from messages.plan import Plan


def gatekeeper(
    core: CoreSettings, clinical: ClinicalSettings, clock: Callable[[], Clock], grade: DeckGrade
) -> Callable[[Plan, Screening | None], Admission]:
    """Returns what `Controller` takes as `admit`."""

    def ask(plan: Plan, screening: Screening | None) -> Admission:
        return admit(plan, screening, clock(), core, clinical, grade)

    return ask
