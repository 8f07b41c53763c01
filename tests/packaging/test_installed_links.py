"""The pages that the package installs: every link in them leads to a file of it, and every anchor to a place in that file."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from tests.packaging.test_package_sources import load

ROOT = Path(__file__).parents[2]


BUILDER = load(ROOT / "packaging/build_deb.py")
PLACES: dict[str, Path] = {place: origin for origin, place in BUILDER.contents()}
PAGES = sorted(place for place in PLACES if place.endswith(".md"))


def followed(path: str) -> str:
    """The path with the package's own symbolic links resolved."""
    for link, target in BUILDER.LINKS.items():
        if path == link or path.startswith(f"{link}/"):
            return posixpath.normpath(posixpath.join(posixpath.dirname(link), target) + path.removeprefix(link))
    return path


def anchors(page: str) -> set[str]:
    """What a link may name in a page: its headings as forges write them, and what it names itself."""
    page = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = [re.sub(r"<[^>]*>|[`*]|\]\([^)]*\)|\[", "", line) for line in re.findall(r"^#+ (.+)$", page, re.MULTILINE)]
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', page))


def dead_links(place: str) -> list[str]:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", PLACES[place].read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = followed(posixpath.normpath(posixpath.join(posixpath.dirname(place), name))) if name else place
        is_directory = any(other.startswith(f"{target}/") for other in PLACES)
        leads_there = is_directory if target not in PLACES else not anchor or anchor in anchors(PLACES[target].read_text("utf-8"))
        if not leads_there:
            dead.append(link)
    return dead


@pytest.mark.parametrize("place", PAGES)
def test_every_link_leads_into_the_package(place: str) -> None:
    assert dead_links(place) == []


def test_the_checker_sees_links_at_all() -> None:
    """A pattern that found none would find none dead, either."""
    links = [link for place in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", PLACES[place].read_text(encoding="utf-8"))]
    assert len(PAGES) > 30
    assert sum("#" in link for link in links) > 20


def test_no_file_is_laid_where_a_link_is() -> None:
    assert not [place for place in PLACES if followed(place) != place]
