"""The few pieces of Markdown that the generated pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTICE = "<!-- Generated from the code by scripts/generate_docs.py: change the code, then run `make docs`. -->"


def page(title: str, *parts: str) -> str:
    """Returns a page: the notice that it is generated, its title, its parts with blank lines between."""
    return "\n\n".join((NOTICE, f"# {title}", *(part.strip("\n") for part in parts))) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table; cells are shown as text."""
    lines = [_line(header), "|" + "---|" * len(header)]
    lines += [_line(row) for row in rows]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") or " " for cell in cells) + " |"


def words(name: str) -> str:
    """Returns a name of the code as people read it: EMERGENCY_A becomes `emergency a`."""
    return name.lower().replace("_", " ")
