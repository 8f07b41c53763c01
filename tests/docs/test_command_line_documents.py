"""The manual page is one that groff reads without complaint, and the completion is one that bash runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from controller.command_line import build_parser

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "sternway.1"
COMPLETION = ROOT / "config" / "sternway.bash-completion"
COMMANDS = ("cancel", "stop", "status", "check-config", "calibrate", "selftest", "logs", "version")


def test_the_commands_are_those_of_the_parser() -> None:
    for command in COMMANDS:
        assert f"{command}" in build_parser(()).format_help()


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_reads_the_page_without_a_complaint_and_every_command_is_in_it() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(PAGE)], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = subprocess.run(["groff", "-man", "-Tascii", "-P-c", str(PAGE)], capture_output=True, text=True, check=True, timeout=30)
    plain = subprocess.run(["col", "-b"], input=shown.stdout, capture_output=True, text=True, check=True, timeout=30).stdout
    for words in (*COMMANDS, "--config CONFIG", "NAME", "EXIT STATUS", "/etc/sternway/treadmill.toml"):
        assert words in plain


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_would_complain_of_a_slip(tmp_path: Path) -> None:
    page = tmp_path / "slip.1"
    page.write_text(PAGE.read_text().replace(".SH FILES", ".SHH FILES"))
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(page)], capture_output=True, text=True, check=False, timeout=30
    )
    assert "SHH" in done.stderr


def complete(*words: str) -> list[str]:
    """What bash offers for the last word."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"""
        source '{COMPLETION}'
        COMP_WORDS=(sternway {quoted}); COMP_CWORD={len(words)}
        _sternway; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False, cwd=ROOT / "config", timeout=30)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_offers_commands_options_and_files() -> None:
    assert set(complete("")) == {*COMMANDS, "--help"}
    assert complete("ca") == ["cancel", "calibrate"]
    assert complete("stop", "--s") == ["--socket"]
    assert set(complete("logs", "--")) == {"--follow", "--since", "--priority", "--help"}
    assert complete("check-config", "treadm") == ["treadmill.toml"]
    assert complete("stop", "--config", "treadm") == ["treadmill.toml"]
    assert complete("cancel", "treadm") == []
    assert complete("nothing", "-") == []
