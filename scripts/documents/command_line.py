"""The manual page and the shell completion of `sternway`, from its parser and those of the programs that are its subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from controller.command_line import build_parser
from desk import events_command, patient_command, plan_command, prepare_command, progress_command, report_command, symptom_command
from replay import command_line as replay_command

OTHERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "events": events_command.build_parser,
    "patient": patient_command.build_parser,
    "plan": plan_command.build_parser,
    "prepare": prepare_command.build_parser,
    "progress": progress_command.build_parser,
    "replay": replay_command.build_parser,
    "report": report_command.build_parser,
    "symptom": symptom_command.build_parser,
}
"""The package's programs that `sternway NAME` runs; a test compares them with what ships."""

_FILES = (
    ("/etc/sternway/treadmill.toml", "The configuration. Every key stands in docs/configuration.md."),
    ("/etc/sternway/calibration-harness.json", "The certificate of the harness cell's calibration."),
    (
        "/etc/sternway/calibration-rail-left.json, calibration-rail-right.json",
        "Those of the cells at the rails, where there are any.",
    ),
    ("/etc/sternway/self-test.json", "The record of the last self-test."),
    ("/var/lib/sternway/telemetry/", "The journal, the patients' file and the flight recordings."),
    ("/run/sternway/controller.sock", "The controller's socket, for root and the group sternway."),
)
_EXITS = (
    ("0", "done"),
    ("1", "refused, or a calibration or self-test did not pass, or a replayed decision differs"),
    ("2", "a file or the command itself is wrong"),
    ("3", "the controller, a device or a file is not reached"),
)
_HEAD = "Generated from the code by scripts/generate_docs.py: change the code, then run `make docs`."


def manual_page() -> str:
    """Returns man page section 1 in troff's man macros."""
    parser = build_parser(())
    lines = [f'.\\" {_HEAD}', '.TH STERNWAY 1 "" "Sternway" "User commands"', ".SH NAME"]
    lines += [r"sternway \- command line of a reversed treadmill", ".SH SYNOPSIS", ".B sternway", r"\fICOMMAND\fR [\fIoptions\fR]"]
    lines += [".SH DESCRIPTION", _escape(parser.description or ""), ".SH COMMANDS"]
    for name, words, command in _commands(parser):
        lines += [".TP", rf"\fB{_escape(name)}\fR {_usage(command)}".rstrip(), f"{_escape(words[:1].upper() + words[1:])}."]
        for action in _options(command):
            lines += [".RS", ".TP", _named(action), f"{_escape(action.help or '')}.", ".RE"]
    for name, command in ((name, build()) for name, build in OTHERS.items()):
        lines += [".TP", rf"\fB{_escape(name)}\fR {_usage(command)}".rstrip(), _escape(_about(command))]
    lines.append(".SH EXIT STATUS")
    for code, words in _EXITS:
        lines += [".TP", rf"\fB{code}\fR", f"{_escape(words)}."]
    lines.append(".SH FILES")
    for path, words in _FILES:
        lines += [".TP", rf"\fI{_escape(path)}\fR", _escape(words)]
    lines += [".SH SEE ALSO", r"\fBjournalctl\fR(1), \fBsystemctl\fR(1)"]
    return "\n".join(lines) + "\n"


def bash_completion() -> str:
    """Returns the completion script for bash."""
    commands = {name: command for name, _, command in _commands(build_parser(()))}
    commands |= {name: build() for name, build in OTHERS.items()}
    names = " ".join(commands)
    body = "\n".join(_case(name, command) for name, command in commands.items())
    options = [action for command in commands.values() for action in _all_options(command)]
    switches = {flag for action in options if action.nargs == 0 for flag in action.option_strings}
    paths = {flag for action in options if action.type is Path for flag in action.option_strings}
    before_files = "|".join(sorted(paths - switches))
    return f"""# {_HEAD}
_sternway() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD - 1]}}" flags words="" files=none
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "{names} --help" -- "$current")
        return
    fi
    case "$previous" in
        {before_files}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac
    case "${{COMP_WORDS[1]}}" in
{body}
        *) return ;;
    esac
    case "$current" in
        -*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current"); return ;;
    esac
    if [ -n "$words" ] && [ "$COMP_CWORD" -eq 2 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
        return
    fi
    [ "$files" != files ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}}
complete -o filenames -F _sternway sternway
"""


def _case(name: str, command: argparse.ArgumentParser) -> str:
    """One command's line of the completion script."""
    flags = dict.fromkeys(flag for action in _all_options(command) for flag in action.option_strings)
    below = _below(command)
    words = f' words="{" ".join(below)}"' if below else ""
    takers = [command, *below.values()]
    files = "files" if any(action.type is Path for taker in takers for action in _positionals(taker)) else "none"
    return f'        {name}) flags="{" ".join([*flags, "--help"])}"{words} files={files} ;;'


def _about(command: argparse.ArgumentParser) -> str:
    """What a program of its own says of itself, with the words that may follow its name; the rest is in its --help."""
    below = _below(command)
    words = f" Commands: {', '.join(below)}." if below else ""
    own = [action.option_strings[-1] for action in _options(command)]
    return f"{command.description}{words} Options: {', '.join(own)}; --help explains them."


def _below(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands that a command has in turn, by name."""
    groups = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: parser for group in groups for name, parser in group.choices.items()}


def _all_options(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [*_options(command), *(action for below in _below(command).values() for action in _options(below))]


def _commands(parser: argparse.ArgumentParser) -> list[tuple[str, str, argparse.ArgumentParser]]:
    """Name, words and parser of each command, in the parser's order."""
    (group,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    words = {choice.dest: choice.help or "" for choice in group._choices_actions}
    return [(name, words[name], command) for name, command in group.choices.items()]


def _options(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in command._actions if action.option_strings and action.dest != "help"]


def _positionals(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in command._actions if not action.option_strings]


def _usage(command: argparse.ArgumentParser) -> str:
    return " ".join(_taken(action) for action in _positionals(command))


def _taken(action: argparse.Action) -> str:
    """A word that follows the command; in brackets where it may be left out."""
    word = rf"\fI{_escape(str(action.metavar or action.dest.upper()))}\fR"
    return f"[{word}]" if action.nargs in ("?", "*") else word


def _named(action: argparse.Action) -> str:
    flags = ", ".join(rf"\fB{_escape(flag)}\fR" for flag in action.option_strings)
    value = "" if action.nargs == 0 else rf" \fI{_escape(action.dest.upper())}\fR"
    return flags + value


def _escape(text: str) -> str:
    """Plain text for troff: a hyphen that is to be copied, and no line that begins like a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
