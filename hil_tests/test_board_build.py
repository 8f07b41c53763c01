"""What `make flash` writes onto a board: built for this board, whatever was built before."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from simulator.drive_build import FIRMWARE

HEX = "drive_board.hex"


def flash(build: Path, *variables: str) -> bytes:
    """Returns the image that the programmer is handed; the programmer itself is one that does nothing."""
    programs = build / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "avrdude").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (programs / "avrdude").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(["make", "-C", str(FIRMWARE), "flash", f"BUILD={build}", *variables], env=environment, check=True)
    return (build / HEX).read_bytes()


def test_another_direction_of_the_encoder_is_another_image(tmp_path: Path) -> None:
    """Which way the encoder counts is found out at the first flash; the second one must not write the same again."""
    forward = flash(tmp_path, "DIRECTION=1")
    reverse = flash(tmp_path, "DIRECTION=-1")

    assert forward != reverse
    assert flash(tmp_path, "DIRECTION=1") == forward
