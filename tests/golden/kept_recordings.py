"""Recordings that are kept as files, so that their inputs stay what they were whatever becomes of the simulator.

The core runs on them as it does on a recording of a treadmill, and its decisions are golden ones. They are open loops: once the
core decides otherwise, the inputs that follow are those of the old decision. A change that makes a file unreadable (a field of the
state or of the settings that must be there) asks for a new one; the error says how.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from controller.core.events import Event
from controller.flight_format import HEADER_BYTES, SEGMENT_BYTES, SEGMENT_PREFIX, SEGMENTS
from replay.comparison import replayed
from replay.recording import RecordingError, read_recording
from simulator.scenarios import BY_NAME
from simulator.virtual import play_recorded
from tests.core.test_every_event import BRINGS
from tests.golden.decision_lines import decision_lines
from tests.replay.recorded import Recorded

DIRECTORY = Path(__file__).parent / "recordings"
_SEED = 1
_KEPT_S = 9
"""Enough for the walk, the stop and the belt at rest, in less than 100 KB."""
_AFTER_S = 3.0


class UnreadableError(RuntimeError):
    """A kept recording is none for this version; the text says how to make it anew."""


def kept_recording_decisions(name: str) -> str:
    """Returns what the core decides now on the kept inputs, as text; raises UnreadableError."""
    try:
        recording = read_recording(_path(name))
    except RecordingError as error:
        raise UnreadableError(
            f"{error}\nIf the layout was meant to change: .venv/bin/python -m tests.golden.golden --record {name}, "
            f"and then make golden NAME=recording-{name}"
        ) from error
    scans = list(replayed(recording))
    return "\n".join([f"recording {name}", *decision_lines(scans, scans[0].now_ns)]) + "\n"


def record(name: str) -> Path:
    """Makes the recording anew from the simulator as it is now; returns the file."""
    content = _last_seconds(MAKERS[name]())
    _path(name).write_bytes(gzip.compress(content, 9, mtime=0))
    return _path(name)


def _path(name: str) -> Path:
    return DIRECTORY / f"{name}.flight.gz"


def _stumble() -> bytes:
    found: list[bytes] = []

    def read(recordings: Iterable[Path]) -> None:
        found.extend(path.read_bytes() for path in recordings)

    play_recorded(BY_NAME["stumble"], _SEED, read)
    (content,) = found
    return content


def _power_off() -> bytes:
    with tempfile.TemporaryDirectory(prefix="sternway-golden-") as directory:
        machine = Recorded(Path(directory))
        BRINGS[Event.BRAKING_FAILED](machine)
        machine.run(_AFTER_S)
        machine.recorder.close()
        return machine.file.read_bytes()


MAKERS: dict[str, Callable[[], bytes]] = {"stumble": _stumble, "power-off": _power_off}


def _last_seconds(content: bytes) -> bytes:
    """The ring as though it began so many seconds before its end."""
    last = max(SEGMENT_PREFIX.unpack_from(content, HEADER_BYTES + index * SEGMENT_BYTES)[0] for index in range(SEGMENTS))
    begin, end = HEADER_BYTES, HEADER_BYTES + (last - _KEPT_S) * SEGMENT_BYTES
    return content[:begin] + bytes(end - begin) + content[end:]
