"""A booted Debian in a container (systemd-nspawn): a real systemd and its sandboxes, at this machine's own speed.

It has no GPIO, and DevicePolicy and MemoryMax are not enforced in it: those are for the virtual machine. What it writes goes into a
layer of its own, which goes with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

BOOTS_WITHIN_S = 300.0
_ENDS_WITHIN_S = 600.0
"""A command that waits for ever; these limits end a run, they judge nothing."""
_ENVIRONMENT = (
    "env",
    "-i",
    "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LC_ALL=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
)


class ContainerError(RuntimeError):
    """The container did not come up; the message says what it said."""


class Container:
    """One machine. As a context manager it is booted when entered and gone when left."""

    def __init__(self, lower: Sequence[Path], binds: Mapping[str, str] | None = None, upper: Path | None = None) -> None:
        """lower: layers, the topmost first. binds: what of the host appears where. upper: where to keep what it writes."""
        self._temporary = Path(tempfile.mkdtemp(prefix="sternway-container-"))
        self._upper = upper or self._temporary / "upper"
        self._lower = lower
        self._binds = dict(binds or {})
        self._root = self._temporary / "root"
        self._log = self._temporary / "console"
        self._process: subprocess.Popen[bytes] | None = None
        self.leader = 0
        """Process 1 of the container, by the host's number."""

    def __enter__(self) -> Self:
        try:
            self._mount()
            self.boot()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    @property
    def files(self) -> Path:
        """Its files, as the host sees them while it runs: mounts of its own included."""
        return Path(f"/proc/{self.leader}/root")

    def run(self, *command: str, check: bool = True, timeout_s: float = _ENDS_WITHIN_S) -> subprocess.CompletedProcess[str]:
        """Runs a command in it as root; with check, one that fails raises AssertionError with what it said."""
        entry = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"]
        done = subprocess.run([*entry, *_ENVIRONMENT, *command], capture_output=True, text=True, timeout=timeout_s, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def shell(self, script: str, check: bool = True, timeout_s: float = _ENDS_WITHIN_S) -> str:
        """Runs a shell script in it; returns what it wrote, errors included."""
        return self.run("sh", "-c", f"exec 2>&1; {script}", check=check, timeout_s=timeout_s).stdout

    def boot(self) -> None:
        """Starts it and waits until systemd has done its work."""
        command = [
            "systemd-nspawn",
            "--quiet",
            "-D",
            str(self._root),
            "--boot",
            "--register=no",
            "--keep-unit",
            "--private-network",
        ]
        command += ["--console=pipe", "--machine", self._temporary.name.rsplit("-", maxsplit=1)[-1].replace("_", "x")]
        command += ["--kill-signal=SIGRTMIN+4", "--resolv-conf=off", "--timezone=off"]
        command += [f"--bind={host}:{inside}" for inside, host in self._binds.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + BOOTS_WITHIN_S
        while not self._is_up():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise ContainerError(f"the container did not boot:\n{self.console()[-3000:]}")
            time.sleep(0.05)

    def console(self) -> str:
        """What it has written on its console."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def power_off(self) -> None:
        """Shuts it down in order; its files stay."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=40.0)
            except subprocess.TimeoutExpired:
                self.cut()
            self._process = None
            self.leader = 0

    def cut(self) -> None:
        """All its processes die at once. The host's file system has what they wrote: this is no power cut."""
        if self._process is None:
            return
        leader = self.leader or self._find_leader()
        if leader:
            # With process 1 everything in it dies; nspawn, once killed itself, would leave it running.
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait(timeout=20.0)
        self._process = None
        self.leader = 0

    def remove(self) -> None:
        """Ends it and takes its layer away, unless that was somebody else's."""
        self.cut()
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", str(self._root)], check=True, capture_output=True)
        if not self._root.is_mount():
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _mount(self) -> None:
        work = self._upper.parent / f"{self._upper.name}.work"
        for directory in (self._upper, work, self._root):
            directory.mkdir(parents=True, exist_ok=True)
        layers = ":".join(map(str, self._lower))
        options = f"lowerdir={layers},upperdir={self._upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(self._root)], check=True)

    def _is_up(self) -> bool:
        if not self.leader:
            self.leader = self._find_leader()
            return False
        done = self.run("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def _find_leader(self) -> int:
        """The child that is process 1 of a namespace of its own; nspawn has another child for a moment before."""
        if self._process is None:
            return 0
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split():
                status = Path(f"/proc/{child}/status").read_text()
                if re.search(r"^NSpid:\s+\d+\s+1$", status, re.MULTILINE):
                    return int(child)
        return 0
