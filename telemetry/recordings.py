"""Saves the controller's flight recording after every latched stop: ten seconds later, so that what followed is in it, too.

The controller keeps the recording in its runtime directory and never waits for a disk; this process has the time. What a life of
the controller left behind is saved as soon as its next life says that it died, or when a stop of that life is due. At most
`recordings_kept` files stay; the oldest go, by the number with which each name begins: the clock may have been anything.

This process may end within those ten seconds. When it is told to, it saves at once what it has. When it is killed, its next life
takes the stops up from the journal: a recording holds the very nanosecond of each of its events, so whether a ring has a stop,
or a saved recording has it already, is read there and not guessed from clocks, which a reboot sets back.

A recording holds the core's state, and in it the pseudonym of whose session it was. An erasure empties those files. They stay,
empty, so that what the runtime directory still holds of them is not saved once more; what it holds and nobody has saved yet gets
such an empty file, too. While it is still there, its empty file stays, however many are kept. So does a stop that is not due yet,
at once: the pseudonym is forgotten with this process, and its next life must not save what was erased.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import os
import re
import shutil
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from messages.wire import EventRecord
from telemetry.patients import Erasure
from telemetry.payloads import Alarm

LATCHING_EFFECTS = frozenset({"protective_stop", "emergency_stop", "fault", "power_off"})
STARTED, UNCLEAN = "started", "unclean"
"""The event that every life of the controller begins with, and its detail where the one before has died."""
RING_NAME = "flight.ring"
ASIDE = "flight-*.ring"
"""What the controller's earlier lives left in the runtime directory."""
UNFINISHED = "unfinished"
SUFFIX = ".flight.gz"
AFTER_NS = 10_000_000_000
LONGEST_WAIT_NS = 40_000_000_000
"""Further stops put the saving off, but never so far that the ring of 60 s has lost the ten before the first."""
RING_HOLDS_NS = 50_000_000_000
"""A stop that is told later than this is no longer in the ring with what led to it."""
FORGOTTEN_NS = 600_000_000_000
"""For so long after an erasure the ring may still hold something of that patient; later, the pseudonym has been given again."""
LOOKED_BACK_NS = 600_000_000_000
"""A stop before this process began is looked for, and its missing recording said, for so long."""
_LOOKED_AT = 8
"""A stop's recording is among the newest: so many are looked at, each a tenth of a second's work."""
_LOOK_S = 0.5
_AGAIN_NS = 5_000_000_000
_COMPRESSION = 1
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9-]")
_NUMBER = re.compile(r"(\d+)-")
_RING_PREFIX = struct.Struct("<16sHHIII")
"""How a ring begins, as controller/flight_format.py says, which telemetry may not import; the fifth is the header's length."""
_SCAN_OF = rb"\x93(%b)[\x80-\x8f\xde]"
"""How a scan's record begins, as controller/flight_format.py says: three things, its nanosecond and a map of inputs first."""
_OVERLAP_BYTES = 1024
"""More than a mention of a patient takes, so that none is lost between two pieces of a file."""
_PIECE_BYTES = 1 << 20

_log = logging.getLogger(__name__)


class _RingHeader(msgspec.Struct, frozen=True):
    """What is read here of a ring's header: when the life that it records began, on the clock of EventRecord.at_ns."""

    began_ns: int


class RecordingSaver:
    """Copies the ring, compressed, into the directory of recordings."""

    def __init__(
        self,
        runtime_directory: Path,
        recordings_directory: Path,
        kept: int,
        utc_now: Callable[[], datetime],
        monotonic_ns: Callable[[], int],
    ) -> None:
        """monotonic_ns: the clock of EventRecord.at_ns. kept: how many recordings stay."""
        self._runtime = runtime_directory
        self._directory = recordings_directory
        self._kept = kept
        self._utc_now = utc_now
        self._monotonic_ns = monotonic_ns
        self._stops: tuple[EventRecord, ...] = ()
        """The first and the newest of the stops that are not saved yet."""
        self._saving: tuple[EventRecord, ...] = ()
        """Those that a thread is saving now."""
        self._saved: set[int] = set()
        """Ids of those that this process has saved: nobody has to look for them in the files, which takes a second."""
        self._doubtful: set[int] = set()
        """Ids of those from before this process that could not be looked for yet."""
        self._one_thread = threading.Lock()
        """A copy that was begun goes on when this process is told to end, and then saves the rest."""
        self._due_ns = 0
        self._newest_ns = 0
        self._save_aside = False
        self._again_ns = 0
        self._erasures: tuple[Erasure, ...] = ()
        self._erase_again_ns = 0
        self._forgotten_at_ns: dict[str, int] = {}
        self.forgotten: frozenset[int] = frozenset()
        """Requests to erase that no recording speaks of any more."""
        self._failures: tuple[Alarm, ...] = ()
        self._missed: tuple[Alarm, ...] = ()
        self._missed_until_ns = 0

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What is wrong with the recordings, for the alarm topic."""
        missed = self._missed if self._monotonic_ns() < self._missed_until_ns else ()
        return (*self._failures, *missed)

    def take_event(self, event: EventRecord) -> None:
        """Notes a latched stop; an event that is sent again is one and the same."""
        if event.code == STARTED and UNCLEAN in event.detail:
            self._save_aside = True
        if event.effect not in LATCHING_EFFECTS or event.at_ns <= self._newest_ns:
            return
        self._newest_ns = event.at_ns
        now_ns = self._monotonic_ns()
        if not 0 <= now_ns - event.at_ns <= RING_HOLDS_NS:
            self._say_missed((event,), "was told too late: the flight recorder no longer holds it")
            return
        self._stops = (*self._stops[:1], event)
        self._due_ns = min(max(self._due_ns, event.at_ns + AFTER_NS), self._stops[0].at_ns + LONGEST_WAIT_NS)

    async def take_up(self, events: Iterable[EventRecord]) -> None:
        """Notes what the journal has kept of the time before this process began: stops whose recordings are not saved yet."""
        events = tuple(events)
        now_ns = self._monotonic_ns()
        if any(event.code == STARTED and UNCLEAN in event.detail and _is_young(now_ns - event.at_ns) for event in events):
            self._save_aside = True
        stops = tuple(event for event in events if event.effect in LATCHING_EFFECTS and self._is_recent(event, now_ns))
        held: list[EventRecord] = []
        missed: list[EventRecord] = []
        if not await self._in_thread(partial(self._sort_out, stops, held, missed)):
            held = [stop for stop in stops if 0 <= now_ns - stop.at_ns <= RING_HOLDS_NS]
            self._doubtful.update(stop.id for stop in held)
        self._newest_ns = max((self._newest_ns, *(stop.at_ns for stop in stops if stop.at_ns <= now_ns)))
        if missed:
            self._say_missed(missed, "has no flight recording: telemetry or the power was away before it was saved")
        if held:
            known = {stop.id: stop for stop in (*held, *self._stops)}
            waiting = sorted(known.values(), key=lambda stop: stop.at_ns)
            self._stops = (waiting[0], waiting[-1])[: len(waiting)]
            self._due_ns = min(waiting[-1].at_ns + AFTER_NS, waiting[0].at_ns + LONGEST_WAIT_NS)

    def forget(self, erasures: tuple[Erasure, ...]) -> None:
        """Notes who is being erased; `forgotten` says once that is done here."""
        self._erasures = erasures
        self.forgotten &= {erasure.request for erasure in erasures}

    async def run(self) -> None:
        """Saves what is due, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Saves what is due now."""
        now_ns = self._monotonic_ns()
        for erasure in self._erasures:
            if erasure.request not in self.forgotten and now_ns >= self._erase_again_ns:
                await self._forget(erasure, now_ns)
        if self._save_aside and now_ns >= self._again_ns:
            self._save_aside = False
            if not await self._in_thread(self.save_aside):
                self._save_aside, self._again_ns = True, now_ns + _AGAIN_NS
        if self._stops and self._monotonic_ns() >= self._due_ns:
            stops, self._stops, self._due_ns = self._stops, (), 0
            self._saving = stops
            saved = await self._in_thread(partial(self.save, stops))
            self._saving = ()
            if not saved and now_ns - stops[0].at_ns <= RING_HOLDS_NS:
                self._stops, self._due_ns = (stops[0], (*stops, *self._stops)[-1]), now_ns + _AGAIN_NS

    async def finish(self) -> None:
        """Saves at once what is not saved yet, once `run` has ended: nobody knows whether the next life begins in time."""
        stops = (*self._saving, *self._stops)
        if self._save_aside:
            await self._in_thread(self.save_aside)
        if stops:
            await self._in_thread(partial(self.save, stops))

    async def _forget(self, erasure: Erasure, now_ns: int) -> None:
        self._forgotten_at_ns[erasure.patient] = now_ns
        if await self._in_thread(partial(self.erase, erasure.patient, self._stops)):
            self.forgotten |= {erasure.request}
        else:
            self._erase_again_ns = now_ns + _AGAIN_NS

    def _is_recent(self, stop: EventRecord, now_ns: int) -> bool:
        """By the monotonic clock or, of a stop before a reboot, by the one on the wall."""
        if _is_young(now_ns - stop.at_ns):
            return True
        try:
            age_s = (self._utc_now() - datetime.fromisoformat(stop.time)).total_seconds()
        except (ValueError, TypeError):  # a time that cannot be read tells no age
            return False
        return _is_young(int(age_s * 1e9))

    def _say_missed(self, stops: Sequence[EventRecord], why: str) -> None:
        for stop in stops:
            _log.warning("event %d, %s, %s", stop.id, stop.code, why)
        text = f"A stop is not recorded: event {stops[-1].id}, {stops[-1].code}, {why}"
        self._missed = (Alarm("recording-not-saved", "low", text, "Look in telemetry's log for why it was away"),)
        self._missed_until_ns = self._monotonic_ns() + LOOKED_BACK_NS

    def _sort_out(self, stops: tuple[EventRecord, ...], held: list[EventRecord], missed: list[EventRecord]) -> None:
        """Adds each stop that is not saved yet to those that a ring still holds, or to those that nothing holds. Raises OSError."""
        erased_ns = [stop.at_ns for stop in stops if self._is_erased(stop)]
        # A recording is named by its first stop: of an emptied one the others cannot be read any more.
        kept = [stop for stop in stops if not any(0 <= stop.at_ns - at_ns <= LONGEST_WAIT_NS for at_ns in erased_ns)]
        unsaved = self._not_saved_of(kept)
        rings = (self._runtime / RING_NAME, *self._runtime.glob(ASIDE))
        in_rings = {number for ring in rings if ring.exists() for number in _held_in_ring(ring, unsaved)}
        for stop in unsaved:
            (held if stop.id in in_rings else missed).append(stop)

    def _is_erased(self, stop: EventRecord) -> bool:
        return any(path.name.endswith(_ending_of_stop(stop)) and not path.stat().st_size for path in self._newest())

    def _not_saved_of(self, stops: Sequence[EventRecord]) -> list[EventRecord]:
        """Returns those that no recording holds, or did until it was erased. Raises OSError."""
        left = [stop for stop in stops if not self._is_named(stop)]
        for path in self._newest():
            if left:
                found = _held_in_recording(path, left)
                left = [stop for stop in left if stop.id not in found]
        return left

    def _is_named(self, stop: EventRecord) -> bool:
        """Whether a recording bears the name of this stop, its first, and holds it or was emptied. Raises OSError.

        The name alone says little: a controller that lost its memory counts its events anew, and another stop may get an old name.
        """
        named = [path for path in self._newest() if path.name.endswith(_ending_of_stop(stop))]
        return any(not path.stat().st_size or stop.id in _held_in_recording(path, (stop,)) for path in named)

    def _newest(self) -> list[Path]:
        found = sorted(self._directory.glob(f"*{SUFFIX}"), key=lambda path: (_number(path), path.name))
        return found[: -_LOOKED_AT - 1 : -1]

    async def _in_thread(self, call: Callable[[], None]) -> bool:
        """A disk that is full or slow holds up nothing else; a recording that could not be saved is said, and tried again."""
        try:
            await asyncio.to_thread(self._alone, call)
            self._failures = ()
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread to be had
            _log.error("a flight recording was not saved or erased: %s", error)
            text = f"A flight recording was not saved or erased: {getattr(error, 'strerror', None) or error}"
            self._failures = (Alarm("recording-not-saved", "low", text, f"See to {self._directory}"),)
            return False
        return True

    def _alone(self, call: Callable[[], None]) -> None:
        with self._one_thread:
            call()

    def save(self, stops: tuple[EventRecord, ...]) -> None:
        """Saves what holds these stops, oldest first: the ring as it is now, named after its first stop; and where one of them came
        before the ring's life began, what earlier lives left behind. What is saved already is not saved again. Raises OSError."""
        stops = tuple(stop for stop in stops if not self._needs_nothing(stop))
        if not stops:
            return
        ring = self._runtime / RING_NAME
        began_ns = _began_ns(ring)
        recorded = [stop for stop in stops if stop.at_ns >= began_ns]
        if len(recorded) < len(stops):
            self.save_aside()
        if recorded:
            self._copy(ring, f"{self._stamp()}{_ending_of_stop(recorded[0])}")
        self._saved.update(stop.id for stop in stops)

    def _needs_nothing(self, stop: EventRecord) -> bool:
        """Whether a stop is saved or erased already. Raises OSError."""
        if stop.id in self._saved or self._is_named(stop):
            return True
        return stop.id in self._doubtful and not self._not_saved_of((stop,))

    def save_aside(self) -> None:
        """Saves what earlier lives left behind and nobody has saved yet; raises OSError."""
        for ring, ending in self._not_saved():
            self._copy(ring, f"{self._stamp()}{ending}")

    def erase(self, patient: str, stops: tuple[EventRecord, ...] = ()) -> None:
        """Empties every recording that names the patient, and every one that cannot be read; raises OSError.

        Of what earlier lives left of the patient only the name is saved, and so of these stops, which are not saved yet.
        """
        mention = _mention(patient)
        self._remove_unfinished()
        for path in sorted(self._directory.glob(f"*{SUFFIX}")):
            if path.stat().st_size and _is_mentioned(path, mention):
                _empty(path)
                _log.warning("a flight recording was erased: %s", path.name)
        for ring, ending in self._not_saved():
            if _is_mentioned_in_ring(ring, mention):
                self._save_name_alone(f"{self._stamp()}{ending}")
        present = self._runtime / RING_NAME
        if stops and present.exists() and _is_mentioned_in_ring(present, mention):
            for stop in stops:
                if not self._needs_nothing(stop):
                    self._save_name_alone(f"{self._stamp()}{_ending_of_stop(stop)}")

    def _not_saved(self) -> Iterator[tuple[Path, str]]:
        """What earlier lives left behind and nobody has saved yet, each with how its name will end."""
        for ring in sorted(self._runtime.glob(ASIDE)):
            ending = _ending(ring)
            if not any(self._directory.glob(f"*{ending}")):
                yield ring, ending

    def _save_name_alone(self, name: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        saved = self._directory / f"{self._next_number():06d}-{name}"
        saved.touch()
        _log.warning("a flight recording will not be saved, it names an erased patient: %s", saved.name)

    def _remove_unfinished(self) -> None:
        """What a power cut left half written may name anybody."""
        unfinished = self._directory / UNFINISHED
        if unfinished.exists():
            _empty(unfinished)
            unfinished.unlink()

    def _copy(self, ring: Path, name: str) -> None:
        """Whole or not at all: the name appears when the content is on the disk."""
        self._directory.mkdir(parents=True, exist_ok=True)
        unfinished = self._directory / UNFINISHED
        try:
            with ring.open("rb") as source, unfinished.open("wb") as target:
                with gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=target, mtime=0) as packed:
                    shutil.copyfileobj(source, packed, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            saved = self._directory / f"{self._next_number():06d}-{name}"
            if self._is_forgotten(unfinished):
                _empty(unfinished)
            unfinished.rename(saved)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        _log.info("flight recording saved: %s", saved)
        self._remove_oldest()

    def _remove_oldest(self) -> None:
        left_behind = tuple(_ending(ring) for ring in self._runtime.glob(ASIDE))
        for old in sorted(self._directory.glob(f"*{SUFFIX}"), key=lambda path: (_number(path), path.name))[: -self._kept]:
            if old.name.endswith(left_behind) and not old.stat().st_size:
                continue  # without its name, what was erased would be saved once more
            old.unlink(missing_ok=True)
            _log.info("the oldest flight recording was removed: %s; %d are kept", old.name, self._kept)

    def _next_number(self) -> int:
        return max((_number(path) for path in self._directory.glob(f"*{SUFFIX}")), default=0) + 1

    def _is_forgotten(self, path: Path) -> bool:
        """Whether somebody is recorded there who was erased a short while ago."""
        since_ns = self._monotonic_ns() - FORGOTTEN_NS
        patients = [patient for patient, at_ns in list(self._forgotten_at_ns.items()) if at_ns > since_ns]
        return any(_is_mentioned(path, _mention(patient)) for patient in patients)

    def _stamp(self) -> str:
        return self._utc_now().strftime("%Y%m%dT%H%M%SZ")


def _number(path: Path) -> int:
    """The number with which a recording's name begins; 0 for one of a version that wrote none."""
    found = _NUMBER.match(path.name)
    return int(found[1]) if found is not None else 0


def _ending(ring: Path) -> str:
    """How the name ends under which an earlier life's ring is saved."""
    return f"-life-{_NOT_IN_A_NAME.sub('', ring.stem.removeprefix('flight-').lower())}{SUFFIX}"


def _ending_of_stop(stop: EventRecord) -> str:
    """How the name ends under which a stop is saved."""
    return f"-{stop.id}-{_NOT_IN_A_NAME.sub('', stop.code)}{SUFFIX}"


def _is_young(age_ns: int) -> bool:
    return 0 <= age_ns <= LOOKED_BACK_NS


def _began_ns(ring: Path) -> int:
    """When the life in the ring began; 0 where that cannot be read: what is there is saved all the same. Raises OSError."""
    with ring.open("rb") as file:
        return _read_began_ns(file)


def _read_began_ns(content: io.BufferedIOBase) -> int:
    """Reads the header of a recording, up to where its records begin. 0 where it says nothing: as if it had begun with time."""
    prefix = content.read(_RING_PREFIX.size)
    if len(prefix) < _RING_PREFIX.size:
        return 0
    header = content.read(_RING_PREFIX.unpack(prefix)[4])
    try:
        return msgspec.msgpack.decode(header, type=_RingHeader).began_ns
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def _mention(patient: str) -> re.Pattern[bytes]:
    """How a patient stands in a recording: as the value of the key `patient`, or in the words of a refusal."""
    key, name = msgspec.msgpack.encode("patient"), msgspec.msgpack.encode(patient)
    return re.compile(rb"%b|patient %b(?![A-Za-z0-9_-])" % (re.escape(key + name), re.escape(patient.encode())))


def _is_mentioned(path: Path, mention: re.Pattern[bytes]) -> bool:
    """Whether a recording names a patient, or cannot be read to its end: then nobody knows. Raises OSError where a disk fails."""
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as packed:
            return _is_found(packed, mention)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return True


def _held_in_recording(path: Path, stops: Sequence[EventRecord]) -> set[int]:
    """Ids of those that a recording holds; one that cannot be read to its end, or was emptied, holds none."""
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as packed:
            return _held(packed, stops)
    except (EOFError, zlib.error, OSError):
        return set()


def _held_in_ring(ring: Path, stops: Sequence[EventRecord]) -> set[int]:
    with ring.open("rb") as file:
        return _held(file, stops)


def _held(content: io.BufferedIOBase, stops: Sequence[EventRecord]) -> set[int]:
    """Ids of those whose scan stands in a recording: its nanosecond is the event's own. It may have stopped twice.

    A state that comes later has the nanosecond, too (since when it is latched): that is not the stop. One pass for all of them: a
    look for each took nine times as long over the rings of a simulated bad hour. Nothing of before its life began is looked for.
    """
    if not stops:
        return set()
    began_ns = _read_began_ns(content)
    content.seek(0)  # a header that cannot be read may say any length
    moments = {msgspec.msgpack.encode(stop.at_ns): stop.at_ns for stop in stops if stop.at_ns >= began_ns}
    if not moments:
        return set()
    any_moment = re.compile(_SCAN_OF % b"|".join(map(re.escape, moments)))
    found: set[int] = set()
    kept = b""
    while len(found) < len(moments) and (piece := content.read(_PIECE_BYTES)):
        found.update(moments[moment] for moment in any_moment.findall(kept + piece))
        kept = piece[-_OVERLAP_BYTES:]
    return {stop.id for stop in stops if stop.at_ns in found}


def _is_mentioned_in_ring(ring: Path, mention: re.Pattern[bytes]) -> bool:
    with ring.open("rb") as file:
        return _is_found(file, mention)


def _is_found(content: io.BufferedIOBase, mention: re.Pattern[bytes]) -> bool:
    kept = b""
    while piece := content.read(_PIECE_BYTES):
        if mention.search(kept + piece):
            return True
        kept = piece[-_OVERLAP_BYTES:]
    return False


def _empty(path: Path) -> None:
    """Takes the content away, for certain: the name stays."""
    with path.open("r+b") as file:
        file.truncate(0)
        os.fsync(file.fileno())
