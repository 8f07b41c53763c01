"""One scan of the real machine: read everything, decide, tell the drive first, then everybody else.

`Controller.cycle` is synchronous and takes the time; the real loop and the simulator call the same one. Nothing in it waits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from controller.channel import Channel
from controller.core.chart import LATCHED_STATES, MOVING_STATES, State
from controller.core.commands import DriveCommand
from controller.core.display_text import Lines, display_lines
from controller.core.events import RULES, Event, Happening
from controller.core.preparation import Step
from controller.core.readings import DriveReading, Levels, LoadSample
from controller.core.start import missing_to_start
from controller.core.state import Answer, CoreState, Outputs, Request, ScanInputs, SessionRequest, Settings
from controller.core.step import start_state, step
from controller.event_ring import EventRing
from controller.memory import ID_RESERVE, Memory, Remembered
from controller.rail_loads import NoRailCells, RailLoadSource
from controller.restart_budget import unclean_starts
from controller.session.admission import Admission
from controller.snapshot import FromShell, event_record, session_record_after, snapshot
from messages.patient import Screening
from messages.plan import Plan
from messages.wire import BeltSpeed, Health, Prepare, Refused, Reply, SocketRequest, Stop

SNAPSHOT_NS = 100_000_000
WIND_DOWN_NS = 12_000_000_000
"""Longest wait for the belt before the process ends: beyond braking from the highest speed at the gentlest rate."""
MAXIMUM_SAMPLES_A_SCAN = 64
MAXIMUM_BELT_SPEEDS = 16
LONGEST_REASON = 8000
"""Characters of an answer: every reason is named, and the datagram stays below its limit."""


class Inputs(Protocol):
    """The digital inputs and outputs of the Pi."""

    def read(self, now_ns: int) -> Levels:
        """Polls every level; takes the edges seen since the last call."""

    def write(self, *, lamp_red: bool, lamp_yellow: bool, buzzer: bool, nurse_call: bool) -> None:
        """Sets the indicators."""

    def pulse(self) -> None:
        """Feeds the hardware watchdog."""


class LoadCell(Protocol):
    """The harness load cell."""

    def drain(self) -> tuple[LoadSample, ...]:
        """Takes the samples since the last call."""


class DriveLink(Protocol):
    """The drive, in the core's terms."""

    def receive(self, now_ns: int) -> DriveReading | None:
        """The latest STATUS, or None when there was none yet."""

    def send(self, command: DriveCommand) -> None:
        """Writes at most one frame; never waits."""


class Display(Protocol):
    """The character display, written by its own thread."""

    @property
    def healthy(self) -> bool:
        """Whether it acknowledged lately."""

    def show(self, lines: Lines) -> None:
        """Hands over the newest lines."""


class ServiceManager(Protocol):
    """Whoever restarts the process when scans stop."""

    def watchdog(self) -> object:
        """A scan finished on time."""

    def status(self, status: str) -> object:
        """One line for people."""


class Readiness(Protocol):
    """Whether the machine may take a patient, found out by another thread."""

    @property
    def unready(self) -> tuple[str, ...]:
        """The reasons why not, in the words of the display."""

    @property
    def health(self) -> Health:
        """The computer's state."""


class Recorder(Protocol):
    """Keeps what went into each scan and what came of it; never raises and never waits."""

    def record(self, before: CoreState, inputs: ScanInputs, outputs: Outputs | None, now_ns: int) -> None:
        """One scan; outputs is None where the core failed."""


class Devices(msgspec.Struct, frozen=True):
    """Everything at the edge."""

    inputs: Inputs
    load_cell: LoadCell
    drive: DriveLink
    display: Display
    service_manager: ServiceManager
    readiness: Readiness
    rail_loads: RailLoadSource = NoRailCells()
    """Not among what the scan reads: only the snapshot has it."""


class Controller:
    """The scan with its edges. Holds no decision: those are all in the core's state."""

    def __init__(
        self,
        devices: Devices,
        settings: Settings,
        channel: Channel,
        ring: EventRing,
        memory: Memory,
        admit: Callable[[Plan, Screening | None], Admission],
        recorder: Recorder,
        *,
        boot_id: str,
        now_ns: int,
        wall_clock: Callable[[], float],
        kernel_boot: str,
    ) -> None:
        """admit: which session may be prepared (`controller.gatekeeper`). now_ns: monotonic. wall_clock: seconds since 1970, only
        for what people read. kernel_boot: names the computer's boot."""
        self._devices = devices
        self._settings = settings
        self._channel = channel
        self._ring = ring
        self._memory = memory
        self._admit = admit
        self._recorder = recorder
        self._wall_clock = wall_clock
        found = memory.found
        self._next_event_id = ring.first_id(found.reserved_event_id)
        self._reserved_event_id = 0
        self._sequence = 0
        self._snapshot_due_ns = now_ns
        self._worst_lateness_ns = 0
        self._early_samples: tuple[LoadSample, ...] = ()
        self._belt_speeds: tuple[BeltSpeed, ...] = ()
        self._belt_tick_ms = -1
        self._further_stops: tuple[Stop, ...] = ()
        self._when_at_rest: Callable[[], None] | None = None
        self._wind_down_until_ns = 0
        self._unclean_starts = unclean_starts(found, kernel_boot, now_ns)
        self.state: CoreState = start_state(boot_id, not found.clean, now_ns, len(self._unclean_starts), found.causes)
        self.outputs: Outputs | None = None
        self._remember(force=True)

    # Control C-PULSE.
    def cycle(self, now_ns: int, lateness_ns: int) -> None:
        """One scan at now_ns, which began lateness_ns after it was due. The STOP frame goes out before anything is told."""
        devices = self._devices
        inputs = self._read(now_ns, lateness_ns)
        before = self.state
        try:
            self.state, outputs = step(before, inputs, self._settings, now_ns)
        except Exception:
            self._recorder.record(before, inputs, None, now_ns)
            raise
        self.outputs = outputs
        devices.drive.send(outputs.command)
        devices.inputs.write(
            lamp_red=outputs.lamp_red,
            lamp_yellow=outputs.lamp_yellow,
            buzzer=outputs.buzzer,
            nurse_call=outputs.nurse_call,
        )
        if lateness_ns <= self._settings.core.supervision.late_stop_ms * 1e6:
            if outputs.hold_chain:
                devices.inputs.pulse()
            devices.service_manager.watchdog()
        self._recorder.record(before, inputs, outputs, now_ns)
        self._tell(before, inputs, outputs, now_ns)
        if self._when_at_rest is not None and (self.state.drive.standstill or now_ns > self._wind_down_until_ns):
            self._when_at_rest()

    def wind_down(self, when_at_rest: Callable[[], None]) -> None:
        """The process is to end: stops the belt as anybody may, and calls back when it is at rest; safe in a signal handler."""
        self._wind_down_until_ns = self.state.scanned_ns + WIND_DOWN_NS
        self._when_at_rest = when_at_rest

    def _read(self, now_ns: int, lateness_ns: int) -> ScanInputs:
        devices = self._devices
        drive = devices.drive.receive(now_ns)
        self._collect_belt_speed(drive)
        self._worst_lateness_ns = max(self._worst_lateness_ns, lateness_ns)
        requests = self._judged(self._channel.take(now_ns))
        if self._when_at_rest is not None and self.state.chart in MOVING_STATES:
            requests = (*requests, Stop("wind-down", "service manager"))
        timeout_s = self._settings.core.supervision.telemetry_timeout_s
        return ScanInputs(
            levels=devices.inputs.read(now_ns),
            load_samples=self._samples_until(now_ns),
            drive=drive,
            requests=requests,
            telemetry_present=self._channel.telemetry_present(now_ns, timeout_s),
            display_healthy=devices.display.healthy,
            unready=devices.readiness.unready,
            lateness_ns=lateness_ns,
        )

    def _collect_belt_speed(self, drive: DriveReading | None) -> None:
        """Keeps each STATUS once, for the next snapshot."""
        kept = self._belt_speeds
        if drive is not None and drive.tick_ms != self._belt_tick_ms:
            self._belt_tick_ms = drive.tick_ms
            self._belt_speeds = (*kept, BeltSpeed(drive.tick_ms, drive.measured_mm_s))[-MAXIMUM_BELT_SPEEDS:]

    def _samples_until(self, now_ns: int) -> tuple[LoadSample, ...]:
        """The samples up to the scan's own time. The sampler has a thread of its own: when this one was put aside between reading
        the clock and coming here, newer ones are there already, and a sample from the future would count as unknown."""
        waiting = (*self._early_samples, *self._devices.load_cell.drain())[-MAXIMUM_SAMPLES_A_SCAN:]
        if not waiting:
            return waiting
        early = [sample for sample in waiting if sample.measured_at_ns > now_ns]
        self._early_samples = tuple(early)
        return tuple(sample for sample in waiting if sample.measured_at_ns <= now_ns) if early else waiting

    def _judged(self, messages: tuple[SocketRequest, ...]) -> tuple[Request, ...]:
        """A plan that this patient may not walk today never reaches the core; whoever sent it is told every reason. One stop a scan
        is enough: a flood of them, each on the flight recording, would wash out of it what led to the first."""
        if not messages:
            return ()
        accepted: list[Request] = []
        further: list[Stop] = []
        judged = stopped = False
        for message in messages:
            if isinstance(message, Prepare):
                accepted.append(self._judged_session(message, judged))
                judged = True
            elif isinstance(message, Stop) and stopped:
                further.append(message)
            else:
                stopped = stopped or isinstance(message, Stop)
                accepted.append(message)
        self._further_stops = tuple(further)
        return tuple(accepted)

    def _judged_session(self, message: Prepare, another_was_judged: bool) -> Request:
        """At rest only, and one a scan: judging takes milliseconds, which nobody may take from a belt that moves. The record says
        that a session was refused; why, which tells of the patient, is for whoever asked alone."""
        said, reason, limits = "", "", None
        if self.state.chart is not State.STANDBY:
            reason = f"the treadmill is in state {self.state.chart.value}; a session is prepared in standby"
        elif another_was_judged:
            reason = "another request to prepare came at the same time: ask again"
        else:
            admission = self._admit(message.plan, message.screening)
            limits = admission.limits
            reason = "; ".join(str(problem) for problem in admission.problems)[:LONGEST_REASON]
            said = f"screening and plan: {len(admission.problems)} reasons against it"
        if limits is not None:
            return SessionRequest(message.request, message.origin, message.plan, limits)
        self._channel.answer(Reply(message.request, False, reason))
        return Refused(message.origin, "prepare", said or reason)

    def _tell(self, before: CoreState, inputs: ScanInputs, outputs: Outputs, now_ns: int) -> None:
        time = ""
        if outputs.happenings or outputs.answers:
            time = self._time()
            self._record(outputs.happenings, time)
            self._answer(outputs.answers)
        if self.state.chart is not before.chart or self.state.unready != before.unready:
            self._devices.service_manager.status(self._status())
        if self.state.chart is not before.chart or outputs.happenings:
            record = session_record_after(before, self.state, outputs.happenings, time or self._time())
            if record is not None:
                self._channel.record_session(record)
            self._remember(force=self.state.causes != before.causes)
        if self.state.channels_proved is not before.channels_proved:
            self._remember(force=True)
        if now_ns >= self._snapshot_due_ns:
            self._publish(inputs, outputs, now_ns)
        else:
            self._channel.send_events()

    def _status(self) -> str:
        """What systemctl shows: the state, what stopped the belt, and what keeps patients away."""
        state = self.state
        cause = f": {RULES[state.stopped_by].text}" if state.stopped_by is not None else ""
        unready = f"; no patient yet: {', '.join(state.unready)}" if state.unready else ""
        return f"{state.chart.value.replace('_', ' ')}{cause}{unready}"

    def _record(self, happenings: tuple[Happening, ...], time: str) -> None:
        for happening in happenings:
            self._ring.append(event_record(happening, self._next_event_id, time, self.state))
            self._next_event_id += 1

    def _answer(self, answers: tuple[Answer, ...]) -> None:
        for answer in answers:
            self._channel.answer(Reply(answer.request, answer.accepted, answer.reason, answer.session))
        for stop in self._further_stops:
            self._channel.answer(Reply(stop.request, True, ""))
        self._further_stops = ()

    def _publish(self, inputs: ScanInputs, outputs: Outputs, now_ns: int) -> None:
        self._snapshot_due_ns = max(self._snapshot_due_ns + SNAPSHOT_NS, now_ns)
        lines = display_lines(self.state, self._settings.core, self._missing(now_ns), now_ns)
        self._devices.display.show(lines)
        self._channel.send_events()
        self._sequence += 1
        from_shell = FromShell(
            time=self._time(),
            sequence=self._sequence,
            lost=self._channel.lost_snapshots + self._ring.dropped,
            lateness_ms=self._worst_lateness_ns / 1e6,
            health=self._devices.readiness.health,
            belt_speeds=self._belt_speeds,
            rail_loads=self._devices.rail_loads.read(now_ns),
        )
        self._channel.publish(snapshot(self.state, inputs, outputs, lines, from_shell))
        self._worst_lateness_ns = 0
        self._belt_speeds = ()

    def _missing(self, now_ns: int) -> tuple[str, ...]:
        if self.state.preparation.step is not Step.READY:
            return ()
        return missing_to_start(self.state, self._settings.core, now_ns)

    def _time(self) -> str:
        return datetime.fromtimestamp(self._wall_clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _remember(self, *, force: bool) -> None:
        if not force and self._next_event_id < self._reserved_event_id - ID_RESERVE // 2:
            return
        self._reserved_event_id = self._next_event_id + ID_RESERVE
        self._memory.keep(self._remembered(clean=False))

    def _remembered(self, *, clean: bool, orderly: bool = False) -> Remembered:
        # What was latched when the last life ended stays named until a hand resets: a death wipes out no cause.
        latched = (*self.state.latched_before, *(cause.value for cause in self.state.causes))
        # A self-test that finds emergency channels at odds says so in other words; the next life has to see both open all the same.
        unproved = () if self.state.channels_proved else (Event.EMERGENCY_DISCREPANCY.value,)
        causes = tuple(dict.fromkeys((*latched, *unproved)))
        reserved = self._next_event_id - 1 if clean else self._reserved_event_id
        return Remembered(clean and not causes, causes, reserved, orderly, self._unclean_starts)

    def close(self, *, failed: bool) -> None:
        """The end. The marker of a clean stop is written only when nothing failed or is latched, nobody hangs in the strap and the
        belt is proven at rest."""
        # A life that began latched and ends before its self-test has judged anything has reset nothing.
        unjudged = self.state.chart is State.SELF_TEST and self.state.unclean
        hangs = self.state.hanging.since_ns != 0
        at_rest = self.state.drive.standstill and self.state.chart not in LATCHED_STATES and not unjudged and not hangs
        self._memory.close(self._remembered(clean=at_rest and not failed, orderly=self.state.drive.standstill and not failed))
