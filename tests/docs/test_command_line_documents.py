"""The manual page is one that groff reads without complaint, and the completion is one that bash runs."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from documents.command_line import OTHERS

from controller.command_line import build_parser
from controller.other_commands import find_other_commands
from tests.packaging.test_package_sources import load

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "sternway.1"
COMPLETION = ROOT / "config" / "sternway.bash-completion"
OWN = ("cancel", "stop", "status", "check-config", "calibrate", "selftest", "logs", "version")
INSTALLED_BESIDE = ("events", "patient", "plan", "prepare", "progress", "replay", "report", "symptom")
COMMANDS = (*OWN, *INSTALLED_BESIDE)


def test_the_commands_are_those_of_the_parser() -> None:
    for command in OWN:
        assert f"{command}" in build_parser(()).format_help()


def test_the_commands_beside_it_are_those_that_the_package_installs(tmp_path: Path) -> None:
    """As `sternway` itself finds them: programs of these names, services left out."""
    project = load(ROOT / "packaging" / "build_deb.py").shipped_project((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for program in tomllib.loads(project)["project"]["scripts"]:
        (tmp_path / program).touch(mode=0o755)
    assert tuple(find_other_commands(tmp_path)) == INSTALLED_BESIDE == tuple(OTHERS)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_reads_the_page_without_a_complaint_and_every_command_is_in_it() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(PAGE)], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = subprocess.run(["groff", "-man", "-Tascii", "-P-c", str(PAGE)], capture_output=True, text=True, check=True, timeout=30)
    plain = subprocess.run(["col", "-b"], input=shown.stdout, capture_output=True, text=True, check=True, timeout=30).stdout
    for words in (*COMMANDS, "walk-test", "--config CONFIG", "--screening", "NAME", "EXIT STATUS", "/etc/sternway/treadmill.toml"):
        assert words in plain


def test_a_word_that_may_be_left_out_stands_in_brackets() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert r"\fBsymptom\fR [\fIKIND\fR] [\fIGRADE\fR]" in page
    assert r"\fBreport\fR \fISESSION\fR" in page


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
    assert complete("p") == ["patient", "plan", "prepare", "progress"]
    assert complete("patient", "pr") == ["prescribe", "prune"]
    assert complete("patient", "add", "treadm") == ["treadmill.toml"]
    assert complete("replay", "treadm") == ["treadmill.toml"]
    assert complete("report", "treadm") == []
    assert complete("report", "last", "--o") == ["--output"]
    assert complete("report", "last", "--output", "treadm") == ["treadmill.toml"]
    assert complete("prepare", "p-17", "--scr") == ["--screening"]
    assert complete("stop", "--s") == ["--socket"]
    assert set(complete("logs", "--")) == {"--follow", "--since", "--priority", "--help"}
    assert complete("check-config", "treadm") == ["treadmill.toml"]
    assert complete("stop", "--config", "treadm") == ["treadmill.toml"]
    assert complete("cancel", "treadm") == []
    assert complete("nothing", "-") == []
