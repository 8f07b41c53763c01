"""The display's driver against the emulated display behind a real pseudo-terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.hardware.display import CharacterDisplay
from controller.hardware.display_packets import (
    LARGEST_DATA,
    REFUSED,
    WRITE_TEXT,
    Packet,
    PacketReader,
    crc16_x25,
    encode,
    write_text,
)
from controller.hardware.settings import DisplaySettings
from simulator.display import EmulatedDisplay

LINES = ("Patient 7, 64 kg", "0.25 m/s", "Press OK", "facing the arrow?")
Wait = Callable[..., None]

packets = st.builds(Packet, st.integers(0, 255), st.binary(max_size=LARGEST_DATA))


def padded(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line.ljust(20) for line in lines)


# --- packets -------------------------------------------------------------------------------------------------------------


def test_the_crc_is_the_published_one() -> None:
    assert crc16_x25(b"123456789") == 0x906E


def test_a_packet_of_too_much_data_is_refused() -> None:
    assert len(encode(Packet(WRITE_TEXT, bytes(LARGEST_DATA)))) == LARGEST_DATA + 4
    with pytest.raises(ValueError, match="at most 22"):
        encode(Packet(WRITE_TEXT, bytes(LARGEST_DATA + 1)))


@given(st.lists(packets, max_size=5), st.integers(1, 7))
def test_packets_in_pieces_come_out_whole(sent: list[Packet], piece: int) -> None:
    stream = b"".join(encode(packet) for packet in sent)
    reader = PacketReader()
    received = [packet for at in range(0, len(stream), piece) for packet in reader.feed(stream[at : at + piece])]
    assert received == sent


@given(st.binary(max_size=100), packets)
def test_a_packet_is_found_after_garbage(garbage: bytes, packet: Packet) -> None:
    reader = PacketReader()
    # What follows no packet begins with: 0xFF is no length, so whatever the garbage seemed to announce is complete.
    received = reader.feed(garbage + encode(packet) + b"\xff" * (LARGEST_DATA + 4))
    assert packet in received


@given(packets, st.integers(0, 25 * 8 - 1))
def test_a_flipped_bit_is_never_a_packet(packet: Packet, bit: int) -> None:
    stream = bytearray(encode(packet))
    stream[bit // 8 % len(stream)] ^= 1 << bit % 8
    assert packet not in PacketReader().feed(bytes(stream) + b"\xff" * (LARGEST_DATA + 4))


@given(st.binary(max_size=5000))
def test_the_reader_never_holds_more_than_a_packet(garbage: bytes) -> None:
    reader = PacketReader()
    reader.feed(garbage)
    assert len(reader._held) < LARGEST_DATA + 4


def test_text_is_cut_filled_and_replaced_where_the_module_has_other_characters() -> None:
    assert write_text(2, "Ready").data == b"\x00\x02Ready               "
    assert write_text(0, "A line of more than twenty characters").data == b"\x00\x00A line of more than "
    assert write_text(1, "50 % [ab] \u00e4~\n{z").data == b"\x00\x0150 % ?ab? ????z     "


# --- the driver ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[EmulatedDisplay]:
    display = EmulatedDisplay(tmp_path / "display")
    yield display
    display.close()


@pytest.fixture
def driver(emulated: EmulatedDisplay, tmp_path: Path) -> Iterator[CharacterDisplay]:
    driver = CharacterDisplay(DisplaySettings(device=str(tmp_path / "display")))
    yield driver
    driver.close()


def test_lines_are_shown_and_acknowledged(driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait) -> None:
    wait_until(lambda: driver.healthy, "a healthy display")
    driver.show(LINES)
    wait_until(lambda: emulated.lines == padded(LINES), "the lines")
    driver.show(LINES[:1])
    wait_until(lambda: emulated.lines == padded((LINES[0], "", "", "")), "old lines to go")
    assert driver.losses == 0


def test_the_newest_lines_win(driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait) -> None:
    for number in range(5000):
        driver.show(("", f"{number}", "", f"{number}"))
    wait_until(lambda: emulated.lines == padded(("", "4999", "", "4999")), "the newest lines")


def test_keys_of_the_module_are_not_taken_for_acknowledgements(
    driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait
) -> None:
    wait_until(lambda: driver.healthy, "a healthy display")
    for number in range(20):
        emulated.press_key()
        driver.show((f"{number}",))
    wait_until(lambda: emulated.lines[0] == "19".ljust(20), "the last line")
    assert driver.losses == 0


def test_a_frozen_display_is_lost_within_a_ping_and_500_ms_and_comes_back(
    driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait
) -> None:
    wait_until(lambda: driver.healthy, "a healthy display")
    emulated.freeze(True)
    frozen_at = time.monotonic()
    wait_until(lambda: not driver.healthy, "its loss")
    assert time.monotonic() - frozen_at < 2.0
    assert "did not acknowledge within 500 ms" in driver.loss
    driver.show(("while frozen",))
    emulated.freeze(False)
    wait_until(lambda: driver.healthy and emulated.lines == padded(("while frozen", "", "", "")), "the newest lines")
    assert driver.losses >= 1


def test_showing_never_waits_for_a_frozen_display(driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait) -> None:
    wait_until(lambda: driver.healthy, "a healthy display")
    emulated.freeze(True)
    slowest_ns = []
    for number in range(2000):
        began_ns = time.perf_counter_ns()
        driver.show((f"{number}",))
        slowest_ns.append(time.perf_counter_ns() - began_ns)
    # An acknowledgement is awaited for 500 ms: the machine's own stalls are far shorter than that.
    assert max(slowest_ns) < 250_000_000


def test_an_unplugged_display_is_lost_and_comes_back_under_another_number(
    driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait
) -> None:
    driver.show(LINES)
    wait_until(lambda: emulated.lines == padded(LINES), "the lines")
    emulated.unplug()
    wait_until(lambda: not driver.healthy, "its loss")
    driver.show(("plugged in again",))
    emulated.plug_in()
    wait_until(lambda: driver.healthy and emulated.lines == padded(("plugged in again", "", "", "")), "the newest lines")


def test_a_display_that_refuses_is_lost(
    driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: driver.healthy, "a healthy display")
    monkeypatch.setattr(emulated, "obey", lambda command: Packet(REFUSED | command.type, b""))
    wait_until(lambda: "refused command" in driver.loss, "the refusal")
    assert not driver.healthy


def test_an_answer_to_another_ping_is_no_proof(
    driver: CharacterDisplay, emulated: EmulatedDisplay, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: driver.healthy, "a healthy display")
    monkeypatch.setattr(emulated, "obey", lambda _command: Packet(0x40, b"old"))
    wait_until(lambda: "other data" in driver.loss, "the mismatch")


def test_old_proof_is_no_health(emulated: EmulatedDisplay, tmp_path: Path, wait_until: Wait) -> None:
    ahead_ns = 0
    driver = CharacterDisplay(DisplaySettings(device=str(tmp_path / "display")), lambda: time.monotonic_ns() + ahead_ns)
    wait_until(lambda: driver.healthy, "a healthy display")
    driver.close()
    ahead_ns = 2_000_000_000
    assert not driver.healthy


def test_a_device_that_is_not_there_is_a_loss_with_its_reason(tmp_path: Path, wait_until: Wait) -> None:
    driver = CharacterDisplay(DisplaySettings(device=str(tmp_path / "none")))
    wait_until(lambda: driver.losses >= 2, "two attempts")
    assert not driver.healthy
    assert "No such file" in driver.loss
    driver.close()


def test_without_a_device_there_is_no_health_and_no_attempt() -> None:
    driver = CharacterDisplay(DisplaySettings())
    driver.show(LINES)
    assert not driver.healthy
    assert driver.losses == 0
    driver.close()


# --- the emulation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [Packet(WRITE_TEXT, b"\x00\x04x"), Packet(WRITE_TEXT, b"\x14\x00x"), Packet(WRITE_TEXT, b"\x13\x00xy"), Packet(63, b"")],
)
def test_the_emulated_display_refuses_what_the_real_one_would(emulated: EmulatedDisplay, command: Packet) -> None:
    assert emulated.obey(command) == Packet(REFUSED | command.type, b"")
    assert emulated.lines == (" " * 20,) * 4


def test_the_emulated_display_writes_at_a_column(emulated: EmulatedDisplay) -> None:
    emulated.obey(Packet(WRITE_TEXT, b"\x12\x03ab"))
    assert emulated.lines == (" " * 20,) * 3 + (" " * 18 + "ab",)
