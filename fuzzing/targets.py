"""What is fuzzed: one function a border. Each takes any bytes and raises when the border did what it must never do.

An error that the border documents is a right answer. Anything else that escapes, and any value that passes and should not have, is
a finding. Imported inside atheris's instrumentation, so that it sees which lines an input reaches.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import msgspec

from controller.configuration import ConfigurationError, parse_configuration
from controller.core.settings import CoreSettings
from controller.session.caps import judge_plan
from controller.session.plan_file import PlanFileError, parse_plan
from firmware_bridge.codec import Decoder, Sender, encode
from fuzzing.commands import command
from fuzzing.datagrams import from_controller, to_controller
from fuzzing.finding import FindingError, must_be_finite
from fuzzing.stored import export, record, recording

Target = Callable[[bytes], None]


def serial(data: bytes) -> None:
    """Bytes from the drive, in two pieces: a frame that is accepted can be sent, and stands in the bytes as such."""
    decoder = Decoder(Sender.DRIVE)
    half = len(data) // 2
    for packet in (*decoder.feed(data[:half]), *decoder.feed(data[half:])):
        sent = encode(packet.frame, packet.sequence)
        if sent not in data:
            raise FindingError(f"{packet} was made of other bytes than its own")
        again = Decoder(Sender.DRIVE).feed(sent)
        if [(other.frame, other.sequence) for other in again] != [(packet.frame, packet.sequence)]:
            raise FindingError(f"{packet} is not the frame that its own bytes make")


def configuration(data: bytes) -> None:
    """A configuration file: a configuration in which every number is one, or every mistake by name."""
    document = _toml(data)
    if document is None:
        return
    try:
        found = parse_configuration(document)
    except ConfigurationError as error:
        if not error.problems:
            raise FindingError("refused without saying why") from error
        return
    must_be_finite(msgspec.to_builtins(found.core))


def plan(data: bytes) -> None:
    """A plan file, and the caps after it: judging never fails, whatever the numbers."""
    document = _toml(data)
    if document is None:
        return
    try:
        found = parse_plan(document)
    except PlanFileError:
        return
    settings = CoreSettings()
    if not judge_plan(found, settings):
        must_be_finite(msgspec.to_builtins(found))
        if any(phase.speed_m_s > settings.speed.ceiling_m_s + 1e-6 for phase in found.phases):
            raise FindingError("a plan above the ceiling passed")


def _toml(data: bytes) -> dict[str, object] | None:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return None


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (serial, command, to_controller, from_controller, configuration, plan, record, export, recording)
}
