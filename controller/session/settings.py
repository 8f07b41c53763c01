"""What screening, prescription and progression may be told by configuration, with range and default. Sources: see each key.

`[O]` marks clinical opinion without a trial behind it; `[unverified]` a number that no stored source confirms. Limits that hold
whoever walks stand in `controller.core.settings`; nothing here can raise one of those.
"""

from __future__ import annotations

from typing import Annotated

import msgspec


def _meta(lowest: float, highest: float, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=lowest, le=highest, description=description)


class ScreeningSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may walk today: resting values, pain, clearances, the harness."""

    systolic_limit_mm_hg: Annotated[int, _meta(120, 200, "resting; above it no session: stroke trials exclude > 200/100")] = 200
    diastolic_limit_mm_hg: Annotated[int, _meta(70, 100, "resting; above it no session: stroke trials exclude > 200/100")] = 100
    systolic_least_mm_hg: Annotated[int, _meta(70, 110, "resting; below it no session: who stands may faint [O]")] = 90
    heart_rate_limit_per_min: Annotated[int, _meta(80, 130, "resting; above it no session [O]")] = 100
    heart_rate_least_per_min: Annotated[int, _meta(30, 60, "resting; below it no session [O]")] = 40
    exercise_systolic_limit_mm_hg: Annotated[int, _meta(160, 250, "entered during a session: it ends (Trials 14:91)")] = 250
    exercise_diastolic_limit_mm_hg: Annotated[int, _meta(90, 115, "entered during a session: it ends (Trials 14:91)")] = 115
    exercise_heart_rate_limit_per_min: Annotated[int, _meta(90, 190, "entered during a session: above it, it ends [O]")] = 150
    cardiac_heart_rate_limit_per_min: Annotated[int, _meta(80, 150, "the same with a cardiac finding [O]")] = 120
    pain_caution: Annotated[int, _meta(1, 6, "NPRS before the session from which it is a careful one [O]")] = 4
    pain_refused: Annotated[int, _meta(4, 10, "NPRS before the session from which there is none [O]")] = 6
    knee_pain_highest: Annotated[int, _meta(0, 5, "NPRS up to which a mild knee is an indication [O]")] = 3
    clearance_days: Annotated[int, _meta(1, 30, "how long a clinician's clearance lasts [O]")] = 30
    surgery_recent_days: Annotated[int, _meta(28, 365, "after abdominal or thoracic surgery no harness for so long [O]")] = 90
    harness_rating_kg: Annotated[float, _meta(60, 200, "what the harness's label allows: no source, read the label")] = 120.0
    walk_test_days: Annotated[int, _meta(7, 365, "an older backward walk test counts as none [O]")] = 90
    fall_risk_walk_test_s: Annotated[float, _meta(3.0, 10.0, "a slower 3 m backward walk is a high risk of falls (TGR 2020)")] = 4.5
    prescription_longest_days: Annotated[int, _meta(7, 366, "from a prescription's first day to its last [O]")] = 180


class PrescriptionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long, how fast, how often."""

    walking_ceiling_m_s: Annotated[float, _meta(0.3, 1.6, "without a running prescription [O]; transition 1.63 (Hreljac 2005)")] = (
        1.2
    )
    forward_fraction: Annotated[float, _meta(0.1, 0.5, "belt time, of the usual forward session [O]")] = 0.5
    unknown_belt_time_s: Annotated[float, _meta(240, 900, "belt time while that is unknown; 10 min: knee trial PMC6456984")] = 600.0
    too_short_s: Annotated[float, _meta(60, 600, "a session with less belt time is said to be too short [O]")] = 240.0
    ends_fraction: Annotated[float, _meta(0.1, 0.4, "warm-up and cool-down together, of the belt time [O]")] = 0.4
    rest_s: Annotated[float, _meta(30, 300, "a standing rest in a proposed plan: 1-2 min [O]")] = 90.0
    check_interval_s: Annotated[float, _meta(60, 300, "symptom checks, belt time between two [O]")] = 300.0
    sessions_a_week: Annotated[int, _meta(1, 2, "in any 7 consecutive days, as a supplement [O]")] = 2
    prescribed_sessions_a_week: Annotated[int, _meta(2, 3, "by prescription, a free day between; knee trials 3 a week")] = 3
    counted_work_s: Annotated[float, _meta(60, 300, "a session counts for the week after so much work [O]")] = 180.0


class FirstSessionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Familiarisation. Its ramp, its belt time and its speed while unmeasured stand in [ramp], [session] and [speed]."""

    measured_ceiling_m_s: Annotated[float, _meta(0.1, 0.4, "with a backward walk test; all elderly fallers < 0.6 [O]")] = 0.4
    overground_fraction: Annotated[float, _meta(0.1, 0.5, "of the overground backward speed, and no more [O]")] = 0.5
    bout_s: Annotated[float, _meta(60, 120, "walking without a rest [O]")] = 120.0
    bouts: Annotated[int, _meta(1, 3, "stretches of walking [O]")] = 3
    rest_s: Annotated[float, _meta(60, 120, "a standing rest at least: 1-2 min [O]")] = 60.0
    check_interval_s: Annotated[float, _meta(60, 120, "symptom checks, belt time between two [O]")] = 120.0


class CautionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a careful session is, for whatever reason."""

    ceiling_m_s: Annotated[float, _meta(0.1, 0.6, "speed [O]")] = 0.5
    severe_ceiling_m_s: Annotated[float, _meta(0.1, 0.5, "speed with a severe finding [O]")] = 0.3
    acceleration_m_s2: Annotated[float, _meta(0.03, 0.1, "up [O]")] = 0.05
    bout_s: Annotated[float, _meta(60, 300, "walking without a rest [O]")] = 180.0
    belt_time_s: Annotated[float, _meta(240, 900, "belt time [O]")] = 600.0
    check_interval_s: Annotated[float, _meta(60, 300, "symptom checks, belt time between two [O]")] = 120.0
    step_back_fraction: Annotated[float, _meta(0.5, 0.95, "after a fall or symptoms: speed and time of the last session [O]")] = 0.8


class ProgressionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is proposed after how many good sessions. Trial-grade steps: none found; all of it is editable."""

    good_sessions: Annotated[int, _meta(1, 12, "in a row before anything is proposed [O]")] = 2
    good_pain: Annotated[int, _meta(0, 5, "worst pain of a good session, NPRS; NCT07649863 goes on if pain stays low [O]")] = 3
    time_step_s: Annotated[float, _meta(30, 300, "more belt time; NCT07649863: 10 to 30 min in 18 sessions")] = 60.0
    running_sessions: Annotated[int, _meta(6, 30, "hands-free at the gate's speed, before walking becomes running [O]")] = 6
    running_gate_m_s: Annotated[float, _meta(1.0, 1.6, "the gate's speed [O]")] = 1.0
    running_steady_sessions: Annotated[int, _meta(3, 12, "the last ones, without a fall or a loss of balance [O]")] = 3


class ClinicalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, each a table of the configuration."""

    screening: ScreeningSettings = ScreeningSettings()
    prescription: PrescriptionSettings = PrescriptionSettings()
    first_session: FirstSessionSettings = FirstSessionSettings()
    caution: CautionSettings = CautionSettings()
    progression: ProgressionSettings = ProgressionSettings()
