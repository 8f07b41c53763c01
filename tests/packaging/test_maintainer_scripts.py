"""The package's own scripts, on a made machine: after whatever failed, the package can be configured, upgraded and removed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"
PIP_FAILS, RUNS = "pip-fails", "sternway-controller.service"
ENVIRONMENT = """\
#!/bin/sh
case "$*" in
*" pip "*)
    if [ -e {root}/pip-fails ]; then echo "No space left on device" >&2; exit 1; fi
    touch "${0%/bin/python}/whole"
    ;;
-I*) [ -e "${0%/bin/python}/whole" ] ;;
esac
echo "python $*" >>{root}/log
"""
"""The Python of a made environment: what it was asked for, and whether pip has put everything into it."""
TOOLS = {
    "python3": 'echo "python3 $*" >>{root}/log; mkdir -p "$3/bin"; cp {root}/environment "$3/bin/python"; chmod +x "$3/bin/python"',
    "systemctl": 'echo "systemctl $*" >>{root}/log; [ "$1" != is-active ] || [ -e "{root}/$3" ]',
    "deb-systemd-invoke": 'echo "$*" >>{root}/log',
    "deb-systemd-helper": 'echo "deb-systemd-helper $*" >>{root}/log',
    "systemd-sysusers": ":",
    "systemd-tmpfiles": ":",
    "udevadm": ":",
}
PROGRAMS = {
    "lib/refuse-during-session": 'echo "asked" >>{root}/log; [ ! -e {root}/walks ]',
    "lib/gpio-library": f"STERNWAY_ROOT={{root}} exec sh {PACKAGING}/gpio-library",
}


class Machine:
    """A directory that the scripts take for a machine, with systemd running and the package unpacked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.python = root / "opt/sternway/python"
        for directory in ("etc/sternway", "run/systemd/system", "run/udev", "opt/sternway/bin", "opt/sternway/lib", "tools"):
            (root / directory).mkdir(parents=True)
        (root / "environment").write_text(ENVIRONMENT.replace("{root}", str(root)), encoding="utf-8")
        for name, body in {**{f"tools/{name}": body for name, body in TOOLS.items()}, **PROGRAMS, "bin/sternway": ":"}.items():
            program = root / name if name.startswith("tools/") else root / "opt/sternway" / name
            program.write_text(f"#!/bin/sh\n{body.replace('{root}', str(root))}\n", encoding="utf-8")
            program.chmod(0o755)
        (root / "etc/sternway/treadmill.toml").touch()

    def run(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a maintainer script, as dpkg does."""
        text = re.sub(
            r"(?<![\w.])/(opt/sternway|etc/sternway|run/systemd|run/udev)",
            rf"{self.root}/\1",
            (PACKAGING / "debian" / script).read_text(),
        )
        path = self.root / script
        path.write_text(text, encoding="utf-8")
        environment = {"PATH": f"{self.root}/tools:/usr/bin:/bin"}
        return subprocess.run(["sh", str(path), *words], env=environment, cwd="/", capture_output=True, text=True, check=False)

    def configure(self) -> subprocess.CompletedProcess[str]:
        return self.run("postinst", "configure", "")

    def log(self) -> list[str]:
        """What the tools were asked for since the last look."""
        path = self.root / "log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def say(self, file: str, text: str = "") -> None:
        """Makes something so: pip fails, the controller runs, somebody walks."""
        (self.root / file).write_text(text, encoding="utf-8")

    def unsay(self, file: str) -> None:
        (self.root / file).unlink()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


START = "start sternway.target"
STOP = "stop sternway.target sternway-controller.service sternway-telemetry.service"


def test_configured_it_has_its_environment_and_starts(machine: Machine) -> None:
    done = machine.configure()
    assert done.returncode == 0, done.stderr
    log = machine.log()
    assert [line.split()[-3:] for line in log if " pip " in line] == [["sternway", "spidev", "rpi-lgpio"]]
    assert log[-1] == START


def test_a_choice_of_library_that_is_none_takes_no_environment_away(machine: Machine) -> None:
    machine.configure()
    machine.log()
    machine.say("etc/sternway/gpio-library", "RPI.GPIO\n")
    ended = machine.configure()
    assert ended.returncode != 0
    assert "allowed is RPi.GPIO or rpi-lgpio" in ended.stderr
    assert (machine.python / "whole").exists()
    assert not [line for line in machine.log() if line.startswith(("python3 ", START))]
    assert machine.run("prerm", "upgrade", "0.2").returncode == 0

    machine.say("etc/sternway/gpio-library", "RPi.GPIO\n")
    assert machine.configure().returncode == 0


@pytest.mark.parametrize("words", [("upgrade", "0.2"), ("remove",), ("failed-upgrade", "0.1"), ("deconfigure", "in-favour", "x")])
def test_after_an_environment_that_could_not_be_made_everything_is_still_possible(machine: Machine, words: tuple[str, ...]) -> None:
    machine.say(PIP_FAILS)
    ended = machine.configure()
    assert ended.returncode != 0
    assert "No space left on device" in ended.stderr
    assert "do the same again" in ended.stderr
    assert not machine.python.exists(), "a half-made one"
    machine.log()

    allowed = machine.run("prerm", *words)
    assert allowed.returncode == 0, allowed.stderr
    assert "the controller does not run" in allowed.stdout
    assert machine.log()[-1] == STOP
    machine.unsay(PIP_FAILS)
    assert machine.configure().returncode == 0
    assert (machine.python / "whole").exists()


def half_made(machine: Machine) -> None:
    """A real environment without our packages, as a power cut in the middle of pip leaves it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(machine.python)], check=True)


def test_a_half_made_environment_stands_in_nobodys_way(machine: Machine) -> None:
    half_made(machine)
    assert machine.run("prerm", "upgrade", "0.2").returncode == 0
    assert machine.log() == ["systemctl is-active --quiet sternway-controller.service", STOP]
    assert machine.run("prerm", "remove").returncode == 0
    assert not machine.python.exists()


def test_a_controller_that_runs_from_a_broken_environment_is_not_stopped(machine: Machine) -> None:
    """Unknown means stop: whether somebody is on the belt cannot be asked."""
    half_made(machine)
    machine.say(RUNS)
    refused = machine.run("prerm", "remove")
    assert refused.returncode != 0
    assert "sternway: refused: the controller runs" in refused.stderr
    assert STOP not in machine.log()
    assert machine.python.exists()


def test_with_its_environment_the_controller_is_asked(machine: Machine) -> None:
    machine.configure()
    machine.say("walks")
    assert machine.run("prerm", "upgrade", "0.2").returncode != 0
    log = machine.log()
    assert "asked" in log
    assert STOP not in log
    machine.unsay("walks")
    assert machine.run("prerm", "upgrade", "0.2").returncode == 0
    assert machine.log()[-2:] == ["asked", STOP]


def test_the_real_question_is_asked_with_a_real_environment(machine: Machine) -> None:
    """Nobody answers on this machine, and no controller runs: the services may be stopped."""
    machine.configure()
    machine.log()
    (machine.python / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    _, _, asking = (PACKAGING / "refuse-during-session").read_text(encoding="utf-8").partition("\n")
    (machine.root / "opt/sternway/lib/refuse-during-session").write_text(f"#!{sys.executable}\n{asking}", encoding="utf-8")
    done = machine.run("prerm", "upgrade", "0.2")
    assert done.returncode == 0, done.stderr
    assert "broken" not in done.stdout
    assert machine.log() == ["systemctl is-active --quiet sternway-controller.service", STOP]


@pytest.mark.parametrize(
    ("stopped_by", "undone_by"),
    [
        (("upgrade", "0.2"), ("abort-upgrade", "0.2")),
        (("deconfigure", "in-favour", "x", "1"), ("abort-deconfigure", "in-favour", "x", "1")),
    ],
)
def test_a_treadmill_that_was_stopped_for_nothing_is_started_again(
    machine: Machine, stopped_by: tuple[str, ...], undone_by: tuple[str, ...]
) -> None:
    machine.configure()
    machine.run("prerm", *stopped_by)
    machine.log()
    done = machine.run("postinst", *undone_by)
    assert done.returncode == 0, done.stderr
    assert "the package stays as it was" in done.stdout
    assert machine.log() == [START], "and nothing else: it is called after a refusal, too, in the middle of a session"


def test_a_removal_that_was_given_up_says_what_it_has_taken_away(machine: Machine) -> None:
    machine.configure()
    machine.run("prerm", "remove")
    machine.log()
    done = machine.run("postinst", "abort-remove")
    assert done.returncode == 0, done.stderr
    assert "run dpkg-reconfigure sternway" in done.stderr
    assert machine.log() == [START]
    assert machine.run("prerm", "upgrade", "0.1").returncode == 0
    assert machine.configure().returncode == 0
    assert (machine.python / "whole").exists()


def test_without_systemd_there_is_nothing_to_start_or_stop(machine: Machine) -> None:
    machine.configure()
    (machine.root / "run/systemd/system").rmdir()
    machine.log()
    for script, *words in (("prerm", "upgrade", "0.2"), ("postinst", "abort-upgrade", "0.2"), ("prerm", "remove")):
        assert machine.run(script, *words).returncode == 0
    assert machine.log() == []
