"""Rules that hold for every patient, and those of a patient's findings. Each is a row of `controller.session.rules`."""

from __future__ import annotations

from collections.abc import Iterator

from controller.session.facts import Facts
from controller.session.verdict import ATTENDANTS, Ask, Cap, Demand, Finding, Limit, Note, Refusal
from controller.session.week import is_prescribed
from messages.patient import Ending, FlagName, Grade, PrescriptionKind
from messages.plan import AttendantStage, RailStage
from settings_files.problems import Problem

CONTACT_GUARD, STAND_BY = (float(ATTENDANTS.index(stage)) for stage in (AttendantStage.CONTACT_GUARD, AttendantStage.STAND_BY))
EVERY_HAND, AS_STAGED = 0.0, 1.0
NONE, ALLOWED = 0.0, 1.0
_MOST_BOUTS = 29.0
"""With their rests, warm-up and cool-down they are the 59 phases that a plan can hold."""
_SPEED_WITHIN_M_S = 0.01
"""A session at 1.0 m/s may have 0.99 in its record."""
_PHYSICIAN = "the patient's physician decides whether another exercise suits; it is not decided at the treadmill"
_HARNESS_FINDINGS = (FlagName.PREGNANCY, FlagName.STOMA, FlagName.HERNIA)
_OPERATIONS = (FlagName.ABDOMINAL_SURGERY, FlagName.THORACIC_SURGERY)


def _refuse(name: FlagName, value: str, allowed: str, remedy: str) -> Refusal:
    return Refusal(Problem(f"profile.flags.{name.value}", value, allowed, remedy))


def judge_treadmill(facts: Facts) -> Iterator[Finding]:
    """What holds on this treadmill whoever walks: one cap for every limit."""
    core, clinical = facts.core, facts.clinical
    belt_time_s = core.session.belt_time_limit_s
    yield Cap(Limit.CEILING_M_S, core.speed.ceiling_m_s)
    yield Cap(Limit.ACCELERATION_M_S2, core.ramp.acceleration_m_s2)
    yield Cap(Limit.BELT_TIME_S, belt_time_s)
    yield Cap(Limit.BOUT_S, belt_time_s)
    yield Cap(Limit.BOUTS, _MOST_BOUTS)
    yield Cap(Limit.REST_S, 0.0)
    yield Cap(Limit.ENDS_FRACTION, clinical.prescription.ends_fraction)
    yield Cap(Limit.CHECK_INTERVAL_S, clinical.prescription.check_interval_s)
    yield Cap(Limit.HEART_RATE_PER_MIN, clinical.screening.exercise_heart_rate_limit_per_min)
    yield Cap(Limit.SYSTOLIC_MM_HG, clinical.screening.exercise_systolic_limit_mm_hg)
    yield Cap(Limit.DIASTOLIC_MM_HG, clinical.screening.exercise_diastolic_limit_mm_hg)


def judge_grade(facts: Facts) -> Iterator[Finding]:
    """Flat, and read back where the drive could raise it."""
    grade = facts.grade
    if not grade.can_change:
        yield Note("grade: fixed flat, this drive cannot change it")
    elif grade.percent is None:
        remedy = "level the deck and repair the read-back: no session on a grade that nobody can read"
        yield Refusal(Problem("grade_percent", "not read", "0, read back from the drive", remedy))
    elif not -_GRADE_ZERO_PERCENT <= grade.percent <= _GRADE_ZERO_PERCENT:
        yield Refusal(Problem("grade_percent", f"{grade.percent:g}", "0", "lower the deck: backward walking is done on the flat"))


_GRADE_ZERO_PERCENT = 0.05


def judge_stage(facts: Facts) -> Iterator[Finding]:
    """The stage that the patient has reached, and what a clinician has limited."""
    profile = facts.profile
    yield Cap(Limit.RAILS, EVERY_HAND if profile.rails is RailStage.BOTH else AS_STAGED)
    yield Cap(Limit.ATTENDANT, float(ATTENDANTS.index(profile.attendant)))
    yield Cap(Limit.HANDS_FREE, ALLOWED if profile.hands_free else NONE)
    if profile.ceiling_m_s is not None:
        yield Cap(Limit.CEILING_M_S, profile.ceiling_m_s)
    if profile.belt_time_s is not None:
        yield Cap(Limit.BELT_TIME_S, profile.belt_time_s)


def judge_usual_session(facts: Facts) -> Iterator[Finding]:
    """At most half the usual forward session."""
    settings, usual_s = facts.clinical.prescription, facts.profile.usual_forward_session_s
    if usual_s:
        yield Cap(Limit.BELT_TIME_S, settings.forward_fraction * usual_s)
        return
    yield Cap(Limit.BELT_TIME_S, settings.unknown_belt_time_s)
    minutes = settings.unknown_belt_time_s / 60
    yield Note(f"belt time {minutes:g} min is the default, not half: the usual forward session is unknown or none")


def judge_running(facts: Facts) -> Iterator[Finding]:
    """Walking, unless running is prescribed and the gate before it is passed."""
    unmet = why_not_running(facts)
    if unmet:
        yield Cap(Limit.CEILING_M_S, facts.clinical.prescription.walking_ceiling_m_s)
    if is_prescribed(PrescriptionKind.RUNNING, facts.profile.prescriptions, facts.on):
        yield from (Note(f"running is prescribed, but {reason}") for reason in unmet)


def why_not_running(facts: Facts) -> tuple[str, ...]:
    """Returns what is missing before walking may become running; empty when the gate is passed."""
    settings = facts.clinical.progression
    unmet = []
    if not is_prescribed(PrescriptionKind.RUNNING, facts.profile.prescriptions, facts.on):
        unmet.append("no running prescription holds today")
    gate_m_s = settings.running_gate_m_s
    fast = [past for past in facts.counted if past.top_speed_m_s >= gate_m_s - _SPEED_WITHIN_M_S and past.hands_free_s > 0]
    if len(fast) < settings.running_sessions:
        unmet.append(f"{len(fast)} of {settings.running_sessions} sessions were hands-free at {gate_m_s:g} m/s or more")
    if any(past.balance_losses > 0 or past.ending is Ending.FALL for past in facts.counted[-settings.running_steady_sessions :]):
        unmet.append(f"there was a fall or a loss of balance in the last {settings.running_steady_sessions} sessions")
    return tuple(unmet)


def judge_osteoporosis(facts: Facts) -> Iterator[Finding]:
    """Severe: never. Else a fall is what must not happen: somebody at arm's length."""
    flag = facts.flag(FlagName.OSTEOPOROSIS)
    if flag is None:
        return
    if flag.grade is Grade.SEVERE:
        yield _refuse(FlagName.OSTEOPOROSIS, "severe", "mild or moderate; nobody can clear a severe one", _PHYSICIAN)
    yield Cap(Limit.ATTENDANT, CONTACT_GUARD if flag.grade is not Grade.MILD else STAND_BY)


def judge_vestibular(facts: Facts) -> Iterator[Finding]:
    """Avoided, unless a named clinician marked it as compensated lately; then asked about often."""
    if facts.flag(FlagName.VESTIBULAR) is None:
        return
    yield from _clearable(facts, FlagName.VESTIBULAR)
    yield Cap(Limit.CHECK_INTERVAL_S, facts.clinical.caution.check_interval_s)
    yield Cap(Limit.ATTENDANT, STAND_BY)


def _clearable(facts: Facts, name: FlagName) -> Iterator[Finding]:
    if not facts.is_cleared(name):
        days = facts.clinical.screening.clearance_days
        allowed = f"a clearance by a named clinician, at most {days} days old"
        remedy = "a clinician examines the patient off the treadmill and enters a clearance with reason and date, or there is none"
        yield _refuse(name, "not cleared", allowed, remedy)


def judge_lumbar(facts: Facts) -> Iterator[Finding]:
    """The caution profile; the legs are asked before and at every check, and what they say ends or forbids the session."""
    flag, legs = facts.flag(FlagName.LUMBAR), facts.today.leg_symptoms
    if flag is None:
        return
    if legs is None:
        remedy = "ask for pain, numbness or weakness in the legs: there is a lumbar finding"
        yield Refusal(Problem("today.leg_symptoms", "not asked", "true or false", remedy))
    elif legs:
        remedy = "no session today: they would end it; a clinician examines the back and decides"
        yield Refusal(Problem("today.leg_symptoms", "true", "false", remedy))
    yield from careful(facts, severe=flag.grade is Grade.SEVERE)
    yield Ask(Demand.ASK_LEGS)
    yield Ask(Demand.LEGS_END)


def careful(facts: Facts, *, severe: bool = False) -> Iterator[Finding]:
    """A careful session: slower, gentler, shorter, asked more often; in a severe case with somebody at arm's length."""
    caution = facts.clinical.caution
    yield Cap(Limit.CEILING_M_S, caution.severe_ceiling_m_s if severe else caution.ceiling_m_s)
    yield Cap(Limit.ACCELERATION_M_S2, caution.acceleration_m_s2)
    yield from bouts_of(facts, caution.bout_s)
    yield Cap(Limit.BELT_TIME_S, caution.belt_time_s)
    yield Cap(Limit.CHECK_INTERVAL_S, caution.check_interval_s)
    yield Cap(Limit.ATTENDANT, CONTACT_GUARD if severe else STAND_BY)


def bouts_of(facts: Facts, bout_s: float) -> Iterator[Finding]:
    """So long without a rest; standing for less than the core's own rest after a bout is none."""
    yield Cap(Limit.BOUT_S, bout_s)
    yield Cap(Limit.REST_S, facts.core.session.bout_rest_s)


def judge_knee(facts: Facts) -> Iterator[Finding]:
    """Mild discomfort is what backward walking suits; more is watched."""
    flag = facts.flag(FlagName.KNEE)
    if flag is None:
        return
    highest = facts.clinical.screening.knee_pain_highest
    if flag.grade is Grade.MILD and facts.today.pain <= highest:
        yield Note(
            f"indication: mild knee discomfort, pain {facts.today.pain} of at most {highest}; backward walking loads it less"
        )
        return
    yield Note("the knee is no indication today: more than mild discomfort; pain is asked at every check")
    yield from bouts_of(facts, facts.clinical.caution.bout_s)


def judge_ankle(facts: Facts) -> Iterator[Finding]:
    """Backward walking asks more of the ankle."""
    flag = facts.flag(FlagName.ANKLE)
    if flag is None:
        return
    caution = facts.clinical.caution
    severe = flag.grade is Grade.SEVERE
    yield Cap(Limit.CEILING_M_S, caution.severe_ceiling_m_s if severe else caution.ceiling_m_s)
    yield Cap(Limit.ATTENDANT, CONTACT_GUARD if severe else STAND_BY)


def judge_visual_field(facts: Facts) -> Iterator[Finding]:
    """Who does not see the surroundings walks slowly, with somebody near."""
    yield from _sight(facts, FlagName.VISUAL_FIELD_LOSS)


def judge_varifocals(facts: Facts) -> Iterator[Finding]:
    """Varifocals blur the floor: other glasses, and slowly."""
    yield from _sight(facts, FlagName.VARIFOCALS)


def _sight(facts: Facts, name: FlagName) -> Iterator[Finding]:
    if facts.flag(name) is None:
        return
    yield Cap(Limit.CEILING_M_S, facts.clinical.caution.ceiling_m_s)
    yield Cap(Limit.ATTENDANT, STAND_BY)
    yield Ask(Demand.ASK_GLASSES)


def judge_hemiplegia(facts: Facts) -> Iterator[Finding]:
    """The usable hand holds its rail (`controller.session.limits` names it)."""
    flag = facts.flag(FlagName.HEMIPLEGIA)
    if flag is None:
        return
    yield Cap(Limit.RAILS, EVERY_HAND)
    yield Cap(Limit.ATTENDANT, CONTACT_GUARD if flag.grade is Grade.SEVERE else STAND_BY)
    yield Note(f"the {facts.profile.usable_hand.value} hand is the usable one: it holds its rail")


def judge_cardiac(facts: Facts) -> Iterator[Finding]:
    """Severe (unstable angina, complex ventricular arrhythmia): never; moderate: cleared; all: a lower heart rate limit."""
    flag = facts.flag(FlagName.CARDIAC)
    if flag is None:
        return
    if flag.grade is Grade.SEVERE:
        yield _refuse(FlagName.CARDIAC, "severe", "mild, or moderate and cleared", _PHYSICIAN)
    elif flag.grade is Grade.MODERATE:
        yield from _clearable(facts, FlagName.CARDIAC)
    yield Cap(Limit.HEART_RATE_PER_MIN, facts.clinical.screening.cardiac_heart_rate_limit_per_min)
    yield Cap(Limit.CHECK_INTERVAL_S, facts.clinical.caution.check_interval_s)
    yield Cap(Limit.ATTENDANT, STAND_BY)


def judge_cognition(facts: Facts) -> Iterator[Finding]:
    """Severe (cannot follow two commands, MMSE < 20): never; else nearer, and hands on the rails."""
    flag = facts.flag(FlagName.COGNITION)
    if flag is None:
        return
    if flag.grade is Grade.SEVERE:
        remedy = "who cannot follow two commands cannot be asked how they are: the responsible clinician chooses another exercise"
        yield _refuse(FlagName.COGNITION, "severe", "mild or moderate: follows two commands, MMSE 20 or more", remedy)
    yield Cap(Limit.ATTENDANT, CONTACT_GUARD if flag.grade is not Grade.MILD else STAND_BY)
    if flag.grade is not Grade.MILD:
        yield Cap(Limit.HANDS_FREE, NONE)
        yield Cap(Limit.RAILS, EVERY_HAND)


def judge_harness(facts: Facts) -> Iterator[Finding]:
    """Whom the harness must not hold."""
    for name in _HARNESS_FINDINGS:
        if facts.flag(name) is not None:
            yield _refuse(name, "present", "none: the harness presses where it must not", _PHYSICIAN)
    rating_kg = facts.clinical.screening.harness_rating_kg
    if not facts.profile.mass_kg <= rating_kg:
        remedy = "use a harness that is rated for it, and enter its rating as screening.harness_rating_kg"
        yield Refusal(Problem("profile.mass_kg", f"{facts.profile.mass_kg:g}", f"at most {rating_kg:g} kg, the harness's", remedy))


def judge_surgery(facts: Facts) -> Iterator[Finding]:
    """Abdominal and thoracic operations need time before a harness."""
    longest = facts.clinical.screening.surgery_recent_days
    for name in _OPERATIONS:
        flag = facts.flag(name)
        if flag is not None and (facts.on - flag.on).days < longest:
            remedy = "wait, or choose another exercise; the surgeon decides, and the flag is removed when they say so in writing"
            yield _refuse(name, str(flag.on), f"{longest} days or more ago", remedy)
