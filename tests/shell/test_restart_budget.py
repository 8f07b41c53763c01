"""Which starts count, on a clock that cannot jump."""

from __future__ import annotations

from pathlib import Path

from controller.memory import Remembered, UncleanStart
from controller.restart_budget import WINDOW_NS, kernel_boot_id, unclean_starts

S = 1_000_000_000


def remembered(*starts: UncleanStart, clean: bool = False, orderly: bool = False) -> Remembered:
    return Remembered(clean=clean, orderly=orderly, unclean_starts=starts)


def test_each_unclean_start_is_added_to_those_of_the_last_five_minutes() -> None:
    first = UncleanStart("boot", 1000 * S)
    second = UncleanStart("boot", 1010 * S)
    assert unclean_starts(remembered(), "boot", 1000 * S) == (first,)
    assert unclean_starts(remembered(first), "boot", 1010 * S) == (first, second)
    assert unclean_starts(remembered(first), "boot", 1000 * S + WINDOW_NS) == (first, UncleanStart("boot", 1000 * S + WINDOW_NS))
    assert len(unclean_starts(remembered(first), "boot", 1000 * S + WINDOW_NS + 1)) == 1


def test_another_boot_and_a_time_in_the_future_do_not_count() -> None:
    assert len(unclean_starts(remembered(UncleanStart("other", 1000 * S)), "boot", 1001 * S)) == 1
    assert len(unclean_starts(remembered(UncleanStart("boot", 9000 * S)), "boot", 1001 * S)) == 1


def test_a_clean_start_and_one_after_an_orderly_end_while_latched_are_none() -> None:
    first = UncleanStart("boot", 1000 * S)
    assert unclean_starts(remembered(first, clean=True), "boot", 1001 * S) == (first,)
    assert unclean_starts(remembered(first, orderly=True), "boot", 1001 * S) == (first,)


def test_the_list_never_grows_without_end() -> None:
    starts: tuple[UncleanStart, ...] = ()
    for number in range(50):
        starts = unclean_starts(remembered(*starts), "boot", 1000 * S + number)
    assert len(starts) == 8


def test_the_kernel_names_its_boot(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("0d6e\n")
    assert kernel_boot_id(tmp_path / "boot_id") == "0d6e"
    assert len(kernel_boot_id()) == 36
