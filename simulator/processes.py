"""The product's own processes, started as on a Pi, but over the stand-ins and in a directory of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

from simulator.pins import PINS_VARIABLE, STANDINS_DIRECTORY
from simulator.scheduling import real_time_command

ROOT = Path(__file__).resolve().parents[1]
_GOES_WITHIN_S = 6.0


class ServiceProcess:
    """One service: it can be started, frozen, thawed, killed, and asked to end."""

    def __init__(
        self, module: str, configuration: Path, log: Path, variables: dict[str, str], prefix: tuple[str, ...] = ()
    ) -> None:
        """module: run as `python -m`. log: where its output goes. variables: added to the environment. prefix: of the command."""
        self._module = module
        self._command = [*prefix, sys.executable, "-m", module, "--config", str(configuration)]
        self._log = log
        self._environment = {**os.environ, **variables}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def identifier(self) -> int:
        """Its process id; 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """A new life. Raises RuntimeError while the last one goes on."""
        if self.alive:
            raise RuntimeError(f"{self._module} runs already")
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def end(self) -> None:
        """SIGTERM, and SIGKILL when that is not heard."""
        if not self.alive or self._process is None:
            return
        self.thaw()
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=_GOES_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def controller_process(configuration: Path, directory: Path, pins: Path) -> ServiceProcess:
    """The controller over the stand-ins for RPi.GPIO and spidev."""
    variables = {"PYTHONPATH": f"{STANDINS_DIRECTORY}{os.pathsep}{ROOT}", PINS_VARIABLE: str(pins)}
    log = directory / "controller.log"
    return ServiceProcess("controller.service", configuration, log, variables, real_time_command())


def telemetry_process(configuration: Path, directory: Path) -> ServiceProcess:
    """Telemetry, as it ships."""
    return ServiceProcess("telemetry.service", configuration, directory / "telemetry.log", {"PYTHONPATH": str(ROOT)})


def prepare_session(configuration: Path, plan: Path, screening: Path) -> subprocess.CompletedProcess[str]:
    """`sternway prepare PATIENT`, as a therapist at the treadmill's own computer types it, with plan and records in files."""
    patient = tomllib.loads(plan.read_text(encoding="utf-8"))["patient"]
    command = [sys.executable, "-m", "desk.prepare_command", patient, "--plan", str(plan), "--screening", str(screening)]
    command += ["--config", str(configuration)]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=20.0, check=False
    )
