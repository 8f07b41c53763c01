"""What today's patient may do, as the controller itself has computed it: the session's caps, in the form that the scan needs."""

from __future__ import annotations

from datetime import date

import msgspec

from messages.figures import Question
from messages.plan import AttendantStage, RailStage


class SessionLimits(msgspec.Struct, frozen=True, gc=False):
    """Fixed when a session is prepared; nothing raises one afterwards.

    bout_s: longest stretch of walking without a rest. check_interval_s: a symptom check at least so often, in belt time.
    rails, attendant: the least that the profile asks for. hands_free: windows may be opened. pain_today: NPRS before the session;
    a rise is judged against it. legs_end: leg symptoms end the session. ask_glasses: the pre-start list asks for them.
    least_slack_m: what the plan's gait needs in the strap, beyond the least of any session; 0 for walking. vouched_on: the day for
    which a clinician vouched, since the clock could not be trusted; None: the clock's own. No rule of the scan looks at it.
    """

    ceiling_m_s: float
    acceleration_m_s2: float
    belt_time_s: float
    bout_s: float
    check_interval_s: float
    rails: RailStage
    attendant: AttendantStage
    hands_free: bool
    questions: tuple[Question, ...]
    pain_today: int
    legs_end: bool
    ask_glasses: bool
    heart_rate_limit_per_min: int
    systolic_limit_mm_hg: int
    diastolic_limit_mm_hg: int
    systolic_today_mm_hg: int
    least_slack_m: float = 0.0
    vouched_on: date | None = None
