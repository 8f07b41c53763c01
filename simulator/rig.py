"""Real processes in real time: broker, controller and telemetry as they ship over the simulated treadmill, and scenarios on it."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.hardware.settings import LoadCellSettings, PinSettings
from messages.plan import Plan
from messages.wire import Snapshot
from simulator.broker import Broker
from simulator.demo_configuration import BASE_TOPIC, write_configuration, write_plan, write_screening
from simulator.heard import HeardEvent
from simulator.listener import Listener
from simulator.load_cell import CellParameters
from simulator.pins import PinBoard
from simulator.play import Player
from simulator.plot import plot
from simulator.processes import controller_process, prepare_session, telemetry_process
from simulator.scenarios import Action, Scenario
from simulator.stall_probe import StallProbe
from simulator.therapist import Therapist, therapist_of
from simulator.trace import Trace
from simulator.treadmill import RealTimeTreadmill
from simulator.verdict import Summary, judge

ATTEMPTS = 3
"""A run on a machine that stalled is void, and is repeated at most twice."""
_DEVICES = "/dev/shm"
"""Where the simulated devices appear: below /dev, as the configuration asks, and never written to a disk."""
_READY_S = 15.0
_EVENTS_SETTLE_S = 0.7
_EVENTS_ARRIVE_S = 8.0
Report = Callable[[str], None]


class RigError(RuntimeError):
    """The product's processes did not come up; the message says what they said last."""


class Rig:
    """Everything that runs, in a directory that goes when it is left. As a context manager it is up when entered."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._temporary = tempfile.TemporaryDirectory(prefix="sternway-demo-")
        self.directory = Path(self._temporary.name)
        self.broker = Broker(self.directory / "broker")
        self._devices = tempfile.TemporaryDirectory(prefix="sternway-", dir=_DEVICES)
        devices = Path(self._devices.name)
        self.configuration = write_configuration(self.directory, devices, self.broker.port)
        cell = CellParameters()
        load_cell = LoadCellSettings(counts_zero=cell.zero_counts, newtons_per_count=cell.newtons_per_count)
        pins = devices / "pins"
        self.board = PinBoard.create(pins, PinSettings(), load_cell)
        self.treadmill = RealTimeTreadmill(devices, self.board, seed, self.directory / "controller.sock")
        self.controller = controller_process(self.configuration, self.directory, pins)
        self.telemetry = telemetry_process(self.configuration, self.directory)
        self.probe = StallProbe(devices / "stalls")
        self.machinery = RealMachinery(self)
        self.listener: Listener | None = None

    def __enter__(self) -> Self:
        try:
            self.broker.start()
            self.listener = Listener(self.broker.port, BASE_TOPIC)
            if not self.listener.wait_connected(_READY_S):
                raise RigError("nobody answers at the broker")
            self.treadmill.start()
            self.telemetry.start()
            self.controller.start()
            self._wait_for_snapshot()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    @property
    def worst_stall_ms(self) -> float:
        """Of the machine, or of the simulator's own loop."""
        return max(self.probe.worst_ms, self.treadmill.worst_gap_ms)

    def forget_stalls(self) -> None:
        """Starting processes is allowed to take time; what counts begins now."""
        self.probe.reset()
        self.treadmill.worst_gap_ms = 0.0

    def _wait_for_snapshot(self) -> None:
        deadline = time.monotonic() + _READY_S
        while self.treadmill.snapshot is None:
            if time.monotonic() > deadline or not self.controller.alive:
                raise RigError(f"the controller did not come up:\n{self.controller.last_words()}")
            time.sleep(0.05)

    def _close(self) -> None:
        self.machinery.close()
        self.controller.end()
        self.telemetry.end()
        if self.listener is not None:
            self.listener.close()
        self.broker.stop()
        self.treadmill.close()
        self.probe.close()
        self.board.close()
        self._devices.cleanup()
        self._temporary.cleanup()


class RealMachinery:
    """What befalls processes and cables. Signals and cables at once; what takes time, in a thread."""

    def __init__(self, rig: Rig) -> None:
        self._helper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="machinery")
        cable = rig.treadmill.cable
        self._at_once: dict[Action, Callable[[], None]] = {
            Action.FREEZE: rig.controller.freeze,
            Action.THAW: rig.controller.thaw,
            Action.KILL: rig.controller.kill,
            Action.KILL_TELEMETRY: rig.telemetry.kill,
            Action.UNPLUG: cable.unplug,
            Action.PLUG_IN: cable.plug_in,
        }
        self._in_time: dict[Action, Callable[[], None]] = {
            Action.RESTART: rig.controller.start,
            Action.RESTART_TELEMETRY: rig.telemetry.start,
            Action.STOP_BROKER: rig.broker.stop,
            Action.START_BROKER: lambda: rig.broker.start(wait=False),
        }

    def befall(self, action: Action) -> None:
        """Does it; raises KeyError for what no machine can suffer."""
        if action in self._at_once:
            self._at_once[action]()
        else:
            self._helper.submit(self._in_time[action])

    def close(self) -> None:
        """Waits for what is under way."""
        self._helper.shutdown(wait=True)


def play(scenario: Scenario, seed: int, report: Report, picture: Path | None = None) -> Summary:
    """Plays a scenario on real processes; a run on a machine that stalled is said to be void, and repeated at most twice."""
    for attempt in range(1, ATTEMPTS + 1):
        summary = _play_once(scenario, seed, report, picture)
        if summary.outcome != "void":
            return summary
        report(f"void: the machine stood still for {summary.worst_stall_ms:.0f} ms (attempt {attempt} of {ATTEMPTS})")
    return summary


def _play_once(scenario: Scenario, seed: int, report: Report, picture: Path | None) -> Summary:
    with Rig(seed) as rig:
        treadmill = rig.treadmill
        therapist = therapist_of(scenario, treadmill.world, treadmill.random)
        player = Player(scenario, treadmill.world, therapist, rig.machinery)
        trace = Trace(treadmill.world)
        treadmill.heard_host.append(player.hear_host)

        def look(snapshot: Snapshot | None, lines: tuple[str, ...]) -> None:
            trace.snapshot = snapshot
            if not player.over:
                player.look(snapshot, lines)

        treadmill.looks.append(look)
        report(f"{scenario.name}: {scenario.description}")
        report(f"broker {rig.broker.address}, topics {BASE_TOPIC}/#")
        _wait_for(rig, lambda seen: seen.state == "standby", "standby")  # the therapist resets what a first start latches
        _propose_if_due(rig, player, therapist)
        rig.forget_stalls()
        _follow(rig, player, therapist, report)
        stall_ms = rig.worst_stall_ms
        final = treadmill.snapshot
        now_ns = treadmill.world.now_ns
        events = _wait_for_events(rig)
        summary = judge(player, final, events, now_ns=now_ns, stall_ms=stall_ms, seed=seed)
        if picture is not None:
            plot(picture, trace, player.actions, events, summary)
        return summary


def _propose_if_due(rig: Rig, player: Player, therapist: Therapist) -> None:
    """Prepares the session that is due, as people do."""
    plan = player.plan_due(rig.treadmill.snapshot)
    if plan is None:
        return
    result = propose(rig, player.scenario, plan)
    said = f"{result.stdout}{result.stderr}"
    if result.returncode == 0:
        therapist.helps = False
    elif player.scenario.expected.refused:
        player.hear_refusal(" ".join(said.split()))
    else:
        raise RigError(f"the session was not prepared:\n{said}")


def propose(rig: Rig, scenario: Scenario, plan: Plan) -> subprocess.CompletedProcess[str]:
    """Writes a plan and its patient's records of today, and proposes the session."""
    today = datetime.now().astimezone().date()
    records = write_screening(rig.directory, scenario.patient(plan, today))
    return prepare_session(rig.configuration, write_plan(rig.directory, plan), records)


def _wait_for(rig: Rig, condition: Callable[[Snapshot], bool], what: str) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        seen = rig.treadmill.snapshot
        if seen is not None and condition(seen):
            return
        if time.monotonic() > deadline or rig.treadmill.failure is not None:
            state = "unheard" if seen is None else f"{seen.state} {seen.cause} {seen.display}"
            words = f"{rig.controller.last_words()}\n{rig.telemetry.last_words()}"
            raise RigError(f"no {what}: {state}\n{words}") from rig.treadmill.failure
        time.sleep(0.05)


def _follow(rig: Rig, player: Player, therapist: Therapist, report: Report) -> None:
    """Says each change of state, and each event as it reaches the broker, until the play is over."""
    shown = ""
    told = 0
    while not player.over:
        if rig.treadmill.failure is not None:
            raise RigError("the simulated treadmill failed") from rig.treadmill.failure
        _propose_if_due(rig, player, therapist)
        seen = rig.treadmill.snapshot
        line = "" if seen is None else f"{seen.state} {seen.phase} | {seen.display[0].strip()} | {seen.display[2].strip()}"
        if line.split("|", maxsplit=1)[0] != shown.split("|", maxsplit=1)[0]:
            report(line)
        shown = line
        events = rig.listener.events() if rig.listener is not None else []
        for event in events[told:]:
            report(f"  event {event.id} {event.code}: {event.text}" + (f" ({event.detail})" if event.detail else ""))
        told = len(events)
        time.sleep(0.1)


def _wait_for_events(rig: Rig) -> list[HeardEvent]:
    """The events as the broker delivered them, once no more come."""
    listener = rig.listener
    if listener is None:
        return []
    deadline = time.monotonic() + _EVENTS_ARRIVE_S
    count, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        events = listener.events()
        if len(events) != count:
            count, since = len(events), time.monotonic()
        elif time.monotonic() - since > _EVENTS_SETTLE_S:
            break
        time.sleep(0.05)
    return listener.events()
