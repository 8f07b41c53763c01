"""Exhaustive exploration: no law is broken as far as the short run goes, and each law is seen to be broken by a planted defect."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import controller.core.chart
import controller.core.effects
import controller.core.order
import controller.core.preparing_rules
import controller.core.step
from controller.core.chart import State, Trigger
from controller.core.commands import NOTHING
from controller.core.inputs import Input
from controller.core.preparation import Step
from controller.core.ramp import RampState
from controller.core.state import Scan
from exploration.__main__ import main, violation_words
from exploration.alphabet import pair_letters, single_letters
from exploration.document import DECLARED
from exploration.laws import LAWS, broken, runs
from exploration.script import stations
from exploration.search import Explorer, Found
from exploration.situation import MS, Scanned, scan

PAGE = Path(__file__).parents[2] / "docs" / "exploration.md"
_ROW = re.compile(r"^\| ([a-z_]+) \| ([a-z_]+) \| (?:yes|through another) \|", re.MULTILINE)


def explore(depth: int, pairs_depth: int = 0, limit_s: float = 300.0) -> Found:
    return Explorer(single_letters(), pair_letters(), print).explore(stations(), depth, pairs_depth, limit_s)


@pytest.fixture(scope="module")
def short() -> Found:
    return explore(depth=3, pairs_depth=1)


def test_no_reached_state_breaks_a_law(short: Found) -> None:
    """The whole of it is `make explore`; docs/exploration.md has its figures."""
    assert short.violation is None, "\n".join(violation_words(short.violation))
    assert short.states > 2_000
    assert short.transitions > 50_000


def test_every_state_of_the_chart_is_reached(short: Found) -> None:
    assert set(short.states_of_chart) == set(State)


def test_the_page_shows_every_way_that_the_short_run_took(short: Found) -> None:
    """A cheap sign that the page is of this code: it must not lack an arrow that three letters lead to."""
    shown = {(State(source), State(target)) for source, target in _ROW.findall(PAGE.read_text(encoding="utf-8"))}
    assert set(short.arrows) <= shown, "run `make explore`"
    assert len(shown) >= len(DECLARED) // 2


def blind_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.order, "pass_gate", lambda command, *_: (command, ""))


def start_without_a_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        controller.core.preparing_rules,
        "judge_start",
        lambda scan: scan.state.preparation.step is Step.READY and scan.drive.standstill,
    )
    blind_gate(monkeypatch)


def ramp_without_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.order, "advance_ramp", lambda *_: RampState(0.2, 0.0))
    blind_gate(monkeypatch)


def stop_contacts_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.step, "judge_trips", lambda *_: None)
    blind_gate(monkeypatch)


def proof_of_life_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    original = controller.core.order.DriveCommand
    monkeypatch.setattr(
        controller.core.order,
        "DriveCommand",
        lambda *values, **named: original(*(values[:4] if len(values) > 4 else values), **named),
    )
    blind_gate(monkeypatch)


def unknown_load_is_no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    original = controller.core.step.advance_load
    monkeypatch.setattr(controller.core.step, "advance_load", lambda *values: (*original(*values)[:2], ()))
    blind_gate(monkeypatch)


def balance_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.step, "_judge_balance", lambda *_: None)


def lateness_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.step, "_judge_company", lambda *_: None)


def runs_whatever_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.order, "_rest_or_stop", lambda scan: controller.core.order._run(scan, RampState()))


def reset_without_a_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    original = controller.core.step.judge_reset

    def judge_reset(scan: Scan, _pressed: bool) -> None:
        scan.reset_began_ns = scan.now_ns
        original(scan, True)

    monkeypatch.setattr(controller.core.step, "judge_reset", judge_reset)


def reset_whatever_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.effects, "reset_blockers", lambda *_: ())


def fault_that_softens(monkeypatch: pytest.MonkeyPatch) -> None:
    table = controller.core.chart.TRANSITIONS
    monkeypatch.setitem(table, (State.FAULT, Trigger.EMERGENCY), State.EMERGENCY_STOP)


def _without_effect(monkeypatch: pytest.MonkeyPatch, *codes: str) -> None:
    original = controller.core.step.apply_effects

    def some(scan: Scan) -> None:
        scan.happenings = [found for found in scan.happenings if found.event.value not in codes]
        original(scan)

    monkeypatch.setattr(controller.core.step, "apply_effects", some)


def clip_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gate then denies has no effect either: one of the two would be enough."""
    _without_effect(monkeypatch, "clip-open", "gate-denied")


def mushroom_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither seen by the controller nor told by the drive, whose STOP input it opens as well."""
    _without_effect(monkeypatch, "emergency-pressed", "drive-stop-input-open")


def stop_said_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller.core.order, "_rest_or_stop", lambda _scan: NOTHING)


PLANTED: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "the belt begins to run without a hand's START": start_without_a_hand,
    "faster than hands granted": ramp_without_a_ceiling,
    "RUN while a stop contact is open": stop_contacts_without_effect,
    "RUN without the drive's present word": proof_of_life_made_up,
    "RUN while the harness load is unknown": unknown_load_is_no_load,
    "RUN while the patient hangs": balance_is_not_judged,
    "RUN after a scan that was too late": lateness_is_not_judged,
    "RUN in a state in which the belt is at rest": runs_whatever_the_state,
    "a latch opens without RESET": reset_without_a_hand,
    "a latch opens with something in RESET's way": reset_whatever_is_in_the_way,
    "a latch becomes a lighter one": fault_that_softens,
    "a trip while the belt runs does not latch": clip_without_effect,
    "a mushroom does not latch": mushroom_without_effect,
    "a running drive is not told to stop": stop_said_only_once,
}


def test_each_law_has_its_planted_defect() -> None:
    assert set(PLANTED) == set(LAWS)


@pytest.mark.parametrize("law", PLANTED)
def test_a_planted_defect_is_found(law: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged by that law alone: another might break first, and then nobody would know whether this one can."""
    seeds = list(stations())
    PLANTED[law](monkeypatch)
    only = {law: LAWS[law]}
    monkeypatch.setattr("exploration.laws.LAWS", only)
    found = Explorer(single_letters(), (), print).explore(seeds, 2, 0, 120.0)
    assert found.violation is not None, f"nobody saw it in {found.transitions} transitions"
    assert found.violation.law == law
    assert len(found.violation.path) >= 2


def test_the_command_says_how_to_come_to_a_broken_law(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "figures").mkdir()
    assert main(["--depth", "0", "--docs", str(tmp_path)]) == 0
    assert "Exploration" in (tmp_path / "exploration.md").read_text()
    mushroom_without_effect(monkeypatch)
    assert main(["--depth", "1", "--pairs-depth", "0"]) == 1
    said = capsys.readouterr().out
    assert "BROKEN: a mushroom does not latch" in said
    assert "1. " in said


TRIPS = (
    *(Input.EMERGENCY_A, Input.EMERGENCY_B, Input.LANYARD, Input.OVERLOAD, Input.CLIP, Input.DECK_FRONT, Input.DECK_REAR),
    *(Input.STOP, Input.SYMPTOM),
)
PAUSING = (Input.STOP, Input.SYMPTOM)


def walking() -> Scanned:
    """A sound scan in the middle of a walk."""
    scanned = (scan(situation, 10 * MS) for _, situation in stations() if situation.ran)
    return next(sound for sound in scanned if runs(sound) and not broken(sound))


@pytest.mark.parametrize("contact", TRIPS, ids=lambda contact: contact.name.lower())
def test_no_stop_contact_is_left_out_of_the_laws(contact: Input) -> None:
    """A planted defect shows that a law can be broken at all; this, that it can be broken by each contact."""
    sound = walking()
    levels = sound.inputs.levels
    opened = msgspec.structs.replace(levels, closed=levels.closed & ~contact.bit)
    flickered = msgspec.structs.replace(levels, edges=contact.bit)
    for tripped in (opened, flickered):
        scanned = msgspec.structs.replace(sound, inputs=msgspec.structs.replace(sound.inputs, levels=tripped))
        assert LAWS["RUN while a stop contact is open"](scanned)
        assert LAWS["a trip while the belt runs does not latch"](scanned) is (contact not in PAUSING)


def test_a_run_out_of_time_says_that_it_is_not_closed() -> None:
    found = explore(depth=60, limit_s=0.5)
    assert found.closed is False
    assert found.expanded < found.states


def test_the_same_is_found_again() -> None:
    one, other = explore(depth=1), explore(depth=1)
    assert msgspec.structs.asdict(one) == msgspec.structs.asdict(other)
