"""The pictures of the evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "balance"  # the same figures give the same file
from matplotlib import pyplot as plt  # noqa: E402  (the back end is chosen first)
from matplotlib.figure import Figure  # noqa: E402

from evaluation.arrests import Arrest  # noqa: E402
from evaluation.baselines import median_threshold, plain_threshold  # noqa: E402
from evaluation.campaign import SWEEP_SLACK_M, JudgedFall, ThresholdPoint, quantile_ms  # noqa: E402

_DATE_FREE = {"Date": None}


def plot_arrests(arrests: Sequence[Arrest], path: Path) -> None:
    """Load traces with the moment of each decision."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 6), squeeze=False)
    for axis, arrest in zip(axes.flat, arrests, strict=False):
        chain, begin_ns = arrest.subject.chain, arrest.decided_ns
        times = [(s.measured_at_ns - begin_ns) / 1e6 for s in arrest.samples]
        loads = [(s.counts - chain.zero_counts) * chain.newtons_per_count for s in arrest.samples]
        axis.plot(times, loads, ".-", color="0.4", markersize=3, linewidth=0.8)
        limit_n = min(0.30 * arrest.subject.body_weight_n, 250.0)
        axis.axhline(limit_n, color="tab:blue", linestyle=":", label=f"limit {limit_n:.0f} N")
        contenders = (
            (arrest.decided_ns, "tab:red", "ours", "-"),
            (plain_threshold(arrest.samples, arrest.subject), "tab:green", "plain 0.30", "--"),
            (median_threshold(arrest.samples, arrest.subject), "tab:orange", "median of 3", "--"),
        )
        for at_ns, colour, label, style in contenders:
            if at_ns is not None:
                axis.axvline((at_ns - begin_ns) / 1e6, color=colour, linestyle=style, linewidth=1, label=label)
        axis.set(xlim=(-200, 200), ylim=(-100, 3000), title=arrest.name, xlabel="ms from our decision", ylabel="N")
        axis.legend(fontsize=7)
    _save(figure, path)


def plot_delays(judged: Sequence[JudgedFall], path: Path) -> None:
    """Delay against slack: medians of every contender, and the physical limit."""
    figure, axis = plt.subplots(figsize=(7, 4.5))
    slacks = sorted({one.slack_m for one in judged})
    for name, label, style in (
        ("taut_ms", "strap taut (physical limit)", "k:"),
        ("plain_ms", "plain 0.30, unfiltered", "g--"),
        ("median_ms", "plain 0.30, median of 3", "C1--"),
        ("alone_ms", "ours, harness alone", "r-"),
        ("fused_ms", "ours, with rails and deck ends", "m-"),
    ):
        delays = [quantile_ms([getattr(one, name) for one in judged if one.deep and one.slack_m == at], 0.5) for at in slacks]
        shown = [math.nan if math.isinf(delay) else delay for delay in delays]
        axis.plot([at * 100 for at in slacks], shown, style, marker=".", label=label)
    axis.set(xlabel="slack, cm", ylabel="median delay after the onset, ms", title="Made falls")
    axis.legend(fontsize=8)
    _save(figure, path)


def plot_thresholds(points: Sequence[ThresholdPoint], path: Path) -> None:
    """False stops against threshold."""
    figure, axis = plt.subplots(figsize=(7, 4))
    shares = [point.share for point in points]
    axis.plot(shares, [point.plain_per_hour for point in points], "g--", marker=".", label="plain, unfiltered")
    axis.plot(shares, [point.ours_per_hour for point in points], "r-", marker=".", label="ours")
    axis.set(
        xlabel="threshold, share of body weight",
        ylabel="stops per simulated hour",
        title=f"Running, {SWEEP_SLACK_M * 100:.0f} cm of slack",
    )
    axis.set_yscale("symlog", linthresh=1.0)
    axis.legend(fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80, metadata=_DATE_FREE if path.suffix == ".svg" else None)
    plt.close(figure)
