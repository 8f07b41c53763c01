"""Tests and files that a page names are there. Decisions and the changelog tell of a past, and are not asked."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for page in (
        ROOT / "README.md",
        ROOT / "hil_tests" / "README.md",
        ROOT / "firmware_bridge" / "firmware" / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
    if page.parent.name != "decisions"
]
SOURCES = [path for folder in ("tests", "hil_tests") for path in sorted((ROOT / folder).rglob("test_*.py"))]
MADE = {"build", "dist"}
"""Folders that commands make and that need not be there."""
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]+)`")
_TEST = re.compile(r"(?:[\w./-]+::)?(test_\w+)")
_PATH = re.compile(r"(?<![\w./<@~-])(?:[\w.-]+/)+[\w.-]*\w(?![\w*{<])")


def quoted(text: str) -> list[str]:
    """What stands in single backticks, whole programs and examples left out."""
    return _QUOTED.findall(_FENCED.sub("", text))


def names_of_tests(text: str) -> set[str]:
    """Tests that a page names by their whole name; a file of tests is not one."""
    return {found[1] for words in quoted(text) if (found := _TEST.fullmatch(words))}


def names_of_paths(text: str) -> set[str]:
    """Paths from the project's own directory that a page names: those whose first part is a folder of it."""
    found = {path for words in quoted(text) for path in _PATH.findall(words)}
    return {path for path in found if (ROOT / (first := path.split("/")[0])).is_dir() and first not in MADE}


@pytest.fixture(scope="module")
def known_tests() -> set[str]:
    """Every function and method whose name begins with test_."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES)
    functions = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_is_there(page: Path, known_tests: set[str]) -> None:
    assert names_of_tests(page.read_text(encoding="utf-8")) - known_tests == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = names_of_paths(page.read_text(encoding="utf-8"))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_pages_name_tests_and_files_at_all() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    assert len(set().union(*map(names_of_tests, texts))) > 10
    assert len(set().union(*map(names_of_paths, texts))) > 20


def test_what_counts_as_named() -> None:
    named = "`test_gone` `tests/a/test_b.py::test_c` `test_file.py` `pytest tests/gone.py -s`"
    text = f"{named} `build/x` `/etc/docs/x` `tests/<name>/x` `a/b`\n"
    fenced = f"{text}```sh\n`test_fenced` `docs/fenced.md`\n```\n"
    assert names_of_tests(fenced) == {"test_gone", "test_c"}
    assert names_of_paths(fenced) == {"tests/a/test_b.py", "tests/gone.py"}
