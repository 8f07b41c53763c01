"""The symptom check on the display: the question, and what OK, SLOWER and the symptom button mean for it."""

from __future__ import annotations

from controller.core.exercise import ExerciseState
from controller.core.symptoms import bands
from messages.figures import Question

_ASKED = {
    Question.DIZZINESS: "dizzy, lost the way?",
    Question.NAUSEA: "nausea?",
    Question.PAIN: "pain, 0 to 10?",
    Question.LEGS: "legs weak or numb?",
    Question.EFFORT: "effort, 0 to 10?",
    Question.BREATH: "a sentence: breath?",
}
_BY_NUMBER = frozenset({Question.PAIN, Question.EFFORT})


def check_lines(exercise: ExerciseState, after: bool, hanging: bool) -> tuple[str, str, str, str]:
    """Returns the four lines of the shown question, 20 columns each.

    after: the session is over, and leaving is allowed. hanging: somebody hangs in the strap, which comes before any answer.
    """
    question = exercise.check.asking[0]
    judged = bands(question, exercise.limits, exercise.check.dizzy)
    title, fine, some, much = "CHECK/unclip" if after else "CHECK", "OK fine", "SLOWER: a little", "SYMPTOM 2x: much"
    if question in _BY_NUMBER:
        fine = f"OK 0-{judged.some_from - 1}"
        some = f"SLOWER: from {judged.some_from}"
        much = f"SYMPTOM 2x: from {judged.much_from}"
    if exercise.check.presses:
        fine, some = "OK done", ""
    if hanging:
        title = "TAKE WEIGHT"
    return _line(f"{title}{fine:>{20 - len(title)}}"), _line(_ASKED[question]), _line(some), _line(much)


def _line(text: str) -> str:
    return text[:20].ljust(20)
