"""When the panel last asked for a hand: a beep draws the eye to the display."""

from __future__ import annotations

from controller.core.exercise import ExerciseState
from controller.core.settings import CoreSettings


def prompted_at_ns(exercise: ExerciseState, settings: CoreSettings) -> int:
    """Returns when a rise was offered, a question put, or the hands called back to the rails; 0 when nothing is asked."""
    if exercise.offered_until_ns:
        return exercise.offered_until_ns - int(settings.speed.offer_s * 1e9)
    if exercise.check.asking:
        return exercise.check.shown_at_ns
    if exercise.hands_free.open:
        return exercise.hands_free.until_ns - int(settings.hands_free.return_s * 1e9)
    return 0
