"""The demo in a terminal: a scenario on the live screen, and then the panel in the hands of whoever sits there."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live

from messages.wire import Snapshot
from simulator.demo_configuration import BASE_TOPIC
from simulator.keys import KEYS, Keyboard
from simulator.play import Player
from simulator.rig import Rig, propose
from simulator.scenarios import Scenario
from simulator.screen import View, draw
from simulator.therapist import Lines, Therapist
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
        self.therapist = Therapist(treadmill.world, treadmill.random, scenario.rises)
        self.player = Player(scenario, treadmill.world, self.therapist, rig.machinery)
        self.caption = scenario.description
        self.prepared = False
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
        seen = self.rig.treadmill.snapshot
        if not self.prepared and seen is not None and seen.state == "standby":
            self.prepared = True
            self.prepare()
            self.therapist.helps = False

    def prepare(self) -> None:
        """`sternway prepare PLAN`."""
        result = propose(self.rig, self.scenario)
        if result.returncode != 0:
            self.caption = (result.stderr or result.stdout).strip().splitlines()[-1]

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
                stage.prepare()
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
