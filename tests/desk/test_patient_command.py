"""`sternway patient`: what is kept, what is refused with field, value and what is allowed, and that a refusal keeps nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from controller.session.local_day import Clock
from desk import patient_command
from desk.place import DONE, NOT_REACHED, REFUSED, WRONG_INPUT, Place
from messages.patient import Profile, SessionKind
from telemetry.journal import open_journal
from telemetry.patient_records import Entry, FallForm, Logged, Note, Numbers
from telemetry.patients import PatientFile
from telemetry.utc import rfc3339
from tests.desk.clinic import DAY, NOW, PROFILE, Clinic

Say = Callable[..., int]


@pytest.fixture
def say(clinic: Clinic) -> Say:
    """Says a command as typed, `--by` a clinician."""

    def typed(*words: str, by: str | None = "doc-1") -> int:
        signed = [*words, "--by", by] if by is not None else list(words)
        return patient_command.main(["--config", str(clinic.config), *signed])

    return typed


def profile_file(clinic: Clinic, **changes: object) -> str:
    path = clinic.directory / "profile.json"
    path.write_text(json.dumps({**msgspec.to_builtins(PROFILE), **changes}), encoding="utf-8")
    return str(path)


def stored(place: Place) -> Profile | None:
    if not place.patients.exists():
        return None
    with PatientFile(place.patients) as file:
        return file.profile("p-17")


def test_a_profile_is_kept_shown_listed_and_changed(clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert say("add", profile_file(clinic)) == DONE
    assert stored(clinic.place) == PROFILE
    assert say("set", "p-17", "mass_kg=73", "ceiling_m_s=0.6", "attendant=stand_by", by="doc-2") == DONE
    assert say("walk-test", "p-17", "4.2") == DONE
    assert say("flag", "p-17", "vestibular", "moderate") == DONE
    assert say("clear", "p-17", "vestibular", "--reason", "head impulse test normal", by="doc-3") == DONE
    until = str(DAY + timedelta(days=40))
    assert say("prescribe", "p-17", "three_a_week", "--until", until, "--reason", "trial protocol") == DONE
    assert say("flag", "p-17", "knee", "mild") == DONE
    profile = stored(clinic.place)
    assert profile is not None
    assert (profile.mass_kg, profile.ceiling_m_s, profile.attendant.value) == (73.0, 0.6, "stand_by")
    assert [(flag.name.value, flag.by) for flag in profile.flags] == [("vestibular", "doc-1"), ("knee", "doc-1")]
    assert [clearance.by for clearance in profile.clearances] == ["doc-3"]
    capsys.readouterr()
    assert say("show", "p-17", by=None) == DONE
    shown = capsys.readouterr().out
    for words in ("0.71 m/s", "vestibular moderate", "compensated", "three_a_week", "doc-2: mass_kg: 71.5 -> 73"):
        assert words in shown
    assert say("list", by=None) == DONE
    assert "vestibular moderate, knee mild" in capsys.readouterr().out
    assert say("show", "p-17", "--json", by=None) == DONE
    assert msgspec.json.decode(capsys.readouterr().out, type=Profile) == profile
    assert say("flag", "p-17", "vestibular", "none") == DONE
    profile = stored(clinic.place)
    assert profile is not None
    assert not profile.clearances, "a clearance ends with its finding"


def test_what_is_kept_of_a_patient_others_cannot_read(clinic: Clinic, say: Say, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert say("add", profile_file(clinic)) == DONE
        assert say("export", "p-17", str(tmp_path / "export.json"), by=None) == DONE
        assert os.umask(0) == 0, "the command gives it back"
    finally:
        os.umask(before)
    for path in (clinic.place.patients, tmp_path / "export.json"):
        assert path.stat().st_mode & 0o007 == 0, path


def test_an_export_that_cannot_be_written_or_read_is_named(
    clinic: Clinic, say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory stands in its place: no user may write or read it as a file."""
    clinic.keep()
    path = tmp_path / "export.json"
    path.mkdir()
    assert say("export", "p-17", str(path), by=None) == NOT_REACHED
    said = capsys.readouterr()
    assert f"{path} may not be written here: is a directory" in said.err
    assert "patients' file" not in said.err
    assert said.out == ""
    assert say("import", str(path)) == WRONG_INPUT
    said = capsys.readouterr()
    assert "a file that can be read" in said.err
    assert str(path) in said.err
    assert "patients' file" not in said.err


def test_every_decision_is_signed(say: Say, clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        say("add", profile_file(clinic), by=None)
    assert say("add", profile_file(clinic), by="Dr. Jane Doe") == WRONG_INPUT
    assert '--by = "Dr. Jane Doe": allowed is a pseudonym, never a name' in capsys.readouterr().err
    assert stored(clinic.place) is None


WRONG_PROFILES = [
    ("negative mass", {"mass_kg": -70}, ("mass_kg = -70", "20", "200")),
    ("no mass", {"mass_kg": 0}, ("mass_kg = 0",)),
    ("a body that is none", {"mass_kg": 190, "height_m": 1.0}, ("mass_kg = 190", "BMI 12 to 60")),
    ("thin as a wire", {"mass_kg": 20, "height_m": 2.3}, ("mass_kg = 20",)),
    ("not a number", {"mass_kg": float("nan")}, ("mass_kg = nan",)),
    ("infinite", {"height_m": float("inf")}, ("height_m = inf",)),
    ("text for a number", {"mass_kg": "heavy"}, ('mass_kg = "heavy"',)),
    (
        "an unknown flag",
        {"flags": [{"name": "left-handed", "grade": "mild", "on": str(DAY), "by": "d"}]},
        ("left-handed", "osteoporosis"),
    ),
    ("an unknown grade", {"flags": [{"name": "knee", "grade": "awful", "on": str(DAY), "by": "d"}]}, ("awful", "severe")),
    ("a flag without its day", {"flags": [{"name": "knee", "grade": "mild", "by": "d"}]}, ("flags[0].on", "missing")),
    ("a finding of tomorrow", {"flags": [{"name": "knee", "grade": "mild", "on": "2027-01-01", "by": "d"}]}, ("2027-01-01",)),
    ("a day that is none", {"flags": [{"name": "knee", "grade": "mild", "on": "2026-02-30", "by": "d"}]}, ("2026-02-30",)),
    ("an unknown key", {"name": "Jane Doe"}, ("name", "Jane Doe", "remove it")),
    ("a name as pseudonym", {"patient": "Jane Doe"}, ('patient = "Jane Doe"', "pseudonym")),
    ("a speed above all", {"ceiling_m_s": 9.0}, ("ceiling_m_s = 9",)),
    ("33 flags", {"flags": [{"name": "knee", "grade": "mild", "on": str(DAY), "by": "d"}] * 33}, ("flags", "32")),
    ("deep nesting", {"flags": [[[[[[]]]]]]}, ("flags[0]",)),
    (
        "an accepted plan with a phase of no length",
        {"accepted_by": "d", "accepted_plan": {"patient": "p-17", "mass_kg": 70, "phases": [{"kind": "work", "duration_s": -1}]}},
        ("accepted_plan.phases[0].duration_s = -1",),
    ),
]


@pytest.mark.parametrize(("changes", "words"), [row[1:] for row in WRONG_PROFILES], ids=[row[0] for row in WRONG_PROFILES])
def test_a_wrong_profile_is_refused_with_field_value_and_what_is_allowed(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str], changes: dict[str, object], words: tuple[str, ...]
) -> None:
    assert say("add", profile_file(clinic, **changes)) == WRONG_INPUT
    said = capsys.readouterr().err
    assert "allowed is" in said
    for word in words:
        assert word in said
    assert stored(clinic.place) is None
    assert not clinic.place.patients.exists(), "not even an empty file"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b" " * (10 * 1024 * 1024), "at most 64 KiB"),
        (b"[" * 60000, "nested"),
        (b'{"mass_kg":' * 5000, "nested"),
        (b"\xff\xfe", "UTF-8"),
        (b"{", "JSON"),
        (b"", "JSON"),
        (b"[]", "object"),
        (b'{"mass_kg": 1, "mass_kg": 2}', "each key once"),
    ],
    ids=range(8),
)
def test_a_file_that_is_no_profile_is_refused(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str], content: bytes, word: str
) -> None:
    path = clinic.directory / "profile.json"
    path.write_bytes(content)
    assert say("add", str(path)) == WRONG_INPUT
    assert word in capsys.readouterr().err
    assert stored(clinic.place) is None
    assert say("import", str(path)) == WRONG_INPUT
    assert stored(clinic.place) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "p-17", "mass_kg=-1"), "mass_kg = -1"),
        (("set", "p-17", "mass_kg=NaN"), "mass_kg = nan"),
        (("set", "p-17", "mass_kg=30", "height_m=2.2"), "BMI"),
        (("set", "p-17", "flags=[]"), "allowed is key=value with key one of"),
        (("set", "p-17", "accepted_by=me"), "allowed is key=value with key one of"),
        (("set", "p-17", "usable_hand=left"), "rails"),
        (("flag", "p-17", "bad-luck", "mild"), "osteoporosis"),
        (("flag", "p-17", "knee", "awful"), '"severe"'),
        (("flag", "p-17", "knee", "none"), "a finding of this patient"),
        (("clear", "p-17", "osteoporosis", "--reason", "x"), "nobody can clear"),
        (("clear", "p-17", "vestibular", "--reason", "x"), "among the flags"),
        (("clear", "p-17", "vestibular", "--reason", ""), "reason"),
        (("clear", "p-17", "vestibular", "--reason", "caf\udce9"), "clearances[0].reason = 'caf\\udce9'"),
        (("prescribe", "p-17", "six_a_week", "--until", "2026-04-01", "--reason", "x"), "three_a_week"),
        (("prescribe", "p-17", "running", "--until", "2026-03-01", "--reason", "x"), "2026-03-01"),
        (("walk-test", "p-17", "nan"), "time_s"),
        (("walk-test", "p-17", "0.6"), "time_s"),
        (("set", "p-99", "mass_kg=70"), "p-99: no profile; known are p-17"),
    ],
)
def test_a_wrong_change_keeps_the_profile_as_it_was(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    clinic.keep()
    assert say(*words) == WRONG_INPUT
    assert said in capsys.readouterr().err
    assert stored(clinic.place) == PROFILE


def test_what_was_done_elsewhere_and_what_came_later_is_written_down(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.keep()
    clinic.record("boot-1")
    clinic.record("boot-2", patient="p-18")
    numbers, form = clinic.directory / "n.json", clinic.directory / "f.json"
    numbers.write_text('{"question": "pain", "grade": 6}')
    form.write_text('{"head_hit": false, "conscious": true, "pain": 2, "systolic_mm_hg": 130, "diastolic_mm_hg": 85}')
    assert say("log", "p-17", "forward", "30", "--on", "2026-03-08") == DONE
    assert say("log", "p-17", "balance", "20", "--on", "2026-03-08") == DONE
    assert say("note", "p-17", "boot-1", "x" * 600) == DONE
    assert say("numbers", "p-17", "boot-1", str(numbers)) == DONE
    assert say("fall", "p-17", "boot-1", str(form)) == DONE
    with PatientFile(clinic.place.patients) as file:
        contents = [entry.content for entry in file.entries("p-17")]
        history = clinic.place.history(file, "p-17")
    assert [type(content) for content in contents] == [Logged, Logged, Note, Numbers, FallForm]
    assert [(past.kind, past.worst_pain) for past in history] == [
        (SessionKind.FORWARD, 0),
        (SessionKind.BALANCE, 0),
        (SessionKind.BACKWARD, 6),
    ]
    refused = (
        (("note", "p-17", "boot-1", "x" * 601), "601 characters"),
        (("note", "p-17", "boot-1", "caf\udce9"), "text = 'caf\\udce9': allowed is text in UTF-8"),
        (("note", "p-17", "boot-2", "another's"), "a session of this patient, the last: boot-1"),
        (("log", "p-17", "forward", "30", "--on", "2026-03-11"), "up to 2026-03-10"),
        (("log", "p-17", "forward", "nan", "--on", "2026-03-08"), "240 min"),
        (("log", "p-17", "forward", "0", "--on", "2026-03-08"), "240 min"),
    )
    for words, said in refused:
        capsys.readouterr()
        assert say(*words) == WRONG_INPUT
        assert said in capsys.readouterr().err
    form.write_text('{"head_hit": "perhaps", "conscious": true, "pain": 11, "systolic_mm_hg": 130, "diastolic_mm_hg": 85}')
    assert say("fall", "p-17", "boot-1", str(form)) == WRONG_INPUT
    said = capsys.readouterr().err
    assert 'head_hit = "perhaps"' in said
    assert "pain = 11" in said
    with PatientFile(clinic.place.patients) as file:
        assert len(file.entries("p-17")) == 5


def test_a_patient_moves_to_another_treadmill_with_the_week_they_had(clinic: Clinic, say: Say, tmp_path: Path) -> None:
    clinic.keep()
    clinic.record("boot-1")
    assert say("log", "p-17", "forward", "30", "--on", "2026-03-08") == DONE
    path = tmp_path / "p-17.json"
    assert say("export", "p-17", str(path), by=None) == DONE
    (tmp_path / "other").mkdir()
    other = Clinic(tmp_path / "other")
    pytest.MonkeyPatch().setattr("desk.place.open_place", lambda _options: other.place)
    assert say("import", str(path)) == DONE
    with PatientFile(other.place.patients) as file:
        assert file.profile("p-17") == PROFILE
        there = other.place.history(file, "p-17")
    assert [(past.on, past.kind) for past in there] == [
        (date(2026, 3, 8), SessionKind.FORWARD),
        (date(2026, 3, 9), SessionKind.BACKWARD),
    ]
    assert there[1].work_time_s == 190.0
    assert say("import", str(path)) == WRONG_INPUT, "nobody is overwritten"


def test_who_has_not_been_here_for_the_retention_is_named(clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    clinic.keep()
    with PatientFile(clinic.place.patients, write=True) as file:
        old = msgspec.structs.replace(PROFILE, patient="p-old")
        file.save(old, "doc-1", "new patient", NOW - timedelta(days=731), seen=None)
    assert say("prune", by=None) == DONE
    said = capsys.readouterr().out
    assert "sternway patient erase p-old" in said
    assert "p-17" not in said


@pytest.mark.parametrize("clock", [Clock(DAY, False), Clock(None, True), Clock(None, False)])
def test_nothing_is_pruned_by_a_clock_that_nobody_keeps(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    clinic.keep()
    with PatientFile(clinic.place.patients, write=True) as file:
        for week in range(200, 0, -1):
            time = rfc3339(NOW - timedelta(weeks=week))
            file.write_down("p-17", Entry(time=time, on=DAY, by="doc-1", content=Note(text="x")))
    clinic.clock = clock
    assert say("prune", by=None) == REFUSED
    assert "Nothing was deleted" in capsys.readouterr().err
    with PatientFile(clinic.place.patients) as file:
        assert len(file.entries("p-17")) == 200
    clinic.clock = Clock(DAY, True)
    assert say("prune", by=None) == DONE
    with PatientFile(clinic.place.patients) as file:
        assert 104 <= len(file.entries("p-17")) <= 107


def test_an_erasure_is_asked_for_twice_and_never_during_a_session(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    clinic.keep()
    clinic.record("boot-1", ended_by="harness-loaded")
    assert say("erase", "p-17") == REFUSED
    assert "--yes" in capsys.readouterr().err
    assert stored(clinic.place) == PROFILE
    clinic.record_running("boot-2")
    assert say("erase", "p-17", "--yes") == WRONG_INPUT
    assert "boot-2 is not over" in capsys.readouterr().err
    assert stored(clinic.place) == PROFILE


def test_a_session_that_runs_is_seen_although_the_clock_was_set_back_since_another(clinic: Clinic, say: Say) -> None:
    clinic.keep()
    clinic.record("boot-1", time="2026-09-09T08:00:00.000Z", patient="p-18")
    clinic.record_running("boot-2")
    assert say("erase", "p-17", "--yes") == WRONG_INPUT
    assert stored(clinic.place) == PROFILE


@pytest.mark.parametrize("name", ["p-71", "", " ", "p 17", "p-17\n"])
def test_who_mistypes_is_not_told_that_somebody_was_erased(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    clinic.keep()
    clinic.record("boot-1")
    assert say("erase", name, "--yes") == WRONG_INPUT
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing was erased" in said.err or "a pseudonym, never a name" in said.err
    with PatientFile(clinic.place.patients) as file:
        assert file.erasures() == []


def test_an_erasure_can_be_said_again_and_reaches_who_has_sessions_only(
    clinic: Clinic, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_command, "ERASED_WITHIN_S", 0.05)
    clinic.keep()
    clinic.record("boot-1", patient="p-99")
    for name in ("p-17", "p-17", "p-99"):
        assert say("erase", name, "--yes") == REFUSED, "asked of telemetry, which is not here"
    with PatientFile(clinic.place.patients) as file:
        assert sorted(erasure.patient for erasure in file.erasures()) == ["p-17", "p-17", "p-99"]


def test_a_session_that_was_interrupted_is_over(clinic: Clinic, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut ended it, and telemetry has marked it since: nobody can end it any more."""
    clinic.keep()
    clinic.record_running("boot-1")
    journal, _ = open_journal(clinic.place.journal, 64, NOW)
    assert journal.interrupt_sessions("boot") == 0
    assert journal.interrupt_sessions("next") == 1
    journal.close()
    monkeypatch.setattr(patient_command, "ERASED_WITHIN_S", 0.05)
    assert say("erase", "p-17", "--yes") == REFUSED, "asked of telemetry, which is not here"
    assert stored(clinic.place) is None


def test_an_erasure_without_telemetry_says_that_it_is_not_finished(
    clinic: Clinic, say: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clinic.keep()
    clinic.record("boot-1")
    monkeypatch.setattr(patient_command, "ERASED_WITHIN_S", 0.05)
    assert say("erase", "p-17", "--yes") == REFUSED
    assert "has not answered yet" in capsys.readouterr().err
    assert stored(clinic.place) is None
    with PatientFile(clinic.place.patients) as file:
        assert [erasure.patient for erasure in file.erasures()] == ["p-17"], "telemetry will find it"
