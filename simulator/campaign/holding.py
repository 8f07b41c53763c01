"""Faults come together: what two of them hold stays as it is until the last one lets go.

A part of the simulated machine is held by as many faults as act on it at once. It is as the worst of them wants it, and at rest
again when none is left, so that no fault's end is the end of another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

_Worst = Callable[[Sequence[Any]], Any]


class _Held:
    def __init__(self, rest: Any, put: Callable[[Any], object], worst: _Worst) -> None:
        self.values: list[tuple[object, Any]] = []
        self._is = self._rest = rest
        self._put = put
        self._worst = worst

    def settle(self) -> None:
        """Puts the part where its holders want it now."""
        wanted = self._worst([value for _, value in self.values]) if self.values else self._rest
        if wanted != self._is:
            self._is = wanted
            self._put(wanted)


_HELD: WeakKeyDictionary[object, dict[str, _Held]] = WeakKeyDictionary()


def hold(target: object, name: str, value: Any, worst: _Worst = max) -> Callable[[], None]:
    """Holds an attribute of the target at a value; returns how to let go. worst: what counts of several values, in their order."""
    return hold_by(target, name, value, lambda wanted: setattr(target, name, wanted), getattr(target, name), worst)


def hold_by(
    target: object, name: str, value: Any, put: Callable[[Any], object], rest: Any = False, worst: _Worst = max
) -> Callable[[], None]:
    """Holds what is no attribute: put is called with what the target shall be, whenever that changes; rest is how it is unheld."""
    of_target = _HELD.setdefault(target, {})
    held = of_target.get(name)
    if held is None:
        held = of_target[name] = _Held(rest, put, worst)
    mine = (object(), value)
    held.values.append(mine)
    held.settle()

    def let_go() -> None:
        held.values.remove(mine)
        held.settle()
        if not held.values:
            del of_target[name]

    return let_go


def hold_bits(target: object, name: str, bits: int) -> Callable[[], None]:
    """Holds bits of an attribute that is a mask."""
    return hold(target, name, bits, worst=_all_bits)


def _all_bits(masks: Sequence[int]) -> int:
    whole = 0
    for mask in masks:
        whole |= mask
    return whole


def is_held(target: object, name: str) -> bool:
    """Whether a fault holds it now."""
    return name in _HELD.get(target, {})


def newest(values: Sequence[Any]) -> Any:
    """For what has no worse and better: the last one who came decides."""
    return values[-1]
