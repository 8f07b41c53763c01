"""Takes each control of the hazard analysis out of the code and looks whether one of its own tests turns red."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence

from tracing.analysis import Control
from tracing.marks import MarkedTest

from mutating.mutant import FOLDER
from mutating.workspace import Tree

_PASSED, _TESTS_FAILED = 0, 1
NATIVE_ONLY = "--drive=native"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?::.+?)(?: - .*)?$", re.MULTILINE)


def judge_removals(controls: Sequence[Control], tests: Sequence[MarkedTest]) -> list[str]:
    """Returns what is wrong. A test that turns red is run again with everything in place: there it must be green."""
    tree = Tree(FOLDER / "tree-0")
    wrong = []
    for number, control in enumerate(controls, 1):
        sys.stderr.write(f"\rremoving {control.id} ({number} of {len(controls)})".ljust(70))
        sys.stderr.flush()
        wrong += _judge(tree, control, sorted((test.node for test in tests if control.id in test.marks), key=_quick_first))
    sys.stderr.write("\n")
    return wrong


def _judge(tree: Tree, control: Control, nodes: Sequence[str]) -> list[str]:
    if not control.removal:
        return [f"{control.id}: hazards.toml does not say how to remove it"]
    if not nodes:
        return [f"{control.id}: no test is marked with it"]
    try:
        for cut in control.removal:
            text = (tree.path / cut.file).read_text(encoding="utf-8")
            if text.count(cut.old) != 1:
                return [f"{control.id}: its removal looks for a text that stands {text.count(cut.old)} times in {cut.file}"]
            tree.write(cut.file, text.replace(cut.old, cut.new))
        if any(cut.file.endswith((".c", ".h")) for cut in control.removal) and not _builds(tree):
            return [f"{control.id}: without it the firmware does not compile: that is no removal"]
        code = tree.run_tests(_arguments(nodes))
        words = tree.last_words()
    finally:
        for cut in control.removal:
            tree.restore(cut.file)
    if code == _PASSED:
        return [f"{control.id}: taken out, and none of its {len(nodes)} tests turns red"]
    red = _FAILED.findall(words)
    if code != _TESTS_FAILED or not red:
        return [f"{control.id}: taken out, its tests do not even run:\n{words}"]
    if tree.run_tests(_arguments(red)) != _PASSED:
        return [f"{control.id}: its test {red[0]} is red with everything in place, too: put that right first"]
    return []


def _quick_first(node: str) -> tuple[int, str]:
    """Tests of pure code before those that start programs: the first red one is enough."""
    quick = ("tests/core/", "tests/session/", "tests/balance/", "tests/configuration/", "hil_tests/")
    return (next((at for at, place in enumerate(quick) if node.startswith(place)), len(quick)), node)


def _arguments(nodes: Sequence[str]) -> list[str]:
    return ["-m", "not real_time", *nodes, *([NATIVE_ONLY] if any(node.startswith("hil_tests/") for node in nodes) else [])]


def _builds(tree: Tree) -> bool:
    command = ["make", "-C", str(tree.path / "firmware_bridge" / "firmware"), "native"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
