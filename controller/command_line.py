"""`sternway`: a prepared session's end, the belt's stop, how the treadmill is, and its upkeep: calibration, self-test, logs.

Nothing here can start the belt or make it faster. Exit codes: 0 done; 1 the controller refused, or a calibration or self-test
did not pass; 2 a file or the command itself is wrong; 3 the controller or a device cannot be reached.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from controller import __version__
from controller.command_client import ClientError, ControllerClient
from controller.command_words import status_lines
from controller.commissioning.cells import CELLS, HARNESS
from controller.commissioning.console import Terminal
from controller.commissioning_programs import run_calibration, run_self_test
from controller.configuration import ConfigurationError, check_configuration, load_configuration
from controller.configuration_tables import PathSettings
from controller.hardware.errors import HardwareError
from controller.journal_command import journalctl_arguments, run_journalctl
from controller.other_commands import find_other_commands, run_other_command
from controller.pairing import judge_driver
from controller.rail_certificates import rail_cell_reasons
from messages.wire import Cancel, Reply, Stop
from settings_files.problems import ProblemsError

DONE, REFUSED, WRONG_INPUT, NOT_REACHED = 0, 1, 2, 3
DEFAULT_CONFIGURATION = Path("/etc/sternway/treadmill.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; ends with SystemExit(2) for a command that does not exist, as argparse does."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    others = find_other_commands()
    if words and words[0] in others:
        return run_other_command(others[words[0]], words[1:])
    options = build_parser(tuple(others)).parse_args(words)
    try:
        return int(options.run(options))
    except ProblemsError as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    except (ClientError, HardwareError) as error:
        print(error, file=sys.stderr)
        return NOT_REACHED
    except OSError as error:
        print(f"{error.strerror or error}: {error.filename}", file=sys.stderr)
        return NOT_REACHED


def build_parser(others: tuple[str, ...]) -> argparse.ArgumentParser:
    """Returns the parser of the whole command line; manual page and shell completion are made from it."""
    parser = argparse.ArgumentParser(
        prog="sternway",
        description="The treadmill's command line. It can stop the belt and propose a session; only hands at the panel start it.",
        epilog=f"Installed beside it, each with its own --help: {', '.join(others) or 'nothing'}. "
        "Exit codes: 0 done; 1 refused by the controller, or not passed; 2 wrong file or command; "
        "3 the controller or a device is not reached.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_session_commands(commands)
    _add_upkeep_commands(commands)
    return parser


def _add_session_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    cancel = commands.add_parser("cancel", help="withdraw a prepared session, or end one whose belt is at rest")
    cancel.set_defaults(run=_cancel)
    stop = commands.add_parser("stop", help="stop the belt")
    stop.set_defaults(run=_stop)
    status = commands.add_parser("status", help="say how the treadmill is, why, and what to do")
    status.set_defaults(run=_status)
    for command in (cancel, stop, status):
        _add_configuration(command)
        command.add_argument("--socket", type=Path, help="the controller's socket; without it, the configuration's")


def _add_upkeep_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check-config", help="say everything that is wrong with a configuration file")
    check.add_argument("file", type=Path, help="the configuration, a TOML file")
    check.set_defaults(run=_check_config)
    calibration = commands.add_parser(
        "calibrate",
        help="calibrate a load cell with known weights, the harness cell if no other is named; the controller is stopped",
    )
    _add_configuration(calibration)
    calibration.add_argument("--cell", choices=tuple(CELLS), default=HARNESS.name, help="which cell; harness without it")
    calibration.set_defaults(run=_calibrate)
    self_test = commands.add_parser("selftest", help="walk through every input and output; the controller is stopped")
    _add_configuration(self_test)
    self_test.set_defaults(run=_self_test)
    logs = commands.add_parser("logs", help="show what both services wrote into the journal")
    logs.add_argument("-f", "--follow", action="store_true", help="go on showing new lines")
    logs.add_argument("--since", default="today", help="from when on, as journalctl understands it; today without it")
    logs.add_argument("--priority", default="info", help="at least this grave: err, warning, notice, info; info without it")
    logs.set_defaults(run=_logs)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version)


def _add_configuration(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, default=DEFAULT_CONFIGURATION, help="the treadmill's configuration file")


def _check_config(options: argparse.Namespace) -> int:
    configuration = check_configuration(options.file)
    identity = configuration.identity
    problems = judge_driver(configuration.serial.driver, configuration.drive_limits, identity.mounting)
    if problems:
        raise ConfigurationError(str(options.file), problems)
    print(f"{options.file}: correct, for {identity.treadmill} at {identity.clinic}")
    for name, reason in rail_cell_reasons(configuration, options.file.absolute().parent, datetime.now(UTC)).items():
        print(f"{name} is shown as unknown, {reason}; the treadmill runs without it" if reason else f"{name} is calibrated")
    return DONE


def _cancel(options: argparse.Namespace) -> int:
    with ControllerClient(_socket(options)) as client:
        reply = client.ask(Cancel(_request_id(), _origin()))
    return _say(reply, "Done: a session that was prepared is withdrawn, one whose belt rests is ended.")


def _stop(options: argparse.Namespace) -> int:
    with ControllerClient(_socket(options)) as client:
        reply = client.ask(Stop(_request_id(), _origin()))
    return _say(reply, "The controller has taken the stop. See that the belt rests.")


def _status(options: argparse.Namespace) -> int:
    with ControllerClient(_socket(options)) as client:
        about, snapshot = client.look()
    print("\n".join(status_lines(about, snapshot)))
    return DONE


def _calibrate(options: argparse.Namespace) -> int:
    configuration, path = load_configuration(options.config), options.config.absolute()
    return DONE if run_calibration(configuration, path, Terminal(), CELLS[options.cell]) else REFUSED


def _self_test(options: argparse.Namespace) -> int:
    return DONE if run_self_test(load_configuration(options.config), options.config.absolute(), Terminal()) else REFUSED


def _logs(options: argparse.Namespace) -> int:
    return run_journalctl(journalctl_arguments(options.follow, options.since, options.priority))


def _version(_options: argparse.Namespace) -> int:
    print(f"sternway {__version__}")
    return DONE


def _socket(options: argparse.Namespace) -> Path:
    """A configuration that is wrong or away must not keep anybody from stopping the belt: then the usual socket is tried."""
    if options.socket is not None:
        return Path(options.socket)
    try:
        return load_configuration(options.config).paths.socket
    except ConfigurationError:
        usual = PathSettings().socket
        print(f"{options.config} cannot be used; trying {usual}", file=sys.stderr)
        return usual


def _say(reply: Reply, done: str) -> int:
    if reply.accepted:
        print(done)
        return DONE
    print(f"Refused: {reply.reason}", file=sys.stderr)
    return REFUSED


def _request_id() -> str:
    return secrets.token_hex(8)


def _origin() -> str:
    return f"command line, user {os.getuid()}"


if __name__ == "__main__":
    sys.exit(main())
