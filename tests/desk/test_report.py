"""The report: what it says, that it says nothing that was not measured, and that no text of others gets out of its place."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from datetime import UTC
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from controller.core.events import RULES, Severity
from desk import report_command
from desk.gait import GaitFigures, NotMeasured
from desk.place import DONE, NOT_REACHED, WRONG_INPUT
from desk.report_csv import HEADINGS, report_csv
from desk.report_data import Mark, Point, Report, marks_of, rail_figures, read_report
from desk.report_page import report_page
from desk.report_svg import session_figure
from messages.wire import EventRecord
from telemetry.patient_records import Entry, FallForm, Note
from telemetry.patients import PatientFile
from tests.desk.clinic import DAY, FIGURES, Clinic, happened, walked_blocks

HOSTILE = '<script>alert("x")</script><img src=x onerror=1> & \u202e"quoted"'
EVENTS = (
    happened(1, "check-something", 128, "slow", "warning", "Something is wrong: slowing", "Ask."),
    happened(2, "balance-recovered", 171.4, "record", "notice", "Loss of balance, recovered", ""),
    happened(3, "rails-grabbed", 172.0, "pause", "warning", "Patient grabbed both rails", "Ask the patient."),
    happened(4, "phase-started", 173.0, "record", "info", "Phase started", ""),
    happened(5, "dizziness-severe", 251, "end", "warning", "Dizziness: session over", "Let the patient sit."),
)


class Text(HTMLParser):
    """Tags that were opened and closed, and the text between them."""

    VOID = frozenset({"meta", "br", "!doctype"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag not in self.VOID and not tag.startswith(("line", "path", "circle")):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def read(page: str) -> tuple[str, Text]:
    text = Text()
    text.feed(page)
    text.close()
    assert text.open == [], "every element is closed"
    return " ".join(" ".join(text.words).split()), text


def walked(clinic: Clinic, events: tuple[EventRecord, ...] = EVENTS) -> Report:
    clinic.keep()
    clinic.record("boot-0", time="2026-03-05T08:00:00.000Z", blocks=walked_blocks("boot-0", 60, seed=5), distance_m=61.0)
    clinic.record(
        "boot-1",
        blocks=walked_blocks("boot-1"),
        figures=FIGURES,
        distance_m=77.1,
        balance_losses=1,
        stops=1,
        ended_by="dizziness-severe",
        events=events,
    )
    return read_report(clinic.place, "boot-1")


def test_the_report_says_what_was_done_and_what_happened(clinic: Clinic) -> None:
    report = walked(clinic)
    words, text = read(report_page(report, UTC))
    for said in (
        "p-17 Monday, 09 March 2026, 08:00",
        "Ended by a symptom · dizziness severe",
        "On the belt 4:00 of 3:50 planned",
        "Distance 77 m",
        "Highest speed 0.45 m/s",
        "Hands-free 9% 2 windows",
        "Balance lost once 1 stop",
        "2:51 Loss of balance, recovered load 241.5 N",
        "Patient grabbed both rails Ask the patient.",
        "last, 2026-03-05",
        "Distance 77 m 61 m",
        "Dizziness 0 1:00 2 2:30",
        "Nausea reported 2:32",
        "1 check went unanswered.",
        "kcal (ACSM, backward +17\u201335 %",
    ):
        assert said in words, said
    assert "Phase started" not in words, "what went as planned needs no mark"
    assert "script" not in text.tags
    assert "http" not in report_page(report, UTC).replace("http-equiv", ""), "nothing is fetched"


def test_nothing_critical_is_left_out_of_the_report() -> None:
    """Whoever hung in the harness did not just complete as planned."""
    grave = [rule for rule in RULES.values() if rule.severity is Severity.CRITICAL]
    assert {"nurse-call", "hanging-at-rest", "harness-loaded"} <= {rule.event.value for rule in grave}
    events = [
        happened(number, rule.event.value, 10.0, rule.effect.name.lower(), "critical", rule.text, rule.remedy)
        for number, rule in enumerate(grave, start=1)
    ]
    assert [mark.text for mark in marks_of(events, 0)] == [rule.text for rule in grave]


def test_how_much_was_leaned_on_the_rails_is_said_beside_the_last_session(clinic: Clinic) -> None:
    """Standing at rest a patient leans as they like: only walking counts."""
    clinic.keep()
    clinic.record("boot-0", time="2026-03-05T08:00:00.000Z", blocks=walked_blocks("boot-0", 60, seed=5, rails_n=(50.0, 60.0)))
    clinic.record("boot-1", blocks=walked_blocks("boot-1", rails_n=(30.0, 40.0)))
    report = read_report(clinic.place, "boot-1")
    assert report.rails is not None
    assert report.last_rails is not None
    assert report.rails.mean_n == pytest.approx(70.0, abs=3.0)
    assert report.rails.body_weight_percent == pytest.approx(70.0 / (71.5 * 9.80665) * 100, abs=0.5)
    assert report.rails.known_s == pytest.approx(230.0, abs=2.0)
    assert report.last_rails.mean_n == pytest.approx(110.0, abs=4.0)
    words, _ = read(report_page(report, UTC))
    assert (
        f"On the rails {report.rails.mean_n:.0f} N, {report.rails.body_weight_percent:.1f} % {report.last_rails.mean_n:.0f} N"
        in words
    )
    assert f"On the rails while walking: {report.rails.mean_n:.0f} N" in words
    at_work = next(row for row in csv.DictReader(report_csv(report).splitlines()) if float(row["time_s"]) >= 60)
    assert at_work["rails_load_n"] == "70.000"


def test_without_cells_at_the_rails_nothing_is_said_of_them(clinic: Clinic) -> None:
    report = walked(clinic)
    assert report.rails is None
    words, _ = read(report_page(report, UTC))
    assert "rails while walking" not in words
    assert "On the rails" not in words
    assert rail_figures((Point(0.0, 0.4, 0.4, None, 0, 50.0),) * 19, 70.0) is None, "ten seconds of it at least"
    assert rail_figures((Point(0.0, 0.4, 0.4, None, 0, 50.0),) * 20, 70.0) is not None


def test_the_steps_of_the_report_are_those_that_were_walked(clinic: Clinic) -> None:
    """The recorded speed has a dip every 0.63 s."""
    report = walked(clinic)
    assert isinstance(report.gait, GaitFigures)
    assert abs(report.gait.cadence_per_min - 60 / 0.63) < 1.0
    words, _ = read(report_page(report, UTC))
    assert "Cadence 95 steps a minute" in words
    assert "step time 0.63 s and 0.63 s" in words


def test_what_was_not_measured_is_said_to_be_not_measured(clinic: Clinic) -> None:
    clinic.keep()
    clinic.record("boot-1", figures=FIGURES)
    report = read_report(clinic.place, "boot-1")
    assert isinstance(report.gait, NotMeasured)
    words, _ = read(report_page(report, UTC))
    assert "Cadence and steps: not measured , because the belt's speed was not kept" in words
    assert "The belt's speed was not kept for this session" in words
    assert "last: none" in words
    assert "kcal" in words, "from the phases done"
    one_foot = GaitFigures(88.0, None, None, 80, 54.0)
    words, _ = read(report_page(msgspec.structs.replace(report, gait=one_foot), UTC))
    assert "Step times and lengths: not measured" in words


def test_no_text_of_others_gets_out_of_its_place(clinic: Clinic) -> None:
    event = happened(1, "dizziness-severe", 100, "end", "warning", HOSTILE, HOSTILE)
    event.detail[HOSTILE] = HOSTILE
    report = walked(clinic, (event,))
    with PatientFile(clinic.place.patients, write=True) as file:
        form = FallForm(head_hit=None, conscious=True, pain=2, where_it_hurts=HOSTILE, systolic_mm_hg=120, diastolic_mm_hg=80)
        for content in (Note(text=HOSTILE), form):
            entry = Entry(time="2026-03-09T10:00:00.000Z", on=DAY, by="doc-1", session="boot-1", content=content)
            file.write_down("p-17", entry)
    report = read_report(clinic.place, "boot-1")
    page = report_page(report, UTC)
    words, text = read(page)
    assert words.count('<script>alert("x")</script>') >= 4, "shown as it was written"
    assert not {"script", "img", "iframe", "a"} & set(text.tags)
    assert "<script" not in page
    assert "onerror=1>" not in page
    record = msgspec.structs.replace(report.entry.record, patient="<b>", session="<i>", ended_by="<u>", status="<s>")
    hostile = msgspec.structs.replace(
        report, entry=msgspec.structs.replace(report.entry, record=record), clinic="<b>", treadmill="<b>"
    )
    assert not {"i", "u", "s"} & set(read(report_page(hostile, UTC))[1].tags)


@pytest.mark.parametrize(("word", "said"), [("boot-7", "the newest are boot-1, boot-0"), ("", "the newest are")])
def test_a_session_that_is_not_there_is_said_with_those_that_are(
    clinic: Clinic, capsys: pytest.CaptureFixture[str], word: str, said: str
) -> None:
    walked(clinic)
    assert report_command.main([word]) == WRONG_INPUT
    assert said in capsys.readouterr().err


def test_the_last_session_is_the_one_that_came_last_although_the_clock_was_set_back(clinic: Clinic, tmp_path: Path) -> None:
    """Else the page of another patient lies in the printer."""
    clinic.record("boot-1", time="2026-09-09T08:00:00.000Z", patient="p-18")
    clinic.record("boot-2", time="2026-03-09T08:00:00.000Z", patient="p-17")
    page = tmp_path / "r.html"
    assert report_command.main(["last", "--output", str(page)]) == DONE
    assert "<h1>p-17</h1>" in page.read_text(encoding="utf-8")


def test_without_a_journal_there_is_no_report(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_command.main(["last"]) == WRONG_INPUT
    assert "there is none yet" in capsys.readouterr().err


def test_the_newest_session_is_written_as_page_and_as_table(clinic: Clinic, tmp_path: Path) -> None:
    walked(clinic)
    page, table = tmp_path / "r.html", tmp_path / "r.csv"
    assert report_command.main(["last", "--output", str(page)]) == DONE
    assert report_command.main(["last", "--csv", "--output", str(table)]) == DONE
    assert "p-17" in read(page.read_text(encoding="utf-8"))[0]
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert tuple(rows[0]) == HEADINGS
    assert all(any(heading.endswith(unit) for unit in ("_s", "_n", "_weight", "phase")) for heading in HEADINGS), (
        "the unit is in the heading"
    )
    assert len(rows) == pytest.approx(520, abs=3), "twice a second"
    at_work = next(row for row in rows if float(row["time_s"]) >= 60)
    assert (at_work["phase"], at_work["planned_speed_m_s"]) == ("work", "0.400")
    assert float(at_work["belt_speed_m_s"]) == pytest.approx(0.395, abs=0.01)
    fall = [float(row["time_s"]) for row in rows if float(row["harness_load_percent_body_weight"] or 0) > 30]
    assert all(170.5 < at_s < 173 for at_s in fall)
    assert fall, "a peak of 1.2 s shows"


@pytest.mark.parametrize("words", [(), ("--csv",), ("--output", "nowhere/r.html")])
def test_a_file_that_may_not_be_written_is_named_and_nothing_else_is_blamed(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """Directories of the files' names stand in their way: no user may write to one, the superuser neither."""
    walked(clinic)
    (tmp_path / "boot-1.html").mkdir()
    (tmp_path / "boot-1.csv").mkdir()
    monkeypatch.chdir(tmp_path)
    assert report_command.main(["last", *words]) == NOT_REACHED
    said = capsys.readouterr()
    name = {(): "boot-1.html", ("--csv",): "boot-1.csv"}.get(words, "nowhere/r.html")
    assert f"{tmp_path / name} may not be written here: " in said.err
    assert "patients' file" not in said.err
    assert said.out == ""


def test_an_unknown_load_is_an_empty_cell(clinic: Clinic) -> None:
    report = msgspec.structs.replace(walked(clinic), points=(Point(0.0, 0.2, None, None, 0), Point(0.5, 0.2, 0.1, 2.0, 99)))
    assert report_csv(report).splitlines()[1:] == ["0.0,warm_up,0.200,,,", "0.5,,0.200,0.100,2.000,"]


def test_the_figure_is_sound_whatever_was_recorded() -> None:
    """Every number in it is finite and inside the picture."""
    hostile = [Point(float(at), 0.4, 0.39, 3.0, 0) for at in range(5)]
    for points in (
        hostile,
        [*hostile, Point(10.0, 5.0, 0.0, 900.0, 0)],
        [Point(0.0, 0.0, None, None, 0), Point(0.001, None, None, None, 0)],
        [Point(0.0, 0.0, 0.0, 0.0, 0), Point(14400.0, 0.0, 5.0, -3.0, 0)],
    ):
        marks = [Mark(number, number * 7.0, "stop", "x", "", "") for number in range(1, 30)]
        figure = ET.fromstring(session_figure(points, hostile, marks))
        assert "nan" not in ET.tostring(figure, encoding="unicode")
        for element in figure.iter():
            for key in ("x", "x1", "x2", "cx"):
                assert 0 <= float(element.get(key, "0")) <= 960
    assert session_figure([], [], []) == ""
