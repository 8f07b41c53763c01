"""The scan's memory does not grow, and its loop never stops to collect garbage."""

import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.chart import State
from controller.core.inputs import Input
from messages.plan import Phase, PhaseKind
from tests.core.machine import MASS_KG, PLAN
from tests.shell.test_scan import Treadmill

ROOT = Path(__file__).parents[2]
SCANS = 10_000
ALLOWED_BYTES = 16 * 1024
"""Over 10,000 scans: less than two bytes a scan, so nothing is kept that a scan makes. What may differ is what the last scan holds
(its state, its events on their way) and numbers that have grown longer."""
_PRODUCT = [tracemalloc.Filter(True, str(ROOT / package / "*")) for package in ("controller", "messages", "firmware_bridge")]


@pytest.fixture
def treadmill(tmp_path: Path) -> Iterator[Treadmill]:
    made = Treadmill(tmp_path)
    made.run(2.0)
    if made.chart is not State.STANDBY:
        made.press(Input.RESET)
        made.run(0.2)
    yield made
    made.shut()


def test_ten_thousand_scans_of_a_walking_session_keep_nothing(treadmill: Treadmill) -> None:
    """Traced are the product's own lines; collection is off as in the loop, so that garbage in cycles would be found too."""
    phases = (Phase(PhaseKind.WARM_UP, 12, 0.10), Phase(PhaseKind.WORK, 300, 0.10), Phase(PhaseKind.COOL_DOWN, 12, 0.10))
    treadmill.prepare(type(PLAN)(patient="p-017", mass_kg=MASS_KG, phases=phases))
    treadmill.start()
    _walk(treadmill, 1_500)  # into the phase that lasts, with everything cached that is ever cached
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        _walk(treadmill, 500)
        before = _product_bytes()
        _walk(treadmill, SCANS)
        after = _product_bytes()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert treadmill.chart is State.WORK, treadmill.where()
    assert treadmill.belt_m_s > 0.05
    assert after - before < ALLOWED_BYTES


def _walk(treadmill: Treadmill, scans: int) -> None:
    """The test itself keeps nothing of what the scans tell."""
    for _ in range(scans):
        treadmill.scan()
        treadmill.happenings.clear()
        treadmill.answers.clear()
        treadmill.heard.clear()


def _product_bytes() -> int:
    snapshot = tracemalloc.take_snapshot().filter_traces(_PRODUCT)
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


_LOOP = """
import gc, json, os, time
from controller.scan_loop import ScanLoop

SECONDS = 2.0


class Littering:
    '''Leaves cycles behind in every scan: many more than it takes to have them collected.'''

    def __init__(self):
        self.began = time.monotonic()

    def cycle(self, now_ns, lateness_ns):
        litter()
        if time.monotonic() - self.began > SECONDS:
            loop.stop()


def litter():
    for _ in range(100):
        knot = []
        knot.append(knot)


collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
loop = ScanLoop(Littering(), os.eventfd(0), lambda: None)
loop.run(collections.clear)  # what came up to the end of the first scan does not count
found = {
    "scans": loop.scans,
    "collections": len(collections),
    "enabled": gc.isenabled(),
    "frozen": gc.get_freeze_count(),
}
gc.enable()
for _ in range(100):
    litter()
found["collections_when_enabled"] = len(collections) - found["collections"]
print(json.dumps(found))
"""


@pytest.mark.real_time
def test_the_real_loop_never_collects() -> None:
    """In a process of its own, because what the loop does to the collector is for its whole life."""
    result = subprocess.run([sys.executable, "-c", _LOOP], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    found = json.loads(result.stdout)
    assert found["scans"] > 100
    assert found["collections"] == 0
    assert found["enabled"] is False
    assert found["frozen"] > 1000, "what lives since the start is out of the collector's sight"
    assert found["collections_when_enabled"] > 0, "the same litter would have been collected"
