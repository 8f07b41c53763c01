"""Which call fails how and when, which sites no run reaches, and where silence is right: each with its reason."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.seeds import draw_seed
from tests.torture.call_sites import ROOT, Site
from tests.torture.errors import plausible

EVERYTHING = bool(os.environ.get("STERNWAY_EVERY_ERROR"))
"""Every error in every phase (`make torture`) instead of one error in the phase that matters most."""
PHASES = ("walking", "closing", "rest", "start")
"""The first of these in which a site is reached is the one that matters most."""
RUNNERS = 2
RUNS_TO_THE_CALL = 4
LONGEST_S = 1500.0

Fault = dict[str, str]
Case = list[Any]

_ONLY_AFTER_ANOTHER = "only after another fault, whose call is a site of its own"
_ONLY_ON_A_BOARD = "only with the kernel's GPIO devices: tests/hardware/test_gpio_chip.py"
UNREACHED = {
    "controller/channel.py Channel._accept connection.close": _ONLY_AFTER_ANOTHER,
    "controller/channel.py Channel._accept connection.close #2": "only for strangers: tests/shell/test_peers.py",
    "controller/durable_file.py _take_over_rights os.fchmod": "only where there was no file: tests/shell/test_durable_file.py",
    "controller/durable_file.py _take_over_rights os.fchown": "only for a file of another user's: tests/shell/test_durable_file.py",
    "controller/flight_recorder.py _create path.unlink": _ONLY_AFTER_ANOTHER,
    "controller/hardware/device_lock.py DeviceLock.__init__ os.close": _ONLY_AFTER_ANOTHER,
    "controller/hardware/gpio_chip.py chip_label os.open": _ONLY_ON_A_BOARD,
    "controller/hardware/gpio_chip.py chip_label fcntl.ioctl": _ONLY_ON_A_BOARD,
    "controller/hardware/gpio_chip.py chip_label os.close": _ONLY_ON_A_BOARD,
    "controller/hardware/gpio_chip.py point_at_header devices.glob": _ONLY_ON_A_BOARD,
    "controller/hardware/edges.py _WakeDescriptor.__del__ os.close": "when the collector comes by, or never",
    "controller/hardware/pi_health.py _text file.read": "no thermometer here",
    "firmware_bridge/serial_link.py SerialLink.is_pseudo_terminal os.fstat": "asked for drives without a HELLO only",
}  # fmt: skip
"""What no run reaches, and why. Where the machine that tests has a clock chip or a thermometer, two of these are reached."""
DEPEND_ON_THE_MACHINE = frozenset(name for name in UNREACHED if "pi_health" in name or "__del__" in name)
_COMES_AGAIN = "the client finds its connection closed and comes again; events stay in the ring until they are acknowledged"
_PROCESS_ENDS = "the descriptor goes with the process, and the next start replaces what is left"
_UNTRUSTED = "the clock then counts as untrusted, which the refusal says"
_UNKNOWN = "shown as unknown in what telemetry publishes of the computer's health"
_GIVEN_BACK = "the line is being given back; Linux frees the descriptor even then"
SILENT = {
    "controller/channel.py Channel._accept self._listener.accept": "the client waits in the listener's queue for the next scan",
    "controller/channel.py Channel._accept connection.setblocking": _COMES_AGAIN,
    "controller/channel.py Channel._accept connection.setsockopt": _COMES_AGAIN,
    "controller/peers.py peer_of connection.getsockopt": _COMES_AGAIN,
    "controller/peers.py peer_of connection.getsockopt #2": "the first group counts alone; who is turned away for it, is said",
    "controller/channel.py Channel._read client.connection.recv": _COMES_AGAIN,
    "controller/channel.py Channel._send client.connection.send": _COMES_AGAIN + "; what was not taken is counted in the snapshot",
    "controller/channel.py Channel._drop client.connection.close": "Linux frees the descriptor even then",
    "controller/channel.py Channel.close self._listener.close": _PROCESS_ENDS,
    "controller/channel.py Channel.close self._path.unlink": _PROCESS_ENDS,
    "controller/local_clock.py _is_there path.exists": _UNTRUSTED,
    "controller/local_clock.py _is_one path.read_bytes": _UNTRUSTED,
    "controller/service.py _say sys.stderr.write": "this is how things are said",
    "controller/hardware/edges.py EdgeRecorder.callback_for.record os.eventfd_write": "levels are polled all the same",
    "controller/hardware/pi_health.py _text path.open": _UNKNOWN,
    "controller/hardware/pi_health.py _disk_free_mb os.statvfs": _UNKNOWN,
    "controller/hardware/service_manager.py ServiceManager._send self._socket.sendto": "the manager's own watchdog is who acts",
    "controller/hardware/service_manager.py ServiceManager.close self._socket.close": _PROCESS_ENDS,
    "firmware_bridge/serial_link.py SerialLink._ask_low_latency self._port.set_low_latency_mode": "the link works all the same",
    "firmware_bridge/serial_link.py SerialLink._release self._poll.unregister": _GIVEN_BACK,
    "firmware_bridge/serial_link.py SerialLink._release termios.tcflush": _GIVEN_BACK,
    "firmware_bridge/serial_link.py SerialLink._release fcntl.ioctl": _GIVEN_BACK,
    "firmware_bridge/serial_link.py SerialLink._release port.close": _GIVEN_BACK,
}  # fmt: skip
"""Where nobody needs to be told, and why."""
SILENT_ERRORS = {
    ("firmware_bridge/serial_link.py SerialLink._write os.write", "EAGAIN"): "a full line: the next scan decides anew",
    ("firmware_bridge/serial_link.py SerialLink._write os.write", "short"): "a full line: the next scan decides anew",
    ("controller/hardware/edges.py EdgeRecorder.take os.eventfd_read", "EAGAIN"): "no edge came",
}  # fmt: skip


def silence_is_right(site: str, error: str) -> bool:
    """Whether nobody needs to be told."""
    return site in SILENT or (site, error) in SILENT_ERRORS


def run(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What came of each case, by as many processes as there are runners."""
    shares = [list(cases[index::RUNNERS]) for index in range(RUNNERS)]
    with ThreadPoolExecutor(RUNNERS) as runners:
        return [answer for answers in runners.map(_run_here, shares) for answer in answers]


def run_to_the_call(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What came of each case, of one that did not come to its call with other chances, and at last without.

    A run in which nothing failed says nothing of the controller. The display answers in real time while the treadmill's time runs
    many times faster: on a busy machine a session may begin too late, or never.
    """
    answers = run(cases)
    for later in range(1, RUNS_TO_THE_CALL):
        void = [answer for answer in answers if is_void(answer)]
        if not void:
            break
        faults = [answer["fault"] for answer in void]
        again = [[fault, by_bit, seed + later] for fault, by_bit, seed in cases if fault in faults]
        answers = [answer for answer in answers if not is_void(answer)] + run(again)
    return answers


def is_void(answer: dict[str, Any]) -> bool:
    """Whether the run ended well and its call never came, so that nothing failed in it."""
    return "broken" not in answer and not answer["fired"]


def _run_here(cases: Sequence[Case]) -> list[dict[str, Any]]:
    if not cases:
        return []
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.controller_run"], cwd=ROOT, input="".join(f"{json.dumps(case)}\n" for case in cases),
        stdout=subprocess.PIPE, text=True, check=False, timeout=LONGEST_S,
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(cases):
        raise AssertionError(f"the process ended with {done.returncode} in {cases[len(answers)]}")
    return answers


def survey() -> dict[str, dict[str, bool]]:
    """Site -> phase in which it is reached -> whether that takes the load cell that is clocked bit by bit."""
    reached: dict[str, dict[str, bool]] = {}
    for answer, by_bit in zip(run([[None, False, 7], [None, True, 7]]), (False, True), strict=True):
        if "broken" in answer:
            raise AssertionError(answer["broken"])
        for where in answer["lives"][0]["reached"]:
            phase, _, name = where.partition(" ")
            reached.setdefault(name, {}).setdefault(phase, by_bit)
    return reached


def make(sites: Sequence[Site], reached: dict[str, dict[str, bool]]) -> Iterator[Case]:
    """The cases of a run: all of them, or of each site one error by chance in the worst phase; chance comes from STERNWAY_SEED."""
    seed = draw_seed("cases")
    for site in sites:
        phases = [phase for phase in PHASES if phase in reached.get(site.name, {})]
        errors = plausible(site.kind, site.call, site.name)
        chance = random.Random(f"{seed} {site.name}")  # of its own for each site: what else this machine reaches changes nothing
        for phase in phases if EVERYTHING else phases[:1]:
            for error in errors if EVERYTHING else (chance.choice(errors),):
                fault = {"site": site.name, "error": error, "phase": phase}
                yield [fault, reached[site.name][phase], chance.randrange(10**6)]
