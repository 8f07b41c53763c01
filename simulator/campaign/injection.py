"""When faults begin and end: some at a given time, some armed, to meet a belt that moves; and what of them was felt.

An armed fault waits until somebody walks and nothing else is the matter, and a drawn while longer. The next one waits until it is
over.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from simulator.campaign.fault import UNFELT, Fault
from simulator.campaign.faults import KINDS
from simulator.campaign.observation import FAST_M_S, MOVES_M_S
from simulator.campaign.stage import Stage

LOOK_MS = 100
WALKS_M_S = 0.09
"""An armed fault waits for this belt speed: the warm-up's 0.10 m/s, which strides swing a little."""
_CALM_LOOKS, _CALM_LOSS_M_S = 10, 0.05
"""For a second, and without getting slower: a belt that brakes, or coasts after the last fault, has nobody who walks."""
_PATIENCE_MS = 10_000
"""An armed fault does not begin later than so long before everything is mended."""


@dataclass(frozen=True)
class Group:
    """Armed faults that come together, each with its delay from the moment at which the belt was seen to move.

    least_m_s: the belt's speed for which they wait, where the warm-up's will not do.
    """

    faults: tuple[Fault, ...]
    least_m_s: float = 0.0


@dataclass
class Felt:
    """What the faults of a run came to. Those that nobody can have felt are counted apart.

    begun: every fault as it began, with its time in the run. in_motion: of the injected, those that began on a belt that moved;
    in_fast: how many of these on one that was fast.
    moving_ns: by kind, how long the belt moved while it lasted; under_fault_ns: while any lasted.
    """

    begun: list[Fault] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    in_motion: Counter[str] = field(default_factory=Counter)
    in_fast: int = 0
    unfelt: Counter[str] = field(default_factory=Counter)
    moving_ns: Counter[str] = field(default_factory=Counter)
    under_fault_ns: int = 0


class Injector:
    """Begins and ends the faults of one run; `felt` has what came of them. moved_ns: how long the belt has moved so far."""

    def __init__(self, stage: Stage, faults: Sequence[Fault], armed: Sequence[Group], mended_ms: int, moved_ns: Callable[[], int]):
        """faults: in the order of their times. mended_ms: when all must have ended."""
        self.felt = Felt()
        self._stage = stage
        self._mended_ms = mended_ms
        self._moved_ns = moved_ns
        self._lasting = 0
        self._moved_before_ns = 0
        """What the belt had moved when the first of the faults that last now began."""
        self._armed = deque(armed)
        self._speeds_m_s: deque[float] = deque(maxlen=_CALM_LOOKS)
        """Of the last looks, while nothing is the matter."""
        self._armed_left = 0
        """Faults of the last armed group that are not over."""
        for one in faults:
            stage.later(one.at_ms, partial(self._begin, one))

    def look(self) -> None:
        """Call it every LOOK_MS, on the millisecond: it sets an armed group going when somebody walks and nothing is the matter."""
        stage = self._stage
        now_ms = (stage.now_ns - stage.began_ns) // 1_000_000
        if not self._armed or self._armed_left or not self._somebody_walks(self._armed[0].least_m_s):
            return
        if now_ms + max(one.at_ms for one in self._armed[0].faults) > self._mended_ms - _PATIENCE_MS:
            return
        group = self._armed.popleft().faults
        self._armed_left = len(group)
        for one in group:
            stage.later(one.at_ms, partial(self._begin, replace(one, at_ms=now_ms + one.at_ms), self._end_armed))

    def _somebody_walks(self, least_m_s: float) -> bool:
        drive, speeds = self._stage.system.drive, self._speeds_m_s
        if self._stage.active or drive.speed_m_s < max(WALKS_M_S, least_m_s) or not drive.relay_closed:
            speeds.clear()
            return False
        speeds.append(drive.speed_m_s)
        return len(speeds) == _CALM_LOOKS and speeds[-1] > speeds[0] - _CALM_LOSS_M_S

    def _end_armed(self) -> None:
        self._armed_left -= 1

    def _begin(self, one: Fault, at_end: Callable[[], None] | None = None) -> None:
        stage, felt = self._stage, self.felt
        felt.begun.append(one)
        speed_m_s = abs(stage.system.drive.speed_m_s)
        undo = KINDS[one.name].deed(stage, one)
        if undo is UNFELT:
            felt.unfelt[one.name] += 1
            if at_end is not None:
                at_end()
            return
        stage.begin(one.name)
        moved_ns = self._moved_ns()
        if not self._lasting:
            self._moved_before_ns = moved_ns
        self._lasting += 1

        def end() -> None:
            was_felt = undo is None or undo() is not UNFELT
            stage.end(one.name)
            self._count(one, speed_m_s, was_felt, moved_ns)
            if at_end is not None:
                at_end()

        stage.later(max(0, min(one.lasts_ms, self._mended_ms - one.at_ms)), end)

    def _count(self, one: Fault, speed_m_s: float, was_felt: bool, moved_ns: int) -> None:
        felt = self.felt
        self._lasting -= 1
        if not self._lasting:
            felt.under_fault_ns += self._moved_ns() - self._moved_before_ns
        if not was_felt:
            felt.unfelt[one.name] += 1
            return
        felt.injected[one.name] += 1
        felt.in_motion[one.name] += speed_m_s > MOVES_M_S
        felt.in_fast += speed_m_s > FAST_M_S
        felt.moving_ns[one.name] += self._moved_ns() - moved_ns
