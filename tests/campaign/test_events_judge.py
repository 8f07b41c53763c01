"""An event may come to the broker again only where its confirmation can have been lost."""

from __future__ import annotations

import msgspec
import pytest

from simulator.campaign.broker import MemoryBroker
from simulator.campaign.events import NAME
from simulator.campaign.fault import Fault
from simulator.campaign.modules import Change
from simulator.campaign.run import play
from telemetry.publisher import event_payload
from tests.campaign.played import script_with
from tests.telemetry import samples

_PUBLISHES = '                if not await self._publish(client, self._topics.of_kind("event"), payload):\n'
TWICE: Change = (_PUBLISHES, _PUBLISHES.replace("if not ", "").replace(":\n", "\n") + _PUBLISHES)
FORGETS: Change = (
    "                await self._keeper.confirm(confirmed_id, journal_number)\n",
    "                self._keeper.confirmed = confirmed_id\n",
)
"""The publisher sends every event twice; the publisher keeps confirmations in memory alone, so that a restart tells all again."""
KILLED_AT_MS = 260_000
KILLED = (
    *(Fault(at_ms, "emergency-stop", 600, 0.5, 1) for at_ms in range(40_000, KILLED_AT_MS, 40_000)),
    Fault(KILLED_AT_MS, "telemetry-killed", 1000, 0.5, 1),
)
LASTS_S = KILLED_AT_MS / 1000 + 20.0


def bytes_of(event_id: int, code: str = "started") -> bytes:
    return msgspec.json.encode(event_payload(samples.event(event_id, code=code)))


def test_an_event_that_was_confirmed_may_not_come_again() -> None:
    broker = MemoryBroker()
    broker.confirmed(broker.take(bytes_of(1)))
    broker.connection_ended()
    broker.take(bytes_of(1))
    assert len(broker.told_again) == 1


def test_one_whose_confirmation_was_on_its_way_may_once() -> None:
    broker = MemoryBroker()
    broker.take(bytes_of(1))
    broker.connection_ended()
    broker.confirmed(broker.take(bytes_of(1)))
    assert not broker.told_again
    broker.take(bytes_of(1))
    assert len(broker.told_again) == 1


def test_after_a_kill_the_journal_decides() -> None:
    broker = MemoryBroker()
    for event_id in (1, 2, 3):
        broker.confirmed(broker.take(bytes_of(event_id)))
    broker.process_ended(2)
    broker.confirmed(broker.take(bytes_of(3)))
    assert not broker.told_again
    broker.take(bytes_of(2))
    assert len(broker.told_again) == 1


def test_one_that_comes_again_is_the_same() -> None:
    broker = MemoryBroker()
    broker.take(bytes_of(1))
    broker.connection_ended()
    broker.take(bytes_of(1, code="network-stop"))
    assert len(broker.told_again) == 1


@pytest.mark.parametrize("defect", [TWICE, FORGETS], ids=["sends twice", "forgets confirmations"])
def test_a_publisher_that_repeats_itself_is_found_out(defect: Change) -> None:
    sound = play(script_with(*KILLED, lasts_s=LASTS_S))
    assert not sound.violations, sound.violations
    result = play(script_with(*KILLED, lasts_s=LASTS_S), defects={"publisher": (defect,)})
    assert [violation.invariant for violation in result.violations] == [NAME] * len(result.violations)
    assert any("came again" in violation.text for violation in result.violations)
