"""What may happen between two situations: one change, two changes at once, or time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import msgspec

from controller.core.inputs import Input
from controller.core.state import Request, SessionRequest
from exploration.drive import DriveFault, ModelDrive
from exploration.limits import treadmill_limits
from exploration.situation import MS, PLAN, SETTINGS, WEIGHT_N, Scanned, Situation, scan
from messages.wire import Cancel, Silence, Stop, Symptom

_CHANGE_NS = (10 * MS, 60 * MS)
"""The scan that sees a change, and one after every filter."""
LOADS = {"no load": 0.0, "load 5 %": 0.05 * WEIGHT_N, "load 30 %": 0.32 * WEIGHT_N, "load cell silent": None}
WAITS = {
    "wait 0.4 s": (200 * MS,) * 2,
    "wait 1.2 s": (100 * MS,) * 12,
    "wait 6 s": (200 * MS,) * 30,
    "wait 31 s": (31_000 * MS, 60 * MS),
    "wait 130 s": (130_000 * MS, 60 * MS),
    "wait 310 s": (310_000 * MS, 60 * MS),
}
REQUESTS: dict[str, Request] = {
    "prepare": SessionRequest("1", "x", PLAN, treadmill_limits(PLAN, SETTINGS.core)),
    "cancel": Cancel("2", "x"),
    "network stop": Stop("3", "x"),
    "network symptom": Symptom("4", "x", "dizzy"),
    "silence": Silence("5", "x"),
}
Change = Callable[[Situation], Situation | None]
"""Returns the situation with the change made, before the next scan; None where it cannot happen."""


class Letter(msgspec.Struct, frozen=True):
    """One thing that happens. changes are made at once, then scans follow at these intervals."""

    name: str
    changes: tuple[Change, ...] = ()
    scans_ns: tuple[int, ...] = _CHANGE_NS
    requests: tuple[Request, ...] = ()
    edges: int = 0
    lateness_ns: int = 0

    def happen(self, situation: Situation) -> Iterator[Scanned]:
        """Yields each scan; none where the letter cannot happen here."""
        changed: Situation | None = situation
        for change in self.changes:
            changed = change(changed) if changed is not None else None
        if changed is None:
            return
        for index, elapsed_ns in enumerate(self.scans_ns):
            first = index == 0
            scanned = scan(
                changed,
                elapsed_ns,
                self.requests if first else (),
                self.edges if first else 0,
                self.lateness_ns if first else 0,
            )
            yield scanned
            changed = scanned.after


def toggle(name: Input) -> Change:
    """The contact changes; opening START and closing RESET are what the laws remember."""

    def change(situation: Situation) -> Situation | None:
        closed = situation.closed ^ name.bit
        changed = msgspec.structs.replace(situation, closed=closed)
        if name is Input.START and not closed & name.bit:
            return msgspec.structs.replace(changed, start_released_ns=situation.now_ns)
        if name is Input.RESET and closed & name.bit:
            return msgspec.structs.replace(changed, reset_pressed_ns=situation.now_ns)
        return changed

    return change


def mushroom(situation: Situation) -> Situation | None:
    """Both channels together, as a mushroom does."""
    half = toggle(Input.EMERGENCY_A)(situation)
    return toggle(Input.EMERGENCY_B)(half) if half is not None else None


def _load(load_n: float | None) -> Change:
    def change(situation: Situation) -> Situation | None:
        return None if situation.load_n == load_n else msgspec.structs.replace(situation, load_n=load_n)

    return change


def _drive(fault: DriveFault) -> Change:
    """A sound drive breaks, or a broken one is sound again."""

    def change(situation: Situation) -> Situation | None:
        if (situation.drive.fault is DriveFault.NONE) is (fault is DriveFault.NONE):
            return None
        return msgspec.structs.replace(situation, drive=msgspec.structs.replace(situation.drive, fault=fault))

    return change


def _restart(situation: Situation) -> Situation | None:
    if situation.drive.fault is not DriveFault.NONE:
        return None
    return msgspec.structs.replace(situation, drive=ModelDrive(nonce=situation.drive.nonce + 1))


def _telemetry(situation: Situation) -> Situation | None:
    return msgspec.structs.replace(situation, telemetry=not situation.telemetry)


def _display(situation: Situation) -> Situation | None:
    return msgspec.structs.replace(situation, display=not situation.display)


def single_changes() -> tuple[Letter, ...]:
    """Every change that lasts until another undoes it."""
    contacts = [Letter(f"{name.name.lower()} changes", (toggle(name),)) for name in Input]
    loads = [Letter(name, (_load(load_n),)) for name, load_n in LOADS.items()]
    drives = [Letter(f"drive {fault.value}", (_drive(fault),)) for fault in DriveFault]
    return (
        *contacts,
        Letter("mushroom changes", (mushroom,)),
        *loads,
        *drives,
        Letter("drive restarts", (_restart,)),
        Letter("telemetry goes or comes", (_telemetry,)),
        Letter("display goes or comes", (_display,)),
    )


def single_letters() -> tuple[Letter, ...]:
    """Every change, request, edge and wait by itself."""
    return (
        *single_changes(),
        *(Letter(name, requests=(request,)) for name, request in REQUESTS.items()),
        Letter("emergency A flickers", edges=Input.EMERGENCY_A.bit),
        Letter("clip flickers", edges=Input.CLIP.bit),
        Letter("scan 60 ms late", lateness_ns=60 * MS),
        *(Letter(name, (), scans) for name, scans in WAITS.items()),
    )


def pair_letters() -> tuple[Letter, ...]:
    """Every two changes in the same scan, and each change with each request."""
    changes = single_changes()
    pairs = [Letter(f"{a.name} + {b.name}", a.changes + b.changes) for a, b in itertools.combinations(changes, 2)]
    asked = [
        Letter(f"{change.name} + {name}", change.changes, requests=(request,))
        for change in changes
        for name, request in REQUESTS.items()
    ]
    return (*pairs, *asked)
