"""A patient as people read them in a terminal. Pure text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from messages.patient import PastSession, Profile
from messages.progression import Accepted, Decision
from telemetry.patient_records import Content, Decided, Entry, FallForm, Logged, Note, Numbers, ProfileVersion

_NEWEST = 12


def patient_lines(
    profile: Profile, history: Sequence[PastSession], versions: Sequence[ProfileVersion], entries: Sequence[Entry]
) -> tuple[str, ...]:
    """Returns profile, past sessions, decisions and what was written down, the newest last."""
    return (
        f"Patient {profile.patient}",
        *_table(_profile_rows(profile)),
        "",
        f"Sessions ({len(history)}):",
        *(f"  {session_line(past)}" for past in history[-_NEWEST:]),
        "Changes:",
        *(f"  {version.time[:10]}  {version.by}: {version.change}" for version in versions[-_NEWEST:]),
        "Written down:",
        *(f"  {entry.on}  {entry.by}: {content_words(entry.content)}" for entry in entries[-_NEWEST:]),
    )


def _profile_rows(profile: Profile) -> Iterable[tuple[str, str]]:
    usual_s = profile.usual_forward_session_s
    test = profile.walk_test
    yield "mass, height", f"{profile.mass_kg:g} kg, {profile.height_m:g} m (BMI {profile.mass_kg / profile.height_m**2:.1f})"
    yield "usual forward session", f"{usual_s / 60:g} min" if usual_s else "unknown or none"
    yield "3 m backward walk test", f"{test.time_s:g} s = {3 / test.time_s:.2f} m/s, {test.on} by {test.by}" if test else "not done"
    yield "stage", f"rails {profile.rails.value}, {profile.attendant.value}, hands-free {'windows' if profile.hands_free else 'no'}"
    yield "hand that can hold", profile.usable_hand.value
    limits = [f"{profile.ceiling_m_s:g} m/s" if profile.ceiling_m_s else "", _minutes(profile.belt_time_s)]
    yield "limits set by a clinician", ", ".join(filter(None, limits)) or "none"
    for flag in profile.flags:
        yield "finding", f"{flag.name.value} {flag.grade.value}, {flag.on} by {flag.by}"
    for clearance in profile.clearances:
        yield "compensated", f"{clearance.flag.value}, {clearance.on} by {clearance.by}: {clearance.reason}"
    for each in profile.prescriptions:
        yield "prescribed", f"{each.kind.value}, {each.on} to {each.until} by {each.by}: {each.reason}"
    yield "accepted plan", f"by {profile.accepted_by}" if profile.accepted_plan else "none yet"


def _minutes(seconds: float | None) -> str:
    return f"{seconds / 60:g} min of belt" if seconds else ""


def _table(rows: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (f"  {what:<26}{value}" for what, value in rows)


def session_line(past: PastSession) -> str:
    """Returns one past session in a line."""
    speed = f", up to {past.top_speed_m_s:.2f} m/s" if past.top_speed_m_s else ""
    losses = f", {past.balance_losses} losses of balance" if past.balance_losses else ""
    return f"{past.on}  {past.kind.value}, {past.belt_time_s / 60:.1f} min{speed}{losses}, {past.ending.value}"


def content_words(content: Content) -> str:
    """Returns one entry in words."""
    match content:
        case Logged():
            return f"logged: {session_line(content.session)}"
        case Note():
            return content.text
        case FallForm():
            head = {True: "hit", False: "not hit", None: "head unknown"}[content.head_hit]
            awake = {True: "conscious", False: "not conscious", None: "consciousness unknown"}[content.conscious]
            pressure = f"{content.systolic_mm_hg}/{content.diastolic_mm_hg} mmHg"
            return f"after a fall: head {head}, {awake}, pain {content.pain}, {pressure} {content.where_it_hurts}".rstrip()
        case Decided():
            return decision_words(content.decision)
        case Numbers():
            return _numbers_words(content)
        case _:
            check = content.today
            pressure = f"{check.systolic_mm_hg}/{check.diastolic_mm_hg} mmHg"
            return f"today's check: {pressure}, {check.heart_rate_per_min}/min, pain {check.pain}"


def decision_words(decision: Decision) -> str:
    """Returns what was proposed, and what a clinician made of it."""
    proposal = decision.proposal
    change = f"{proposal.before} -> {proposal.after}" if proposal.before else ""
    proposed = f"{proposal.variable.value.replace('_', ' ')} {change}".strip()
    why = "" if isinstance(decision, Accepted) else f"; {decision.by}: {decision.reason}"
    return f"{type(decision).__name__.lower()}: {proposed} ({proposal.reason}{why})"


def _numbers_words(numbers: Numbers) -> str:
    said = [f"{numbers.question.value} {numbers.grade if numbers.grade is not None else 'reported'}"] if numbers.question else []
    if numbers.heart_rate_per_min is not None:
        said.append(f"{numbers.heart_rate_per_min}/min")
    if numbers.systolic_mm_hg is not None:
        said.append(f"{numbers.systolic_mm_hg}/{numbers.diastolic_mm_hg or '?'} mmHg")
    return f"entered later: {', '.join(said)}"
