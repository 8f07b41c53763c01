"""A treadmill in virtual time for tests of the core: the real firmware's C behind the real codec, hands that press, a load in N.

Nothing is judged here; tests read `happenings`, the drive's own belt and the display's lines.
"""

from __future__ import annotations

import msgspec

from controller.core.balance import BalanceSettings
from controller.core.chart import State
from controller.core.commands import Action
from controller.core.display_text import Lines, display_lines
from controller.core.events import Event, Happening
from controller.core.gate_limits import make_gate_limits
from controller.core.inputs import ALL_INPUTS_MASK, INPUT_TABLE, Contact, Input
from controller.core.load_chain import LoadChainSettings
from controller.core.preparation import Step
from controller.core.readings import Direction, DriveReading, DriveState, Levels, LoadSample
from controller.core.settings import CoreSettings, SpeedSettings
from controller.core.start import missing_to_start
from controller.core.state import GRAVITY_M_S2, Outputs, Request, ScanInputs, SessionRequest, Settings
from controller.core.step import start_state, step
from controller.drive_adapter import reading_of_status
from exploration.limits import treadmill_limits
from firmware_bridge.codec import Decoder, Sender, encode
from firmware_bridge.drive import Clear, Run, StatusFrame, Stop
from messages.plan import Phase, PhaseKind, Plan
from messages.wire import Symptom
from simulator.drive import NativeDrive
from tests.core.told import check_told, check_types

MS = 1_000_000
S = 1000 * MS
PERIOD_NS = 10 * MS
OFF_DELAY_NS = 2 * S
"""The contactors fall so long after the chain has opened."""
NEWTONS_PER_COUNT = 0.01
MASS_KG = 70.0
WEIGHT_N = MASS_KG * GRAVITY_M_S2
NOT_PRESSED = sum(rule.input.bit for rule in INPUT_TABLE if rule.contact is Contact.NORMALLY_OPEN)

PLAN = Plan(
    patient="p-017",
    mass_kg=MASS_KG,
    phases=(
        Phase(PhaseKind.WARM_UP, 12, 0.10),
        Phase(PhaseKind.WORK, 40, 0.20),
        Phase(PhaseKind.REST, 5),
        Phase(PhaseKind.WORK, 10, 0.10),
        Phase(PhaseKind.COOL_DOWN, 6, 0.10),
    ),
)
CORE = CoreSettings(speed=SpeedSettings(increment_interval_s=10.0))


def proposal(request: str, origin: str, plan: Plan, **limits: object) -> SessionRequest:
    """A request as the shell hands it to the core, with what the treadmill allows; `limits` replaces some of it."""
    allowed = msgspec.structs.replace(treadmill_limits(plan, CORE), **limits)
    return SessionRequest(request, origin, plan, allowed)


class Machine:
    """Steps core and firmware together, 10 ms at a time. Levels are changed by `press`, `open` and `close`."""

    def __init__(self, core: CoreSettings = CORE, *, unclean: bool = False, unclean_starts: int = 0) -> None:
        self.settings = Settings(
            core=core,
            load_chain=LoadChainSettings(zero_counts=0.0, newtons_per_count=NEWTONS_PER_COUNT, maximum_n=10_000.0),
            balance=BalanceSettings(),
            gate=make_gate_limits(core),
        )
        self.now_ns = 1_000 * S
        self.closed = ALL_INPUTS_MASK & ~NOT_PRESSED
        self.edges = 0
        self.load_n = 0.0
        self.retractor_n = 0.0
        """What a retractor pulls the strap beside it, while the clip is closed."""
        self.load_silent = False
        self.drive = NativeDrive()
        self.drive_connected = True
        self.buttons_mask = NOT_PRESSED
        self.chain_broken = False
        """The drive's STOP input opens though no input of the Pi shows why."""
        self.chain_shorted = False
        """The drive's STOP input stays closed, whatever is pressed or pulled."""
        self._chain_closed_ns = 0
        self.start_wire_cut = False
        """START reaches the Pi but not the drive."""
        self.commands_lost = False
        self.nonce_garbled = False
        self.status_frozen = False
        self.status_changes: dict[str, int] = {}
        """Fields of the STATUS that the core gets instead of the true ones."""
        self.load_frozen = False
        self.telemetry = True
        self.display = True
        self.unready: tuple[str, ...] = ()
        self.lateness_ns = 0
        self.requests: list[Request] = []
        self.happenings: list[Happening] = []
        self.answers: list = []
        self.inputs: ScanInputs | None = None
        self.outputs: Outputs | None = None
        self._decoder = Decoder(Sender.DRIVE)
        self._reading: DriveReading | None = None
        self._said_state = DriveState.IDLE
        self._sequence = 0
        self._scans = 0
        self.state = start_state("b00t", unclean, self.now_ns, unclean_starts)

    # --- time ------------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.scan()

    def run_until(self, condition, within_s: float) -> float:
        """Runs until condition(self) holds and returns the seconds it took; fails the test when it does not in time."""
        began = self.now_ns
        while not condition(self):
            assert self.now_ns - began < within_s * S, f"not within {within_s} s: {self.where()}"
            self.scan()
        return (self.now_ns - began) / S

    def scan(self) -> None:
        self.now_ns += PERIOD_NS
        self._scans += 1
        self._advance_drive()
        self.inputs = ScanInputs(
            levels=Levels(self.now_ns, self.closed, self.edges),
            load_samples=self._samples(),
            drive=self._reading,
            requests=tuple(self.requests),
            telemetry_present=self.telemetry,
            display_healthy=self.display,
            unready=self.unready,
            lateness_ns=self.lateness_ns,
        )
        self.edges, self.lateness_ns = 0, 0
        self.requests.clear()
        self.state, self.outputs = step(self.state, self.inputs, self.settings, self.now_ns)
        if self.outputs.happenings:
            check_told(self.outputs.happenings, self.now_ns)
            check_types(self.state)
        self.happenings += self.outputs.happenings
        self.answers += self.outputs.answers
        self._obey()

    def _advance_drive(self) -> None:
        chain = all(self.closed & name.bit for name in (Input.EMERGENCY_A, Input.EMERGENCY_B, Input.LANYARD, Input.OVERLOAD))
        chain = (chain or self.chain_shorted) and not self.chain_broken
        self._chain_closed_ns = self.now_ns if chain else self._chain_closed_ns
        powered = self.now_ns - self._chain_closed_ns < OFF_DELAY_NS
        self.drive.set_inputs(
            start=bool(self.closed & Input.START.bit) and not self.start_wire_cut,
            faster=bool(self.closed & Input.FASTER.bit),
            stop_input=chain,
            contactor_1=powered,
            contactor_2=powered,
        )
        self.drive.advance(10_000, 0.0)
        data = self.drive.read()
        if not self.drive_connected:
            return
        for packet in self._decoder.feed(data):
            if isinstance(packet.frame, StatusFrame):
                reading = reading_of_status(packet.frame, self.now_ns)
                self._said_state = reading.state
                if self.status_frozen and self._reading is not None:
                    reading = msgspec.structs.replace(self._reading, received_at_ns=self.now_ns)
                self._reading = msgspec.structs.replace(reading, **self._faked())

    def _faked(self) -> dict[str, object]:
        types = {"state": DriveState, "direction": Direction, "relay_closed": bool}
        return {key: types.get(key, int)(value) for key, value in self.status_changes.items()}

    def _samples(self) -> tuple[LoadSample, ...]:
        """80 samples a second, with a noise floor: the last digits move."""
        if self.load_silent or self._scans % 5 == 4:
            return ()
        noise = 0 if self.load_frozen else (self._scans * 7919) % 41 - 20
        load_n = self.load_n + (self.retractor_n if self.closed & Input.CLIP.bit else 0.0)
        return (LoadSample(self.now_ns - MS, int(load_n / NEWTONS_PER_COUNT) + noise),)

    def _obey(self) -> None:
        command = self.outputs.command
        if command.action is Action.NOTHING or not self.drive_connected or self.commands_lost:
            return
        self._sequence = (self._sequence + 1) & 0xFF
        frame = {
            Action.RUN: Run(command.target_mm_s, command.rate_mm_s2, command.nonce ^ self.nonce_garbled, command.tick_ms),
            Action.STOP: Stop(command.rate_mm_s2),
            Action.POWER_OFF: Stop(command.rate_mm_s2, category_0=True),
            Action.CLEAR: Clear(),
        }[command.action]
        self.drive.write(encode(frame, self._sequence))

    # --- hands -----------------------------------------------------------------------------------------------------

    def open(self, *names: Input) -> None:
        for name in names:
            self.closed &= ~name.bit

    def close(self, *names: Input) -> None:
        for name in names:
            self.closed |= name.bit

    def hang_from_retractor(self, pull_n: float = 15.0, pretension_n: float = 30.0) -> None:
        """The treadmill has a retractor, and is told of it. The pull: a light one, unless said otherwise."""
        self.retractor_n = pull_n
        balance = BalanceSettings(retractor=True, pretension_n=pretension_n)
        self.settings = msgspec.structs.replace(self.settings, balance=balance)

    def restart(self) -> None:
        """The controller dies and another begins on the same machine: it knows what had latched, and nothing else."""
        latched = (*self.state.latched_before, *(cause.value for cause in self.state.causes))
        self.state = start_state("b2", True, self.now_ns, 1, tuple(dict.fromkeys(latched)))

    def press(self, name: Input, held_s: float = 0.2) -> None:
        """A hand on a button, released again, with a moment after it."""
        self.close(name)
        self.run(held_s)
        self.open(name)
        self.run(0.1)

    def tap_symptom(self) -> None:
        """The symptom button, whose contact opens when it is pressed."""
        self.open(Input.SYMPTOM)
        self.run(0.2)
        self.close(Input.SYMPTOM)
        self.run(0.2)

    def report(self, kind: str, **measured: int) -> None:
        """A symptom, or what was measured by hand, as the network brings it."""
        self.requests.append(Symptom("report", "desk", kind, **measured))
        self.run(0.1)

    # --- reading ---------------------------------------------------------------------------------------------------

    @property
    def chart(self) -> State:
        return self.state.chart

    @property
    def events(self) -> list[Event]:
        return [happening.event for happening in self.happenings]

    @property
    def belt_m_s(self) -> float:
        """The plant's true speed."""
        return self.drive.speed_m_s

    @property
    def drive_state(self) -> DriveState:
        """As the drive itself said it last, whatever the core was told."""
        return self._said_state

    def lines(self) -> Lines:
        missing = missing_to_start(self.state, self.settings.core, self.now_ns)
        return display_lines(self.state, self.settings.core, missing, self.now_ns)

    def where(self) -> str:
        return f"{self.chart.value} {self.state.preparation.step} {self.lines()} {[e.value for e in self.events[-8:]]}"

    # --- ways to get somewhere ---------------------------------------------------------------------------------------

    def to_standby(self) -> None:
        self.run_until(lambda m: m.chart is State.STANDBY, 5)
        self.run(0.2)

    def prepare(self, plan: Plan = PLAN, **limits: object) -> None:
        """Prepares and does every step up to READY, as therapist and patient would. limits: in place of the treadmill's."""
        self.open(Input.CLIP)
        self.run(0.2)
        self.requests.append(proposal("r", "test", plan, **limits))
        self.scan()
        assert self.answers[-1].accepted, self.answers[-1]
        self.mount()
        self.confirm_list()
        self.run(1.5)
        self.press(Input.OK)
        self.harness_check()

    def confirm_list(self) -> None:
        """From CONFIRM to EMPTY HOOK, one OK a line or one for the list."""
        for _ in range(12):
            if self.state.preparation.step is Step.EMPTY_HOOK:
                return
            self.press(Input.OK)
        raise AssertionError(self.where())

    def mount(self) -> None:
        """The patient steps through both deck ends, takes the rails; somebody takes the pedal."""
        inputs = (Input.DECK_REAR, Input.DECK_FRONT, Input.RAIL_LEFT, Input.RAIL_RIGHT, Input.ATTENDANT)
        self.open(*inputs)
        self.run(0.3)
        self.close(*inputs)
        self.run(0.3)

    def harness_check(self) -> None:
        """From the step CLIP to READY."""
        self.close(Input.CLIP)
        self.run_until(lambda m: m.state.preparation.step is Step.TAUT, 1)
        self.pull_taut(0.05 * WEIGHT_N)
        self.sit(0.3 * WEIGHT_N)

    def pull_taut(self, load_n: float) -> None:
        """From the step TAUT to SIT."""
        self.load_n = load_n
        self.run(1.5)
        self.press(Input.OK)
        self.load_n = 0.0
        self.run(1.0)
        self.press(Input.OK)
        assert self.state.preparation.step is Step.SIT, self.where()

    def sit(self, load_n: float) -> None:
        """From the step SIT to READY."""
        self.load_n = load_n
        self.run(0.8)
        self.load_n = 0.0
        self.run_until(lambda m: m.state.preparation.step is Step.ARROW, 2)
        self.press(Input.OK)
        assert self.state.preparation.step is Step.READY, self.where()

    def start(self) -> None:
        self.run(1.0)
        self.press(Input.START, 0.3)
        self.run_until(lambda m: m.belt_m_s > 0.05, 5)

    def to_walking(self, plan: Plan = PLAN, **limits: object) -> None:
        self.to_standby()
        self.prepare(plan, **limits)
        self.start()

    def asked(self, *, again: bool = False, within_s: float = 60) -> None:
        """Runs until a symptom check stands on the display. again: once more since the last."""
        before = self.events.count(Event.CHECK_ASKED) if again else 0
        self.run_until(lambda m: m.events.count(Event.CHECK_ASKED) > before, within_s)

    def to_rest(self, within_s: float = 15) -> float:
        """Runs until the belt is proven at rest; returns how long that took."""
        return self.run_until(lambda m: m.belt_m_s < 0.005 and m.state.drive.standstill, within_s)
