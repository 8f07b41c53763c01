"""What the detector is measured against, on the very same samples."""

from __future__ import annotations

from collections.abc import Sequence

from controller.core.readings import LoadSample
from evaluation.judge import SCAN_NS, Subject

PLAIN_SHARE = 0.30


def _loads_n(samples: Sequence[LoadSample], subject: Subject) -> list[float]:
    chain = subject.chain
    return [(s.counts - chain.zero_counts) * chain.newtons_per_count - subject.tare_n for s in samples]


def _next_scan_ns(samples: Sequence[LoadSample], index: int) -> int:
    begin_ns, at_ns = samples[0].measured_at_ns, samples[index].measured_at_ns
    return begin_ns + -(-(at_ns - begin_ns) // SCAN_NS) * SCAN_NS


def plain_threshold(samples: Sequence[LoadSample], subject: Subject, share: float = PLAIN_SHARE) -> int | None:
    """The scan at which a single unfiltered sample has passed `share` of body weight; None if none does."""
    limit_n = share * subject.body_weight_n
    for index, load_n in enumerate(_loads_n(samples, subject)):
        if load_n >= limit_n:
            return _next_scan_ns(samples, index)
    return None


def median_threshold(samples: Sequence[LoadSample], subject: Subject, share: float = PLAIN_SHARE) -> int | None:
    """The same after a median of three samples."""
    loads, limit_n = _loads_n(samples, subject), share * subject.body_weight_n
    for index in range(2, len(loads)):
        if sorted(loads[index - 2 : index + 1])[1] >= limit_n:
            return _next_scan_ns(samples, index)
    return None
