"""A small Debian under QEMU without KVM: the kernel's real GPIO and spidev devices, real device rules, and a mains plug.

Some ten times slower than this machine: nothing here judges times under 100 ms.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hil_tests.vm.kernel import Kernel

BOOTS_WITHIN_S = 240.0
_PROMPT = b"(qemu) "


class Result:
    """What a command in the machine said."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.code = int(answer["code"])
        self.out = str(answer["out"])
        self.err = str(answer["err"])


class VirtualMachine:
    """QEMU with one disk, two serial ports and an agent. As a context manager it runs when entered; it is killed when left."""

    def __init__(self, kernel: Kernel, initramfs: Path, disk: Path, display: Path, drive: Path) -> None:
        """disk: written to. display, drive: the terminals that are its COM1 and COM2."""
        self._directory = Path(tempfile.mkdtemp(prefix="sternway-vm-"))
        agent, monitor = self._directory / "agent", self._directory / "monitor"
        append = "root=/dev/vda rw quiet console=hvc0 panic=-1 mitigations=off nokaslr"
        self._command = [
            *("qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "768"),
            *("-nodefaults", "-display", "none", "-nic", "none", "-no-reboot"),
            *("-kernel", str(kernel.image), "-initrd", str(initramfs), "-append", append),
            *("-drive", f"file={disk},if=virtio,format=qcow2,cache=writethrough"),
            *("-chardev", f"serial,id=display,path={display}", "-serial", "chardev:display"),
            *("-chardev", f"serial,id=drive,path={drive}", "-serial", "chardev:drive"),
            *("-device", "virtio-serial", "-chardev", f"file,id=console,path={self._directory}/console"),
            *("-device", "virtconsole,chardev=console"),
            *("-chardev", f"socket,id=agent,path={agent},server=on,wait=off", "-device", "virtserialport,chardev=agent,name=agent"),
            *("-chardev", f"socket,id=monitor,path={monitor},server=on,wait=off", "-mon", "chardev=monitor,mode=readline"),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._agent: socket.socket | None = None
        self._monitor: socket.socket | None = None
        self._answers: dict[int, dict[str, Any]] = {}
        self._arrived = threading.Condition()
        self._sending = threading.Lock()
        self._count = 0

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut_power()

    @property
    def console(self) -> str:
        """What kernel and systemd have written."""
        path = self._directory / "console"
        return path.read_text(errors="replace") if path.exists() else ""

    def power_on(self, wait: bool = True) -> None:
        """Switches it on and waits for its agent."""
        with (self._directory / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._monitor = self._connect("monitor")
            self._read_prompt()
            self._agent = self._connect("agent")
            threading.Thread(target=self._listen, args=(self._agent,), daemon=True).start()
            if wait:
                self.wait_agent()
        except BaseException:
            self.cut_power()
            raise

    def cut_power(self) -> None:
        """As if somebody had pulled the plug: what the disk does not have is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for connection in (self._agent, self._monitor):
            if connection is not None:
                connection.close()
        self._agent = self._monitor = None

    def wait_agent(self) -> None:
        """Waits until commands can be run. The port forgets what comes before the agent has opened it, so it is asked again."""
        deadline = time.monotonic() + BOOTS_WITHIN_S
        while True:
            try:
                self.run("true", timeout_s=2.0)
            except TimeoutError:
                if time.monotonic() > deadline or self._process is None or self._process.poll() is not None:
                    log = (self._directory / "qemu.log").read_text(errors="replace")
                    raise RuntimeError(f"the virtual machine did not boot:\n{log}\n{self.console[-3000:]}") from None
            else:
                return

    def run(self, *command: str, timeout_s: float = 120.0) -> Result:
        """Runs a command in it as root. Raises TimeoutError."""
        return Result(self._ask({"run": list(command)}, timeout_s))

    def shell(self, script: str, timeout_s: float = 120.0) -> str:
        """Runs a shell script in it; returns what it wrote, errors included."""
        return self.run("sh", "-c", f"exec 2>&1; {script}", timeout_s=timeout_s).out

    def levels(self, *numbers: int) -> dict[int, int]:
        """The levels of pins that the controller drives, by BCM number."""
        answer = self._ask({"outputs": list(numbers)}, 20.0)
        return {int(number): int(level) for number, level in answer["levels"].items()}

    def tell(self, message: Mapping[str, Any]) -> None:
        """Says something to the agent that has no answer."""
        if self._agent is not None:
            with self._sending:
                self._agent.sendall(json.dumps(message).encode() + b"\n")

    def save(self, name: str) -> None:
        """Keeps the whole machine as it is now."""
        self._say(f"savevm {name}")

    def load(self, name: str) -> None:
        """Goes back to a kept machine."""
        self._say(f"loadvm {name}")

    # --- sockets -----------------------------------------------------------------------------------------------------

    def _connect(self, name: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 10.0
        while True:
            try:
                made.connect(str(self._directory / name))
            except OSError:
                if time.monotonic() > deadline:
                    log = (self._directory / "qemu.log").read_text(errors="replace")
                    made.close()
                    raise RuntimeError(f"QEMU did not start:\n{log}") from None
                time.sleep(0.05)
            else:
                return made

    def _ask(self, question: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        with self._sending:
            self._count += 1
            number = self._count
        self.tell({**question, "id": number})
        with self._arrived:
            if not self._arrived.wait_for(lambda: number in self._answers, timeout_s):
                raise TimeoutError(f"no answer to {question} within {timeout_s} s")
            return self._answers.pop(number)

    def _listen(self, connection: socket.socket) -> None:
        waiting = b""
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                answer = json.loads(line)
                with self._arrived:
                    self._answers[answer["id"]] = answer
                    self._arrived.notify_all()

    def _say(self, command: str) -> str:
        if self._monitor is None:
            raise RuntimeError("the machine is off")
        self._monitor.sendall(command.encode() + b"\n")
        said = self._read_prompt()
        if "Error" in said:
            raise RuntimeError(f"{command}: {said}")
        return said

    def _read_prompt(self) -> str:
        assert self._monitor is not None
        self._monitor.settimeout(120.0)
        said = b""
        while not said.endswith(_PROMPT):
            said += self._monitor.recv(65536)
        return said.decode(errors="replace")

    def remove(self) -> None:
        """Takes its sockets and logs away."""
        self.cut_power()
        for path in self._directory.iterdir():
            os.unlink(path)
        self._directory.rmdir()
