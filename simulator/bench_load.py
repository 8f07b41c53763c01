"""What the product's processes cost while a patient walks, how late scans are beside cyclictest, and how long a start takes.

Everything runs as in the demo: broker, controller and telemetry as real processes over the simulated treadmill. Only these two
processes are measured, by what the kernel says of their threads; the simulator lives in the bench's own process.
"""

from __future__ import annotations

import math
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import msgspec

from controller.hardware.settings import LoadCellSettings, PinSettings
from messages.plan import Phase, PhaseKind
from messages.wire import Snapshot
from simulator.bench_figures import Figure, Section, percentile, spread
from simulator.demo_configuration import write_configuration
from simulator.load_cell import CellParameters
from simulator.observer import SocketObserver
from simulator.pins import PinBoard
from simulator.play import Player
from simulator.processes import controller_process
from simulator.rig import ATTEMPTS, Rig, RigError, propose
from simulator.scenarios import BY_NAME, Scenario
from simulator.therapist import Therapist
from simulator.treadmill import RealTimeTreadmill

CONTROLLER_PERCENT, CONTROLLER_MB = 8.0, 40.0
TELEMETRY_PERCENT, TELEMETRY_MB = 5.0, 50.0
READY_MS = 1000.0
STARTS = 5
_STARTS_WITHIN_S = 10.0
_WALKS_WITHIN_S = 50.0
_SCANS_A_SNAPSHOT = 10
_PERIOD_US = 10_000
_POLL_S = 0.02
_RETRY_S = 0.5
_SEED = 1
_NO_BROKER = 1


class ThreadTimes(msgspec.Struct, frozen=True):
    """Processor time of one process so far, in s: all of it, and the part of threads that are a stand-in's.

    standins_s: None where the kernel does not say which threads those are.
    """

    total_s: float
    standins_s: float | None


class Walk(msgspec.Struct):
    """What was seen of one stretch of walking."""

    seconds: float
    controller_percent: float
    standins_percent: float | None
    """Of the stand-in's own thread, which is not in the controller's figure; None: unknown, and then it is."""
    controller_mb: float
    telemetry_percent: float
    telemetry_mb: float
    lateness_ms: list[float]
    """Worst of each ten scans."""
    cyclictest_us: list[int] | None
    """Each of its wake-ups; None when it is not installed."""


NOT_SEEN = Walk(math.nan, math.nan, None, math.nan, math.nan, math.nan, [], [])


def measure_walk(seconds: float, report: Callable[[str], None]) -> tuple[Section, Section]:
    """Load, and lateness, of a session under way for so long.

    A run in which no patient walks to its end is void (on a shared machine the simulated drive, or a scan, may be held up for so
    long that the belt must stop); it is said so and repeated at most twice. After that the figures are there, as not measured.
    """
    for void in range(ATTEMPTS):
        try:
            walk = _walk_once(seconds)
        except RigError as error:
            report(f"void, run {void + 1} of {ATTEMPTS}: {error}")
        else:
            return _load_section(walk), _lateness_section(walk, void)
    return _load_section(NOT_SEEN), _lateness_section(NOT_SEEN, ATTEMPTS)


def _walk_once(seconds: float) -> Walk:
    with _walking(seconds) as rig:
        walk = _watch(rig, seconds)
        _refuse_latched(rig)
        return walk


def _refuse_latched(rig: Rig) -> None:
    """Raises RigError, with what to know about it, when the session was stopped."""
    seen = rig.treadmill.snapshot
    if rig.treadmill.failure is not None:
        raise RigError("the simulated treadmill failed") from rig.treadmill.failure
    if seen is None or (seen.session and seen.state in ("fault", "protective_stop", "emergency_stop")):
        what = "the controller was not heard" if seen is None else f"the session stopped ({seen.state}, {seen.cause})"
        raise RigError(f"{what}; the worst stall was {rig.worst_stall_ms:.0f} ms")


def measure_start(directory: Path) -> Section:
    """From the start of the process to READY=1, a few times. directory: an empty one below /dev. Raises RigError."""
    load_cell = _load_cell()
    board = PinBoard.create(directory / "pins", PinSettings(), load_cell)
    treadmill = RealTimeTreadmill(directory, board, _SEED, directory / "controller.sock")
    treadmill.start()
    try:
        configuration = write_configuration(directory, directory, _NO_BROKER)
        took = [_start_once(directory, configuration) for _ in range(STARTS)]
    finally:
        treadmill.close()
        board.close()
    return Section(
        "Start",
        f"{STARTS} times from the start of the process, interpreter and imports included, to READY=1 after its first scan.",
        (
            Figure("start to READY, median", percentile(took, 50), "ms", READY_MS),
            Figure("start to READY, max", max(took), "ms", READY_MS),
        ),
    )


def _start_once(directory: Path, configuration: Path) -> float:
    address = directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(_STARTS_WITHIN_S)
        with patch.dict(os.environ, {"NOTIFY_SOCKET": str(address)}):
            process = controller_process(configuration, directory, directory / "pins")
        began = time.monotonic_ns()
        process.start()
        try:
            while b"READY=1" not in manager.recv(4096):
                pass
            return (time.monotonic_ns() - began) / 1e6
        except TimeoutError:
            raise RigError(f"the controller did not become ready:\n{process.last_words()}") from None
        finally:
            process.kill()
            address.unlink()


@contextmanager
def _walking(seconds: float) -> Iterator[Rig]:
    """The rig with a patient who walks, and will for `seconds` more."""
    work = Phase(PhaseKind.WORK, seconds + _WALKS_WITHIN_S, 0.10)
    plan = _with_phases(BY_NAME["session"], (Phase(PhaseKind.WARM_UP, 4.0, 0.10), work))
    with Rig(_SEED) as rig:
        _wait_for_telemetry(rig)
        world = rig.treadmill.world
        therapist = Therapist(world, rig.treadmill.random, plan.rises)
        player = Player(plan, world, therapist, rig.machinery)
        rig.treadmill.looks.append(player.look)
        _wait(rig, "standby")
        _prepare(rig, plan)
        therapist.helps = False
        _wait(rig, "exercising")
        yield rig


def _wait_for_telemetry(rig: Rig) -> None:
    """Until the controller knows of it. Only then does anybody come to the panel: without telemetry no session is prepared."""
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while not _knows_telemetry(rig.treadmill.snapshot):
        if time.monotonic() > deadline:
            raise RigError(f"telemetry did not come up:\n{rig.telemetry.last_words()}")
        time.sleep(_POLL_S)


def _knows_telemetry(seen: Snapshot | None) -> bool:
    """The self-test does not ask for it yet."""
    return seen is not None and seen.state != "self_test" and all(code != "telemetry-lost" for code, _ in seen.alarms)


def _prepare(rig: Rig, scenario: Scenario) -> None:
    """As a therapist does, who tries again while telemetry is still coming up."""
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while (result := propose(rig, scenario, scenario.plan)).returncode != 0:
        if time.monotonic() > deadline:
            raise RigError(f"the session was not prepared:\n{result.stdout}{result.stderr}")
        time.sleep(_RETRY_S)


def _with_phases(scenario: Scenario, phases: tuple[Phase, ...]) -> Scenario:
    """The scenario with other phases, in which no rise is accepted and nothing else happens."""
    plan = msgspec.structs.replace(scenario.plan, phases=phases)
    return replace(scenario, plan=plan, rises=(), longest_s=3600.0)


def _wait(rig: Rig, state: str) -> None:
    deadline = time.monotonic() + _WALKS_WITHIN_S
    while rig.treadmill.snapshot is None or rig.treadmill.snapshot.state != state:
        _refuse_latched(rig)
        if time.monotonic() > deadline:
            words = rig.controller.last_words() + rig.telemetry.last_words()
            raise RigError(f"no {state} within {_WALKS_WITHIN_S:.0f} s\n{words}".rstrip())
        time.sleep(_POLL_S)
    rig.forget_stalls()


def _watch(rig: Rig, seconds: float) -> Walk:
    """Measures for so long. Raises RigError when a process is gone."""
    controller, telemetry = rig.controller.identifier, rig.telemetry.identifier
    observer = SocketObserver(rig.directory / "controller.sock", role="bench")
    with _cyclictest(rig.directory / "cyclictest", seconds) as wake_ups:
        before = _times(controller), _times(telemetry)
        began = time.monotonic()
        lateness = _collect_lateness(observer, seconds)
        lasted = time.monotonic() - began
        after = _times(controller), _times(telemetry)
    observer.close()
    used = [later.total_s - earlier.total_s for earlier, later in zip(before, after, strict=True)]
    standins = None
    if after[0].standins_s is not None and before[0].standins_s is not None:
        standins = after[0].standins_s - before[0].standins_s
    return Walk(
        seconds=lasted,
        controller_percent=(used[0] - (standins or 0.0)) / lasted * 100,
        standins_percent=None if standins is None else standins / lasted * 100,
        controller_mb=_resident_mb(controller),
        telemetry_percent=used[1] / lasted * 100,
        telemetry_mb=_resident_mb(telemetry),
        lateness_ms=lateness,
        cyclictest_us=wake_ups,
    )


def _collect_lateness(observer: SocketObserver, seconds: float) -> list[float]:
    """The worst lateness in each snapshot. The first is dropped: its scans were before."""
    lateness: dict[int, float] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not observer.read():
            raise RigError("the controller is gone")
        if observer.snapshot is not None:
            lateness[observer.snapshot.sequence] = observer.snapshot.lateness_ms
        time.sleep(_POLL_S)
    return list(lateness.values())[1:]


@contextmanager
def _cyclictest(output: Path, seconds: float) -> Iterator[list[int] | None]:
    """Runs cyclictest meanwhile, at the controller's period and priority; what it measured is in the list afterwards."""
    program = shutil.which("cyclictest")
    if program is None:
        yield None
        return
    loops = int(seconds * 1_000_000 / _PERIOD_US)
    wake_ups: list[int] = []
    with output.open("wb") as file:
        process = subprocess.Popen(
            [program, "-q", "-v", "-i", str(_PERIOD_US), "-l", str(loops)], stdout=file, stderr=subprocess.DEVNULL
        )
    try:
        yield wake_ups
        process.wait(timeout=seconds)
    finally:
        process.kill()
        process.wait()
    wake_ups.extend(_parse_wake_ups(output.read_text(errors="replace")))


def _parse_wake_ups(text: str) -> Iterator[int]:
    """cyclictest -v writes `thread: cycle: latency in us`, between other lines."""
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 3:
            with suppress(ValueError):
                _thread, _cycle, latency = map(int, fields)
                yield latency


def _times(process: int) -> ThreadTimes:
    """Of the whole process, threads that have ended included."""
    folder = Path(f"/proc/{process}")
    standins = [_used_s(task) for task in (folder / "task").iterdir() if _waits_for_simulated_edges(process, task)]
    return ThreadTimes(_used_s(folder), sum(standins) if standins else None)


def _used_s(folder: Path) -> float:
    """Processor time by a `stat` file: user and system, in ticks (proc(5))."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _waits_for_simulated_edges(process: int, task: Path) -> bool:
    """Whether the thread hangs in a read of the edge pipe: Python names its threads to nobody outside."""
    with suppress(OSError, ValueError):
        call = (task / "syscall").read_text().split()
        return len(call) > 1 and os.readlink(f"/proc/{process}/fd/{int(call[1], 16)}").endswith(".edges")
    return False


def _resident_mb(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RigError(f"process {process} is gone")


def _load_section(walk: Walk) -> Section:
    return Section(
        "Processor and memory",
        f"{_lasted(walk)} of a walking session at 100 scans a second, real processes with a real broker. The stand-in's own "
        "thread (the edges) is reported apart; its calls in the controller's threads (reading pins, clocking the load cell) are in "
        "the controller's figure. MB is resident memory in MiB, shared libraries included.",
        (
            Figure("controller, of one core", walk.controller_percent, "%", CONTROLLER_PERCENT),
            Figure("controller, memory", walk.controller_mb, "MB", CONTROLLER_MB),
            Figure("stand-in's thread in the controller", walk.standins_percent, "%"),
            Figure("telemetry, of one core", walk.telemetry_percent, "%", TELEMETRY_PERCENT),
            Figure("telemetry, memory", walk.telemetry_mb, "MB", TELEMETRY_MB),
        ),
    )


def _lasted(walk: Walk) -> str:
    return "None" if math.isnan(walk.seconds) else f"{walk.seconds:.0f} s"


def _lateness_section(walk: Walk, void: int) -> Section:
    if walk.cyclictest_us is None:
        beside: tuple[Figure, ...] = (Figure("cyclictest", None, "ms", note="rt-tests is not installed"),)
    else:
        single = [value / 1000 for value in walk.cyclictest_us]
        worst = [max(single[at : at + _SCANS_A_SNAPSHOT]) for at in range(0, len(single), _SCANS_A_SNAPSHOT)]
        beside = (
            *spread("cyclictest, worst of ten", worst, "ms"),
            Figure("cyclictest, single wake-up, p50", percentile(single, 50), "ms"),
            Figure("cyclictest, wake-ups", float(len(single)), ""),
        )
    return Section(
        "Lateness of scans",
        "The same session, with cyclictest (interval 10 ms, ordinary priority as the controller here) at the same time. A snapshot "
        "carries the worst of its ten scans, so cyclictest's wake-ups are put together by ten as well.",
        (
            *spread("controller, worst of ten scans", walk.lateness_ms, "ms"),
            Figure("controller, snapshots", float(len(walk.lateness_ms)), ""),
            Figure("runs before this one that were void", float(void), "", note="the session stopped"),
            *beside,
        ),
    )


def _load_cell() -> LoadCellSettings:
    cell = CellParameters()
    return LoadCellSettings(counts_zero=int(cell.zero_counts), newtons_per_count=cell.newtons_per_count)
