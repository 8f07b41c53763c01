"""Shows a table on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable

from evaluation.report import Table


def show(console: Console, table: Table) -> None:
    """Prints it."""
    shown = RichTable(title=table.title, title_justify="left")
    for name in table.header:
        shown.add_column(name, overflow="fold")
    for row in table.rows:
        shown.add_row(*(str(cell) for cell in row))
    console.print(shown)
