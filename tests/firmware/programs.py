"""The firmware's core under AddressSanitizer and UndefinedBehaviorSanitizer, as programs to talk to."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from simulator.drive_build import FIRMWARE, PROJECT_ROOT, MakeTarget, build_once

HERE = PROJECT_ROOT / "tests" / "firmware"
PROGRAM_TIMEOUT_S = 120


def build_program(name: str) -> Path:
    """Builds one of the programs beside this file; raises DriveBuildError when it cannot."""
    sources = [HERE / "Makefile", *sorted(HERE.glob("*.c")), *sorted((FIRMWARE / "core").glob("*.[ch]"))]
    return build_once(MakeTarget(HERE, name, name.upper(), name), sources)


def run_program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end."""
    command = [str(build_program(name)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S, check=False)


class HostMessage(NamedTuple):
    """What the firmware understood of one frame; fields that its type lacks are 0."""

    type: int
    sequence: int
    nonce: int
    tick: int
    target_mm_s: int
    acceleration_mm_s2: int
    deceleration_mm_s2: int
    flags: int


class ProtocolProbe:
    """The firmware's framing and protocol. One receiver for its whole life, as on a board."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(build_program("protocol_probe"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _, complaints = self._process.communicate(timeout=PROGRAM_TIMEOUT_S)
        if error is None and (self._process.returncode != 0 or complaints):
            raise RuntimeError(f"the probe ended with {self._process.returncode}:\n{complaints}")

    def feed(self, data: bytes) -> tuple[list[HostMessage], int]:
        """The host messages that end within `data`, and how many frames were dropped."""
        *messages, dropped = self._ask(f"feed {data.hex()}").split(";")
        decoded = [HostMessage(*(int(field) for field in message.split())) for message in messages]
        return decoded, int(dropped.removeprefix("dropped "))

    def frame(self, body: bytes) -> bytes | None:
        """The frame of any body; None where the firmware refuses its length."""
        answer = self._ask(f"frame {body.hex()}")
        return None if answer == "refused" else bytes.fromhex(answer)

    def status(self, sequence: int, *fields: int) -> bytes:
        """A STATUS frame, its 14 fields in the byte table's order."""
        return bytes.fromhex(self._ask(f"status {sequence} {' '.join(map(str, fields))}"))

    def ident(self, sequence: int, target: int, nonce: int) -> bytes:
        """An IDENT frame; version and limits are the build's own."""
        return bytes.fromhex(self._ask(f"ident {sequence} {target} {nonce}"))

    def _ask(self, command: str) -> str:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the probe has no pipes")
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # why it died stands on its stderr
        answer = self._process.stdout.readline()
        if not answer:
            complaints = self._process.stderr.read() if self._process.stderr else ""
            raise RuntimeError(f"the probe died at {command[:200]!r}:\n{complaints}")
        return answer.strip()
