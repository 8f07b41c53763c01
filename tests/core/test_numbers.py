"""Every default that a rule rests on, written down a second time on purpose: a slip of a digit is found here.

The shipped configuration and the documents are written from the code, so they would follow such a slip. Whoever changes a
default changes it here, too, and has looked up its source twice (the ranges and sources stand beside the settings).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from controller.core.balance_settings import BalanceSettings
from controller.core.load_chain import LoadChainSettings
from controller.core.settings import CoreSettings
from controller.session.settings import ClinicalSettings

NUMBERS: dict[type, dict[str, float]] = {
    CoreSettings: {
        "speed.first_m_s": 0.1,
        "speed.increment_low_m_s": 0.05,
        "speed.increment_high_m_s": 0.1,
        "speed.increment_interval_s": 30.0,
        "speed.offer_s": 10.0,
        "speed.ceiling_m_s": 1.0,
        "speed.first_session_ceiling_m_s": 0.25,
        "ramp.acceleration_m_s2": 0.1,
        "ramp.first_session_acceleration_m_s2": 0.05,
        "ramp.jerk_m_s3": 0.2,
        "ramp.planned_deceleration_m_s2": 0.15,
        "ramp.pause_deceleration_m_s2": 0.3,
        "ramp.protective_deceleration_m_s2": 0.5,
        "ramp.loaded_deceleration_m_s2": 1.0,
        "drive.lease_ms": 150,
        "drive.status_limit_ms": 80,
        "drive.overspeed_m_s": 0.15,
        "drive.overspeed_time_ms": 150,
        "drive.wrong_direction_time_ms": 40,
        "drive.stall_time_ms": 1000,
        "drive.braking_margin_s": 0.5,
        "drive.standstill_m_s": 0.02,
        "drive.standstill_time_s": 1.0,
        "drive.coasting_time_s": 6.0,
        "rails.one_hand_grace_s": 1.0,
        "rails.both_hands_grace_s": 0.4,
        "rails.slow_time_s": 2.0,
        "attendant.guard_grace_s": 0.5,
        "attendant.slow_time_s": 3.0,
        "attendant.stand_by_interval_s": 60.0,
        "attendant.supervision_interval_s": 300.0,
        "session.prepared_lapse_s": 300.0,
        "session.pause_limit_s": 300.0,
        "session.harness_recheck_pause_s": 120.0,
        "session.bout_rest_s": 60.0,
        "session.belt_time_limit_s": 1800.0,
        "session.first_session_belt_time_s": 600.0,
        "session.slack_pitch_m": 0.025,
        "session.slack_maximum_m": 0.15,
        "session.slack_minimum_m": 0.03,
        "session.running_slack_minimum_m": 0.15,
        "session.tare_limit_n": 50.0,
        "checks.answer_s": 20.0,
        "checks.slow_time_s": 10.0,
        "checks.confirm_s": 3.0,
        "checks.hold_s": 1.0,
        "checks.pain_again_s": 60.0,
        "checks.dizziness_again_s": 120.0,
        "hands_free.hold_s": 2.0,
        "hands_free.window_s": 10.0,
        "hands_free.return_s": 3.0,
        "supervision.late_record_ms": 20.0,
        "supervision.late_stop_ms": 50.0,
        "supervision.discrepancy_ms": 200,
        "supervision.chatter_edges_per_s": 30,
        "supervision.telemetry_timeout_s": 2.0,
        "calibration.zero_counts": 0,
        "calibration.newtons_per_count": 0.00358722,
        "calibration.maximum_n": 10000.0,
    },
    ClinicalSettings: {
        "screening.systolic_limit_mm_hg": 200,
        "screening.diastolic_limit_mm_hg": 100,
        "screening.systolic_least_mm_hg": 90,
        "screening.heart_rate_limit_per_min": 100,
        "screening.heart_rate_least_per_min": 40,
        "screening.exercise_systolic_limit_mm_hg": 250,
        "screening.exercise_diastolic_limit_mm_hg": 115,
        "screening.exercise_heart_rate_limit_per_min": 150,
        "screening.cardiac_heart_rate_limit_per_min": 120,
        "screening.pain_caution": 4,
        "screening.pain_refused": 6,
        "screening.knee_pain_highest": 3,
        "screening.clearance_days": 30,
        "screening.surgery_recent_days": 90,
        "screening.harness_rating_kg": 120.0,
        "screening.walk_test_days": 90,
        "screening.fall_risk_walk_test_s": 4.5,
        "screening.prescription_longest_days": 180,
        "prescription.walking_ceiling_m_s": 1.2,
        "prescription.forward_fraction": 0.5,
        "prescription.unknown_belt_time_s": 600.0,
        "prescription.too_short_s": 240.0,
        "prescription.ends_fraction": 0.4,
        "prescription.rest_s": 90.0,
        "prescription.check_interval_s": 300.0,
        "prescription.sessions_a_week": 2,
        "prescription.prescribed_sessions_a_week": 3,
        "prescription.counted_work_s": 180.0,
        "first_session.measured_ceiling_m_s": 0.4,
        "first_session.overground_fraction": 0.5,
        "first_session.bout_s": 120.0,
        "first_session.bouts": 3,
        "first_session.rest_s": 60.0,
        "first_session.check_interval_s": 120.0,
        "caution.ceiling_m_s": 0.5,
        "caution.severe_ceiling_m_s": 0.3,
        "caution.acceleration_m_s2": 0.05,
        "caution.bout_s": 180.0,
        "caution.belt_time_s": 600.0,
        "caution.check_interval_s": 120.0,
        "caution.step_back_fraction": 0.8,
        "progression.good_sessions": 2,
        "progression.good_pain": 3,
        "progression.time_step_s": 60.0,
        "progression.running_sessions": 6,
        "progression.running_gate_m_s": 1.0,
        "progression.running_steady_sessions": 3,
    },
    BalanceSettings: {
        "loaded_share": 0.3,
        "loaded_ceiling_n": 250.0,
        "fast_share": 0.06,
        "fast_ceiling_n": 50.0,
        "fast_share_per_s": 12.0,
        "fast_ceiling_n_s": 10000.0,
        "support_share": 0.045,
        "support_ceiling_n": 50.0,
        "support_time_s": 1.0,
        "no_grace_share": 0.1,
        "no_grace_ceiling_n": 85.0,
        "touched_share": 0.03,
        "touched_ceiling_n": 40.0,
        "recovered_time_s": 0.5,
        "retractor": False,
        "tension_least_n": 7.5,
        "tension_time_s": 0.3,
        "pretension_n": 30.0,
        "hands_free_time_s": 1.0,
        "rails.one_hand_grace_s": 1.0,
        "rails.both_hands_grace_s": 0.4,
        "rails.slow_time_s": 2.0,
    },
    LoadChainSettings: {
        "minimum_n": -150.0,
        "gap_limit_s": 0.1,
        "out_of_range_samples": 3,
        "stuck_time_s": 0.25,
        "stuck_samples": 12,
        "stuck_span_counts": 6.0,
        "reach_n": 130.0,
        "reach_growth": 100.0,
    },
}


def numbers_of(struct: type, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number among the defaults, those of nested tables by `table.key`."""
    for field in msgspec.structs.fields(struct):
        if isinstance(field.default, msgspec.Struct):
            yield from numbers_of(type(field.default), f"{prefix}{field.name}.")
        elif isinstance(field.default, int | float):
            yield f"{prefix}{field.name}", field.default


@pytest.mark.parametrize("struct", NUMBERS, ids=lambda struct: struct.__name__)
def test_every_default_is_the_number_that_was_meant(struct: type) -> None:
    assert dict(numbers_of(struct)) == NUMBERS[struct]
