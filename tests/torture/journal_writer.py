"""Run under the storage shim: keeps events in a journal as telemetry does, and says up to where it has acknowledged.

`python -m tests.torture.journal_writer FOLDER SEED BATCHES` writes a line a batch: the length of the shim's log once `store` had
returned, and the highest id.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from messages.wire import EventRecord
from telemetry.journal import open_journal


def event(number: int, size: int) -> EventRecord:
    """Returns an event that anybody can tell from all others by its number."""
    return EventRecord(
        id=number, at_ns=number, time="2026-01-01T12:00:00.000Z", code="scan-late", severity="info", effect="record",
        priority="none", state="standby", text=f"event {number} " + "x" * size, remedy="", detail={"number": number}, session="",
    )  # fmt: skip


def main() -> None:
    """Writes the batches."""
    folder, seed, batches = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    journal, _ = open_journal(folder / "journal.sqlite", 64, datetime(2026, 1, 1, tzinfo=UTC))
    last = 0
    for _ in range(batches):
        count = chance.randint(1, 12)
        kept = journal.store([event(last + 1 + index, chance.randint(0, 900)) for index in range(count)], [])
        last += count
        if kept != last:
            raise SystemExit(f"kept up to {kept} instead of {last}")
        sys.stdout.write(f"{os.stat(os.environ['STERNWAY_SHIM_LOG']).st_size} {last}\n")
        if chance.random() < 0.2:
            journal.confirm(chance.randint(1, last))
    sys.stdout.flush()
    os._exit(0)  # the power does not wait for a journal to be closed


if __name__ == "__main__":
    main()
