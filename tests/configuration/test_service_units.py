"""The units as systemd itself reads them: no unknown line, and little left that they could do to the machine."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "sternway-controller.service"
TELEMETRY_UNIT = SYSTEMD / "sternway-telemetry.service"
HIGHEST_EXPOSURE = {"sternway-controller.service": 0.7, "sternway-telemetry.service": 1.2}

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(("name", "highest"), HIGHEST_EXPOSURE.items())
def test_what_is_left_exposed_is_little(name: str, highest: float) -> None:
    unit = SYSTEMD / name
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={highest * 10:.0f}", str(unit))
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_unit_that_may_do_more_is_found(tmp_path: Path) -> None:
    """The test above can fail: the same check on a unit that keeps its capabilities and has the network."""
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("CapabilityBoundingSet=\n", "").replace("PrivateNetwork=yes\n", "")
    unit.write_text(text, encoding="utf-8")
    assert run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=7", str(unit)).returncode != 0


def test_systemd_knows_every_line(tmp_path: Path) -> None:
    """The programs are not installed here, so their paths are replaced by one that is."""
    unit = tmp_path / UNIT.name
    unit.write_text(
        UNIT.read_text(encoding="utf-8").replace("/opt/sternway/bin/sternway-controller", "/bin/true"), encoding="utf-8"
    )
    shutil.copy(SYSTEMD / "sternway.target", tmp_path)
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    complaints = [line for line in done.stderr.splitlines() if UNIT.name in line and "sternway-telemetry" not in line]
    assert complaints == []


def test_systemd_finds_a_line_that_it_does_not_know(tmp_path: Path) -> None:
    """The test above can fail: the same check on a unit with a slip in it."""
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("/opt/sternway/bin/sternway-controller", "/bin/true")
    unit.write_text(text.replace("PrivateNetwork=", "PrivateNetwrk="), encoding="utf-8")
    assert "PrivateNetwrk" in run("systemd-analyze", "verify", "--man=no", str(unit)).stderr


def service_of(path: Path) -> configparser.SectionProxy:
    """The unit's section Service. Of a setting that stands several times, as DeviceAllow, the last."""
    unit = configparser.RawConfigParser(strict=False)
    # The documented way to keep capital letters, which typeshed takes for an assignment to a method.
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path, encoding="utf-8")
    return unit["Service"]


@pytest.mark.hazard("H-19", "C-TWO-PROCESSES")
def test_the_controller_has_no_network_and_telemetrys_socket_keeps_its_peers_names() -> None:
    service = service_of(UNIT)
    assert service["RestrictAddressFamilies"] == "AF_UNIX"
    assert service["PrivateNetwork"] == "yes"
    assert service["DevicePolicy"] == "closed"
    assert service["Type"] == "notify"
    assert "PrivateUsers" not in service


@pytest.mark.hazard("H-19", "C-TWO-PROCESSES")
def test_telemetry_which_has_the_network_is_given_no_device() -> None:
    service = service_of(TELEMETRY_UNIT)
    assert service["PrivateDevices"] == "yes"
    assert service["DevicePolicy"] == "closed"
    assert "DeviceAllow" not in service
    assert not {"gpio", "dialout", "spi", "i2c"} & set(service.get("SupplementaryGroups", "").split())


def test_the_unit_lets_the_controller_come_to_its_third_unclean_start() -> None:
    """From then on the controller itself stays latched and says why; a unit that gave up before could not be asked."""
    text = UNIT.read_text(encoding="utf-8")
    burst = re.search(r"^StartLimitBurst=(\d+)$", text, re.MULTILINE)
    assert burst is not None
    assert int(burst[1]) > 3
