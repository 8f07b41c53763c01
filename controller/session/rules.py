"""The table of screening rules: what each does and where it comes from. docs/prescription.md shows it."""

from __future__ import annotations

from controller.session import rules_patient as patient
from controller.session import rules_today as today
from controller.session.facts import WALK_TEST_DISTANCE_M, Rule
from controller.session.settings import ClinicalSettings

_DEFAULTS = ClinicalSettings()
_LIMITS, _CAUTION, _GATE = _DEFAULTS.screening, _DEFAULTS.caution, _DEFAULTS.progression
_CHECKS = f"checks every {_CAUTION.check_interval_s / 60:g} min"
_FIELD = "practice of backward training"
_STROKE = "stroke trials: resting > 200/100 excluded"

RULES: tuple[Rule, ...] = (
    Rule("treadmill", "the treadmill's own limits, for whoever walks", "configuration", patient.judge_treadmill),
    Rule("flat", "grade 0, read back where the drive can change it; else refused", _FIELD, patient.judge_grade),
    Rule(
        "stage", "rails, attendant, hands-free windows, speed and time as the profile has them", "a clinician", patient.judge_stage
    ),
    Rule(
        "half-the-usual-session",
        f"belt time at most half the usual forward session; {_DEFAULTS.prescription.unknown_belt_time_s / 60:g} min, labelled as "
        "default, while that is unknown",
        f"{_FIELD} [O]; 10 min: knee trial PMC6456984",
        patient.judge_usual_session,
    ),
    Rule(
        "walking",
        f"the walking ceiling, unless running is prescribed and {_GATE.running_sessions} sessions hands-free at "
        f"{_GATE.running_gate_m_s:g} m/s or more came before, the last {_GATE.running_steady_sessions} without a "
        "fall or a loss of balance",
        "[O]; transition 1.63 m/s, Hreljac 2005",
        patient.judge_running,
    ),
    Rule(
        "twice-a-week",
        "two sessions in any 7 consecutive days; by prescription three, a free day between; else refused",
        f"{_FIELD} [O]; knee trials 3 a week",
        today.judge_sessions_a_week,
    ),
    Rule(
        "first-session",
        "speed, ramp, time, stretches, rests, checks, contact guard, every hand on a rail: until a session has had enough work",
        "[O]; all elderly fallers < 0.6 m/s; 10 min: PMC6456984",
        today.judge_first_session,
    ),
    Rule(
        "walk-test",
        f"a {WALK_TEST_DISTANCE_M:g} m backward walk slower than {_LIMITS.fall_risk_walk_test_s:g} s: contact guard; a test older "
        f"than {_LIMITS.walk_test_days} days counts as none",
        "TGR 2020; age [O]",
        today.judge_walk_test,
    ),
    Rule("blood-pressure", "resting pressure out of range: refused", f"{_STROKE}; lower limit [O]", today.judge_blood_pressure),
    Rule("heart-rate", "resting rate out of range, the patient's own limit included: refused", "[O]", today.judge_heart_rate),
    Rule(
        "new-symptoms",
        "new symptoms or a fall since: refused until a named clinician has examined the patient today; then careful, contact guard",
        "[O]",
        today.judge_new_symptoms,
    ),
    Rule("pain", f"pain from {_LIMITS.pain_caution}: careful; from {_LIMITS.pain_refused}: refused", "[O]", today.judge_pain),
    Rule("next-day", "sore after the last session: no more than then; worse: a step back", "[O]", today.judge_next_day),
    Rule("last-ending", "a fall or symptom ended the last session: a step back", "[O]", today.judge_last_ending),
    Rule("osteoporosis", "severe: refused, always; moderate: contact guard; mild: stand-by", _FIELD, patient.judge_osteoporosis),
    Rule(
        "vestibular",
        f"refused without a clearance at most {_LIMITS.clearance_days} days old; with it stand-by and {_CHECKS}",
        f"{_FIELD}; APTA 2022: supervised therapy once compensated",
        patient.judge_vestibular,
    ),
    Rule(
        "lumbar",
        "careful: speed, ramp, stretches, time; leg symptoms before the session refuse it, in it end it; severe: slower, contact "
        "guard",
        f"{_FIELD}; numbers [O]",
        patient.judge_lumbar,
    ),
    Rule(
        "knee",
        f"mild with pain up to {_LIMITS.knee_pain_highest}: noted as an indication; else shorter stretches",
        f"{_FIELD}; numbers [O]",
        patient.judge_knee,
    ),
    Rule("ankle", "speed, stand-by; severe: slower, contact guard", f"{_FIELD}; numbers [O]", patient.judge_ankle),
    Rule("visual-field", "speed, stand-by, the glasses line", f"{_FIELD}; numbers [O]", patient.judge_visual_field),
    Rule("varifocals", "speed, stand-by, the glasses line", f"{_FIELD}; numbers [O]", patient.judge_varifocals),
    Rule("hemiplegia", "the named usable hand holds its rail; stand-by, severe: contact guard", "[O]", patient.judge_hemiplegia),
    Rule(
        "cardiac",
        "severe (unstable angina, complex ventricular arrhythmia): refused; moderate: refused without a clearance; all: a lower "
        f"heart rate limit, stand-by, {_CHECKS}",
        "Trials 14:91; numbers [O]",
        patient.judge_cardiac,
    ),
    Rule(
        "cognition",
        "severe (cannot follow two commands, MMSE < 20): refused; moderate: contact guard, rails held; mild: stand-by",
        "Trials 14:91; stages [O]",
        patient.judge_cognition,
    ),
    Rule("harness", "pregnancy, stoma, hernia, mass over the harness's rating: refused", "[O]", patient.judge_harness),
    Rule(
        "surgery", f"abdominal or thoracic surgery within {_LIMITS.surgery_recent_days} days: refused", "[O]", patient.judge_surgery
    ),
)
"""Their order shows nowhere: the strictest cap wins, every refusal is named."""
