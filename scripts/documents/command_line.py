"""The manual page and the shell completion of `sternway`, from its parser."""

from __future__ import annotations

import argparse

from controller.command_line import build_parser

_FILES = (
    ("/etc/sternway/treadmill.toml", "The configuration. Every key stands in docs/configuration.md."),
    ("/etc/sternway/calibration-harness.json", "The certificate of the harness cell's calibration."),
    ("/etc/sternway/self-test.json", "The record of the last self-test."),
    ("/run/sternway/controller.sock", "The controller's socket, for root and the group sternway."),
)
_EXITS = (
    ("0", "done"),
    ("1", "refused by the controller, or a calibration or self-test did not pass"),
    ("2", "a file or the command itself is wrong"),
    ("3", "the controller or a device is not reached"),
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
    parser = build_parser(())
    names = " ".join(name for name, _, _ in _commands(parser))
    cases = []
    for name, _, command in _commands(parser):
        flags = [flag for action in _options(command) for flag in action.option_strings]
        files = "files" if any(not action.option_strings for action in _positionals(command)) else "none"
        cases.append(f'        {name}) flags="{" ".join([*flags, "--help"])}" files={files} ;;')
    body = "\n".join(cases)
    return f"""# {_HEAD}
_sternway() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD - 1]}}" flags files=none
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "{names} --help" -- "$current")
        return
    fi
    case "$previous" in
        --config|--socket) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac
    case "${{COMP_WORDS[1]}}" in
{body}
        *) return ;;
    esac
    case "$current" in
        -*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current") ;;
        *) [ "$files" = files ] && mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    esac
}}
complete -o filenames -F _sternway sternway
"""


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
    return " ".join(rf"\fI{_escape(action.dest.upper())}\fR" for action in _positionals(command))


def _named(action: argparse.Action) -> str:
    flags = ", ".join(rf"\fB{_escape(flag)}\fR" for flag in action.option_strings)
    value = "" if action.nargs == 0 else rf" \fI{_escape(action.dest.upper())}\fR"
    return flags + value


def _escape(text: str) -> str:
    """Plain text for troff: a hyphen that is to be copied, and no line that begins like a request."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
