"""Contacts pressed by hands, and the stop chain behind them."""

from __future__ import annotations

from random import Random

import pytest

from controller.core.inputs import ALL_INPUTS_MASK, Input
from simulator.hands import MAXIMUM_PENDING, Hands
from simulator.stop_chain import ChainParameters, StopChain

MS = 1_000_000
HEALTHY = ALL_INPUTS_MASK


def test_a_press_opens_a_normally_closed_contact_and_closes_a_normally_open_one() -> None:
    hands = Hands(Random(1), 0)
    assert hands.is_closed(Input.STOP)
    assert not hands.is_closed(Input.OK)
    assert not hands.is_closed(Input.CLIP)
    hands.press(Input.STOP, 100 * MS)
    hands.press(Input.OK, 100 * MS, after_ns=50 * MS)
    hands.advance(20 * MS)
    assert not hands.is_closed(Input.STOP)
    assert not hands.is_closed(Input.OK)
    hands.advance(90 * MS)
    assert hands.is_closed(Input.OK)
    hands.advance(200 * MS)
    assert hands.is_closed(Input.STOP)
    assert not hands.is_closed(Input.OK)


def test_a_button_bounces_once_before_it_makes_contact() -> None:
    hands = Hands(Random(1), 0)
    hands.press(Input.START, 300 * MS)
    levels = []
    for at in range(1, 8):
        hands.advance(at * MS)
        levels.append(hands.is_closed(Input.START))
    assert levels == [True, False, False, True, True, True, True]


def test_hands_refuse_more_than_they_can_remember() -> None:
    hands = Hands(Random(1), 0)
    for _ in range(MAXIMUM_PENDING):
        hands.set_closed(Input.OK, True, after_ns=1)
    with pytest.raises(RuntimeError, match="more to do"):
        hands.set_closed(Input.OK, True, after_ns=1)


@pytest.mark.hazard("H-17", "C-PULSE")
def test_the_chain_opens_120_ms_after_the_last_pulse() -> None:
    chain = StopChain(ChainParameters(), 0)
    assert chain.advance(1, HEALTHY)[0] is False, "nobody has pulsed yet"
    chain.pulse(10 * MS)
    assert chain.advance(129 * MS, HEALTHY)[0] is True
    assert chain.advance(130 * MS, HEALTHY)[0] is False
    assert not chain.relay_closed


@pytest.mark.parametrize("name", [Input.EMERGENCY_A, Input.EMERGENCY_B, Input.LANYARD, Input.OVERLOAD])
@pytest.mark.hazard("H-05", "H-16", "C-CHAIN")
def test_any_contact_of_the_chain_opens_it_and_the_contactors_fall_after_the_delay(name: Input) -> None:
    chain = StopChain(ChainParameters(off_delay_ns=2000 * MS), 0)
    chain.pulse(0)
    assert chain.advance(10 * MS, HEALTHY) == (True, True)
    for at in range(20, 2000, 10):
        chain.pulse(at * MS)
        assert chain.advance(at * MS, HEALTHY & ~name.bit) == (False, True)
    chain.pulse(2030 * MS)
    assert chain.advance(2030 * MS, HEALTHY & ~name.bit) == (False, False)


def test_the_overload_switch_has_hysteresis() -> None:
    chain = StopChain(ChainParameters(overload_opens_n=1500.0, overload_closes_n=1200.0), 0)
    opened = []
    for load in (1499.0, 1501.0, 1300.0, 1199.0, 1400.0):
        chain.follow_load(load)
        opened.append(chain.overload_closed)
    assert opened == [True, False, False, True, True]
