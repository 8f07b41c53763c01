"""The watch over the drive: each finding at its time, once, and standstill only when it is proven."""

import msgspec
import pytest

from controller.core.chart import State
from controller.core.commands import Action, DriveCommand
from controller.core.drive_watch import Asked, DriveWatchState, watch_drive
from controller.core.events import Event
from controller.core.inputs import Input
from controller.core.readings import Direction, DriveReading, DriveState
from controller.core.settings import DriveSettings
from messages.plan import Phase, PhaseKind
from tests.core.machine import PLAN, WEIGHT_N, Machine
from tests.core.told import check_told

MS = 1_000_000
SETTINGS = DriveSettings()
READING = DriveReading(
    received_at_ns=0,
    nonce=7,
    tick_ms=0,
    state=DriveState.RUNNING,
    measured_mm_s=300,
    direction=Direction.BACKWARD_GAIT,
    commanded_mm_s=300,
    granted_mm_s=300,
    distance_mm=0,
    current_ma=500,
    faults=0,
    start_closed=False,
    faster_closed=False,
    stop_input_closed=True,
    relay_closed=True,
    contactors_closed=2,
    refusal=0,
)
RUNNING = Asked(set_point_m_s=0.3, stopping=False, deceleration_m_s2=0.0, must_rest=False, start_closed=False, chain_open=False)
STOPPING = Asked(set_point_m_s=0.0, stopping=True, deceleration_m_s2=0.3, must_rest=False, start_closed=False, chain_open=False)


class Watch:
    """Feeds one STATUS every 10 ms."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * MS
        self.state = DriveWatchState()
        self.events: list[tuple[int, Event]] = []
        self.run_ms(200)
        assert not self.events

    def run_ms(self, duration_ms: int, asked: Asked = RUNNING, *, frozen_tick: bool = False, **changes: object) -> None:
        began = self.now_ns
        while self.now_ns < began + duration_ms * MS:
            self.now_ns += 10 * MS
            tick = self.state.tick_ms if frozen_tick else self.now_ns // MS
            fields = {"received_at_ns": self.now_ns, "tick_ms": tick, **changes}
            self.step(msgspec.structs.replace(READING, **fields), asked)

    def step(self, reading: DriveReading | None, asked: Asked = RUNNING) -> None:
        self.state, self.facts, happenings = watch_drive(self.state, reading, asked, SETTINGS, self.now_ns)
        check_told(happenings, self.now_ns)
        self.events += [(self.now_ns, happening.event) for happening in happenings]

    def after_ms(self, event: Event, began_ns: int) -> float:
        times = [at for at, name in self.events if name is event]
        assert len(times) == 1, f"{event} was said {len(times)} times: {self.events}"
        return (times[0] - began_ns) / MS


@pytest.mark.parametrize(
    ("changes", "event", "least_ms", "most_ms"),
    [
        ({"measured_mm_s": 451}, Event.RUNAWAY, 150, 170),
        ({"measured_mm_s": 50, "direction": Direction.WRONG}, Event.WRONG_DIRECTION, 40, 60),
        ({"measured_mm_s": 0}, Event.BELT_STALLED, 1000, 1020),
        ({"refusal": 3}, Event.RUN_REFUSED, 100, 120),
        ({"stop_input_closed": False}, Event.DRIVE_STOP_INPUT_OPEN, 0, 10),
        ({"state": DriveState.LATCHED, "faults": 2}, Event.DRIVE_STOP_INPUT_OPEN, 0, 10),
        ({"state": DriveState.FAULT, "faults": 4}, Event.DRIVE_FAULT, 0, 10),
        ({"state": DriveState.LATCHED, "faults": 1}, Event.LEASE_LOST, 0, 10),
        ({"state": DriveState.BRAKING, "faults": 1}, Event.LEASE_LOST, 0, 10),
        ({"nonce": 8}, Event.DRIVE_RESTARTED, 0, 10),
        ({"start_closed": True}, Event.START_DISAGREES, 300, 320),
        ({"frozen_tick": True}, Event.DRIVE_TICK_STUCK, 100, 120),
    ],
)
@pytest.mark.hazard("H-05", "H-06", "C-UNKNOWN-DRIVE")
def test_each_finding_at_its_time_and_once(changes: dict, event: Event, least_ms: float, most_ms: float) -> None:
    watch = Watch()
    began = watch.now_ns
    watch.run_ms(2_000, **changes)
    assert least_ms <= watch.after_ms(event, began) <= most_ms
    others = {name for _, name in watch.events} - {event}
    assert not others


PULLED = msgspec.structs.replace(STOPPING, chain_open=True)


@pytest.mark.hazard("H-16", "C-CHAIN-CONTACTS")
def test_a_chain_that_the_drive_sees_closed_is_found_300_ms_after_a_stop_and_once() -> None:
    watch = Watch()
    began = watch.now_ns
    watch.run_ms(1_000, PULLED, measured_mm_s=0)
    assert 300 <= watch.after_ms(Event.STOP_CHAIN_CLOSED, began) <= 310
    assert Event.STOP_CHAIN_CLOSED in watch.state.reported
    watch.run_ms(10, STOPPING, measured_mm_s=0)
    assert not watch.state.reported, "the stop is put back"
    watch.run_ms(310, PULLED, measured_mm_s=0)
    assert [name for _, name in watch.events] == [Event.STOP_CHAIN_CLOSED] * 2


@pytest.mark.hazard("H-16", "C-CHAIN-CONTACTS")
def test_a_chain_that_opened_before_the_limit_or_after_it_is_no_finding_any_more() -> None:
    for late_ms in (290, 400):
        watch = Watch()
        watch.run_ms(late_ms, PULLED, measured_mm_s=0)
        watch.run_ms(10, PULLED, measured_mm_s=0, stop_input_closed=False)
        watch.run_ms(1_000, PULLED, measured_mm_s=0)
        assert not watch.state.reported
        assert ((Event.STOP_CHAIN_CLOSED in {name for _, name in watch.events}) is True) == (late_ms == 400)


@pytest.mark.hazard("H-16", "C-CHAIN-CONTACTS")
def test_what_the_drive_saw_before_it_fell_silent_does_not_count() -> None:
    watch = Watch()
    watch.run_ms(200, PULLED, measured_mm_s=0)
    stale = msgspec.structs.replace(READING, received_at_ns=watch.now_ns)
    for _ in range(50):
        watch.now_ns += 10 * MS
        watch.step(stale, PULLED)
    assert watch.facts.heard is False
    watch.run_ms(290, PULLED, measured_mm_s=0)
    assert Event.STOP_CHAIN_CLOSED not in {name for _, name in watch.events}
    watch.run_ms(30, PULLED, measured_mm_s=0)
    assert Event.STOP_CHAIN_CLOSED in {name for _, name in watch.events}


@pytest.mark.hazard("H-28", "C-UNKNOWN-DRIVE")
def test_a_foot_strike_is_no_runaway() -> None:
    watch = Watch()
    for _ in range(20):
        watch.run_ms(100, measured_mm_s=460)
        watch.run_ms(100, measured_mm_s=300)
    assert not watch.events


def test_the_limit_itself_is_no_runaway() -> None:
    """Numbers that binary fractions hold exactly: 0.375 m/s measured, 0.25 asked, 0.125 allowed."""
    settings = msgspec.structs.replace(SETTINGS, overspeed_m_s=0.125)
    asked = msgspec.structs.replace(RUNNING, set_point_m_s=0.25)
    for measured_mm_s, is_fast in ((375, False), (376, True)):
        reading = msgspec.structs.replace(READING, measured_mm_s=measured_mm_s, received_at_ns=1000 * MS)
        state, _, _ = watch_drive(DriveWatchState(), reading, asked, settings, 1000 * MS)
        assert bool(state.fast_since_ns) is is_fast


@pytest.mark.hazard("H-18", "C-UNKNOWN-DRIVE")
def test_a_stale_status_is_silence_and_no_standstill_until_it_would_have_coasted() -> None:
    watch = Watch()
    reading = msgspec.structs.replace(READING, received_at_ns=watch.now_ns, tick_ms=1)
    began = watch.now_ns
    while watch.now_ns < began + 8_000 * MS:
        watch.now_ns += 10 * MS
        watch.step(reading)
        silent_ms = (watch.now_ns - began) / MS - 80
        assert watch.facts.standstill == (silent_ms >= SETTINGS.coasting_time_s * 1000 + 10)
        assert watch.facts.heard == (watch.now_ns - began <= 80 * MS)
    assert 80 < watch.after_ms(Event.DRIVE_SILENT, began) <= 90


def test_a_status_from_the_future_counts_as_silence() -> None:
    watch = Watch()
    watch.step(msgspec.structs.replace(READING, received_at_ns=watch.now_ns + 1))
    assert not watch.facts.heard


def test_standstill_needs_a_second_below_two_centimetres_a_second() -> None:
    watch = Watch()
    watch.run_ms(990, STOPPING, measured_mm_s=19)
    assert not watch.facts.standstill
    watch.run_ms(30, STOPPING, measured_mm_s=19)
    assert watch.facts.standstill
    watch.run_ms(10, STOPPING, measured_mm_s=20)
    assert not watch.facts.standstill


SUSPECTED_MS = SETTINGS.coasting_time_s * 1000


@pytest.mark.parametrize("found", ["by the firmware", "here"])
@pytest.mark.hazard("H-11", "C-UNKNOWN-DRIVE")
def test_an_encoder_that_died_under_a_moving_belt_proves_no_standstill_until_it_would_have_coasted(found: str) -> None:
    watch = Watch()
    if found == "here":
        watch.run_ms(1_010, measured_mm_s=0)
        assert Event.BELT_STALLED in [event for _, event in watch.events]
        faults = 0
    else:
        faults = 8
        watch.run_ms(10, STOPPING, measured_mm_s=0, faults=faults, state=DriveState.FAULT)
    watch.run_ms(SUSPECTED_MS - 50, STOPPING, measured_mm_s=0, faults=faults)
    assert not watch.facts.standstill
    watch.run_ms(60, STOPPING, measured_mm_s=0, faults=faults)
    assert watch.facts.standstill


@pytest.mark.hazard("H-11", "C-UNKNOWN-DRIVE")
def test_an_encoder_that_sees_motion_again_or_is_started_anew_is_trusted() -> None:
    watch = Watch()
    watch.run_ms(1_010, measured_mm_s=0)
    watch.run_ms(20, STOPPING, measured_mm_s=100)
    watch.run_ms(1_020, STOPPING, measured_mm_s=0)
    assert watch.facts.standstill
    watch = Watch()
    watch.run_ms(1_010, measured_mm_s=0)
    watch.run_ms(500, STOPPING, measured_mm_s=0)
    watch.run_ms(20, measured_mm_s=0)
    watch.run_ms(1_000, STOPPING, measured_mm_s=0)
    assert watch.facts.standstill


def test_a_new_watch_suspects_no_encoder_however_lately_the_computer_began() -> None:
    state, now_ns = DriveWatchState(), 0
    for _ in range(110):
        now_ns += 10 * MS
        reading = msgspec.structs.replace(
            READING, received_at_ns=now_ns, tick_ms=now_ns // MS, measured_mm_s=0, state=DriveState.IDLE
        )
        state, facts, _ = watch_drive(state, reading, STOPPING, SETTINGS, now_ns)
    assert facts.standstill


@pytest.mark.hazard("H-11", "C-UNKNOWN-DRIVE")
def test_braking_that_does_not_brake() -> None:
    watch = Watch()
    began = watch.now_ns
    watch.run_ms(3_000, STOPPING)
    due_ms = 300 / 0.3 + SETTINGS.braking_margin_s * 1000
    assert due_ms <= watch.after_ms(Event.BRAKING_FAILED, began) <= due_ms + 30


@pytest.mark.parametrize(("gentle_m_s2", "hard_m_s2"), [(0.15, 1.0), (0.15, 0.5), (0.3, 1.0)])
@pytest.mark.hazard("H-11", "C-UNKNOWN-DRIVE")
def test_a_stop_that_is_made_harder_is_due_as_early_as_a_new_one(gentle_m_s2: float, hard_m_s2: float) -> None:
    watch = Watch()
    watch.run_ms(200, msgspec.structs.replace(STOPPING, deceleration_m_s2=gentle_m_s2), measured_mm_s=1000)
    began = watch.now_ns
    watch.run_ms(3_000, msgspec.structs.replace(STOPPING, deceleration_m_s2=hard_m_s2), measured_mm_s=1000)
    due_ms = 1000 / hard_m_s2 + SETTINGS.braking_margin_s * 1000
    assert due_ms <= watch.after_ms(Event.BRAKING_FAILED, began) <= due_ms + 30


@pytest.mark.hazard("H-11", "C-UNKNOWN-DRIVE")
def test_who_falls_in_a_gentle_stop_waits_no_longer_for_the_power_to_be_cut() -> None:
    """The whole core: STOP, then a fall, and by what the drive says the belt does not brake."""
    machine = Machine()
    machine.to_walking()
    machine.run(1)
    machine.open(Input.STOP)
    machine.status_changes = {"measured_mm_s": 200}
    machine.run(0.2)
    machine.load_n = 0.8 * WEIGHT_N
    machine.run_until(lambda m: Event.HARNESS_LOADED in m.events, 0.1)
    hardest_m_s2 = machine.settings.core.ramp.loaded_deceleration_m_s2
    waited_s = machine.run_until(lambda m: m.state.power_off, 3)
    assert Event.BRAKING_FAILED in machine.events
    assert waited_s == pytest.approx(0.2 / hardest_m_s2 + SETTINGS.braking_margin_s, abs=0.03)


@pytest.mark.hazard("H-11", "C-UNKNOWN-DRIVE")
def test_the_belt_is_due_by_the_braking_that_is_ordered() -> None:
    """Weight that comes into the strap after a stop makes the order harder; by what the drive says the belt does not brake."""
    machine = Machine()
    machine.to_walking()
    machine.run(1)
    machine.open(Input.DECK_REAR)
    machine.status_changes = {"measured_mm_s": 240}
    machine.run(0.05)
    ordered_mm_s2 = machine.outputs.command.rate_mm_s2
    machine.load_n = 0.15 * WEIGHT_N
    machine.run_until(lambda m: m.outputs.command.rate_mm_s2 > ordered_mm_s2, 0.1)
    hardest_m_s2 = machine.outputs.command.rate_mm_s2 / 1000
    assert hardest_m_s2 == machine.settings.core.ramp.loaded_deceleration_m_s2
    assert machine.chart is State.PROTECTIVE_STOP
    waited_s = machine.run_until(lambda m: Event.BRAKING_FAILED in m.events, 3)
    assert waited_s == pytest.approx(0.24 / hardest_m_s2 + SETTINGS.braking_margin_s, abs=0.03)


@pytest.mark.hazard("H-11", "C-UNKNOWN-DRIVE")
def test_a_stop_under_a_load_that_goes_again_is_never_made_softer() -> None:
    """The belt is due by the hardest braking that was ordered: a softer order after it would look like a brake that failed."""
    machine = Machine()
    plan = msgspec.structs.replace(PLAN, phases=(Phase(PhaseKind.WARM_UP, 30, 0.25), Phase(PhaseKind.WORK, 600, 0.25)))
    machine.to_walking(plan)
    machine.run(5)
    machine.commands_lost = True  # by what the drive says the belt moves all the while
    machine.open(Input.DECK_REAR)
    machine.run(0.05)
    machine.load_n = 0.15 * WEIGHT_N
    machine.run(0.1)
    hardest_mm_s2 = machine.outputs.command.rate_mm_s2
    machine.load_n = 0.0
    for _ in range(10):
        machine.scan()
        assert machine.outputs.command == DriveCommand(Action.STOP, rate_mm_s2=hardest_mm_s2)


def test_a_stop_made_harder_at_its_end_is_not_due_later_than_before() -> None:
    watch = Watch()
    began = watch.now_ns
    watch.run_ms(900, STOPPING)
    watch.run_ms(2_000, msgspec.structs.replace(STOPPING, deceleration_m_s2=0.31))
    due_ms = 300 / 0.3 + SETTINGS.braking_margin_s * 1000
    assert due_ms <= watch.after_ms(Event.BRAKING_FAILED, began) <= due_ms + 30


def test_neither_a_noisy_speed_nor_a_gentler_wish_moves_the_time_when_the_belt_must_rest() -> None:
    watch = Watch()
    watch.run_ms(10, STOPPING)
    due_ns = watch.state.stop_due_ns
    for measured_mm_s in (350, 20, 290):
        watch.run_ms(50, STOPPING, measured_mm_s=measured_mm_s)
        watch.run_ms(50, msgspec.structs.replace(STOPPING, deceleration_m_s2=0.15), measured_mm_s=measured_mm_s)
        assert watch.state.stop_due_ns == due_ns


def test_a_deceleration_that_is_no_number_puts_nothing_off() -> None:
    watch = Watch()
    watch.run_ms(10, STOPPING)
    due_ns = watch.state.stop_due_ns
    watch.run_ms(50, msgspec.structs.replace(STOPPING, deceleration_m_s2=float("nan")))
    assert watch.state.stop_due_ns == due_ns
    watch.run_ms(50, msgspec.structs.replace(STOPPING, deceleration_m_s2=0.6))
    assert watch.state.stop_due_ns < due_ns


def test_the_next_stop_has_a_time_of_its_own() -> None:
    watch = Watch()
    watch.run_ms(100, msgspec.structs.replace(STOPPING, deceleration_m_s2=1.0))
    watch.run_ms(100)
    began = watch.now_ns
    watch.run_ms(3_000, STOPPING)
    due_ms = 300 / 0.3 + SETTINGS.braking_margin_s * 1000
    assert due_ms <= watch.after_ms(Event.BRAKING_FAILED, began) <= due_ms + 30


def test_motion_where_the_belt_must_rest() -> None:
    watch = Watch()
    began = watch.now_ns
    resting = msgspec.structs.replace(STOPPING, must_rest=True)
    watch.run_ms(50, resting, measured_mm_s=20, direction=Direction.BACKWARD_GAIT)
    assert watch.after_ms(Event.MOTION_AT_REST, began) <= 10


@pytest.mark.parametrize("faults", [1, 2, 3])
def test_why_the_drive_stopped_is_no_news_once_the_belt_should_rest(faults: int) -> None:
    watch = Watch()
    watch.run_ms(3_000, STOPPING, state=DriveState.LATCHED, faults=faults, measured_mm_s=0)
    assert not watch.events
    assert watch.facts.healthy
