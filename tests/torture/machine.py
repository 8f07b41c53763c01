"""The controller's own main program on the simulated treadmill, in virtual time and one process, with one call that fails.

Everything below the shell is there: pins and SPI are stand-ins, the serial line is a pseudo-terminal with the firmware's C
behind it, display, socket, ring, recorder and memory are the real ones. `select` and `sleep` of the main thread let the world
go on.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import select
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from controller.core.inputs import Input
from messages.plan import Phase, PhaseKind, Plan
from simulator.display import EmulatedDisplay
from simulator.drive import NativeDrive
from simulator.load_cell import CellParameters
from simulator.observer import SocketObserver
from simulator.patients import returning_patient
from simulator.pins import PINS_VARIABLE, STANDINS_DIRECTORY, PinBoard
from simulator.serial_pty import SerialPty
from simulator.therapist import Therapist
from simulator.world import World
from tests.torture import virtual_time
from tests.torture.virtual_time import START_NS

PLAN = Plan("TORTURE-1", 75.0, (Phase(PhaseKind.WARM_UP, 10.0, 0.10), Phase(PhaseKind.WORK, 60.0, 0.10)))
GOES_ON_NS = 4_000_000_000
RESTS_WITHIN_NS = 3_000_000_000
LIFE_AT_MOST_NS = 90_000_000_000
RESTS_M_S = 0.02
_STEP_NS = 5_000_000
_LOOK_NS = 100_000_000
_BEAT_NS = 500_000_000


class Fault(msgspec.Struct, frozen=True):
    """One call that fails once. phase: when; error: its name in `errors`."""

    site: str
    error: str
    phase: str


class Life(msgspec.Struct):
    """What one life of the controller came to."""

    code: int | None = None
    raised: str = ""
    said: str = ""
    events: list[str] = []
    ids: list[int] = []
    states: list[str] = []
    walked: bool = False
    failed_at_ns: int = 0
    heard_after_ns: int = 0
    ended_ns: int = 0
    state_at_fault: str = ""
    belt_at_fault_m_s: float = 0.0
    belt_at_end_m_s: float = 0.0
    rest_ns: int = 0
    highest_m_s: float = 0.0
    refusals: list[str] = []
    details: list[str] = []
    reached: dict[str, int] = {}


class Machine:
    """One treadmill with a controller that may live more than once on it."""

    def __init__(self, seed: int, configuration: Callable[[Path, Path], Path], backend_is_gpio: bool) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sternway-torture-"))
        devices = Path(tempfile.mkdtemp(prefix="sternway-", dir="/dev/shm"))
        self.devices = devices
        self.configuration = configuration(self.directory, devices)
        from controller.hardware.settings import LoadCellSettings, PinSettings

        cell = CellParameters()
        load_cell = LoadCellSettings(
            backend="gpio" if backend_is_gpio else "spi", counts_zero=cell.zero_counts, newtons_per_count=cell.newtons_per_count
        )
        self.board = PinBoard.create(devices / "pins", PinSettings(), load_cell)
        os.environ[PINS_VARIABLE] = str(devices / "pins")
        self.random = Random(seed)
        self.drive = NativeDrive(seed)
        self.world = World(self.drive, self.random, START_NS)
        self.cable = SerialPty(devices / "drive")
        self.display = EmulatedDisplay(devices / "display")
        self.therapist = Therapist(self.world, self.random)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.manager.bind(str(self.directory / "notify"))
        os.environ["NOTIFY_SOCKET"] = str(self.directory / "notify")
        self.life = Life()
        self.phase = "start"
        self.fault: Fault | None = None
        self._observer: SocketObserver | None = None
        self._look_ns = self._beat_ns = 0
        self._pulses = 0
        self._prepared = self._ending = False
        self._walks_since_ns = 0
        self.deed: Callable[[], None] | None = None
        virtual_time.set_clock(lambda: self.world.now_ns, self.advance)

    def close(self) -> None:
        """Removes everything."""
        if self._observer is not None:
            self._observer.close()
        self.manager.close()
        self.cable.unplug()
        self.display.close()
        self.drive.close()
        self.board.close()
        import shutil

        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.devices, ignore_errors=True)

    # --- time ----------------------------------------------------------------------------------------------------------

    def advance(self, to_ns: int) -> None:
        """The world, its cables, and whoever looks at it."""
        world = self.world
        while world.now_ns < to_ns - 1000:
            world.advance(min(world.now_ns + _STEP_NS, to_ns))
            self._carry()
            virtual_time.wake_sleepers()
            self._look()

    def select(
        self, read: list[int], write: list[int], other: list[int], timeout_s: float
    ) -> tuple[list[int], list[int], list[int]]:
        """What the scan loop waits in."""
        until_ns = self.world.now_ns + max(int(timeout_s * 1e9), 1_000_000)
        while True:
            self._carry()
            ready = select.select(read, write, other, 0)
            if ready[0] or self.world.now_ns >= until_ns - 1000:
                return ready
            self.advance(min(self.world.now_ns + _STEP_NS, until_ns))

    def _carry(self) -> None:
        self.cable.write(self.drive.read())
        to_drive = self.cable.read()
        if to_drive:
            self.drive.write(to_drive)
        output = self.board.output("watchdog_pulse")
        if output.driven and output.changes != self._pulses:
            self._pulses = output.changes
            self.world.chain.pulse(self.world.now_ns)
        if self.board.contacts != self.world.contacts:
            self.board.set_contacts(self.world.contacts)
        self.board.set_load_counts(self.world.cell.counts_now())
        self.world.take_samples()

    # --- who looks ---------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        now_ns, life = self.world.now_ns, self.life
        life.highest_m_s = max(life.highest_m_s, self.world.belt_m_s)
        if self.world.belt_m_s >= RESTS_M_S:
            life.rest_ns = 0
        elif not life.rest_ns:
            life.rest_ns = now_ns
        if now_ns < self._look_ns:
            return
        self._look_ns = now_ns + _LOOK_NS
        with contextlib.suppress(BlockingIOError):
            while True:
                self.manager.recv(4096)
        self._listen(now_ns)
        self._direct(now_ns)

    def _listen(self, now_ns: int) -> None:
        if self._observer is None:
            with contextlib.suppress(OSError):
                self._observer = SocketObserver(self.directory / "controller.sock", role="telemetry")
            return
        try:
            alive = self._observer.read()
            for event in self._observer.take_events():
                self.life.events.append(event.code)
                self.life.details.append(f"{event.code} {event.detail}")
                self.life.ids.append(event.id)
            self.life.refusals = [reply.reason for reply in self._observer.replies.values() if not reply.accepted]
            self._observer.acknowledge()
            if now_ns >= self._beat_ns:
                self._beat_ns = now_ns + _BEAT_NS
                self._observer.beat()
        except OSError:
            alive = False
        if not alive:
            self._observer.close()
            self._observer = None

    def _direct(self, now_ns: int) -> None:
        """Lets the session come to where the belt moves, then whatever the test wants."""
        life = self.life
        seen = self._observer.snapshot if self._observer is not None else None
        if seen is None:
            return
        if self.phase == "start":
            self.phase = "rest"
        if not life.states or life.states[-1] != seen.state:
            life.states.append(seen.state)
        life.heard_after_ns = seen.at_ns
        self.therapist.look(seen.display)
        if self.deed is not None:
            self.deed()
        if seen.state == "standby" and not self._prepared and self._observer is not None:
            self._prepared = True
            self._observer.prepare(PLAN, returning_patient(PLAN, datetime.now().astimezone().date()))
            self.therapist.helps = False
        if self.world.belt_m_s > 0.08 and self.phase == "rest":
            self._walks_since_ns = self._walks_since_ns or now_ns
            if now_ns - self._walks_since_ns > 1_000_000_000:
                self.phase, life.walked = "walking", True
                life.failed_at_ns = life.failed_at_ns or now_ns
        if now_ns > self._ends_at_ns() and not self._ending:
            self.phase, self._ending = "closing", True
            os.kill(os.getpid(), signal.SIGTERM)

    def _ends_at_ns(self) -> int:
        """Four seconds after walking began or the fault came, whichever is later; or when there is no more to come."""
        if self.life.walked:
            return max(self._walks_since_ns + 1_000_000_000, self.life.failed_at_ns) + GOES_ON_NS
        return self._began_ns + self._live_ns

    # --- a life --------------------------------------------------------------------------------------------------------

    def live(self, main: Callable[[list[str]], int], fault: Fault | None, live_ns: int = LIFE_AT_MOST_NS) -> Life:
        """Runs the controller's main until it ends, and the world for three seconds longer."""
        self.life = Life(events=[], ids=[], states=[], details=[], reached={})
        self.fault, self.phase = fault, "start"
        self._ending = False
        self._began_ns, self._live_ns = self.world.now_ns, live_ns
        self._walks_since_ns = 0
        said, stderr = io.StringIO(), sys.stderr
        sys.stderr = said
        try:
            self.life.code = main(["--config", str(self.configuration)])
        except BaseException as error:
            self.life.raised = f"{type(error).__name__}: {error}"
        finally:
            sys.stderr = stderr
            gc.enable()
            gc.unfreeze()
        self.life.said = said.getvalue()
        self.life.ended_ns = self.world.now_ns
        self.life.belt_at_end_m_s = self.world.belt_m_s
        self.advance(self.world.now_ns + RESTS_WITHIN_NS)
        for name in ("RPi.GPIO",):
            with contextlib.suppress(Exception):
                sys.modules[name].cleanup()  # what the end of the process does
        return self.life

    def at_site(self, name: str, call: Callable[..., Any], errors: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
        """What `__at_site__` does: counts, and once returns what fails."""
        life = self.life
        life.reached[f"{self.phase} {name}"] = life.reached.get(f"{self.phase} {name}", 0) + 1
        fault = self.fault
        if fault is not None and name == fault.site and self.phase == fault.phase:
            self.fault = None
            life.failed_at_ns = self.world.now_ns
            life.state_at_fault = life.states[-1] if life.states else ""
            life.belt_at_fault_m_s = self.world.belt_m_s
            return errors[fault.error](call)
        if call is select.select:
            return self.select
        return call


def standins() -> None:
    """Puts the stand-ins for RPi.GPIO and spidev before any installed library, on virtual time."""
    sys.path.insert(0, str(STANDINS_DIRECTORY))


def reload_standins() -> None:
    """Fresh ones, for the board that the environment names."""
    import importlib

    for name in ("RPi.GPIO", "RPi", "spidev"):
        sys.modules.pop(name, None)
    real = sys.modules["time"]
    sys.modules["time"] = virtual_time
    try:
        for name in ("RPi.GPIO", "spidev"):
            importlib.import_module(name)
    finally:
        sys.modules["time"] = real


def no_thread_left(name: str) -> bool:
    """Whether a thread of that name has ended."""
    return all(thread.name != name for thread in threading.enumerate())


__all__ = ["Fault", "Input", "Life", "Machine"]
