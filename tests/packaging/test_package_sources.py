"""What the Debian package is made of; `make vm` installs it on a booted Debian."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from tests.command_line.conftest import SNAPSHOT

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"


def load(path: Path) -> ModuleType:
    """A script as a module, whatever its name ends in."""
    loader = importlib.machinery.SourceFileLoader(path.name.replace("-", "_").removesuffix(".py"), str(path))
    module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec(loader.name, loader, origin=str(path)))
    module.__file__ = str(path)
    loader.exec_module(module)
    return module


def library_for(root: Path, chosen: str = "") -> subprocess.CompletedProcess[str]:
    """What packaging/gpio-library says on a machine whose integrator has chosen this, or nothing."""
    if chosen:
        (root / "etc/sternway").mkdir(parents=True)
        (root / "etc/sternway/gpio-library").write_text(chosen + "\n")
    environment = {"STERNWAY_ROOT": str(root), "PATH": "/usr/bin:/bin"}
    return subprocess.run(["sh", str(PACKAGING / "gpio-library")], env=environment, capture_output=True, text=True, check=False)


def test_the_library_whose_edges_work_under_the_unit_is_chosen(tmp_path: Path) -> None:
    assert library_for(tmp_path).stdout == "rpi-lgpio\n"


@pytest.mark.parametrize("chosen", ["RPi.GPIO", "rpi-lgpio"])
def test_the_integrators_choice_outranks_it(tmp_path: Path, chosen: str) -> None:
    assert library_for(tmp_path, chosen).stdout == chosen + "\n"


@pytest.mark.parametrize("chosen", ["gpiozero", "rpi.gpio", "RPi.GPIO rpi-lgpio"])
def test_a_choice_that_is_none_is_refused(tmp_path: Path, chosen: str) -> None:
    done = library_for(tmp_path, chosen)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "allowed is RPi.GPIO or rpi-lgpio" in done.stderr


@pytest.mark.parametrize(
    ("state", "session", "is_refused"),
    [
        ("standby", "", False),
        ("self_test", "", False),
        ("fault", "", False),
        ("protective_stop", "", False),
        ("protective_stop", "s-1", True),
        ("emergency_stop", "s-1", True),
        ("fault", "s-1", True),
        ("prepared", "s-1", True),
        ("exercising", "s-1", True),
        ("paused", "s-1", True),
        ("complete", "s-1", True),
        ("complete", "", True),
        ("a state of a later version", "", True),
    ],
)
def test_nothing_is_changed_while_somebody_may_be_on_the_belt(state: str, session: str, is_refused: bool) -> None:
    script = load(PACKAGING / "refuse-during-session")
    assert bool(script.why_not(msgspec.structs.replace(SNAPSHOT, state=state, session=session))) is is_refused


def test_nothing_is_changed_while_somebody_hangs_though_the_session_is_forgotten() -> None:
    script = load(PACKAGING / "refuse-during-session")
    hanging = msgspec.structs.replace(SNAPSHOT, state="fault", session="", lamps={"nurse_call": True})
    assert "somebody may hang" in script.why_not(hanging)


def test_the_simulator_does_not_ship() -> None:
    builder = load(PACKAGING / "build_deb.py")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    whole, shipped = tomllib.loads(text), tomllib.loads(builder.shipped_project(text))
    packages = shipped["tool"]["setuptools"]["packages"]
    assert {name for name in whole["tool"]["setuptools"]["packages"] if name not in packages} >= {"simulator", "evaluation"}
    assert {"controller", "controller.core", "telemetry", "messages", "firmware_bridge"} <= set(packages)
    assert not [name for name in packages if name.split(".")[0] in builder.NOT_SHIPPED]
    assert not [entry for entry in shipped["project"]["scripts"].values() if entry.split(".")[0] in builder.NOT_SHIPPED]


def test_every_file_of_the_package_is_there_and_has_one_place() -> None:
    contents = load(PACKAGING / "build_deb.py").contents()
    assert all(origin.is_file() for origin, _ in contents)
    places = [place for _, place in contents]
    assert len(places) == len(set(places))
    assert "usr/lib/systemd/system/sternway-controller.service" in places
    assert {"usr/share/man/man1/sternway.1", "usr/share/bash-completion/completions/sternway"} <= set(places)


@pytest.mark.parametrize(
    "script", ["debian/postinst", "debian/prerm", "debian/postrm", "gpio-library", "../scripts/broker_setup.sh"]
)
def test_the_shell_understands_every_script(script: str) -> None:
    done = subprocess.run(["sh", "-n", str(PACKAGING / script)], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_no_broker_comes_unasked() -> None:
    """As Debian delivers it Mosquitto is open to every account of the machine, and telemetry's defaults connect to it."""
    lines = (PACKAGING / "debian/control.in").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    brought = " ".join(fields.get(name, "") for name in ("Pre-Depends", "Depends", "Recommends"))
    assert "mosquitto" not in brought
    assert "mosquitto" in fields["Suggests"]


def test_every_runtime_dependency_has_its_version_pinned() -> None:
    """Two packages built on two days from one checkout hold the same libraries."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*document["dependencies"], *document["optional-dependencies"]["pi"], *document["optional-dependencies"]["pi5"]]
    names = {name.split(">")[0].split("=")[0].split("<")[0].strip().lower() for name in wanted}
    lines = (PACKAGING / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    assert names <= pinned


def test_each_class_of_devices_that_comes_with_a_module_is_there_before_the_controller() -> None:
    """systemd looks a class up when the unit starts: a drive that was switched on later stayed forbidden for ever."""
    unit = (ROOT / "systemd/sternway-controller.service").read_text(encoding="utf-8")
    modules = {"char-ttyUSB": "usbserial", "char-ttyACM": "cdc_acm", "char-spi": "spidev"}
    built_in = {"char-gpiochip", "char-ttyAMA"}
    allowed = set(re.findall(r"^DeviceAllow=(char-\S+)", unit, re.MULTILINE))
    assert allowed == modules.keys() | built_in
    for word in ("Wants", "After"):
        (named,) = re.findall(rf"^{word}=(modprobe.*)$", unit, re.MULTILINE)
        assert set(named.split()) == {f"modprobe@{module}.service" for module in modules.values()}
