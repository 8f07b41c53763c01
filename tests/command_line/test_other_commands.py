"""Programs installed beside `sternway` are its subcommands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from controller import command_line
from controller.other_commands import find_other_commands, run_other_command


def _program(directory: Path, name: str, text: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_programs_beside_it_are_found_and_services_are_not(tmp_path: Path) -> None:
    evaluate = _program(tmp_path, "sternway-evaluate")
    _program(tmp_path, "sternway-controller")
    _program(tmp_path, "sternway-telemetry")
    _program(tmp_path, "sternway-notes", mode=0o644)
    _program(tmp_path, "sternway-UPPER")
    assert find_other_commands(tmp_path) == {"evaluate": evaluate}


def test_the_program_takes_the_arguments_and_its_exit_code_is_ours(tmp_path: Path) -> None:
    program = _program(tmp_path, "sternway-tell", '#!/bin/sh\necho "$@"\nexit 7\n')
    code = f"""
from pathlib import Path
from controller.other_commands import run_other_command
run_other_command(Path({str(program)!r}), ["a", "--b"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2], timeout=30
    )
    assert (done.returncode, done.stdout) == (7, "a --b\n")


def test_a_program_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_other_command(tmp_path / "sternway-gone", [])


def test_the_command_line_hands_over_what_is_not_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _program(tmp_path, "sternway-tell")
    ran: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "sternway")])
    monkeypatch.setattr(command_line, "run_other_command", lambda path, words: ran.append((path, list(words))) or 3)
    assert command_line.main(["tell", "--fast"]) == 3
    assert ran == [(program, ["--fast"])]
