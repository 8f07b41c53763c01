"""The demo in a terminal: a scenario on the live screen, and then the panel in the hands of whoever sits there."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live

from messages.plan import Plan
from messages.wire import Snapshot
from simulator.demo_configuration import BASE_TOPIC
from simulator.keys import KEYS, Keyboard
from simulator.play import Player
from simulator.rig import Rig, propose
from simulator.scenarios import Scenario
from simulator.screen import View, draw
from simulator.therapist import Lines, therapist_of
from simulator.verdict import judge

_FRAME_S = 0.12
_UNHEARD_NS = 600_000_000
_OUTPUTS = ("lamp_red", "lamp_yellow", "buzzer", "nurse_call")


class _Stage:
    """One rig with a therapist and a play; what the keys do and what the screen shows."""

    def __init__(self, rig: Rig, scenario: Scenario) -> None:
        treadmill = rig.treadmill
        self.rig = rig
        self.scenario = scenario
        self.therapist = therapist_of(scenario, treadmill.world, treadmill.random)
        self.player = Player(scenario, treadmill.world, self.therapist, rig.machinery)
        self.caption = scenario.description
        treadmill.heard_host.append(self.player.hear_host)
        treadmill.looks.append(self._look)

    def _look(self, snapshot: Snapshot | None, lines: Lines) -> None:
        """In the treadmill's thread. After the play the therapist still looks, unless the autopilot is off."""
        if self.player.over:
            self.therapist.look(lines)
        else:
            self.player.look(snapshot, lines)

    def prepare_when_ready(self) -> None:
        """Once in standby, what a therapist types."""
        plan = self.player.plan_due(self.rig.treadmill.snapshot)
        if plan is not None:
            self.therapist.helps = False
            self.prepare(plan)

    def prepare(self, plan: Plan) -> None:
        """`sternway prepare PLAN`."""
        result = propose(self.rig, self.scenario, plan)
        if result.returncode != 0:
            said = (result.stderr or result.stdout).strip()
            self.caption = said.splitlines()[-1]
            if self.scenario.expected.refused and not self.player.over:
                self.rig.treadmill.ask(lambda: self.player.hear_refusal(" ".join(said.split())))

    def press(self, name: str) -> None:
        """A key of the table."""
        key = KEYS.get(name)
        if key is not None:
            self.rig.treadmill.ask(lambda: key.deed(self.rig, self.therapist))

    def view(self) -> View:
        """What the screen shows now."""
        treadmill = self.rig.treadmill
        seen = treadmill.snapshot
        return View(
            world=treadmill.world,
            therapist=self.therapist,
            snapshot=seen,
            heard=seen is not None and time.monotonic_ns() - seen.at_ns < _UNHEARD_NS,
            lines=tuple(treadmill.display.lines),
            outputs={name: self.rig.board.output(name).level for name in _OUTPUTS},
            events=self.rig.listener.events() if self.rig.listener is not None else [],
            broker=self.rig.broker.address,
            topics=BASE_TOPIC,
            caption=self.caption,
        )


def show(scenario: Scenario, seed: int) -> bool:
    """Plays, then leaves the panel to the keys until q. Returns whether the expected outcome had come."""
    console = Console()
    with console.status("starting broker, controller, telemetry ..."):
        rig = Rig(seed)
        rig.__enter__()
    try:
        return _perform(_Stage(rig, scenario), console)
    finally:
        rig.__exit__(None, None, None)


def _perform(stage: _Stage, console: Console) -> bool:
    rig = stage.rig
    rig.forget_stalls()
    passed = judged = False
    with Keyboard() as keyboard, Live(console=console, screen=True, auto_refresh=False) as live:
        while rig.treadmill.failure is None:
            stage.prepare_when_ready()
            if stage.player.over and not judged:
                judged = True
                passed = _end_of_play(stage)
            live.update(draw(stage.view()), refresh=True)
            pressed = keyboard.wait(_FRAME_S)
            if pressed == "q":
                break
            if pressed == "p":
                stage.prepare(stage.scenario.plan)
            else:
                stage.press(pressed)
    return passed if judged else rig.treadmill.failure is None


def _end_of_play(stage: _Stage) -> bool:
    """Judges, says so, and hands over."""
    rig = stage.rig
    events = rig.listener.events() if rig.listener is not None else []
    summary = judge(
        stage.player,
        rig.treadmill.snapshot,
        events,
        now_ns=rig.treadmill.world.now_ns,
        stall_ms=rig.worst_stall_ms,
        seed=rig.seed,
    )
    stop = summary.trip_to_stop_command_ms
    took = f", STOP {stop:.0f} ms after the trip, {summary.belt_travel_after_cause_m} m of belt" if stop is not None else ""
    stage.caption = f"{stage.scenario.name}: {summary.outcome}{took}. The panel is yours: t for the autopilot, q to leave."
    stage.therapist.works = False
    return summary.passed
