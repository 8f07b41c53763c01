"""A virtual machine with a treadmill around it: everything that happens at one treadmill, in the machine's own time."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.core.inputs import Input
from hil_tests.vm.debian_root import BUILD
from hil_tests.vm.guest_time import GuestTime
from hil_tests.vm.image import build_initramfs
from hil_tests.vm.kernel import kernel
from hil_tests.vm.kernel_board import KernelBoard, drive_that_says_board
from hil_tests.vm.technician import Technician
from hil_tests.vm.treadmill import PREPARE, Treadmill, hear_events
from hil_tests.vm.virtual_machine import VirtualMachine
from hil_tests.vm.wire import SocketCable
from simulator.patient import Posture

MEASURED = BUILD / "measured.txt"
"""What the tests measured, a line each, of this and earlier runs."""
WALKING_M_S = 0.06
_OF_THE_WORLD = ("hands", "patient", "strap", "cell")
_HEARD = Path("/root/heard")
_PEDAL = Input.ATTENDANT
_SOUND = """
import sqlite3
journal = sqlite3.connect("file:/var/lib/sternway/telemetry/journal.sqlite?mode=ro", uri=True)
print(journal.execute("pragma integrity_check").fetchone()[0], journal.execute("pragma foreign_key_check").fetchall())
identifiers = [number for number, in journal.execute("select id from events order by id")]
print(len(identifiers), len(set(identifiers)))
for status, count in journal.execute("select status, count(*) from sessions group by status"):
    print(status, count)
"""


def report(line: str) -> None:
    """Keeps a figure for docs/virtual-machine.md."""
    with MEASURED.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


class Site:
    """Machine, treadmill, and the people at it."""

    def __init__(self, disk: Path) -> None:
        self.guest = GuestTime()
        self.board = KernelBoard(lambda message: self.machine.tell(message), self.guest)  # noqa: PLW0108  it is made below
        self.cable = SocketCable()
        self.treadmill = Treadmill(lambda _: self.board, drive_that_says_board(), self.guest.now_ns, cable=self.cable)
        self.world = self.treadmill.real.world
        self.world.watchers.append(lambda: self.guest.world_has_come_to(self.world.now_ns))
        built = kernel()
        lines = (self.treadmill.display_terminal, self.cable.far_end)
        self.machine = VirtualMachine(built, build_initramfs(built), disk, lines, self.guest)
        self._kept: dict[str, dict[str, Any]] = {}
        self._drives: dict[str, bytes] = {}
        self._shown: dict[str, tuple[str, ...]] = {}

    def power_on(self) -> None:
        """Boots it; returns when its agent answers."""
        self.cable.forget()
        self.machine.power_on()
        self.board.tell_all()

    def technician(self) -> Technician:
        """Somebody to calibrate and test it."""
        return Technician(self.machine, self.treadmill, self.board)

    def keep(self, name: str) -> None:
        """Keeps machine, people, drive and display as they are now."""
        self._freeze()
        self._do(lambda: self._kept.update({name: {part: copy.deepcopy(getattr(self.world, part)) for part in _OF_THE_WORLD}}))
        self._drives[name] = self.treadmill.real.drive.memory()
        self._shown[name] = self.treadmill.real.display.lines
        self.machine.save(name)
        self.machine.thaw()

    def back_to(self, name: str) -> None:
        """Machine, people, drive and display are again as they were kept."""
        self.board.set_wires()
        self.treadmill.therapist.works = self.treadmill.therapist.helps = False
        kept = copy.deepcopy(self._kept[name])

        def again() -> None:
            vars(self.world).update(kept)
            self.treadmill.real.drive.put_back(self._drives[name])
            self.world.chain.pulse(self.world.now_ns)
            # Minutes may have passed since: the cell's conversions of all of them would hold the next step up.
            self.world.hands.advance(self.world.now_ns)
            self.world.cell.advance(self.world.now_ns, self.world.load_n)

        self._freeze()
        self._do(again)
        self.treadmill.flush_lines()
        self.cable.forget()
        # The controller writes only what changes: it believes that its words of then stand there.
        self.treadmill.real.display.show_again(self._shown[name])
        self.machine.load(name)
        self.machine.thaw()
        self.machine.wait_agent()
        self.board.tell_all()

    def _freeze(self) -> None:
        """The machine's time stands still, and so does the drive's, which has read what was on its way."""
        self.machine.freeze()
        time.sleep(0.05)
        self._do(lambda: None)

    def wait(self, what: str, condition: Callable[[], bool], within_s: float) -> float:
        """Waits so many seconds of the machine's time; returns how many it took. While that stands still so does the count."""
        began_ns = self.guest.now_ns()
        gives_up = time.monotonic() + 60.0 + 60.0 * within_s
        while not condition():
            waited_s = (self.guest.now_ns() - began_ns) / 1e9
            failure = self.treadmill.real.failure
            if failure is not None:
                raise RuntimeError("the simulated treadmill failed") from failure
            said = f"waited {waited_s:.1f} s for {what}: {self.treadmill.lines}, {self.treadmill.belt_m_s:.3f} m/s"
            assert waited_s < within_s, said
            assert time.monotonic() < gives_up, said
            time.sleep(0.01)
        return (self.guest.now_ns() - began_ns) / 1e9

    def wait_display(self, *beginnings: str, within_s: float = 60.0) -> float:
        """Waits until the display's first line begins so."""
        return self.wait(" or ".join(beginnings), lambda: self.treadmill.lines[0].startswith(beginnings), within_s)

    def let_pass(self, seconds: float) -> None:
        """Seconds of the machine's time."""
        until_ns = self.guest.now_ns() + round(seconds * 1e9)
        self.wait("time to pass", lambda: self.guest.now_ns() >= until_ns, seconds + 1.0)

    def to_standby(self) -> None:
        """From an unclean start: the therapist presses RESET."""
        self.treadmill.therapist.works = self.treadmill.therapist.helps = True
        self.wait_display("STANDBY", within_s=60.0)

    def prepare(self) -> None:
        """The demo plan by the installed command line, and the therapist's hands up to START, which is not pressed."""
        said = self.machine.shell(PREPARE)
        assert "is prepared for demo-1" in said, said
        therapist = self.treadmill.therapist
        therapist.works = therapist.helps = True
        self.wait_display("READY", within_s=60.0)
        therapist.works = False
        self.wait("nothing missing", lambda: self.treadmill.lines[0].startswith("READY ") or self._make_ready(), 20.0)

    def send_home(self) -> None:
        """The patient, who stands on a belt at rest, is unclipped and leaves."""

        def unclip() -> None:
            self.world.strap.detach()
            self.world.hands.actuate(Input.CLIP, True)
            self.world.hands.set_closed(_PEDAL, False)
            self.world.patient.leave()

        self._do(unclip)
        self.wait("an empty belt", lambda: self.world.patient.posture is Posture.AWAY, 20.0)

    def walk(self) -> None:
        """START, by the therapist; who then keeps their hands off. From READY to a walking patient."""
        self.treadmill.therapist.works = True
        self.wait("walking", lambda: self.treadmill.belt_m_s > WALKING_M_S, 30.0)
        self.treadmill.therapist.works = self.treadmill.therapist.helps = False

    def stays_at_rest(self, seconds: float) -> None:
        """No motion for so long; a belt that had moved between two looks has also travelled."""
        travel_m = self.treadmill.real.drive.travel_m
        self.let_pass(seconds)
        assert abs(self.treadmill.real.drive.travel_m - travel_m) < 0.005

    def listen(self) -> None:
        """A dashboard hears every event from now on, over TLS, with its own password."""
        self.machine.shell(f"({hear_events(_HEARD)}) >/dev/null 2>&1 &")
        connected = "ss -Htn state established dport = :8884"
        self.wait("the dashboard", lambda: "8884" in self.machine.shell(connected), 20.0)

    def events(self) -> list[dict[str, Any]]:
        """What the dashboard has heard."""
        return [json.loads(line) for line in self.machine.shell(f"cat {_HEARD}").splitlines() if line.startswith("{")]

    def last_words(self, command: str) -> str:
        """What a command says there; or that the machine does not answer any more."""
        try:
            return self.machine.shell(command, timeout_s=60.0)
        except (OSError, TimeoutError, RuntimeError) as error:
            return f"the machine does not answer ({error}); its console:\n{self.machine.console[-2000:]}"

    def _make_ready(self) -> bool:
        """Rails and pedal, as the therapist does before START."""

        def help_them() -> None:
            self.world.patient.hold()
            self.world.hands.set_closed(_PEDAL, True)

        self._do(help_them)
        return False

    def _do(self, deed: Callable[[], None]) -> None:
        """Has it done between two steps of the world, and waits until it is."""
        done = threading.Event()

        def do() -> None:
            deed()
            done.set()

        self.treadmill.real.ask(do)
        assert done.wait(60.0), "the world stands still"

    def close(self) -> None:
        """Ends machine and treadmill."""
        self.machine.remove()
        self.treadmill.close()


def journal(site: Site) -> str:
    """What SQLite says of the journal: soundness, events and how many of them are distinct, sessions by their status."""
    return site.machine.run("/opt/sternway/python/bin/python", "-c", _SOUND).out
