"""The report as one HTML file to read and to print: no scripts, no links, nothing fetched. Every text of others is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from html import escape
from pathlib import Path

from desk.gait import GaitFigures, NotMeasured
from desk.patient_text import content_words
from desk.report_data import Mark, RailFigures, Report
from desk.report_svg import clock, session_figure
from messages.figures import Question, SymptomAnswer
from messages.patient import Ending, PastSession
from telemetry.past_sessions import ending_of
from telemetry.patient_records import FallForm, Note

STYLE = Path(__file__).with_name("report.css")
NOT_MEASURED = "not measured"
_ENDINGS = {
    Ending.COMPLETE: ("good", "Completed as planned"),
    Ending.CHOSEN: ("fair", "Ended by choice"),
    Ending.SYMPTOM: ("poor", "Ended by a symptom"),
    Ending.FALL: ("poor", "Ended by a fall"),
    Ending.TECHNICAL: ("fair", "Ended for a technical reason"),
}
_QUESTIONS = {
    Question.DIZZINESS: "Dizziness",
    Question.NAUSEA: "Nausea",
    Question.PAIN: "Pain (NPRS)",
    Question.LEGS: "Legs",
    Question.EFFORT: "Effort (Borg CR10)",
    Question.BREATH: "Breath (talk test)",
}
_COMPARED = (
    "Time on the belt",
    "Work",
    "Distance",
    "Highest speed",
    "Hands-free",
    "Losses of balance",
    "Worst pain",
    "Worst dizziness",
    "Ending",
)
_KINDS = {"balance": "balance", "symptom": "symptom", "stop": "stop"}


def report_page(report: Report, zone: tzinfo | None) -> str:
    """Returns the whole page. zone: in which times of day are said; None: the machine's."""
    record = report.entry.record
    title = f"Session {record.session} · {record.patient}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>",
            _head(report, zone),
            _tiles(report),
            _figure(report),
            _happened(report.marks),
            '<div class="columns">',
            _comparison(report),
            _symptoms(record.figures.symptoms, record.figures.checks_missed),
            "</div>",
            _gait(report),
            _desk_words(report),
            _foot(report),
            "</body></html>\n",
        )
    )


def _head(report: Report, zone: tzinfo | None) -> str:
    record = report.entry.record
    began = datetime.fromisoformat(report.entry.started_time or report.entry.first_time).astimezone(zone)
    name, words = _ENDINGS[ending_of(record)] if report.past is not None else ("fair", "The belt never moved")
    why = f" · {escape(record.ended_by.replace('-', ' '))}" if record.ended_by and name != "good" else ""
    return (
        f'<header><div><h1>{escape(record.patient)}</h1><p class="when">{began:%A, %d %B %Y, %H:%M} · '
        f"{escape(report.clinic)}, {escape(report.treadmill)}</p></div>"
        f'<p class="ending {name}">{words}{why}</p></header>'
    )


# --- figures at a glance -----------------------------------------------------------------------------------------------


def _tiles(report: Report) -> str:
    record = report.entry.record
    planned_s = sum(phase.duration_s for phase in record.plan.phases if phase.kind.value != "rest")
    cadence = NOT_MEASURED if isinstance(report.gait, NotMeasured) else f"{report.gait.cadence_per_min:.0f}"
    return (
        '<section class="tiles">'
        + _tile("On the belt", clock(record.belt_time_s), f"of {clock(planned_s)} planned")
        + _tile("Distance", f"{record.distance_m:.0f} m", f"work {clock(record.work_time_s)}")
        + _tile("Highest speed", f"{_top_speed(report):.2f} m/s", _counted(record.figures.rises_accepted, "rise") + " accepted")
        + _tile(
            "Hands-free",
            _share(record.figures.hands_free_s, record.belt_time_s),
            _counted(record.figures.hands_free_windows, "window"),
        )
        + _tile("Balance lost", _times(record.balance_losses), _counted(record.stops, "stop"))
        + _tile("Cadence", cadence, "steps a minute" if cadence != NOT_MEASURED else "see below")
        + "</section>"
    )


def _tile(what: str, value: str, beside: str) -> str:
    quiet = " quiet" if value == NOT_MEASURED else ""
    return f'<div><h2>{what}</h2><p class="value{quiet}">{escape(value)}</p><p class="beside">{escape(beside)}</p></div>'


def _top_speed(report: Report) -> float:
    return max(report.entry.record.figures.top_speed_m_s, *(point.done_m_s or 0.0 for point in report.points), 0.0, 0.0)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _times(count: int) -> str:
    return "never" if count == 0 else "once" if count == 1 else f"{count} times"


def _share(part_s: float, whole_s: float) -> str:
    return f"{part_s / whole_s:.0%}" if whole_s > 0 else "0%"


def _figure(report: Report) -> str:
    figure = session_figure(report.points, report.last_points, report.marks)
    if not figure:
        return '<section><p class="empty">The belt\'s speed was not kept for this session, or is pruned by now.</p></section>'
    last = '<span class="key last"></span>last session' if report.last_points else ""
    kinds = "".join(f'<span class="disc {kind}"></span>{words}' for kind, words in _KINDS.items())
    return (
        '<section class="figure"><p class="legend"><span class="key planned"></span>planned<span class="key done"></span>done'
        f"{last}{kinds}</p>{figure}</section>"
    )


def _happened(marks: Sequence[Mark]) -> str:
    if not marks:
        return '<section><h2>What happened</h2><p class="empty">No symptom, no loss of balance, no stop out of turn.</p></section>'
    rows = "".join(
        f'<tr><td><span class="disc {mark.kind}">{mark.number}</span></td><td class="time">{clock(mark.at_s)}</td>'
        f"<td><b>{escape(mark.text)}</b>{f'<br><small>{escape(mark.detail)}</small>' if mark.detail else ''}</td>"
        f"<td>{escape(mark.remedy)}</td></tr>"
        for mark in marks
    )
    return (
        "<section><h2>What happened</h2><table>"
        "<thead><tr><th></th><th>at</th><th>what</th><th>what to do about it</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


# --- compared, asked, measured -----------------------------------------------------------------------------------------


def _comparison(report: Report) -> str:
    now, before = report.past, report.last
    if now is None:
        return ""
    heading = f"last, {before.on}" if before is not None else "last: none"
    theirs = _past_words(before) if before is not None else ("",) * len(_COMPARED)
    rows = "".join(
        f"<tr><td>{what}</td><td>{this}</td><td>{other}</td></tr>"
        for what, this, other in zip(_COMPARED, _past_words(now), theirs, strict=True)
    )
    if report.rails is not None or report.last_rails is not None:
        rows += f"<tr><td>On the rails</td><td>{_rails_words(report.rails)}</td><td>{_rails_words(report.last_rails)}</td></tr>"
    return (
        "<section><h2>Against the last session</h2><table><thead><tr><th></th><th>this one</th>"
        f"<th>{escape(heading)}</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _past_words(past: PastSession) -> tuple[str, ...]:
    return (
        clock(past.belt_time_s),
        clock(past.work_time_s),
        f"{past.distance_m:.0f} m",
        f"{past.top_speed_m_s:.2f} m/s",
        _share(past.hands_free_s, past.belt_time_s),
        str(past.balance_losses),
        f"{past.worst_pain} of 10",
        f"{past.worst_dizziness} of 10",
        _ENDINGS[past.ending][1].lower(),
    )


def _rails_words(rails: RailFigures | None) -> str:
    return NOT_MEASURED if rails is None else f"{rails.mean_n:.0f} N, {rails.body_weight_percent:.1f} %"


def _symptoms(answers: Iterable[SymptomAnswer], missed: int) -> str:
    grid: dict[Question, list[str]] = {}
    for answer in answers:
        grade = "reported" if answer.grade is None else str(answer.grade)
        name = "calm" if answer.grade == 0 else "felt"
        grid.setdefault(answer.question, []).append(f'<span class="grade {name}">{grade}<small>{clock(answer.at_s)}</small></span>')
    rows = "".join(
        f"<tr><td>{_QUESTIONS[question]}</td><td>{''.join(grid[question])}</td></tr>" for question in Question if question in grid
    )
    body = f"<table><tbody>{rows}</tbody></table>" if rows else '<p class="empty">None was asked or reported.</p>'
    beside = f'<p class="beside">{_counted(missed, "check")} went unanswered.</p>' if missed else ""
    return f"<section><h2>Symptoms, by belt time</h2>{body}{beside}</section>"


def _gait(report: Report) -> str:
    energy = str(report.energy).replace("-", "\N{EN DASH}") if report.energy is not None else ""
    cost = f"<p>Energy, an estimate: <b>{escape(energy)}</b>.</p>" if energy else ""
    return f"<section><h2>Steps and energy</h2><p>{_gait_words(report.gait)}</p>{cost}{_leaned(report.rails)}</section>"


def _leaned(rails: RailFigures | None) -> str:
    """Nothing of it is said where no rail has a load cell."""
    if rails is None:
        return ""
    share = f"{rails.body_weight_percent:.1f} % of body weight"
    return f"<p>On the rails while walking: <b>{rails.mean_n:.0f} N, {share}</b> (mean of {rails.known_s:.0f} s).</p>"


def _gait_words(gait: GaitFigures | NotMeasured) -> str:
    if isinstance(gait, NotMeasured):
        return f"Cadence and steps: <b>{NOT_MEASURED}</b>, because {escape(gait.reason)}."
    rests_on = f"{gait.steps} steps, {gait.measured_s:.0f} s of steady walking"
    words = f"Cadence <b>{gait.cadence_per_min:.0f} steps a minute</b> ({rests_on}). "
    if gait.step_times_s is None or gait.step_lengths_m is None:
        return f"{words}Step times and lengths: <b>{NOT_MEASURED}</b>, because only one foot's strikes show."
    (one_s, other_s), (one_m, other_m) = gait.step_times_s, gait.step_lengths_m
    apart = abs(one_s - other_s) / (one_s + other_s) * 2
    return (
        f"{words}One foot and the other: step time <b>{one_s:.2f} s</b> and <b>{other_s:.2f} s</b> ({apart:.0%} apart), "
        f"step length <b>{one_m:.2f} m</b> and <b>{other_m:.2f} m</b>. The belt cannot tell which of them is the left one."
    )


def _desk_words(report: Report) -> str:
    """Notes, the form after a fall, and numbers entered later."""
    words = []
    for entry in report.later:
        name = "note" if isinstance(entry.content, Note) else "form" if isinstance(entry.content, FallForm) else "beside"
        words.append(f'<p class="{name}">{escape(content_words(entry.content))} <small>{escape(entry.by)}, {entry.on}</small></p>')
    return f"<section><h2>Written down</h2>{''.join(words)}</section>" if words else ""


def _foot(report: Report) -> str:
    record = report.entry.record
    return (
        f"<footer>Session {escape(record.session)}, status {escape(record.status)}. Steps are estimated from dips in the belt's "
        "speed at each foot strike; energy from ACSM's equations. Both are estimates, and no diagnosis.</footer>"
    )
