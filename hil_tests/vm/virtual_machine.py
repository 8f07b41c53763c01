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
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hil_tests.vm.guest_time import GuestTime
from hil_tests.vm.kernel import Kernel
from hil_tests.vm.wire import narrow_pair
from simulator.scheduling import BESIDE_PRIORITY, schedule_this_thread

BOOTS_WITHIN_S = 900.0
"""Of this machine's time, as every limit here: generous, for it may be busy with other things."""
_ANSWERS_WITHIN_S = 600.0
_STARTS_WITHIN_S = 60.0
_PROMPT = b"(qemu) "
_PORT = 0x5A0
"""That of guest_clock.c and of gpio-sim's changes in kernel.py; not 0x402, on which the BIOS talks."""
_SHIFT = 0
"""An instruction takes 2**_SHIFT ns of the machine's time."""


class Result:
    """What a command in the machine said."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.code = int(answer["code"])
        self.out = str(answer["out"])
        self.err = str(answer["err"])


class Conversation:
    """A program that talks, and a person who types. Whoever waits is told by `news`."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.news = threading.Condition()
        self.said = ""
        self.code: int | None = None

    def answer(self, line: str) -> None:
        """The person types a line."""
        with self.news:
            self.said += f"{line}\n"
        self._write(f"{line}\n")

    def hear(self, message: Mapping[str, Any]) -> None:
        """What the program has said, or that it has ended."""
        with self.news:
            self.said += message.get("said", "").replace("\r", "")
            self.code = message.get("code")
            self.news.notify_all()


class VirtualMachine:
    """QEMU with one disk, two serial ports and an agent. As a context manager it runs when entered; it is killed when left."""

    def __init__(self, kernel: Kernel, initramfs: Path, disk: Path, lines: tuple[Path, socket.socket], guest: GuestTime) -> None:
        """disk: written to. lines: those of display and drive, its COM1 and COM2. guest: is told what it tells."""
        display, self._drive = lines
        self._directory = Path(tempfile.mkdtemp(prefix="sternway-vm-"))
        agent, monitor = self._directory / "agent", self._directory / "monitor"
        append = "root=/dev/vda rw quiet console=hvc0 panic=-1 mitigations=off nokaslr"
        self._command = [
            *(
                "qemu-system-x86_64",
                "-M",
                "q35",
                "-cpu",
                # TCG once failed at a kernel's cmpxchg16b while it booted (general protection fault); without it none is used.
                "max,cx16=off",
                "-accel",
                "tcg,thread=single",
                "-smp",
                "1",
                "-m",
                "768",
            ),
            *("-icount", f"shift={_SHIFT},sleep=on"),
            *("-nodefaults", "-display", "none", "-nic", "none", "-no-reboot"),
            *("-kernel", str(kernel.image), "-initrd", str(initramfs), "-append", append),
            *("-drive", f"file={disk},if=virtio,format=qcow2,cache=writethrough"),
            *("-chardev", f"serial,id=display,path={display}", "-serial", "chardev:display"),
            *("-chardev", f"socket,id=drive,fd={self._drive.fileno()}", "-serial", "chardev:drive"),
            *("-device", "virtio-serial", "-chardev", f"file,id=console,path={self._directory}/console"),
            *("-device", "virtconsole,chardev=console"),
            *("-chardev", f"socket,id=agent,path={agent},server=on,wait=off", "-device", "virtserialport,chardev=agent,name=agent"),
            *("-device", f"isa-debugcon,iobase={_PORT},chardev=wires"),
            *(
                "-chardev",
                f"socket,id=waker,path={self._directory}/waker,server=on,wait=off",
                "-mon",
                "chardev=waker,mode=readline",
            ),
            *("-chardev", f"socket,id=monitor,path={monitor},server=on,wait=off", "-mon", "chardev=monitor,mode=readline"),
        ]
        self.time = guest
        self._process: subprocess.Popen[bytes] | None = None
        self._agent: socket.socket | None = None
        self._monitor: socket.socket | None = None
        self._conversations: dict[int, Conversation] = {}
        self._answers: dict[int, dict[str, Any]] = {}
        self._arrived = threading.Condition()
        self._sending = threading.Lock()
        self._count = 0
        self._hears = False
        """Whether the agent takes what it is told: before that its port would fill, and the world wait for it."""

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
        near, far = narrow_pair()
        with (self._directory / "qemu.log").open("ab") as log, far:
            command = [*self._command, "-chardev", f"socket,id=wires,fd={far.fileno()}"]
            given = (self._drive.fileno(), far.fileno())
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=given)
        try:
            # First of all: while its port is full the machine does nothing else, not even talk to its monitor.
            self.time.follow(near, self._connect("waker"))
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
        self._hears = False

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
                self._hears = True
                return

    def run(self, *command: str, timeout_s: float = _ANSWERS_WITHIN_S) -> Result:
        """Runs a command in it as root. Raises TimeoutError."""
        return Result(self._ask({"run": list(command)}, timeout_s))

    def shell(self, script: str, timeout_s: float = _ANSWERS_WITHIN_S) -> str:
        """Runs a shell script in it; returns what it wrote, errors included."""
        return self.run("sh", "-c", f"exec 2>&1; {script}", timeout_s=timeout_s).out

    def talk(self, *command: str) -> Conversation:
        """Starts a program on a terminal in it, as root."""
        with self._sending:
            self._count += 1
            number = self._count
        self._conversations[number] = Conversation(lambda text: self._send({"to": number, "type": text}))
        self._send({"talk": list(command), "id": number})
        return self._conversations[number]

    def tell(self, message: Mapping[str, Any]) -> None:
        """Says something to the agent that has no answer; while it does not hear, nothing is said."""
        if self._hears:
            self._send(message)

    def freeze(self) -> None:
        """Its time stands still."""
        self._say("stop")

    def thaw(self) -> None:
        """Its time goes on."""
        self._say("cont")

    def save(self, name: str) -> None:
        """Keeps the whole machine as it is now."""
        self._say(f"savevm {name}")

    def load(self, name: str) -> None:
        """Goes back to a kept machine; `wait_agent` before it is told anything."""
        self._hears = False
        self._say(f"loadvm {name}")

    # --- sockets -----------------------------------------------------------------------------------------------------

    def _connect(self, name: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + _STARTS_WITHIN_S
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

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._agent is not None:
            with self._sending:
                self._agent.sendall(json.dumps(message).encode() + b"\n")

    def _ask(self, question: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        with self._sending:
            self._count += 1
            number = self._count
        self._send({**question, "id": number})
        with self._arrived:
            if not self._arrived.wait_for(lambda: number in self._answers, timeout_s):
                raise TimeoutError(f"no answer to {question} within {timeout_s} s")
            return self._answers.pop(number)

    def _listen(self, connection: socket.socket) -> None:
        schedule_this_thread(BESIDE_PRIORITY)
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
                if "talk" in answer:
                    self._conversations[answer["talk"]].hear(answer)
                    continue
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
        self._monitor.settimeout(_ANSWERS_WITHIN_S)
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
