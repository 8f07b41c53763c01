"""docs/prescription.md, from the screening rules, the limits that they may set, and the settings."""

from __future__ import annotations

from controller.session.proposal import LONGEST_END_S
from controller.session.rules import RULES
from controller.session.sense import CLEARABLE, GREATEST_BMI, LEAST_BMI
from controller.session.settings import ClinicalSettings
from controller.session.verdict import HIGHEST_WINS, Limit
from controller.session.week import DAYS_IN_WINDOW
from documents.markdown import page, table

_INTRODUCTION = """
Before a session may be prepared, the controller itself computes from the patient's records what they may do today. The records come
with the request; without them, it is refused. A plan, whoever made it, must keep every limit, and the scan keeps them again while
the belt runs. `[O]` marks clinical opinion without a trial behind it: most of these numbers are that, and all of them are
[configuration](configuration.md). None of this is advice for a patient: the clinic decides, and the machine keeps what was decided.
"""


def prescription_page() -> str:
    """Returns the page."""
    return page(
        "Screening and prescription",
        _INTRODUCTION,
        "## Rules",
        "Every rule is asked, in no order that matters. The strictest limit wins; every refusal is named, with who may decide. The "
        "numbers are defaults: `[screening]`, `[prescription]`, `[first_session]` and `[caution]` of the configuration have them.",
        table(("rule", "what it does", "source"), ((f"`{rule.name}`", rule.what, rule.source) for rule in RULES)),
        "## What a rule may limit",
        table(
            ("limit", "the strictest is"),
            ((limit.value, "the highest" if limit in HIGHEST_WINS else "the lowest") for limit in Limit),
        ),
        "## Which day it is",
        _days(),
        "## How often",
        _week(),
        "## Records that make no sense",
        _sense(),
        "## What is proposed",
        _proposed(),
    )


def _days() -> str:
    return """
Sessions are counted in the clinic's local calendar days, so that neither daylight saving nor the hour matters. The treadmill's
clock is trusted when systemd-timesyncd says that a time server has set it, or the kernel that a battery-backed clock has. It must
show the day of today's check. There is no session when nobody keeps the clock, or when a past session lies in its future (it was
set back), until a clinician makes sure of the date and enters their pseudonym as `today.clock_override_by`; then the day is that
of today's check, the plan says so, and sessions dated later count as of this week. A clock that is trusted and agrees with the
records cannot be overridden.
"""


def _week() -> str:
    settings = ClinicalSettings().prescription
    return f"""
{settings.sessions_a_week} sessions in any {DAYS_IN_WINDOW} consecutive days, today's included. With a prescription
`three_a_week`, by a named clinician with reason, first and last day, {settings.prescribed_sessions_a_week}, each with a free day
between.
A backward session counts after {settings.counted_work_s / 60:g} min of work, or when a symptom or a fall ended it; one that
ended for technical reasons counts by its minutes alone. Forward sessions and balance work are logged beside, and do not count.
"""


def _sense() -> str:
    settings = ClinicalSettings().screening
    clearable = " and ".join(sorted(flag.value for flag in CLEARABLE))
    return f"""
Types and ranges are checked where a record is read (64 KiB at most; unknown keys, keys given twice, numbers that are none and deep
nesting are refused), its sense at every session: BMI {LEAST_BMI:g} to {GREATEST_BMI:g}; no date in the future; each finding once;
clearances only for {clearable}, at most {settings.clearance_days} days old and not before the finding; prescriptions of at most
{settings.prescription_longest_days} days; rails that the usable hand can hold, hands-free windows for two hands only, and a named
hand with hemiplegia; an accepted plan with who accepted it; a diastolic pressure below the systolic; the next day's response asked
where there was a session before.
"""


def _proposed() -> str:
    settings = ClinicalSettings()
    progression, ends = settings.progression, settings.prescription.ends_fraction
    too_short_min = settings.prescription.too_short_s / 60
    return f"""
A proposed plan is the last session again, within today's limits: equal stretches with rests between, a warm-up in the first and a
cool-down in the last (a sixth of the belt time each, {LONGEST_END_S / 60:g} min at most, together never over {ends:.0%}). Each
number says which rule, session or proposal made it so. Under {too_short_min:g} min the plan says "too short".
After {progression.good_sessions} good sessions at one level (complete, no loss of balance, no dizziness, pain at most
{progression.good_pain}) one change is proposed: time (+{progression.time_step_s:g} s), else speed (one increment), else rails, else
hands-free windows, else the attendant's stage. The sessions are those since the last change that a clinician made: how it is
borne comes first. After a fall or symptoms a step back is proposed. Nothing is applied before a named clinician accepts it.
"""
