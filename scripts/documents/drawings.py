"""docs/wiring/*.svg: the circuits of scripts/drawings, drawn by schemdraw."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from html import escape

import schemdraw

NAMES = ("stop_chain", "motor_power", "watchdog", "start_faster", "input_stage", "load_cell", "rail_cells", "no_volt_release")


def drawing_page(name: str) -> Callable[[], str]:
    """Returns what draws the circuit of that name, as SVG text with its title."""

    def draw() -> str:
        module = importlib.import_module(f"drawings.{name}")
        schemdraw.use("svg")
        drawing = schemdraw.Drawing(show=False)
        drawing.config(fontsize=11, unit=2.6, margin=0.35, bgcolor="white")
        module.draw(drawing)
        text = drawing.get_imagedata("svg").decode()
        head, _, rest = text.partition(">")
        title = escape(" ".join(module.TITLE.split()))
        return f'{head} role="img">\n<title>{title}</title>{rest}\n'

    return draw
