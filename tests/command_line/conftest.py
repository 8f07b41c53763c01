"""A real channel on a real socket; what the scan would do with its requests is played by the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.channel import Channel
from controller.event_ring import EventRing
from controller.peers import own_user_only
from messages.wire import About, Cancel, Prepare, Reply, Snapshot, Stop, Symptom, ToController

ABOUT = About("0.1.0", "boot", "clinic", "one", {"driver": "reference"}, {"ceiling_m_s": 1.0})

SNAPSHOT = Snapshot(
    at_ns=200_000_000_000,
    time="2026-01-01T00:00:00Z",
    sequence=1,
    lost=0,
    state="protective_stop",
    phase="",
    since_ns=75_000_000_000,
    cause="harness-loaded",
    cause_text="Fall: harness loaded",
    remedy="Take the patient's weight.",
    display=("PROTECTIVE STOP", "Fall: harness", "loaded", "press RESET"),
    asked_speed_m_s=0.3,
    accepted_speed_m_s=0.0,
    measured_speed_m_s=0.12,
    granted_speed_m_s=0.3,
    distance_m=41.5,
    load_n=412.0,
    load_body_weight_percent=56.0,
    rails=(True, False),
    attendant=True,
    inputs_closed={},
    lamps={},
    alarms=(("harness-loaded", "high"),),
    lateness_ms=0.1,
    drive_state="latched",
    drive_current_ma=0,
    session="boot-1",
    patient="p-17",
    phase_index=1,
    phase_remaining_s=61.0,
    session_remaining_s=125.0,
    balance_losses=1,
)


class Machine:
    """Serves the socket every 5 ms. answer: what each request gets, None for silence."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "controller.sock"
        self.requests: list[ToController] = []
        self.answer: Callable[[Any], Reply | None] = lambda request: Reply(request.request, True, "", "boot-1")
        self.snapshot: Snapshot | None = SNAPSHOT
        self.about = ABOUT
        self._ring = EventRing(directory / "events.ring")
        self._channel = Channel(self.socket, self._ring, lambda: self.about, own_user_only())
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ending.wait(0.005):
            for request in self._channel.take(time.monotonic_ns()):
                self.requests.append(request)
                reply = self.answer(request) if isinstance(request, Prepare | Cancel | Stop | Symptom) else None
                if reply is not None:
                    self._channel.answer(reply)
            if self.snapshot is not None:
                self._channel.publish(self.snapshot)

    def close(self) -> None:
        """Ends the service and removes the socket."""
        self._ending.set()
        self._thread.join()
        self._channel.close()
        self._ring.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    served = Machine(tmp_path)
    yield served
    served.close()
