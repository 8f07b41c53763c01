"""What the session's record will say beside its plan: phases done, answers, rises. Pure.

Bounded, so that a record fits a datagram.
"""

from __future__ import annotations

import msgspec

from messages.figures import PhaseDone, SessionFigures, SymptomAnswer

MAXIMUM_ANSWERS = 80
"""In half an hour of a check every 2 minutes with six questions; beyond it the oldest answer that said nothing gives way."""


def with_phase(figures: SessionFigures, index: int, elapsed_ns: int, distance_m: float, top_m_s: float) -> SessionFigures:
    """Returns the figures with this phase as far as it was walked; a rest, or a phase not begun, adds nothing."""
    if not elapsed_ns:
        return figures
    phase = PhaseDone(index, round(elapsed_ns / 1e9, 2), round(distance_m, 3), round(top_m_s, 3))
    highest = max(phase.top_speed_m_s, figures.top_speed_m_s)
    return msgspec.structs.replace(figures, phases=(*figures.phases, phase), top_speed_m_s=highest)


def with_answer(figures: SessionFigures, answer: SymptomAnswer) -> SessionFigures:
    """Returns the figures with one answer more; what is dropped for room is the oldest fine one, else the oldest."""
    answers = figures.symptoms
    if len(answers) >= MAXIMUM_ANSWERS:
        dropped = next((at for at, kept in enumerate(answers) if kept.grade == 0), 0)
        answers = answers[:dropped] + answers[dropped + 1 :]
    return msgspec.structs.replace(figures, symptoms=(*answers, answer))


def with_rise(figures: SessionFigures, *, accepted: bool) -> SessionFigures:
    """Returns the figures with one more rise taken, or let pass."""
    if accepted:
        return msgspec.structs.replace(figures, rises_accepted=figures.rises_accepted + 1)
    return msgspec.structs.replace(figures, rises_declined=figures.rises_declined + 1)
