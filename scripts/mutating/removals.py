"""Takes each control of the hazard analysis out of the code and looks whether one of its own tests turns red."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from mutating.mutant import FOLDER
from mutating.workspace import MutationError, Tree
from tracing.analysis import Control
from tracing.marks import MarkedTest

_PASSED, _TESTS_FAILED = 0, 1
NATIVE_ONLY = "--drive=native"


def judge_removals(controls: Sequence[Control], tests: Sequence[MarkedTest]) -> list[str]:
    """Returns what is wrong; raises MutationError when the tests fail while everything is still there."""
    tree = Tree(FOLDER / "tree-0")
    wrong = []
    nodes = sorted({test.node for test in tests if any(control.id in test.marks for control in controls)})
    sys.stderr.write(f"{len(nodes)} tests of controls, with everything in place\n")
    if nodes and tree.run_tests(_arguments(nodes), compile_first=True) != _PASSED:
        raise MutationError(f"the tests of the controls fail with everything in place:\n{tree.last_words()}")
    for number, control in enumerate(controls, 1):
        sys.stderr.write(f"\rremoving {control.id} ({number} of {len(controls)})".ljust(70))
        sys.stderr.flush()
        wrong += _judge(tree, control, [test.node for test in tests if control.id in test.marks])
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
        if code == _PASSED:
            return [f"{control.id}: taken out, and none of its {len(nodes)} tests turns red"]
        if code != _TESTS_FAILED:
            return [f"{control.id}: taken out, its tests do not even run:\n{tree.last_words()}"]
        return []
    finally:
        for cut in control.removal:
            tree.restore(cut.file)


def _arguments(nodes: Sequence[str]) -> list[str]:
    return [*nodes, *([NATIVE_ONLY] if any(node.startswith("hil_tests/") for node in nodes) else [])]


def _builds(tree: Tree) -> bool:
    command = ["make", "-C", str(tree.path / "firmware_bridge" / "firmware"), "native"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
