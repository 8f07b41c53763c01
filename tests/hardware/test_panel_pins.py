"""Levels, edges and outputs through the real PanelPins."""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.inputs import ALL_INPUTS_MASK, Input
from controller.hardware.errors import HardwareError
from controller.hardware.gpio import PanelPins, board_identity, load_gpio
from controller.hardware.settings import PinSettings
from simulator.pins import PINS_VARIABLE, STANDINS_DIRECTORY, PinBoard, PinMode

SECOND_NS = 1_000_000_000
PROJECT = STANDINS_DIRECTORY.parent.parent


@pytest.fixture
def panel(board: PinBoard) -> Iterator[PanelPins]:
    panel = PanelPins(PinSettings(), load_gpio())
    yield panel
    panel.close()


def woken(panel: PanelPins, timeout_s: float) -> bool:
    return bool(select.select([panel.wake_descriptor], [], [], timeout_s)[0])


@pytest.mark.parametrize("line", list(Input), ids=lambda line: line.name)
def test_each_contact_reads_at_its_own_bit(board: PinBoard, panel: PanelPins, line: Input) -> None:
    assert panel.read(0).closed == 0
    board.set_closed(line, True)
    assert panel.read(1).closed == line.bit
    board.set_contacts(ALL_INPUTS_MASK & ~line.bit)
    levels = panel.read(2)
    assert levels.closed == ALL_INPUTS_MASK & ~line.bit
    assert levels.measured_at_ns == 2


@pytest.mark.hazard("H-16", "C-CLIP")
def test_a_broken_wire_reads_open_and_a_short_reads_closed(board: PinBoard, panel: PanelPins) -> None:
    board.set_contacts(ALL_INPUTS_MASK)
    board.break_wire(Input.CLIP)
    assert panel.read(0).closed == ALL_INPUTS_MASK & ~Input.CLIP.bit
    board.set_contacts(0)
    board.short_to_ground(Input.START)
    assert panel.read(1).closed == Input.START.bit
    board.repair(Input.CLIP)
    board.repair(Input.START)
    board.set_closed(Input.CLIP, True)
    assert panel.read(2).closed == Input.CLIP.bit


def test_every_input_is_pulled_up(board: PinBoard, panel: PanelPins) -> None:
    assert {board.mode(line.name.lower()) for line in Input} == {PinMode.INPUT_PULLED_UP}


def test_an_edge_shorter_than_a_poll_wakes_and_is_reported_once(board: PinBoard, panel: PanelPins) -> None:
    board.set_contacts(ALL_INPUTS_MASK)
    while woken(panel, 0.2):
        panel.read(0)
    board.set_closed(Input.DECK_REAR, False)
    board.set_closed(Input.DECK_REAR, True)
    assert woken(panel, 5)
    levels = panel.read(1)
    edges = levels.edges
    while woken(panel, 0.2):  # the second edge may have come after that read
        edges |= panel.read(2).edges
    assert levels.closed == ALL_INPUTS_MASK
    assert edges == Input.DECK_REAR.bit
    assert panel.read(3).edges == 0
    assert not woken(panel, 0)


def test_edges_of_several_inputs_are_told_apart(board: PinBoard, panel: PanelPins) -> None:
    board.set_contacts(Input.OK.bit | Input.RAIL_LEFT.bit)
    edges = 0
    while edges != Input.OK.bit | Input.RAIL_LEFT.bit:
        assert woken(panel, 5), f"only {edges:#x} was seen"
        edges |= panel.read(0).edges


def test_chatter_is_counted_per_input_and_second(board: PinBoard, panel: PanelPins, wait_until) -> None:
    panel.read(SECOND_NS)
    board.chatter(Input.RAIL_RIGHT, 50)
    board.chatter(Input.ATTENDANT, 2)
    assert board.lost_edges == 0
    counted = [0] * len(Input)
    now_ns = SECOND_NS

    def all_seen() -> bool:
        nonlocal now_ns
        now_ns += SECOND_NS
        panel.read(now_ns)
        for line in Input:
            counted[line] += panel.edges_per_second[line]
        return sum(counted) >= 52

    wait_until(all_seen, "52 edges")
    assert counted[Input.RAIL_RIGHT] == 50
    assert counted[Input.ATTENDANT] == 2
    panel.read(now_ns + SECOND_NS - 1)
    assert sum(panel.edges_per_second) > 0, "a second that is not full changes nothing"
    panel.read(now_ns + SECOND_NS)
    assert panel.edges_per_second == (0,) * len(Input)


def test_outputs_start_safe(board: PinBoard, panel: PanelPins) -> None:
    levels = {name: board.output(name).level for name in ("lamp_red", "lamp_yellow", "buzzer", "nurse_call", "watchdog_pulse")}
    assert levels == {"lamp_red": True, "lamp_yellow": False, "buzzer": False, "nurse_call": False, "watchdog_pulse": False}
    assert all(board.output(name).driven for name in levels)


def test_outputs_are_driven_only_when_they_change(board: PinBoard, panel: PanelPins, monkeypatch: pytest.MonkeyPatch) -> None:
    gpio = sys.modules["RPi.GPIO"]
    drive = gpio.output
    driven: list[int] = []
    monkeypatch.setattr(gpio, "output", lambda channel, level: (driven.append(channel), drive(channel, level)))
    for _ in range(5):
        panel.write(lamp_red=False, lamp_yellow=True, buzzer=False, nurse_call=True)
    assert not board.output("lamp_red").level
    assert board.output("lamp_yellow").level
    assert not board.output("buzzer").level
    assert board.output("nurse_call").level
    assert sorted(driven) == [12, 13, 20], "red, yellow and nurse call, once each"
    panel.write(lamp_red=False, lamp_yellow=True, buzzer=True, nurse_call=False)
    assert board.output("buzzer").level
    assert not board.output("nurse_call").level


def test_each_pulse_toggles(board: PinBoard, panel: PanelPins) -> None:
    seen = []
    for _ in range(4):
        panel.pulse()
        seen.append(board.output("watchdog_pulse").level)
    assert seen == [True, False, True, False]
    assert board.output("watchdog_pulse").changes == 4


def test_closing_leaves_outputs_safe_and_driven(board: PinBoard) -> None:
    panel = PanelPins(PinSettings(), load_gpio())
    panel.write(lamp_red=False, lamp_yellow=True, buzzer=True, nurse_call=True)
    panel.pulse()
    panel.close()
    assert board.output("lamp_red")[:2] == (True, True)
    for name in ("lamp_yellow", "buzzer", "nurse_call", "watchdog_pulse"):
        assert board.output(name)[:2] == (True, False), name
    assert board.mode("clip") is PinMode.UNUSED
    board.chatter(Input.CLIP, 10)
    assert not woken(panel, 0.05), "no edge is watched any more"


def test_pins_open_again_after_closing(board: PinBoard) -> None:
    gpio = load_gpio()
    PanelPins(PinSettings(), gpio).close()
    panel = PanelPins(PinSettings(), gpio)
    board.set_closed(Input.RESET, True)
    assert woken(panel, 5)
    assert panel.read(0).closed == Input.RESET.bit
    panel.close()


CONTROLLER_THAT_DIES = """
import os
from controller.hardware.gpio import PanelPins, load_gpio
from controller.hardware.settings import PinSettings
panel = PanelPins(PinSettings(), load_gpio())
panel.write(lamp_red=False, lamp_yellow=True, buzzer=True, nurse_call=True)
panel.pulse()
os.kill(os.getpid(), 9)
"""


def test_a_killed_controller_can_start_again_and_starts_safe(board: PinBoard) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{STANDINS_DIRECTORY}:{PROJECT}"}
    killed = subprocess.run([sys.executable, "-c", CONTROLLER_THAT_DIES], env=environment, timeout=30, check=False)
    assert killed.returncode == -9
    assert board.output("nurse_call").level, "a killed process leaves its outputs as they were"
    board.set_closed(Input.STOP, True)  # its pipe is still there, and nobody listens
    panel = PanelPins(PinSettings(), load_gpio())
    assert board.output("lamp_red").level
    assert not board.output("nurse_call").level
    assert not board.output("watchdog_pulse").level
    board.set_closed(Input.CLIP, True)
    assert woken(panel, 5)
    assert panel.read(0).closed == Input.STOP.bit | Input.CLIP.bit
    panel.close()


CONTROLLER_THAT_STAYS = """
import sys
from controller.hardware.gpio import PanelPins, load_gpio
from controller.hardware.settings import PinSettings
panel = PanelPins(PinSettings(), load_gpio())
print("up", flush=True)
sys.stdin.read()
panel.close()
"""


def test_pins_of_another_program_are_refused(board: PinBoard) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{STANDINS_DIRECTORY}:{PROJECT}"}
    command = [sys.executable, "-c", CONTROLLER_THAT_STAYS]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        with pytest.raises(HardwareError, match="another program") as refusal:
            PanelPins(PinSettings(), load_gpio())
        assert "stop the other program" in refusal.value.remedy
        other.communicate(timeout=30)
    assert other.returncode == 0


def test_a_pin_with_another_function_is_refused_before_any_is_touched(board: PinBoard) -> None:
    board.take_pin(PinSettings().rail_left)
    with pytest.raises(HardwareError, match=r"BCM 15 \(rail_left\) is in use by SPI") as refusal:
        PanelPins(PinSettings(), load_gpio())
    assert "config.txt" in refusal.value.remedy
    assert not board.output("lamp_red").driven


def test_an_input_that_cannot_be_read_is_an_error_and_no_level(board: PinBoard, panel: PanelPins) -> None:
    gpio = sys.modules["RPi.GPIO"]
    gpio.cleanup([PinSettings().clip])
    with pytest.raises(HardwareError, match="An input cannot be read"):
        panel.read(0)


def test_an_output_that_cannot_be_driven_is_an_error(board: PinBoard, panel: PanelPins) -> None:
    sys.modules["RPi.GPIO"].cleanup([PinSettings().watchdog_pulse])
    with pytest.raises(HardwareError, match="watchdog_pulse cannot be driven"):
        panel.pulse()
    sys.modules["RPi.GPIO"].setup(PinSettings().watchdog_pulse, 0, initial=0)


def test_not_a_pi_is_refused_in_plain_words(board: PinBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PINS_VARIABLE)
    with pytest.raises(HardwareError, match="refuses this machine") as refusal:
        load_gpio()
    assert "Raspberry Pi" in refusal.value.remedy


def test_no_gpio_library_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi.GPIO", None)  # the import system then says ModuleNotFoundError
    with pytest.raises(HardwareError, match="No GPIO library") as refusal:
        load_gpio()
    assert "sternway[pi5]" in refusal.value.remedy


def test_two_gpio_libraries_are_refused(board: PinBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for directory, name in (("RPi.GPIO-0.7.1.dist-info", "RPi.GPIO"), ("rpi_lgpio-0.6.dist-info", "rpi-lgpio")):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.7.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(HardwareError, match=r"RPi\.GPIO and rpi-lgpio are both installed") as refusal:
        load_gpio()
    assert "uninstall both" in refusal.value.remedy


def test_the_board_says_that_it_is_simulated(board: PinBoard) -> None:
    gpio = load_gpio()
    assert board_identity(gpio).is_simulated


@pytest.mark.hazard("H-30", "C-PAIRING")
def test_a_real_board_does_not_pass_for_a_simulated_one(board: PinBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    gpio = load_gpio()
    monkeypatch.setattr(gpio, "RPI_INFO", {"TYPE": "Pi 4 Model B", "REVISION": "c03114", "MANUFACTURER": "Sony UK"})
    identity = board_identity(gpio)
    assert (identity.type, identity.revision, identity.manufacturer) == ("Pi 4 Model B", "c03114", "Sony UK")
    assert not identity.is_simulated
    monkeypatch.setattr(gpio, "RPI_INFO", {})
    assert not board_identity(gpio).is_simulated


def test_cost_of_a_read_and_latency_of_an_edge(board: PinBoard, panel: PanelPins, record_property) -> None:
    """The best of many: what the code costs, not what else the machine does."""
    reads_us = []
    for _ in range(50):
        began_ns = time.perf_counter_ns()
        for now_ns in range(20):
            panel.read(now_ns)
        reads_us.append((time.perf_counter_ns() - began_ns) / 20_000)
    latencies_us = []
    for number in range(200):
        began_ns = time.perf_counter_ns()
        board.set_closed(Input.CLIP, number % 2 == 0)
        assert woken(panel, 5)
        latencies_us.append((time.perf_counter_ns() - began_ns) / 1000)
        panel.read(0)
    figures = {
        "read_us_best": min(reads_us),
        "read_us_median": statistics.median(reads_us),
        "edge_us_best": min(latencies_us),
        "edge_us_median": statistics.median(latencies_us),
        "edge_us_p99": sorted(latencies_us)[197],
    }
    for name, value in figures.items():
        record_property(name, value)
    assert figures["read_us_best"] < 25
    assert figures["edge_us_best"] < 300


def test_an_output_that_fails_at_the_end_keeps_none_of_the_others_from_its_safe_level(
    board: PinBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpio = load_gpio()
    panel = PanelPins(PinSettings(), gpio)
    panel.write(lamp_red=False, lamp_yellow=True, buzzer=True, nurse_call=True)
    output, broken = gpio.output, PinSettings().lamp_yellow

    def fail(channel: int, level: int) -> None:
        if channel == broken:
            raise OSError(5, "Input/output error")
        output(channel, level)

    monkeypatch.setattr(gpio, "output", fail)
    with pytest.raises(HardwareError, match="lamp_yellow"):
        panel.close()
    levels = {name: board.output(name).level for name in ("lamp_red", "buzzer", "nurse_call")}
    assert levels == {"lamp_red": True, "buzzer": False, "nurse_call": False}
