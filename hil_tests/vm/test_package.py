"""The Debian package's life: installed, upgraded, downgraded, removed, purged; never under a patient."""

from __future__ import annotations

import pytest

from hil_tests.vm.container import Container
from hil_tests.vm.packages import NEWER, OLDER
from hil_tests.vm.treadmill import Treadmill, begin_walking, equip


def version_of(container: Container) -> str:
    return container.run("dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", "sternway", check=False).stdout


def is_active(container: Container) -> list[str]:
    units = ("sternway-controller.service", "sternway-telemetry.service")
    return [container.run("systemctl", "is-active", unit, check=False).stdout.strip() for unit in units]


def test_installed_offline_it_waits_for_a_configuration(bare: Container) -> None:
    """The container has no network. Nothing starts before somebody has said what the treadmill is."""
    said = bare.shell("dpkg -i /srv/packages/current.deb")
    assert "there is no /etc/sternway/treadmill.toml yet" in said
    assert "rror" not in said
    assert is_active(bare) == ["inactive", "inactive"]
    assert bare.run("systemctl", "is-enabled", "sternway.target").stdout.strip() == "enabled"
    groups = bare.run("id", "-nG", "sternway-controller").stdout.split()
    assert {"sternway", "gpio", "spi", "dialout"} <= set(groups)
    assert bare.run("id", "-nG", "sternway-telemetry").stdout.split() == ["sternway-telemetry", "sternway"]
    libraries = bare.shell("/opt/sternway/python/bin/python -m pip list --format=freeze | grep -iE 'gpio'").split()
    assert sorted(name.split("==")[0] for name in libraries) == ["lgpio", "rpi-lgpio"], "one of the two GPIO libraries, not both"
    assert bare.shell("/opt/sternway/python/bin/python -c 'import simulator'", check=False).endswith(
        "No module named 'simulator'\n"
    )


def test_with_a_configuration_it_starts_and_comes_to_standby(bare: Container, treadmill: Treadmill) -> None:
    bare.shell("dpkg -i /srv/packages/current.deb")
    equip(bare)
    treadmill.start(bare)
    bare.run("systemctl", "start", "sternway.target")
    treadmill.wait_state("standby")
    assert is_active(bare) == ["active", "active"]


def test_a_wrong_configuration_is_named_and_nothing_starts(bare: Container) -> None:
    bare.shell("mkdir -p /etc/sternway; printf '[identity]\\nclinik = \"a\"\\n' > /etc/sternway/treadmill.toml")
    said = bare.shell("dpkg -i /srv/packages/current.deb")
    assert "clinik" in said
    assert "the services are not started" in said
    assert is_active(bare) == ["inactive", "inactive"]


@pytest.mark.usefixtures("variants")
def test_another_python_is_refused(bare: Container) -> None:
    said = bare.shell("dpkg -i /srv/packages/other-python.deb", check=False)
    assert "depends on python3 (>= 3.99)" in said
    assert not (bare.files / "opt/sternway/python").exists()


@pytest.mark.usefixtures("variants")
def test_upgraded_and_downgraded_it_keeps_configuration_and_comes_back_unlatched(machine: Container, treadmill: Treadmill) -> None:
    treadmill.wait_state("standby")
    configuration = (machine.files / "etc/sternway/treadmill.toml").read_bytes()
    for version in (NEWER, OLDER):
        machine.shell(f"dpkg -i /srv/packages/{version}.deb")
        assert version_of(machine) == f"installed {version}"
        seen = treadmill.wait_state("standby")
        assert seen.cause == ""
        assert is_active(machine) == ["active", "active"]
        assert (machine.files / "etc/sternway/treadmill.toml").read_bytes() == configuration
    journal = machine.shell("journalctl -u sternway-controller --no-pager -o cat")
    assert "properly" not in journal, "every stop was a clean one"


@pytest.mark.usefixtures("variants")
def test_nothing_is_changed_while_somebody_walks(machine: Container, treadmill: Treadmill) -> None:
    begin_walking(treadmill, machine)
    before = version_of(machine)
    pids = machine.shell("systemctl show -P MainPID sternway-controller sternway-telemetry")
    for command in (
        f"dpkg -i /srv/packages/{NEWER}.deb",
        f"dpkg -i /srv/packages/{OLDER}.deb",
        "dpkg -r sternway",
        "dpkg -P sternway",
    ):
        done = machine.run("sh", "-c", command, check=False)
        assert done.returncode != 0, command
        assert "refused: the treadmill is in the state 'exercising'" in done.stderr
    assert treadmill.belt_m_s > 0.08, "the session went on"
    assert version_of(machine) == before
    assert machine.shell("systemctl show -P MainPID sternway-controller sternway-telemetry") == pids


@pytest.mark.usefixtures("variants")
def test_a_controller_that_runs_but_does_not_answer_is_not_replaced(machine: Container, treadmill: Treadmill) -> None:
    """Unknown means stop: whether somebody is on the belt cannot be told. The drive's lease has stopped it by then."""
    treadmill.wait_state("standby")
    machine.shell(
        "mkdir -p /run/systemd/system/sternway-controller.service.d; cd /run/systemd/system/sternway-controller.service.d;"
        "printf '[Service]\\nWatchdogSec=0\\n' > watchdog.conf; systemctl daemon-reload; systemctl restart sternway-controller"
    )
    treadmill.wait_state("standby")
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "sternway-controller")
    done = machine.run("dpkg", "-i", f"/srv/packages/{NEWER}.deb", check=False)
    assert done.returncode != 0
    assert "runs but cannot be asked" in done.stderr


def test_removed_it_stops_cleanly_and_keeps_what_people_made(machine: Container, treadmill: Treadmill) -> None:
    treadmill.wait_state("standby")
    machine.shell("dpkg -r sternway")
    assert is_active(machine) == ["inactive", "inactive"]
    assert '"clean":true' in (machine.files / "var/lib/sternway/controller/controller.json").read_text()
    assert (machine.files / "etc/sternway/treadmill.toml").exists()
    assert (machine.files / "var/lib/sternway/telemetry/journal.sqlite").exists()
    assert not (machine.files / "opt/sternway/python").exists()
    machine.shell("dpkg -i /srv/packages/current.deb")
    assert treadmill.wait_state("standby").cause == "", "what was kept serves again"


def test_purged_it_leaves_nothing(machine: Container, treadmill: Treadmill) -> None:
    treadmill.wait_state("standby")
    machine.shell("dpkg -P sternway")
    left = machine.shell("ls -d /etc/sternway /var/lib/sternway /opt/sternway /usr/share/sternway /run/sternway", check=False)
    assert left.count("No such file") == 5, left
    assert machine.shell("systemctl list-unit-files --no-legend 'sternway*'", check=False) == ""
