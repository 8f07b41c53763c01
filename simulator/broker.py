"""The real MQTT broker, on a loopback port of its own and with nothing of its keeping left behind."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from pathlib import Path

_CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
persistent_client_expiration 1h
max_queued_messages 10000
log_dest file {directory}/mosquitto.log
"""
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_READY_S = 5.0


class BrokerMissingError(RuntimeError):
    """Mosquitto is not installed."""


class Broker:
    """Mosquitto. Sessions of its clients survive a stop and a start."""

    def __init__(self, directory: Path) -> None:
        """directory: for its configuration, its log and its store. Raises BrokerMissingError."""
        program = shutil.which("mosquitto") or next(
            (found for place in _PLACES if (found := shutil.which("mosquitto", path=place))), None
        )
        if program is None:
            raise BrokerMissingError("mosquitto is not installed: sudo apt-get install mosquitto")
        directory.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._program = program
        self._configuration = directory / "mosquitto.conf"
        self._configuration.write_text(_CONFIGURATION.format(port=self.port, directory=directory))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where to find it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self, wait: bool = True) -> None:
        """Starts it; with wait, until it takes connections. Raises RuntimeError when it does not."""
        if self._process is None:
            command = [self._program, "-c", str(self._configuration)]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _READY_S
        while wait:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=0.5):
                return
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"mosquitto did not start: see {self._configuration.parent / 'mosquitto.log'}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it; what its clients are owed is on disk."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=3.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
