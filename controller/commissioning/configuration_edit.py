"""Puts a calibration's values into the configuration file, and changes nothing else in it: comments, order and blanks stay."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Mapping

Value = int | float | str


class EditError(ValueError):
    """The file is written in a way that cannot be changed safely: a person must do it."""


def with_values(text: str, table: str, values: Mapping[str, Value]) -> str:
    """Returns the TOML text with these keys of one table set. Raises EditError unless the result says exactly that and no more."""
    wanted = copy.deepcopy(tomllib.loads(text))
    wanted.setdefault(table, {}).update(values)
    lines = text.splitlines()
    start, end = _find_table(lines, table)
    for key, value in values.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        present = next((i for i in range(start, end) if re.match(rf"\s*{re.escape(key)}\s*=", lines[i])), None)
        if present is None:
            lines.insert(start, line)
            end += 1
        else:
            lines[present] = line + _comment(lines[present])
    edited = "\n".join(lines) + "\n"
    try:
        if tomllib.loads(edited) == wanted:
            return edited
    except tomllib.TOMLDecodeError:
        pass
    raise EditError(f"[{table}] is written in a way that this program cannot change safely")


def _find_table(lines: list[str], table: str) -> tuple[int, int]:
    """The lines of the table's body; the table is added at the end where there is none."""
    header = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]\s*(#.*)?")
    at = next((i for i, line in enumerate(lines) if header.fullmatch(line)), None)
    if at is None:
        lines += ["", f"[{table}]"]
        return len(lines), len(lines)
    end = next((i for i in range(at + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
    return at + 1, end


def _comment(line: str) -> str:
    """A comment behind a number stays; behind a text, whose own # would be cut, the check of the result decides."""
    found = re.search(r"\s+#[^\"']*$", line)
    return found.group() if found else ""
