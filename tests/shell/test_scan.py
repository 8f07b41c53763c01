"""One scan of the real machine, with fake devices at the protocols; channel, ring, memory, core and firmware are the real ones."""

import contextlib
import itertools
import socket
import time
from collections import deque
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from controller.channel import Channel
from controller.core.chart import State
from controller.core.commands import Action, DriveCommand
from controller.core.display_text import Lines
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.readings import DriveReading, Levels, LoadSample
from controller.core.state import CoreState, Outputs, ScanInputs, SessionRequest
from controller.event_ring import EventRing
from controller.flight_recorder import FlightRecorder
from controller.gatekeeper import gatekeeper
from controller.hardware.errors import HardwareError
from controller.memory import Memory, Remembered
from controller.peers import own_user_only
from controller.rail_loads import NoRailCells, RailLoadSource
from controller.restart_budget import WINDOW_NS
from controller.scan import SNAPSHOT_NS, WIND_DOWN_NS, Controller, Devices
from controller.session.admission import Admission
from controller.session.facts import FIXED_FLAT
from controller.session.local_day import Clock
from controller.session.settings import ClinicalSettings
from messages.patient import Flag, FlagName, Grade, Screening
from messages.plan import Phase, PhaseKind, Plan
from messages.wire import (
    MAXIMUM_MESSAGE_BYTES,
    About,
    Acknowledge,
    Cancel,
    EventRecord,
    FromController,
    Health,
    Heartbeat,
    Prepare,
    Reply,
    SessionRecord,
    Snapshot,
    SocketRequest,
    Stop,
    decode_from_controller,
    encode,
)
from simulator.patients import returning_patient
from tests.core.machine import MS, PERIOD_NS, PLAN, WEIGHT_N, Machine
from tests.replay.recorded import flight_header

ABOUT = About(version="0", boot_id="b", clinic="c", treadmill="t", drive={}, limits={})
HEARTBEAT_SCANS = 50
MEMORY_WITHIN_S = 5.0
KERNEL_BOOT = "kernel-1"
WALL_CLOCK_S = 1_767_225_600.0
NO_RAIL_CELLS = NoRailCells()
TODAY = date(2026, 1, 1)


def as_sent(request: SocketRequest | SessionRequest) -> SocketRequest:
    """What a test hands to the core itself comes over the socket here, with a patient who may walk."""
    if not isinstance(request, SessionRequest):
        return request
    return Prepare(request.request, request.origin, request.plan, returning_patient(request.plan, TODAY))


class FakeDevices:
    """All five devices, in front of the machine in virtual time. `calls` has what the last scan did, in order."""

    def __init__(self, machine: "Treadmill") -> None:
        self.machine = machine
        self.calls: list[str] = []
        self.command: DriveCommand | None = None
        self.lines: Lines | None = None
        self.failing = ""
        self.indicators: dict[str, bool] = {}
        self.received_at_ns = 0

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.failing:
            raise HardwareError(f"{name} fails", "mend it.")

    def read(self, now_ns: int) -> Levels:
        self._call("read")
        return Levels(now_ns, self.machine.closed, self.machine.edges)

    def write(self, *, lamp_red: bool, lamp_yellow: bool, buzzer: bool, nurse_call: bool) -> None:
        self._call("write")
        self.indicators = {"red": lamp_red, "yellow": lamp_yellow, "buzzer": buzzer, "nurse_call": nurse_call}

    def pulse(self) -> None:
        self._call("pulse")

    def drain(self) -> tuple[LoadSample, ...]:
        self._call("drain")
        return self.machine.samples()

    def receive(self, now_ns: int) -> DriveReading | None:
        self._call("receive")
        self.received_at_ns = now_ns
        return self.machine.reading()

    def send(self, command: DriveCommand) -> None:
        self._call("send")
        self.command = command

    @property
    def healthy(self) -> bool:
        return self.machine.display

    def show(self, lines: Lines) -> None:
        self._call("show")
        self.lines = lines

    def status(self, status: str) -> None:
        self.status_line = status

    def watchdog(self) -> None:
        self._call("watchdog")

    @property
    def unready(self) -> tuple[str, ...]:
        return self.machine.unready

    @property
    def health(self) -> Health:
        return Health(temperature_c=51.5)


class NotedChannel(Channel):
    """The real channel; notes what it is told among the devices' calls."""

    calls: list[str]

    def publish(self, snapshot: Snapshot) -> None:
        self.calls.append("publish")
        super().publish(snapshot)

    def record_session(self, record: SessionRecord) -> None:
        self.calls.append("record_session")
        super().record_session(record)

    def answer(self, reply: Reply) -> None:
        self.calls.append("answer")
        super().answer(reply)

    def send_events(self) -> None:
        self.calls.append("send_events")
        super().send_events()


class NotedRing(EventRing):
    """The real ring, likewise."""

    calls: list[str]

    def append(self, record: EventRecord) -> None:
        self.calls.append("append")
        super().append(record)


class NotedRecorder(FlightRecorder):
    """The real recorder, likewise."""

    calls: list[str]

    def record(self, before: CoreState, inputs: ScanInputs, outputs: Outputs | None, now_ns: int) -> None:
        self.calls.append("record")
        super().record(before, inputs, outputs, now_ns)


class Treadmill(Machine):
    """The machine of the core's tests, scanned by `Controller.cycle`, with telemetry as a client on the real socket."""

    def __init__(self, directory: Path, rail_loads: RailLoadSource = NO_RAIL_CELLS) -> None:
        super().__init__()
        self.directory = directory
        self.rail_loads = rail_loads
        self.acknowledges = True
        self.said: list[str] = []
        self.heard: deque[bytes] = deque(maxlen=4096)
        self._boot()

    def _boot(self) -> None:
        self.devices = FakeDevices(self)
        self.ring = NotedRing(self.directory / "events.ring")
        self.memory = Memory(self.directory / "controller.json")
        self.recorder = NotedRecorder(self.directory, flight_header(self.settings), self.said.append)
        self.channel = NotedChannel(self.directory / "socket", self.ring, lambda: ABOUT, own_user_only())
        self.ring.calls = self.channel.calls = self.recorder.calls = self.devices.calls
        self.controller = Controller(
            Devices(self.devices, self.devices, self.devices, self.devices, self.devices, self.devices, rail_loads=self.rail_loads),
            self.settings,
            self.channel,
            self.ring,
            self.memory,
            gatekeeper(self.settings.core, ClinicalSettings(), lambda: Clock(TODAY, trusted=True), FIXED_FLAT),
            self.recorder,
            boot_id="b00t",
            now_ns=self.now_ns,
            wall_clock=lambda: WALL_CLOCK_S,
            kernel_boot=KERNEL_BOOT,
        )
        self.client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.client.connect(str(self.directory / "socket"))
        self.client.setblocking(False)

    def scan(self) -> None:
        self.now_ns += PERIOD_NS
        self._scans += 1
        self._advance_drive()
        self.devices.calls.clear()
        if self.telemetry and self._scans % HEARTBEAT_SCANS == 1:
            self.client.send(encode(Heartbeat("telemetry", True)))
        for request in map(as_sent, self.requests):
            self.client.send(encode(request))
        self.requests.clear()
        self.controller.cycle(self.now_ns, self.lateness_ns)
        self.edges, self.lateness_ns = 0, 0
        self.state, self.outputs = self.controller.state, self.controller.outputs
        self.happenings += self.outputs.happenings
        self.answers += self.outputs.answers
        self._obey()
        self._listen()

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram = self.client.recv(MAXIMUM_MESSAGE_BYTES)
                self.heard.append(datagram)
                message = decode_from_controller(datagram)
                if self.acknowledges and isinstance(message, EventRecord):
                    self.client.send(encode(Acknowledge(message.id)))

    def samples(self) -> tuple[LoadSample, ...]:
        return self._samples()

    def reading(self) -> DriveReading | None:
        return self._reading

    def told(self, kind: type[FromController]) -> list:
        """What telemetry got of this kind, oldest first."""
        return [message for message in map(decode_from_controller, self.heard) if isinstance(message, kind)]

    def reboot(self, *, cleanly: bool) -> None:
        """The controller's process ends and another begins, on what the last one left."""
        if cleanly:
            self.controller.close(failed=False)
        else:
            self._wait_for_memory()
        self.shut()
        self._boot()

    def _wait_for_memory(self) -> None:
        """The disk takes real time, of which virtual time knows nothing: a kill comes after this life's first word is on it."""
        deadline = time.monotonic() + MEMORY_WITHIN_S
        while not self._is_remembered():
            assert time.monotonic() < deadline, f"nothing was remembered: {self.memory.failure}"
            time.sleep(0.002)

    def _is_remembered(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            content = (self.directory / "controller.json").read_bytes()
            return not msgspec.json.decode(content, type=Remembered).clean
        return False

    def shut(self) -> None:
        self.client.close()
        self.channel.close()
        self.ring.close()
        self.recorder.close()


@pytest.fixture
def treadmill(tmp_path: Path) -> Iterator[Treadmill]:
    """In standby, with the first start's latch (no clean-stop marker yet) behind it."""
    made = Treadmill(tmp_path)
    made.run(2.0)
    if made.chart is not State.STANDBY:
        made.press(Input.RESET)
        made.run(0.2)
    assert made.chart is State.STANDBY, made.where()
    yield made
    made.shut()


def to_walking(treadmill: Treadmill) -> None:
    treadmill.prepare()
    treadmill.start()


@pytest.mark.hazard("H-20", "C-TWO-PROCESSES")
def test_a_stop_is_on_its_way_to_the_drive_before_anybody_is_told(treadmill: Treadmill) -> None:
    to_walking(treadmill)
    treadmill.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    treadmill.scan()
    calls = treadmill.devices.calls
    assert treadmill.devices.command.action is Action.STOP
    told = {"write", "pulse", "record", "append", "answer", "record_session", "publish", "show", "send_events"} & set(calls)
    assert {"write", "record", "append", "record_session"} <= told
    assert calls.index("send") < min(calls.index(name) for name in told)
    assert calls.count("send") == 1


def test_everything_is_read_before_the_drive_is_told(treadmill: Treadmill) -> None:
    treadmill.scan()
    calls = treadmill.devices.calls
    assert max(calls.index(name) for name in ("receive", "read", "drain")) < calls.index("send")
    assert treadmill.devices.received_at_ns == treadmill.now_ns


def test_the_indicators_are_what_the_core_decided(treadmill: Treadmill) -> None:
    treadmill.scan()
    assert treadmill.devices.indicators["red"] is False
    treadmill.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    treadmill.run(0.2)
    assert treadmill.devices.indicators["red"] is True
    assert treadmill.told(Snapshot)[-1].lamps == treadmill.devices.indicators


@pytest.mark.parametrize(("late_ms", "fed"), [(0, True), (50, True), (50.001, False), (400, False)])
@pytest.mark.hazard("H-17", "H-20", "C-PULSE", "C-LATE-SCAN")
def test_only_a_scan_on_time_feeds_the_pulse_and_the_watchdog(treadmill: Treadmill, late_ms: float, fed: bool) -> None:
    assert treadmill.settings.core.supervision.late_stop_ms == 50
    treadmill.lateness_ns = int(late_ms * MS)
    treadmill.scan()
    assert ("pulse" in treadmill.devices.calls) is fed
    assert ("watchdog" in treadmill.devices.calls) is fed
    assert "send" in treadmill.devices.calls
    treadmill.scan()
    assert {"pulse", "watchdog"} <= set(treadmill.devices.calls)


@pytest.mark.hazard("H-05", "C-PULSE")
def test_while_power_was_to_be_off_a_scan_on_time_feeds_the_watchdog_and_no_pulse(treadmill: Treadmill) -> None:
    to_walking(treadmill)
    treadmill.drive.set_faults(motor_reversed=True)
    treadmill.run_until(lambda made: made.state.power_off, 5)
    assert {"pulse", "watchdog"} & set(treadmill.devices.calls) == {"watchdog"}


@pytest.mark.parametrize("failing", ["read", "write", "pulse"])
def test_a_device_that_fails_ends_the_scan_and_is_not_hidden(treadmill: Treadmill, failing: str) -> None:
    treadmill.devices.failing = failing
    with pytest.raises(HardwareError, match=f"{failing} fails"):
        treadmill.scan()
    assert "watchdog" not in treadmill.devices.calls


@pytest.mark.hazard("H-23", "C-CAPS")
def test_a_plan_over_the_caps_is_answered_and_never_reaches_the_core(treadmill: Treadmill) -> None:
    ceiling = treadmill.settings.core.speed.ceiling_m_s
    fast = msgspec.structs.replace(PLAN, phases=(*PLAN.phases[:1], Phase(PhaseKind.WORK, 20, ceiling + 0.05), *PLAN.phases[-1:]))
    treadmill.requests.append(Prepare("too-fast", "test", fast, returning_patient(fast, TODAY)))
    treadmill.scan()
    assert treadmill.outputs.answers == ()
    replies = treadmill.told(Reply)
    assert [(reply.request, reply.accepted) for reply in replies] == [("too-fast", False)]
    assert "speed_m_s" in replies[0].reason
    assert treadmill.chart is State.STANDBY


def test_a_session_without_screening_is_refused_with_what_to_do(treadmill: Treadmill) -> None:
    treadmill.requests.append(Prepare("unscreened", "test", PLAN))
    treadmill.scan()
    assert treadmill.outputs.answers == ()
    (reply,) = treadmill.told(Reply)
    assert (reply.accepted, reply.session) == (False, "")
    assert "prepare with a screening" in reply.reason
    assert treadmill.chart is State.STANDBY


def test_a_refused_patient_never_reaches_the_core_and_every_reason_is_named(treadmill: Treadmill) -> None:
    screening = returning_patient(PLAN, TODAY)
    flag = Flag(name=FlagName.OSTEOPOROSIS, grade=Grade.SEVERE, on=TODAY, by="physio-1")
    profile = msgspec.structs.replace(screening.profile, flags=(flag,))
    today = msgspec.structs.replace(screening.today, systolic_mm_hg=201, pain=7)
    screening = msgspec.structs.replace(screening, profile=profile, today=today)
    treadmill.requests.append(Prepare("no", "test", PLAN, screening))
    treadmill.scan()
    (reply,) = treadmill.told(Reply)
    assert not reply.accepted
    (event,) = [event for event in treadmill.told(EventRecord) if event.code == "request-refused"]
    assert event.detail["reason"] == "screening and plan: 3 reasons against it", "what is wrong with a patient is in no event"
    for words in ("flags.osteoporosis = severe", "systolic_mm_hg = 201: allowed is 90 to 200 mmHg", "today.pain = 7"):
        assert words in reply.reason
    assert treadmill.chart is State.STANDBY


def test_nobody_is_screened_while_a_session_runs_nor_twice_in_a_scan(treadmill: Treadmill, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    admit = treadmill.controller._admit
    monkeypatch.setattr(
        treadmill.controller, "_admit", lambda plan, screening: asked.append(plan.patient) or admit(plan, screening)
    )
    sound = Prepare("one", "test", PLAN, returning_patient(PLAN, TODAY))
    treadmill.open(Input.CLIP)
    treadmill.run(0.2)
    treadmill.requests += [msgspec.structs.replace(sound, plan=with_speed(5.0)), msgspec.structs.replace(sound, request="two")]
    treadmill.scan()
    assert [(reply.request, reply.accepted) for reply in treadmill.told(Reply)] == [("one", False), ("two", False)]
    assert "at the same time" in treadmill.told(Reply)[1].reason
    assert len(asked) == 1
    treadmill.requests.append(sound)
    treadmill.scan()
    assert treadmill.chart is State.PREPARED
    treadmill.requests.append(msgspec.structs.replace(sound, request="three"))
    treadmill.scan()
    assert treadmill.told(Reply)[-1].reason == "the treadmill is in state prepared; a session is prepared in standby"
    assert len(asked) == 2


@pytest.mark.hazard("H-20", "C-TWO-PROCESSES")
def test_of_many_stops_at_once_the_core_gets_one_and_each_is_answered(treadmill: Treadmill) -> None:
    to_walking(treadmill)
    treadmill.run(2)
    treadmill.requests += [Stop(str(number), "test") for number in range(6)]
    treadmill.scan()
    assert [answer.request for answer in treadmill.outputs.answers] == ["0"]
    assert [event.code for event in treadmill.told(EventRecord)].count("network-stop") == 1
    assert [(reply.request, reply.accepted) for reply in treadmill.told(Reply)[-6:]] == [(str(number), True) for number in range(6)]
    calls = treadmill.devices.calls
    assert calls.index("send") < calls.index("answer")


def test_a_flood_of_stops_washes_nothing_out_of_the_flight_recorder(treadmill: Treadmill) -> None:
    """A minute at 100 scans a second stays; each stop would stand on it twice, as it came and as it was answered."""
    scans = 300
    first = treadmill.recorder._number
    for number in range(scans):
        treadmill.requests += [Stop("r" * 64, "o" * 128) for _ in range(8)]
        treadmill.scan()
        assert treadmill.outputs.answers, number
    assert treadmill.recorder._number - first <= scans // 100 + 1


@pytest.mark.parametrize("asked", [True, False], ids=["cancelled", "lapsed"])
def test_a_prepared_session_that_is_taken_back_does_not_stay_prepared(treadmill: Treadmill, asked: bool) -> None:
    """The journal would call it interrupted at the next boot."""
    treadmill.prepare()
    treadmill.run(0.2)
    if asked:
        treadmill.requests.append(Cancel("c", "test"))
    treadmill.run_until(lambda machine: machine.chart is State.STANDBY, 400)
    treadmill.run(0.1)
    last = treadmill.told(SessionRecord)[-1]
    assert (last.session, last.status) == ("b00t-1", "cancelled" if asked else "lapsed")


def test_a_session_that_is_over_and_left_stays_as_it_ended(treadmill: Treadmill) -> None:
    to_walking(treadmill)
    treadmill.run(2)
    treadmill.requests.append(Stop("s", "test"))
    treadmill.run_until(lambda machine: machine.chart is State.PAUSED, 20)
    treadmill.run(2)
    treadmill.requests.append(Cancel("c", "test"))
    treadmill.run_until(lambda machine: machine.chart is State.COMPLETE, 20)
    treadmill.open(Input.CLIP)
    treadmill.run_until(lambda machine: machine.chart is State.STANDBY, 20)
    assert treadmill.told(SessionRecord)[-1].status == "ended"


def with_speed(speed_m_s: float) -> Plan:
    return msgspec.structs.replace(PLAN, phases=(*PLAN.phases[:1], Phase(PhaseKind.WORK, 20, speed_m_s), *PLAN.phases[-1:]))


def test_the_limits_that_reach_the_core_are_the_controllers_own(treadmill: Treadmill) -> None:
    treadmill.open(Input.CLIP)
    treadmill.run(0.2)
    screening = returning_patient(PLAN, TODAY)
    profile = msgspec.structs.replace(screening.profile, belt_time_s=300.0, ceiling_m_s=0.35)
    treadmill.requests.append(Prepare("good", "test", PLAN, msgspec.structs.replace(screening, profile=profile)))
    treadmill.scan()
    limits = treadmill.state.exercise.limits
    assert (limits.ceiling_m_s, limits.belt_time_s, limits.check_interval_s) == (0.35, 300.0, 300.0)


def test_the_day_for_which_somebody_vouched_is_told_with_the_session(treadmill: Treadmill) -> None:
    treadmill.open(Input.CLIP)
    treadmill.run(0.2)
    admit = treadmill.controller._admit

    def admitted(plan: Plan, screening: Screening | None) -> Admission:
        admission = admit(plan, screening)
        assert admission.limits is not None
        return msgspec.structs.replace(admission, limits=msgspec.structs.replace(admission.limits, vouched_on=TODAY))

    treadmill.controller._admit = admitted
    treadmill.requests.append(Prepare("good", "test", PLAN, returning_patient(PLAN, TODAY)))
    treadmill.scan()
    assert [record.vouched_on for record in treadmill.told(SessionRecord)] == [TODAY]


def test_a_plan_within_the_caps_is_accepted_by_the_core(treadmill: Treadmill) -> None:
    treadmill.open(Input.CLIP)
    treadmill.run(0.2)
    treadmill.requests.append(Prepare("good", "test", PLAN, returning_patient(PLAN, TODAY)))
    treadmill.scan()
    assert [(reply.request, reply.accepted) for reply in treadmill.told(Reply)] == [("good", True)]
    assert treadmill.chart is State.PREPARED
    assert [record.status for record in treadmill.told(SessionRecord)] == ["prepared"]


def test_a_stop_from_the_socket_is_sent_in_the_scan_that_reads_it(treadmill: Treadmill) -> None:
    to_walking(treadmill)
    treadmill.scan()
    assert treadmill.devices.command.action is Action.RUN
    treadmill.requests.append(Stop("s", "test"))
    treadmill.scan()
    assert treadmill.devices.command.action is Action.STOP


@pytest.mark.hazard("H-32", "C-EVENTS-KEPT")
def test_event_ids_grow_by_one_over_a_kill_with_the_same_ring(treadmill: Treadmill) -> None:
    treadmill.run(0.1)  # what the start told is acknowledged by now
    before = [event.id for event in treadmill.told(EventRecord)]
    treadmill.acknowledges = False
    treadmill.open(Input.LANYARD)
    treadmill.run(0.1)
    unacknowledged = [event.id for event in treadmill.told(EventRecord)][len(before) :]
    assert before
    assert unacknowledged

    treadmill.heard.clear()
    treadmill.close(Input.LANYARD)
    treadmill.acknowledges = True
    treadmill.reboot(cleanly=False)
    treadmill.run(3.0)
    after = [event.id for event in treadmill.told(EventRecord)]
    assert after[: len(unacknowledged)] == unacknowledged, "what was not acknowledged is told again"
    assert len(after) > len(unacknowledged)
    ids = [*before, *after]
    assert all(later - earlier == 1 for earlier, later in itertools.pairwise(ids)), ids


@pytest.mark.hazard("H-32", "C-EVENTS-KEPT")
def test_a_first_life_killed_before_it_told_anything_leaves_no_gap(tmp_path: Path) -> None:
    treadmill = Treadmill(tmp_path)
    try:
        treadmill.run(0.1)
        assert not treadmill.told(EventRecord)
        treadmill.reboot(cleanly=False)
        treadmill.run(2.0)
        treadmill.press(Input.RESET)
        treadmill.run(0.2)
        assert [event.id for event in treadmill.told(EventRecord)][:1] == [1]
    finally:
        treadmill.shut()


def test_after_a_kill_with_an_empty_ring_no_id_comes_twice(treadmill: Treadmill) -> None:
    treadmill.display = False
    treadmill.run(0.2)  # an event after which nothing is written to the disk: its id is one of those promised ahead
    assert treadmill.told(EventRecord)[-1].code == "display-lost"
    before = [event.id for event in treadmill.told(EventRecord)]
    assert treadmill.ring.highest_id == 0, "all of them are acknowledged"
    treadmill.heard.clear()
    treadmill.reboot(cleanly=False)
    treadmill.run(3.0)
    after = [event.id for event in treadmill.told(EventRecord)]
    assert after
    assert min(after) > max(before)


@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
def test_a_clean_stop_is_found_again_and_a_kill_is_not(treadmill: Treadmill) -> None:
    treadmill.run(1.5)
    treadmill.reboot(cleanly=True)
    treadmill.run(3.0)
    assert treadmill.chart is State.STANDBY
    treadmill.reboot(cleanly=False)
    treadmill.run(3.0)
    assert treadmill.chart is State.FAULT, treadmill.where()
    assert treadmill.told(Snapshot)[-1].cause == "unclean-start"


def test_winding_down_brings_the_belt_to_rest_and_then_says_so(treadmill: Treadmill) -> None:
    to_walking(treadmill)
    treadmill.run(1.0)
    assert treadmill.belt_m_s > 0.05
    speeds: list[float] = []
    treadmill.controller.wind_down(lambda: speeds.append(treadmill.belt_m_s))
    treadmill.scan()
    assert treadmill.devices.command.action is Action.STOP
    treadmill.run_until(lambda _: bool(speeds), 10)
    assert speeds[0] < 0.005
    assert treadmill.state.drive.standstill


def test_winding_down_at_rest_ends_with_the_next_scan(treadmill: Treadmill) -> None:
    treadmill.run(1.5)
    ended: list[bool] = []
    treadmill.controller.wind_down(lambda: ended.append(True))
    treadmill.scan()
    assert ended


def test_winding_down_does_not_wait_for_ever_for_a_belt_that_does_not_stop(treadmill: Treadmill) -> None:
    treadmill.status_changes = {"measured_mm_s": 300}
    treadmill.run(0.2)
    began_ns = treadmill.now_ns
    ended_ns: list[int] = []
    treadmill.controller.wind_down(lambda: ended_ns.append(treadmill.now_ns))
    treadmill.run(WIND_DOWN_NS / 1e9 + 0.1)
    assert ended_ns
    assert 0 < ended_ns[0] - began_ns - WIND_DOWN_NS <= 2 * PERIOD_NS


def test_the_status_line_says_state_and_cause(treadmill: Treadmill) -> None:
    to_walking(treadmill)
    assert treadmill.devices.status_line == "warm up"
    treadmill.open(Input.CLIP)
    treadmill.run(0.1)
    assert treadmill.devices.status_line == "protective stop: Harness clip open"


def test_a_snapshot_comes_every_100_ms(treadmill: Treadmill) -> None:
    treadmill.run(0.1)
    treadmill.heard.clear()
    treadmill.run(2.0)
    snapshots = treadmill.told(Snapshot)
    assert len(snapshots) == 20
    pairs = list(itertools.pairwise(snapshots))
    assert all(later.at_ns - earlier.at_ns == SNAPSHOT_NS for earlier, later in pairs)
    assert all(later.sequence - earlier.sequence == 1 for earlier, later in pairs)
    assert treadmill.devices.lines == snapshots[-1].display


def test_a_snapshot_carries_the_worst_lateness_of_its_scans_only(treadmill: Treadmill) -> None:
    while "publish" not in treadmill.devices.calls:
        treadmill.scan()
    treadmill.heard.clear()
    treadmill.run(0.03)
    treadmill.lateness_ns = 7 * MS
    treadmill.run(0.17)
    assert [snapshot.lateness_ms for snapshot in treadmill.told(Snapshot)] == [7.0, 0.0]


def test_a_sample_newer_than_the_scan_waits_for_the_next(treadmill: Treadmill) -> None:
    """The scan was put aside between reading the clock and the samples: what is there then is not from the future, only early."""
    to_walking(treadmill)
    usual = treadmill.samples

    def early() -> tuple[LoadSample, ...]:
        return tuple(msgspec.structs.replace(sample, measured_at_ns=treadmill.now_ns + 5 * MS) for sample in usual())

    treadmill.samples = early  # type: ignore[method-assign]
    treadmill.run(3)
    assert treadmill.chart is State.WARM_UP
    assert treadmill.state.estimate.load.measured_at_ns <= treadmill.now_ns
    assert treadmill.now_ns - treadmill.state.estimate.load.measured_at_ns < 40 * MS


def begin_again(treadmill: Treadmill, starts: int) -> None:
    """The process is killed once its last word, with so many unclean starts, is on the disk; and another begins."""
    path = treadmill.directory / "controller.json"
    deadline = time.monotonic() + MEMORY_WITHIN_S
    while len(msgspec.json.decode(path.read_bytes(), type=Remembered).unclean_starts) != starts:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    treadmill.reboot(cleanly=False)
    treadmill.run(2.0)


def test_the_third_unclean_start_in_five_minutes_latches_and_says_why(treadmill: Treadmill) -> None:
    begin_again(treadmill, 1)
    assert treadmill.state.stopped_by is Event.UNCLEAN_START
    begin_again(treadmill, 2)
    assert treadmill.chart is State.FAULT
    assert treadmill.state.stopped_by is Event.RESTART_LOOP
    assert treadmill.devices.status_line == "fault: Controller restarts again and again"
    assert treadmill.devices.lines[1].strip() == "Controller restarts"
    assert treadmill.told(Snapshot)[-1].cause == "restart-loop"
    treadmill.requests.append(Prepare("p", "test", PLAN, returning_patient(PLAN, TODAY)))
    treadmill.scan()
    assert [(reply.request, reply.accepted) for reply in treadmill.told(Reply)] == [("p", False)]
    treadmill.press(Input.RESET)
    treadmill.run(0.2)
    assert treadmill.chart is State.STANDBY, "a hand that has seen it may go on"


def remembers(treadmill: Treadmill, cause: str) -> None:
    """Waits until the cause is on the disk."""
    deadline = time.monotonic() + MEMORY_WITHIN_S
    path = treadmill.directory / "controller.json"
    while not path.exists() or cause not in msgspec.json.decode(path.read_bytes(), type=Remembered).causes:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def begins(treadmill: Treadmill) -> tuple[str, ...]:
    """What each start so far has said about the life before it."""
    told = [event for event in treadmill.told(EventRecord) if event.code in ("unclean-start", "self-test-failed")]
    return tuple(str(event.detail.get("latched_before", "")) for event in told)


@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
def test_a_death_wipes_out_no_cause(treadmill: Treadmill) -> None:
    """The mushroom was pressed before the kill, and again it is when the next life looks; only a hand's RESET forgets it."""
    treadmill.run(1.5)
    treadmill.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    treadmill.run(0.2)
    remembers(treadmill, "emergency-pressed")
    treadmill.reboot(cleanly=False)
    treadmill.run(22.0)
    assert "emergency-pressed" in begins(treadmill)[-1]
    remembers(treadmill, "self-test-failed")
    treadmill.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    treadmill.reboot(cleanly=False)
    treadmill.run(3.0)
    assert {"emergency-pressed", "self-test-failed"} <= set(begins(treadmill)[-1].split(", "))
    treadmill.press(Input.RESET)
    treadmill.run(0.5)
    assert treadmill.chart is State.STANDBY, treadmill.where()
    assert treadmill.state.latched_before == ()


@pytest.mark.hazard("H-03", "C-UNCLEAN-START")
def test_who_ends_it_before_its_self_test_has_reset_nothing(treadmill: Treadmill) -> None:
    treadmill.run(1.5)
    treadmill.reboot(cleanly=False)
    treadmill.run(0.3)
    assert treadmill.chart is State.SELF_TEST
    treadmill.reboot(cleanly=True)
    treadmill.run(3.0)
    assert treadmill.chart is State.FAULT, treadmill.where()


@pytest.mark.hazard("H-16", "C-TWO-CHANNELS")
@pytest.mark.parametrize("cleanly", [True, False])
@pytest.mark.parametrize("ends_after_s", [1.2, 12.0], ids=["in the self-test", "latched"])
def test_channels_at_odds_in_a_self_test_are_remembered_by_the_next_life(
    treadmill: Treadmill, cleanly: bool, ends_after_s: float
) -> None:
    """One of them may be welded: both have to be seen open, in however many lives."""
    treadmill.run(1.5)
    treadmill.reboot(cleanly=True)
    treadmill.open(Input.EMERGENCY_A)
    treadmill.run(ends_after_s)
    assert not treadmill.state.channels_proved
    remembers(treadmill, "emergency-discrepancy")
    treadmill.close(Input.EMERGENCY_A)
    treadmill.reboot(cleanly=cleanly)
    treadmill.run(13.0)
    treadmill.press(Input.RESET)
    treadmill.run(1.0)
    assert treadmill.chart is State.FAULT, treadmill.where()
    treadmill.open(Input.EMERGENCY_A, Input.EMERGENCY_B)
    treadmill.run(0.5)
    treadmill.close(Input.EMERGENCY_A, Input.EMERGENCY_B)
    treadmill.run(0.5)
    treadmill.press(Input.RESET)
    treadmill.run(1.0)
    assert treadmill.chart is State.STANDBY, treadmill.where()


@pytest.mark.hazard("H-21", "C-HANGING")
def test_an_orderly_end_under_somebody_who_hangs_is_no_clean_stop(treadmill: Treadmill) -> None:
    """An upgrade in a pause forgets the session, and may not forget who is in the strap."""
    to_walking(treadmill)
    treadmill.open(Input.STOP)
    treadmill.to_rest()
    treadmill.close(Input.STOP)
    treadmill.load_n = 0.4 * WEIGHT_N
    treadmill.run(61.0)
    assert treadmill.devices.indicators["nurse_call"]
    treadmill.reboot(cleanly=True)
    treadmill.run(4.0)
    assert treadmill.chart is State.FAULT, treadmill.where()
    assert treadmill.devices.indicators["nurse_call"]


def test_unclean_starts_that_lie_apart_are_only_unclean_starts(treadmill: Treadmill) -> None:
    begin_again(treadmill, 1)
    treadmill.now_ns += WINDOW_NS
    begin_again(treadmill, 2)
    assert treadmill.state.unclean_starts == 1
    assert treadmill.state.stopped_by is Event.UNCLEAN_START


def test_why_no_patient_may_come_is_published_shown_and_answered(treadmill: Treadmill) -> None:
    treadmill.unready = ("not calibrated", "under-voltage")
    treadmill.run(0.2)
    snapshot = treadmill.told(Snapshot)[-1]
    assert snapshot.unready == ("not calibrated", "under-voltage")
    assert snapshot.health == Health(temperature_c=51.5)
    assert treadmill.devices.status_line.startswith("standby")
    assert treadmill.devices.status_line.endswith("; no patient yet: not calibrated, under-voltage")
    assert [line.strip() for line in treadmill.devices.lines] == ["STANDBY, but:", "not calibrated", "under-voltage", ""]
    treadmill.requests.append(Prepare("p", "test", PLAN, returning_patient(PLAN, TODAY)))
    treadmill.scan()
    (reply,) = treadmill.told(Reply)
    assert not reply.accepted
    assert "not calibrated, under-voltage" in reply.reason


def test_every_status_of_the_drive_is_told_once_in_a_snapshot(treadmill: Treadmill) -> None:
    """Foot strikes are found in them afterwards: at ten a second they would not show."""
    treadmill.run(0.1)
    treadmill.heard.clear()
    treadmill.run(2.0)
    speeds = [speed for snapshot in treadmill.told(Snapshot) for speed in snapshot.belt_speeds]
    ticks = [speed.at_ms for speed in speeds]
    assert len(set(ticks)) == len(ticks)
    assert ticks == sorted(ticks)
    assert 95 <= len(ticks) <= 105, "50 Hz"
