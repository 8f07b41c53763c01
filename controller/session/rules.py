"""The table of screening rules: what each does and where it comes from. docs/prescription.md shows it."""

from __future__ import annotations

from controller.session import rules_patient as patient
from controller.session import rules_today as today
from controller.session.facts import Rule

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
        "belt time at most half the usual forward session; 10 min, labelled as default, while that is unknown",
        f"{_FIELD} [O]; 10 min: knee trial PMC6456984",
        patient.judge_usual_session,
    ),
    Rule(
        "walking",
        "the walking ceiling, unless running is prescribed and six sessions hands-free at 1.0 m/s or more came before, the "
        "last three without a loss of balance",
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
        "speed, ramp, time, stretches, rests, checks, contact guard, every hand on a rail: until a session has counted",
        "[O]; all elderly fallers < 0.6 m/s; 10 min: PMC6456984",
        today.judge_first_session,
    ),
    Rule(
        "walk-test",
        "a 3 m backward walk slower than 4.5 s: contact guard; an old test counts as none",
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
    Rule("pain", "pain from 4: careful; from 6: refused", "[O]", today.judge_pain),
    Rule("next-day", "sore after the last session: no more than then; worse: a step back", "[O]", today.judge_next_day),
    Rule("last-ending", "a fall or symptom ended the last session: a step back", "[O]", today.judge_last_ending),
    Rule("osteoporosis", "severe: refused, always; moderate: contact guard; mild: stand-by", _FIELD, patient.judge_osteoporosis),
    Rule(
        "vestibular",
        "refused without a clearance at most 30 days old; with it stand-by and checks every 2 min",
        f"{_FIELD}; APTA 2022: supervised therapy once compensated",
        patient.judge_vestibular,
    ),
    Rule(
        "lumbar",
        "careful: speed, ramp, stretches, time; the legs are asked and end the session; severe: slower, contact guard",
        f"{_FIELD}; numbers [O]",
        patient.judge_lumbar,
    ),
    Rule(
        "knee",
        "mild with pain up to 3: noted as an indication; else shorter stretches",
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
        "heart rate limit, stand-by, checks every 2 min",
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
    Rule("surgery", "abdominal or thoracic surgery within 90 days: refused", "[O]", patient.judge_surgery),
)
"""Their order shows nowhere: the strictest cap wins, every refusal is named."""
