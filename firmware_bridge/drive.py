"""What every driver has in common: the orders it takes, the frames it hands up, and the protocol that the controller
programs against.

Speeds are whole mm/s and never negative: positive is the backward-gait direction, whatever way the motor turns for it.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec


class DriveTarget(enum.IntEnum):
    """What the drive's firmware says it runs on."""

    AVR = 1
    HOST = 2
    """The native build: an emulated drive.

    Never to be paired with a real panel, nor a virtual panel with another target.
    """
    BOARD = 3


class DriveState(enum.IntEnum):
    """The drive's own state."""

    IDLE = 0
    GRANTED = 1
    RUNNING = 2
    BRAKING = 3
    LATCHED = 4
    FAULT = 5


class BeltDirection(enum.IntEnum):
    """Which way the drive's encoder sees the belt move."""

    REST = 0
    BACKWARD_GAIT = 1
    WRONG = 2


class DriveFault(enum.IntEnum):
    """Masks of `StatusFrame.faults`. A bit without a name here is a fault as well."""

    LEASE = 1 << 0
    STOP_INPUT = 1 << 1
    OVERSPEED = 1 << 2
    STALL = 1 << 3
    WRONG_DIRECTION = 1 << 4
    RELAY = 1 << 5
    START_STUCK = 1 << 6
    BRAKE = 1 << 7
    WATCHDOG = 1 << 8
    UNEXPECTED_MOTION = 1 << 9
    OVER_CURRENT = 1 << 10
    FASTER_STUCK = 1 << 11
    CONTACTOR = 1 << 12


class DriveInput(enum.IntEnum):
    """Masks of `StatusFrame.inputs`."""

    START_CLOSED = 1 << 0
    FASTER_CLOSED = 1 << 1
    STOP_INPUT_CLOSED = 1 << 2
    """Closed is healthy."""
    RELAY_CLOSED = 1 << 3
    CONTACTOR_1_CLOSED = 1 << 4
    CONTACTOR_2_CLOSED = 1 << 5


class Run(msgspec.Struct, frozen=True, gc=False):
    """Follow this speed. Valid only as an answer to the STATUS whose nonce and tick it carries.

    target_mm_s, acceleration_mm_s2: 0..65535 on the wire, far less by the drive's own ceilings. nonce, tick: 32 bits;
    tick in ms.
    """

    target_mm_s: int
    acceleration_mm_s2: int
    nonce: int
    tick: int


class Stop(msgspec.Struct, frozen=True, gc=False):
    """Brake to rest and latch.

    deceleration_mm_s2: 0..65535, held to its range by the drive. category_0: cut the power now and coast.
    """

    deceleration_mm_s2: int
    category_0: bool = False


class Clear(msgspec.Struct, frozen=True, gc=False):
    """Clear latched faults at proven standstill. Moves nothing and grants nothing."""


DriveOrder = Run | Stop | Clear


class DriveLimits(msgspec.Struct, frozen=True, gc=False):
    """What is built into a drive's firmware. The defaults are those of the reference drive (docs/drive-protocol.md)."""

    lease_ms: int = 150
    max_speed_mm_s: int = 1600
    max_acceleration_mm_s2: int = 150
    max_deceleration_mm_s2: int = 1500
    first_speed_mm_s: int = 100
    increment_low_mm_s: int = 50
    increment_high_mm_s: int = 100


class IdentFrame(msgspec.Struct, frozen=True, gc=False):
    """Who the drive is, valid for the boot that `nonce` names. firmware_version: major, minor, patch."""

    target: DriveTarget
    firmware_version: tuple[int, int, int]
    nonce: int
    limits: DriveLimits


class StatusFrame(msgspec.Struct, frozen=True, gc=False):
    """What the drive measures and does, field by field as in docs/drive-protocol.md.

    tick: ms since the drive's boot. distance_mm: since boot. granted_mm_s: the ceiling that hands have granted.
    faults: `DriveFault` masks. inputs: `DriveInput` masks. refusal: reason of the last refused RUN, 0 for none.
    echo_sequence: sequence of the last valid frame that the drive received.
    """

    nonce: int
    tick: int
    state: DriveState
    measured_mm_s: int
    direction: BeltDirection
    commanded_mm_s: int
    granted_mm_s: int
    distance_mm: int
    current_ma: int
    faults: int
    inputs: int
    refusal: int
    refusals: int
    echo_sequence: int


class Law(enum.StrEnum):
    """What must hold even if the host is hostile.

    Each is kept by the drive's firmware, or else by hardware around the drive.
    """

    LEASE = "lease"
    GRANTED_CEILING = "granted_ceiling"
    ABSOLUTE_CEILING = "absolute_ceiling"
    ENCODER_AGAINST_COMMAND = "encoder_against_command"
    START_BY_HAND = "start_by_hand"
    STOP_INPUT = "stop_input"
    RELAY_READ_BACK = "relay_read_back"
    SAFE_POWER_UP = "safe_power_up"
    WATCHDOG = "watchdog"


class Mounting(enum.StrEnum):
    """How a patient comes to walk backward on it."""

    BELT_REVERSED = "belt_reversed"
    PATIENT_TURNED = "patient_turned"


class Keepalive(enum.StrEnum):
    """What renews the drive's lease."""

    STATUS_ECHO = "status_echo"
    """Only a RUN that echoes a fresh STATUS."""
    ANY_COMMAND = "any_command"
    NONE = "none"
    """Nothing: the lease is held by the watchdog relay alone."""


class Capabilities(msgspec.Struct, frozen=True):
    """What a drive can do and which laws it keeps by itself.

    command_interval_ms: time between two RUN orders that the drive needs. has_hello: it says what it is (`Drive.identity`).
    has_reverse: the host can change the belt's direction.
    """

    name: str
    held_by_firmware: frozenset[Law]
    mounting: Mounting
    keepalive: Keepalive
    command_interval_ms: int
    limits: DriveLimits
    has_hello: bool
    has_reverse: bool
    has_grade: bool

    @property
    def held_by_hardware(self) -> frozenset[Law]:
        """The laws that hardware around the drive must keep, because its firmware does not."""
        return frozenset(Law) - self.held_by_firmware


class SendResult(enum.StrEnum):
    """What became of an order.

    Only SENT and QUEUED mean that the drive will see it; nothing is sent again by itself.
    """

    SENT = "sent"
    """The kernel has the whole frame."""
    QUEUED = "queued"
    """The kernel took a part of a STOP; the rest follows with the next `receive` or `send`."""
    HELD = "held"
    """A RUN has already answered this STATUS; wait for the next one."""
    BUSY = "busy"
    """Bytes of an earlier frame are still unsent, so this one was dropped. Decide anew in the next scan."""
    UNIDENTIFIED = "unidentified"
    """The drive has not said who it is, or it was refused."""
    LOST = "lost"


class LossCause(enum.StrEnum):
    """Why there is no link."""

    CLOSED = "closed"
    ABSENT = "absent"
    DENIED = "denied"
    IN_USE = "in_use"
    UNPLUGGED = "unplugged"
    STOLEN = "stolen"
    FAILED = "failed"


class LinkLoss(msgspec.Struct, frozen=True):
    """There is no link: why, and in plain words what a person can do about it."""

    cause: LossCause
    text: str


class LinkStatistics(msgspec.Struct, frozen=True):
    """Counts since the driver was made; they survive a reopening.

    rejected: frames dropped at receipt, by cause. runs_held, runs_busy: RUN orders not sent, see `SendResult`.
    stops_overtaking: STOP frames for which unsent bytes were discarded. sequence_gaps: frames of the drive that never
    came.
    """

    frames_sent: int
    runs_sent: int
    runs_held: int
    runs_busy: int
    stops_sent: int
    stops_overtaking: int
    stops_corrected: int
    bytes_received: int
    frames_received: int
    rejected: dict[str, int]
    sequence_gaps: int
    reboots: int
    times_opened: int
    times_lost: int


class Drive(Protocol):
    """A drive as the controller sees it. No call blocks, and no fault of the line raises: it shows as `loss`.

    The caller waits on `fileno()` for input, calls `receive` at every scan, and calls `reopen` now and then while `loss` is set.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this kind of drive can do; constant."""

    @property
    def identity(self) -> IdentFrame | None:
        """Who the drive says it is. None before it said so, after a reboot or loss, and if it was refused."""

    @property
    def loss(self) -> LinkLoss | None:
        """Why there is no link, or None while there is one."""

    @property
    def problem(self) -> str | None:
        """Why the drive is unusable, in plain words: the loss, or the reason why its identity was refused."""

    @property
    def is_pseudo_terminal(self) -> bool | None:
        """Whether the line is a pseudo-terminal, behind which no real drive can be; None while there is no link."""

    @property
    def statistics(self) -> LinkStatistics:
        """A snapshot of all counts."""

    def fileno(self) -> int:
        """The descriptor to wait on for input; -1 while there is no link."""

    def reopen(self, now_ns: int) -> bool:
        """Close and open the line, forget who the drive was, and ask again.

        Sends nothing that moves or stops. False: see `loss`.
        """

    def receive(self, now_ns: int) -> tuple[StatusFrame, ...]:
        """All STATUS frames that have come, oldest first. Also keeps asking an unidentified drive who it is."""

    def send(self, order: DriveOrder) -> SendResult:
        """Hand one order to the line.

        Raises TypeError or ValueError for a RUN that is no whole number in range; a STOP always passes.
        """

    def close(self) -> None:
        """Give the line back at once.

        Unsent bytes are discarded: who wants a STOP to arrive waits for a STATUS that shows it.
        """
