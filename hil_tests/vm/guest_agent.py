"""Runs inside the virtual machine, as root: hands on the simulated board's contacts and a way to run commands.

Lines of JSON over a virtio-serial port. `{"run": [...], "id": n}` is answered with what the command said. `{"contacts": {"5": 0}}`
sets levels at pins (0: closed to ground), `{"counts": n}` what the load cell reads; neither is answered.
`{"outputs": [12], "id": n}` is answered with the levels that the controller drives. Standard library only: it belongs to the
machine, not to Sternway.
"""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

PORT = Path("/dev/virtio-ports/agent")
COUNTS = Path("/sys/module/hx711_bus/parameters/counts")
CHIP = Path("/sys/kernel/config/gpio-sim/board")
LINES = 54


def make_board() -> Path:
    """A chip of as many lines as a Pi's, under its name; returns where its lines are."""
    bank = CHIP / "bank0"
    bank.mkdir(parents=True, exist_ok=True)
    if (CHIP / "live").read_text().strip() != "1":
        (bank / "num_lines").write_text(str(LINES))
        (bank / "label").write_text("pinctrl-bcm2711")
        (CHIP / "live").write_text("1")
    device = (CHIP / "dev_name").read_text().strip()
    chip = (bank / "chip_name").read_text().strip()
    return Path("/sys/devices/platform") / device / chip


class Agent:
    """One line after the other; commands in threads of their own, for one may take long."""

    def __init__(self) -> None:
        self._lines = make_board()
        self._port = PORT.open("r+b", buffering=0)
        self._lock = threading.Lock()

    def run(self) -> None:
        waiting = b""
        while True:
            waiting += self._port.read(65536) or b""
            *lines, waiting = waiting.split(b"\n")
            for line in lines:
                if line:
                    self._do(json.loads(line))

    def _do(self, request: dict[str, Any]) -> None:
        for number, level in request.get("contacts", {}).items():
            pull = "pull-up" if level else "pull-down"
            (self._lines / f"sim_gpio{number}" / "pull").write_text(pull)
        if "counts" in request:
            COUNTS.write_text(str(request["counts"]))
        if "outputs" in request:
            levels = {number: (self._lines / f"sim_gpio{number}" / "value").read_text().strip() for number in request["outputs"]}
            self._answer({"id": request["id"], "levels": levels})
        if "run" in request:
            threading.Thread(target=self._command, args=(request,), daemon=True).start()

    def _command(self, request: dict[str, Any]) -> None:
        done = subprocess.run(request["run"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self._answer({"id": request["id"], "code": done.returncode, "out": done.stdout, "err": done.stderr})

    def _answer(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        with self._lock:
            while data:
                data = data[self._port.write(data) or 0 :]


if __name__ == "__main__":
    Agent().run()
