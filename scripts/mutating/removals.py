"""Takes each control of the hazard analysis out of the code and looks whether one of its own tests turns red.

A control that stands in several places is taken out of each by itself: every one of them must be missed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from tracing.analysis import Control, Cut
from tracing.marks import MarkedTest

from mutating.judging import Server
from mutating.mutant import FOLDER
from mutating.proofs import Proofs
from mutating.suites import Suite, known_costs
from mutating.workspace import MutationError, Tree

NATIVE_ONLY = "--drive=native"
_CPU_LIMIT_S = 200
"""Far beyond what the tests of one control take."""
_COST_OF_OTHERS_S = 1.0
_SUITE = Suite("controls", ("-m", "not real_time"), (), of_python=True)


def judge_removals(controls: Sequence[Control], tests: Sequence[MarkedTest], proofs: Proofs) -> list[str]:
    """Returns what is wrong, one text a control. A test that turns red must be green with everything in place."""
    costs = known_costs()
    marked = {control.id: _ordered(control, tests, costs) for control in controls}
    left = [control for control in controls if not control.removal or _unproved(control, marked[control.id], proofs)]
    if not left:
        return []
    tree = Tree(FOLDER / "tree-0")
    server = Server(tree, _SUITE, loaded=False)
    wrong = []
    try:
        for number, control in enumerate(left, 1):
            sys.stderr.write(
                f"\rremoving {control.id} ({number} of {len(left)}, {len(controls) - len(left)} known before)".ljust(90)
            )
            sys.stderr.flush()
            complaints = _judge(tree, server, control, marked[control.id], proofs)
            sys.stderr.writelines(f"\r{line}\n" for line in complaints)
            wrong += ["\n".join(complaints)] if complaints else []
    finally:
        server.close()
    sys.stderr.write("\n")
    return wrong


def _unproved(control: Control, nodes: Sequence[str], proofs: Proofs) -> list[Cut]:
    return [cut for cut in control.removal if not proofs.holds(control, cut, nodes)]


def _judge(tree: Tree, server: Server, control: Control, nodes: Sequence[str], proofs: Proofs) -> list[str]:
    if not control.removal:
        return [f"{control.id}: hazards.toml does not say how to remove it"]
    if not nodes:
        return [f"{control.id}: no test is marked with it"]
    return [
        f"{control.id}: {complaint}"
        for cut in _unproved(control, nodes, proofs)
        if (complaint := _judge_cut(tree, server, control, cut, nodes, proofs))
    ]


def _judge_cut(tree: Tree, server: Server, control: Control, cut: Cut, nodes: Sequence[str], proofs: Proofs) -> str:
    """Returns what is wrong with one cut; nothing when it is missed by a test, which is then written down."""
    text = (tree.path / cut.file).read_text(encoding="utf-8")
    if text.count(cut.old) != 1:
        return f"its removal looks for a text that stands {text.count(cut.old)} times in {cut.file}"
    with tree.holding(cut.file, text.replace(cut.old, cut.new)):
        if cut.file.endswith((".c", ".h")) and not _builds(tree):
            return f"without what it is in {cut.file} the firmware does not compile: that is no removal"
        result = server.run(_arguments(nodes), _CPU_LIMIT_S)
    if result.outcome == "passed":
        return f"taken out of {cut.file}, and none of its {len(nodes)} tests turns red"
    if result.outcome != "failed" or not result.killer:
        return f"taken out of {cut.file}, its tests do not even run, or never end:\n{result.words}"
    try:
        server.must_pass(_arguments([result.killer]), _CPU_LIMIT_S)
    except MutationError as error:
        return str(error)
    proofs.add(control, cut, result.killer)
    return ""


def _ordered(control: Control, tests: Sequence[MarkedTest], costs: dict[str, float]) -> list[str]:
    """Returns the tests that are marked with the control, those near its code and the cheap first: one red test is enough.

    costs: processor time in s of those that were watched.
    """
    near = ("hil_tests/", "tests/firmware/") if control.layer == "firmware" else ()
    places = (*near, "tests/core/", "tests/session/", "tests/balance/", "tests/configuration/", "hil_tests/")

    def distance(node: str) -> tuple[int, float, str]:
        place = next((at for at, place in enumerate(places) if node.startswith(place)), len(places))
        return place, costs.get(node, _COST_OF_OTHERS_S), node

    return sorted((test.node for test in tests if control.id in test.marks), key=distance)


def _arguments(nodes: Sequence[str]) -> list[str]:
    return [*nodes, *([NATIVE_ONLY] if any(node.startswith("hil_tests/") for node in nodes) else [])]


def _builds(tree: Tree) -> bool:
    command = ["make", "-C", str(tree.path / "firmware_bridge" / "firmware"), "native"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
