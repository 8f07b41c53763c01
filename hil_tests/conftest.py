"""Which drives the suite runs against, and what each can do.

`--drive=native` (the core compiled for this machine), `--drive=avr` (the ATmega328P build under simavr), both by default,
`--drive=/dev/...` for a board. What is missing to build a drive is an error, never a skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.avr_drive import AvrDrive
from hil_tests.bench import Bench, Drive, Hands
from hil_tests.hands import PersonHands, SimulatedHands
from hil_tests.serial_drive import SerialDrive
from hil_tests.simulated import Simulated
from simulator.drive import NativeDrive, SimulatedDrive

SIMULATED = ("native", "avr")
BOOT_MS = 60
"""The AVR build writes its boot counter first, which takes it 14 ms."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--drive",
        action="append",
        metavar="native|avr|/dev/...",
        help="drive to test; may be given several times (default: native and avr)",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The machines of hil_tests/vm take minutes and root: only who names them gets them (`make vm`)."""
    named = any("vm" in Path(argument.split("::")[0]).parts for argument in config.args)
    return True if collection_path.name == "vm" and not named else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "drive_kind" in metafunc.fixturenames:
        metafunc.parametrize("drive_kind", metafunc.config.getoption("--drive") or SIMULATED)


@pytest.fixture
def drive(drive_kind: str) -> Iterator[Drive]:
    made = make_drive(drive_kind)
    yield made
    made.close()


def make_drive(kind: str, seed: int = 1) -> Drive:
    """A drive of one kind, just powered up."""
    if kind == "native":
        return NativeDrive(seed)
    if kind == "avr":
        return AvrDrive(seed)
    if kind.startswith("/dev/"):
        return SerialDrive(kind)
    raise pytest.UsageError(f"--drive={kind}: native, avr or a serial port under /dev is needed")


@pytest.fixture
def avr() -> Iterator[AvrDrive]:
    """For what only the ATmega328P build has, whatever `--drive` says: wires, a timer, a program counter."""
    made = AvrDrive()
    yield made
    made.close()


@pytest.fixture
def bench(drive: Drive) -> Bench:
    """A host that has heard the drive's first STATUS."""
    made = Bench(drive)
    made.pass_ms(BOOT_MS)
    assert made.heard, "the drive sends no STATUS"
    return made


@pytest.fixture
def hands(bench: Bench) -> Hands:
    """Hands on the buttons: exact where the drive is simulated, a person's at a board."""
    if isinstance(bench.drive, SimulatedDrive):
        return SimulatedHands(bench, bench.drive)
    return PersonHands(bench)


@pytest.fixture
def simulated(bench: Bench) -> Simulated:
    """For tests that break the machine, reset it, or need contacts to move at exact times."""
    if not isinstance(bench.drive, SimulatedDrive):
        pytest.skip("needs a simulated machine: faults, resets or exact times at the contacts")
    return Simulated(bench, bench.drive, SimulatedHands(bench, bench.drive))
