"""What chain and detector cost, measured where this runs."""

from __future__ import annotations

import statistics
import time

import numpy as np

from controller.core.balance import BALANCE_START, BalanceFacts, BalanceSettings, judge_balance
from controller.core.load_chain import LOAD_CHAIN_START, LoadChainSettings, advance_load
from controller.core.readings import LoadSample
from evaluation.converter import STEP_S, convert

_SCAN_NS = 10_000_000


def measure_us(chain_settings: LoadChainSettings) -> tuple[float, float]:
    """Microseconds a scan with a sample, and a scan without one: medians over 30 s of a strap that tightens at each stride."""
    seconds = np.arange(0.0, 30.0, STEP_S)
    force_n = np.maximum(np.sin(2.0 * np.pi * seconds) - 0.8, 0.0) * 400.0
    samples = convert(force_n, np.random.default_rng(3))
    settings = BalanceSettings()
    chain, balance = LOAD_CHAIN_START, BALANCE_START
    taken, now_ns = 0, samples[0].measured_at_ns
    spent: tuple[list[int], list[int]] = ([], [])
    while taken < len(samples):
        batch: tuple[LoadSample, ...] = ()
        while taken < len(samples) and samples[taken].measured_at_ns <= now_ns:
            batch, taken = (*batch, samples[taken]), taken + 1
        began = time.perf_counter_ns()
        chain, estimate, _ = advance_load(chain, batch, 0.0, chain_settings, now_ns)
        facts = BalanceFacts(estimate, 785.0, True, True, True, 2, False, False, False, True, True, True, False)
        balance, _ = judge_balance(balance, facts, settings, now_ns)
        spent[bool(batch)].append(time.perf_counter_ns() - began)
        now_ns += _SCAN_NS
    return statistics.median(spent[1]) / 1e3, statistics.median(spent[0]) / 1e3
