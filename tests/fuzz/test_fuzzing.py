"""A short run of every fuzz target, with a fresh seed; and that the fuzzers find what was taken out, or was planted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tracing.analysis import Cut, read_analysis

from fuzzing.__main__ import ALL, CORPUS, FOUND, MOST_BYTES, MOST_FILES, Bench, fuzz, within_bounds
from simulator.drive_build import PROJECT_ROOT
from tests.seeds import draw_seed

SECONDS = 5
LONGEST_SEARCH_S = 120
"""Most defects are found within five seconds, the slowest within twenty on a busy machine; a search ends with its find."""
JUDGED = (
    *("controller", "desk", "firmware_bridge", "fuzzing", "messages", "replay", "settings_files", "simulator"),
    *("telemetry", "tests/fuzz"),
)


@pytest.mark.hazard("H-18", "H-19", "H-04", "C-FRAMES", "C-COMMAND-INTAKE")
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_found_in_a_short_run(name: str, tmp_path: Path) -> None:
    seed = draw_seed(name)
    result = fuzz(name, SECONDS, seed, Bench(found=tmp_path))
    assert not result.finding, f"seed {seed}: {result.finding}"
    assert result.executions > 100
    assert result.coverage > 10


@pytest.mark.parametrize("name", ["swallows_nan", "crashes_on_a_word"])
def test_a_planted_defect_is_found(name: str, tmp_path: Path) -> None:
    result = fuzz(f"tests.fuzz.planted:{name}", 30, 1, Bench(found=tmp_path))
    assert "FindingError" in result.finding or "ZeroDivisionError" in result.finding


def tree_without(cuts: Sequence[Cut], tree: Path) -> Path:
    """A copy of what is judged, with these pieces taken out."""
    for name in JUDGED:
        shutil.copytree(PROJECT_ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for cut in cuts:
        path = tree / cut.file
        text = path.read_text(encoding="utf-8")
        assert text.count(cut.old) == 1, cut
        path.write_text(text.replace(cut.old, cut.new), encoding="utf-8")
    return tree


@pytest.mark.parametrize(
    ("control", "name", "words"),
    [
        ("C-STOP-INPUT", "drive", "hands granted|no hand did it|must brake"),
        ("C-LEASE", "drive", "hands granted|must brake|stale"),
        ("C-FRESH-START", "drive", "hands granted|no hand did it"),
        ("C-GRANT", "drive", "hands granted was taken"),
        ("C-CEILINGS", "drive", "above the ceiling was taken|outside its range was taken"),
        ("C-ENCODER", "drive", "is not cut|a belt that rested|braking took too long"),
        ("C-RELAY-READ-BACK", "drive", "a relay that does not follow"),
        ("C-SAFE-POWER-UP", "drive", "not in state fault"),
        ("C-FRAMES", "drive", "no message did something"),
        ("C-COMMAND-INTAKE", "command", "a retained message was let through"),
    ],
)
def test_a_control_that_was_taken_out_is_missed(control: str, name: str, words: str, tmp_path: Path) -> None:
    """The fuzzers exist to find this: with the control gone, one of its own laws is broken, and soon."""
    removals = {each.id: each.removal for each in read_analysis(PROJECT_ROOT / "docs" / "safety" / "hazards.toml").control}
    found = tmp_path / "found"
    result = fuzz(name, LONGEST_SEARCH_S, 1, Bench(found=found, root=tree_without(removals[control], tmp_path / "tree")))
    assert re.search(f"(finding|FindingError): .*({words})", result.finding), result
    assert list(found.iterdir()), "the input is kept"


PLANTED = {
    "a repeated command": (
        "command",
        "was let through twice",
        Cut(file="telemetry/commands.py", old="if command.id in self._known:", new="if False:"),
    ),
    "an expired command": (
        "command",
        "let through at .*, and it expires at",
        Cut(file="telemetry/commands.py", old="if command.expires <= now:", new="if False:"),
    ),
    "a wrong checksum": (
        "serial",
        "was made of other bytes than its own",
        Cut(file="firmware_bridge/codec.py", old="if decoded[-CRC_LENGTH:] != _checksum(body):", new="if False:"),
    ),
    "words for a number, to the controller": (
        "to_controller",
        "a message is read as another than was sent",
        Cut(file="messages/wire.py", old="Decoder(ToController)", new="Decoder(ToController, strict=False)"),
    ),
    "words for a number, to telemetry": (
        "from_controller",
        "a message is read as another than was sent",
        Cut(file="messages/wire.py", old="Decoder(FromController)", new="Decoder(FromController, strict=False)"),
    ),
    "a plan that never ends": (
        "to_controller",
        "a number that is none has passed",
        Cut(file="messages/plan.py", old="Seconds = Annotated[float, msgspec.Meta(ge=0, le=7200)]", new="Seconds = float"),
        Cut(
            file="controller/session/caps.py",
            old="if SHORTEST_PHASE_S <= phase.duration_s <= longest_s and math.isfinite(phase.duration_s):",
            new="if not phase.duration_s < SHORTEST_PHASE_S:",
        ),
    ),
    "half a character": (
        "record",
        "surrogates not allowed",
        Cut(file="controller/session/record_file.py", old="not can_be_kept(value)", new="False"),
    ),
    "words that are kept in part": (
        "export",
        "a patient changes when they are kept",
        Cut(file="telemetry/patients.py", old="version.by, version.change,", new="version.by, version.change.strip(),"),
    ),
    "time that goes back": (
        "recording",
        "time goes back in a recording that was accepted",
        Cut(file="replay/recording.py", old="if not last_ns <= scan.now_ns < 1 << 62:", new="if scan.now_ns >= 1 << 62:"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("defect", PLANTED)
def test_a_defect_of_a_border_is_found(defect: str, tmp_path: Path) -> None:
    name, words, *cuts = PLANTED[defect]
    result = fuzz(name, LONGEST_SEARCH_S, 1, Bench(found=tmp_path / "found", root=tree_without(cuts, tmp_path / "tree")))
    assert re.search(f"Error: .*{words}", result.finding), result
    assert result.executions > 0, "the text with the defect in it runs"


def test_what_was_once_found_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input in fuzzing/found fails the short run before anything is made up."""
    word = tmp_path / "tests.fuzz.planted:crashes_on_a_word"
    word.mkdir()
    (word / "crash-1").write_bytes(b"BWD")
    monkeypatch.setattr("fuzzing.__main__.FOUND", tmp_path)
    result = fuzz(word.name, 30, 1, Bench(found=tmp_path / "again"))
    assert "ZeroDivisionError" in result.finding
    assert result.executions < 10


def test_every_target_has_a_corpus_and_none_is_large() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(ALL)
    for folder in CORPUS.iterdir():
        sizes = [path.stat().st_size for path in folder.iterdir()]
        assert len(sizes) <= MOST_FILES
        assert sum(sizes) <= MOST_BYTES
    assert not FOUND.exists() or {path.name for path in FOUND.iterdir()} <= set(ALL)


def test_a_corpus_is_kept_within_its_bounds(tmp_path: Path) -> None:
    for index in range(MOST_FILES + 10):
        (tmp_path / f"{index:040x}").write_bytes(b"x" * (index + 1))
    by_hand = tmp_path / "seed"
    by_hand.write_bytes(b"")
    candidates = sorted(path for path in tmp_path.iterdir() if path != by_hand)
    assert within_bounds(candidates, [by_hand]) == candidates[: MOST_FILES - 1]
    by_hand.write_bytes(b"x" * (MOST_BYTES - 3))
    assert within_bounds(candidates, [by_hand]) == candidates[:2]


def test_what_was_kept_stays_small_and_leaves_what_a_person_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzzing.__main__.CORPUS", tmp_path)
    corpus = tmp_path / "serial"
    corpus.mkdir()
    (corpus / "by-hand").write_bytes(b"\x01")
    (corpus / ("0" * 40)).write_bytes(b"\x01" * 50)
    fuzz("serial", 2, 1, Bench(found=tmp_path / "found", keep=True))
    kept = {path.name for path in corpus.iterdir()}
    assert "by-hand" in kept
    assert "0" * 40 not in kept
    assert len(kept) > 1, "what reaches new code is kept, too"
