"""The whole way on real processes: a latched stop of the real scan, saved by the real telemetry, decides the same again."""

from __future__ import annotations

import time

import pytest

from replay.comparison import compare
from replay.recording import Recording, read_recording
from simulator.rig import Rig

SAVED_WITHIN_S = 25.0


@pytest.mark.real_time
def test_a_latched_stop_is_saved_with_ten_seconds_after_it_and_replays() -> None:
    """The stop is a first start's own: a controller without its clean-stop marker begins latched."""
    with Rig(seed=1) as rig:
        recording = _wait_for_recording(rig)
    verdict = compare(recording)
    assert verdict.difference is None, verdict.difference
    assert verdict.scans == verdict.equal
    scans = list(recording.scans)
    stop = next(scan for scan in scans if scan.outputs and any(h.event.value == "unclean-start" for h in scan.outputs.happenings))
    after_s = (scans[-1].now_ns - stop.now_ns) / 1e9
    assert 9.5 <= after_s <= 14.0
    assert len(scans) > 900


def _wait_for_recording(rig: Rig) -> Recording:
    deadline_s = time.monotonic() + SAVED_WITHIN_S
    while time.monotonic() < deadline_s:
        for path in (rig.directory / "recordings").glob("*-unclean-start.flight.gz"):
            return read_recording(path)
        time.sleep(0.1)
    pytest.fail(f"nothing was saved: {rig.telemetry.last_words()}")
