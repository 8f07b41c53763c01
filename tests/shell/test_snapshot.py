"""What others read of an event survives every way it is stored."""

import math

import msgspec
import pytest

from controller.core.events import Event, Happening
from controller.core.step import start_state
from controller.snapshot import event_record
from messages.wire import EventRecord, decode_from_controller, encode


@pytest.mark.parametrize(
    ("value", "kept"),
    [(1.5, 1.5), (3, 3), ("clip", "clip"), (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")],
)
def test_a_number_that_is_none_does_not_cost_the_event(value: float | int | str, kept: float | int | str) -> None:
    happening = Happening(Event.LOAD_OUT_OF_RANGE, 5, (("raw_n", value),))
    record = event_record(happening, 7, "2026-01-01T00:00:00.000Z", start_state("b", False, 0))
    assert record.detail == {"raw_n": kept}
    assert decode_from_controller(encode(record)) == record
    assert msgspec.json.decode(msgspec.json.encode(record), type=EventRecord) == record
