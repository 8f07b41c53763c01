"""Runs inside the virtual machine, as root: hands on the simulated board's contacts and a way to run commands.

Lines of JSON over a virtio-serial port. `{"run": [...], "id": n}` is answered with what the command said. `{"contacts": {"5": 0}}`
sets levels at pins (0: closed to ground), `{"counts": n}` what the load cell reads; neither is answered.
`{"talk": [...], "id": n}` starts a program as a person at a terminal does: what it says comes as `{"talk": n, "said": ...}` until
`{"talk": n, "code": ...}`, and `{"to": n, "type": ...}` is what the person types. Standard library only: it belongs to the machine,
not to Sternway.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import termios
import threading
import time
from pathlib import Path
from typing import Any

PORT = Path("/dev/virtio-ports/agent")
COUNTS = Path("/sys/module/hx711_bus/parameters/counts")
CHIP = Path("/sys/kernel/config/gpio-sim/board")
DEVICES = (Path("/dev/gpiochip0"), Path("/dev/spidev0.0"))
RULES = Path("/usr/lib/udev/rules.d/60-sternway.rules")
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


def is_given(device: Path) -> bool:
    """Whether a device is there and belongs to a group that is not root's."""
    return device.exists() and device.stat().st_gid != 0


def tell_ready() -> None:
    """The controller may start: there is a board, and the device rules, where there are any, have given it to its group."""
    deadline = time.monotonic() + 30.0
    while RULES.exists() and not all(map(is_given, DEVICES)) and time.monotonic() < deadline:
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service_manager:
        service_manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


class Agent:
    """One line after the other; commands in threads of their own, for one may take long."""

    def __init__(self) -> None:
        self._lines = make_board()
        while not PORT.exists():  # udev has not come that far
            time.sleep(0.05)
        self._port = PORT.open("r+b", buffering=0)
        self._lock = threading.Lock()
        self._typed: dict[int, int] = {}
        tell_ready()

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
        if "run" in request:
            threading.Thread(target=self._command, args=(request,), daemon=True).start()
        if "talk" in request:
            threading.Thread(target=self._talk, args=(request,), daemon=True).start()
        if "to" in request:
            os.write(self._typed[request["to"]], request["type"].encode())

    def _command(self, request: dict[str, Any]) -> None:
        done = subprocess.run(request["run"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self._answer({"id": request["id"], "code": done.returncode, "out": done.stdout, "err": done.stderr})

    def _talk(self, request: dict[str, Any]) -> None:
        """On a terminal of its own, as over ssh."""
        ours, theirs = os.openpty()
        attributes = termios.tcgetattr(theirs)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(theirs, termios.TCSANOW, attributes)
        program = subprocess.Popen(request["talk"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self._typed[request["id"]] = ours
        with contextlib.suppress(OSError):  # the terminal's end
            while said := os.read(ours, 4096):
                self._answer({"talk": request["id"], "said": said.decode(errors="replace")})
        self._answer({"talk": request["id"], "code": program.wait()})
        del self._typed[request["id"]]
        os.close(ours)

    def _answer(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        with self._lock:
            while data:
                data = data[self._port.write(data) or 0 :]


if __name__ == "__main__":
    Agent().run()
