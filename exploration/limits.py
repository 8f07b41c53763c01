"""Limits for a session without a patient's records: as wide as the treadmill's own configuration."""

from __future__ import annotations

import math

from controller.core.limits import SessionLimits
from controller.core.patient import acceleration_m_s2, belt_time_limit_s, ceiling_m_s
from controller.core.settings import CoreSettings
from messages.plan import Plan


def treadmill_limits(plan: Plan, settings: CoreSettings) -> SessionLimits:
    """Returns what the treadmill's own configuration allows for this plan: no patient may do more."""
    return SessionLimits(
        ceiling_m_s=ceiling_m_s(plan, settings),
        acceleration_m_s2=acceleration_m_s2(plan, None, settings),
        belt_time_s=belt_time_limit_s(plan, settings),
        bout_s=belt_time_limit_s(plan, settings),
        check_interval_s=math.inf,
        rails=plan.rails,
        attendant=plan.attendant,
        hands_free=False,
        questions=(),
        pain_today=0,
        legs_end=False,
        ask_glasses=False,
        heart_rate_limit_per_min=250,
        systolic_limit_mm_hg=250,
        diastolic_limit_mm_hg=115,
        systolic_today_mm_hg=50,
    )
