"""What is wrong with a file that people write, said so that they can mend it: key, value, what is allowed, what to do."""

from __future__ import annotations

import json

import msgspec

_LONGEST_VALUE = 80


class Problem(msgspec.Struct, frozen=True):
    """One mistake. key: dotted path of the key, or the file. value: as written, empty where there is none."""

    key: str
    value: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        written = f" = {self.value}" if self.value else ""
        key = self.key if self.key.isprintable() else ascii(self.key)
        return f"{key}{written}: allowed is {self.allowed}; {self.remedy}"


class ProblemsError(ValueError):
    """A file is wrong; `problems` holds all its mistakes, and the text names them all."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join((f"{source}: {count}", *(f"  {problem}" for problem in problems))))
        self.problems = problems


def written(value: object) -> str:
    """Returns a value as TOML writes it, shortened: what a person will look for in the file."""
    if isinstance(value, str) and not value.isprintable():
        text = ascii(value)
    else:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, bool | str) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
