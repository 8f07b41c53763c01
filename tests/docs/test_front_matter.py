"""What stands at the front of the repository: links lead somewhere, drawings are drawings, the licence is the whole licence."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from controller.configuration import parse_configuration
from controller.configuration_tables import TABLES
from controller.hardware.settings import PinSettings
from tests.configuration.documents import least

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DRAWINGS = sorted((ROOT / "docs").glob("*.svg"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.name)
def test_every_drawing_is_well_formed_and_says_what_it_shows(drawing: Path) -> None:
    root = ElementTree.parse(drawing).getroot()
    names = [element.tag.rpartition("}")[2] for element in root]
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "title" in names
    assert "desc" in names


def test_the_readme_shows_the_machine_and_its_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for words in ("docs/system.svg", "make demo", "make test", "not a certified medical device"):
        assert words in readme


def test_the_licence_is_the_apache_licence() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in licence
    assert [f"\n   {number}. " in licence for number in range(1, 10)] == [True] * 9
    assert "END OF TERMS AND CONDITIONS" in licence


@pytest.mark.parametrize("name", ["rail_cells.pd_sck", "rail_left_cell.dout", "rail_right_cell.dout"])
def test_the_wiring_page_gives_every_rail_cells_pin_its_default_number(name: str) -> None:
    wiring = (ROOT / "docs" / "wiring.md").read_text(encoding="utf-8")
    table, key = name.split(".")
    number = getattr(TABLES[table](), key)
    assert re.search(rf"^\| `{name}` \| {number} \|", wiring, re.MULTILINE), name


def test_the_wiring_pages_lines_for_both_rails_make_a_correct_configuration() -> None:
    wiring = (ROOT / "docs" / "wiring.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```toml\n(.*?)```", wiring, re.DOTALL)
    assert list(parse_configuration(least(**tomllib.loads(lines))).rails.fitted) == ["rail-left", "rail-right"]


@pytest.mark.parametrize("name", PinSettings.__struct_fields__)
def test_the_wiring_page_gives_every_pin_its_default_number(name: str) -> None:
    wiring = (ROOT / "docs" / "wiring.md").read_text(encoding="utf-8")
    number = getattr(PinSettings(), name)
    assert re.search(rf"^\| `{name}` \| {number} \|", wiring, re.MULTILINE), name
