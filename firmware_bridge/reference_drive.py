"""The driver for the reference drive: its firmware is in firmware_bridge/firmware, its bytes in docs/drive-protocol.md."""

from __future__ import annotations

import msgspec

from firmware_bridge.codec import VERSION, Decoder, Frame, Hello, Packet, Sender, encode
from firmware_bridge.drive import (
    Capabilities,
    DriveLimits,
    DriveOrder,
    IdentFrame,
    Keepalive,
    Law,
    LinkLoss,
    LinkStatistics,
    Mounting,
    Run,
    SendResult,
    StatusFrame,
    Stop,
)
from firmware_bridge.serial_link import SerialLink

NAME = "reference"
HELLO_INTERVAL_NS = 500_000_000
STATUS_INTERVAL_MS = 20
FALLBACK_DECELERATION_MM_S2 = 300
"""For a STOP whose own figure cannot be sent: the rate at which the firmware brakes when its lease runs out."""


class _Counts(msgspec.Struct):
    frames_sent: int = 0
    runs_sent: int = 0
    runs_held: int = 0
    runs_busy: int = 0
    stops_sent: int = 0
    stops_corrected: int = 0
    sequence_gaps: int = 0
    reboots: int = 0


class _Known(msgspec.Struct):
    """What is known of the drive that answers now.

    None of it holds for the next: after a reboot or a reopening there is a new one.

    sequence: of its last frame. answered: nonce and tick of the STATUS that the last RUN answered.
    """

    identity: IdentFrame | None = None
    refusal: str | None = None
    nonce: int | None = None
    sequence: int | None = None
    answered: tuple[int, int] | None = None
    hello_due_ns: int = 0


class ReferenceDrive:
    """Implements `firmware_bridge.drive.Drive`.

    One RUN answers one STATUS and no more: if the drive falls silent, nothing piles up in the line behind it, even where
    the kernel cannot say how much it holds.
    """

    def __init__(self, link: SerialLink, expected: DriveLimits, now_ns: int) -> None:
        """Opens the link and asks the drive who it is.

        A drive that is not there yet is no error: see `loss` and `reopen`.

        expected: the limits that the firmware must announce. Any other is refused: it was built for another
        configuration.
        """
        self._link = link
        self._expected = expected
        self._decoder = Decoder(Sender.DRIVE)
        self._counts = _Counts()
        self._capabilities = _capabilities(expected)
        self._sequence = 0
        self._known = _Known()
        self.reopen(now_ns)

    @property
    def capabilities(self) -> Capabilities:
        """What this kind of drive can do; constant."""
        return self._capabilities

    @property
    def identity(self) -> IdentFrame | None:
        """Who the drive says it is. None before it said so, after a reboot or loss, and if it was refused."""
        return self._known.identity

    @property
    def loss(self) -> LinkLoss | None:
        """Why there is no link, or None while there is one."""
        return self._link.loss

    @property
    def problem(self) -> str | None:
        """Why the drive is unusable, in plain words: the loss, or the reason why its identity was refused."""
        loss = self._link.loss
        if loss is not None:
            return loss.text
        if self._known.refusal is not None:
            return self._known.refusal
        return self._stranger() if self._known.identity is None else None

    def _stranger(self) -> str | None:
        """What is foreign in the frames of a drive that has not said who it is."""
        version, target = self._decoder.foreign_version, self._decoder.foreign_target
        if version is not None:
            return (
                f"The drive speaks version {version} of its protocol, this program version {VERSION}: update the older of the two."
            )
        if target is not None:
            return f"The drive's firmware is built for target {target}, which this program does not know: update this program."
        return None

    @property
    def is_pseudo_terminal(self) -> bool | None:
        """Whether the line is a pseudo-terminal, behind which no real drive can be; None while there is no link."""
        return self._link.is_pseudo_terminal

    @property
    def statistics(self) -> LinkStatistics:
        """A snapshot of all counts."""
        return LinkStatistics(
            **msgspec.structs.asdict(self._counts),
            **msgspec.structs.asdict(self._link.counts),
            frames_received=self._decoder.counts.accepted,
            rejected=self._decoder.counts.rejected(),
        )

    def fileno(self) -> int:
        """The descriptor to wait on for input; -1 while there is no link."""
        return self._link.fileno()

    def reopen(self, now_ns: int) -> bool:
        """Close and open the line, forget who the drive was, and send HELLO, which moves nothing. False: see `loss`."""
        self._known = _Known()
        self._decoder.reset()
        if not self._link.reopen():
            return False
        self._ask_identity(now_ns)
        return self._link.loss is None

    def receive(self, now_ns: int) -> tuple[StatusFrame, ...]:
        """All STATUS frames that have come, oldest first. Also keeps asking an unidentified drive who it is."""
        frames: list[StatusFrame] = []
        for packet in self._decoder.feed(self._link.receive()):
            self._take(packet)
            if isinstance(packet.frame, StatusFrame):
                frames.append(packet.frame)
        if self._link.loss is not None:
            self._known = _Known()
        elif self._known.identity is None and now_ns >= self._known.hello_due_ns:
            self._ask_identity(now_ns)
        return tuple(frames)

    def send(self, order: DriveOrder) -> SendResult:
        """Hand one order to the line.

        Raises TypeError or ValueError for a RUN that is no whole number in range; a STOP always passes.
        """
        if isinstance(order, Stop):
            return self._send_stop(order)
        if self._link.loss is not None:
            return SendResult.LOST
        if self._known.identity is None:
            return SendResult.UNIDENTIFIED
        if isinstance(order, Run):
            return self._send_run(order)
        return self._send(order)

    def close(self) -> None:
        """Give the line back at once.

        Unsent bytes are discarded: who wants a STOP to arrive waits for a STATUS that shows it.
        """
        self._known = _Known()
        self._link.close()

    def _send_run(self, order: Run) -> SendResult:
        answered = (order.nonce, order.tick)
        if answered == self._known.answered:
            self._counts.runs_held += 1
            return SendResult.HELD
        result = self._send(order)
        if result is SendResult.SENT:
            self._counts.runs_sent += 1
            self._known.answered = answered
        elif result is SendResult.BUSY:
            self._counts.runs_busy += 1
        return result

    def _send_stop(self, order: Stop) -> SendResult:
        """A figure that cannot be sent must not cost the stop itself."""
        try:
            frame = encode(order, self._next_sequence())
        except (TypeError, ValueError):
            self._counts.stops_corrected += 1
            frame = encode(Stop(FALLBACK_DECELERATION_MM_S2, bool(order.category_0)), self._sequence)
        result = self._link.send_stop(frame)
        if result is not SendResult.LOST:
            self._counts.frames_sent += 1
            self._counts.stops_sent += 1
        return result

    def _send(self, frame: Frame) -> SendResult:
        result = self._link.send(encode(frame, self._next_sequence()))
        if result is SendResult.SENT:
            self._counts.frames_sent += 1
        return result

    def _next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFF
        return self._sequence

    def _ask_identity(self, now_ns: int) -> None:
        self._known.hello_due_ns = now_ns + HELLO_INTERVAL_NS
        self._send(Hello())

    def _take(self, packet: Packet) -> None:
        """Both of the drive's frames carry its boot's nonce and share one sequence."""
        frame = packet.frame
        if isinstance(frame, StatusFrame | IdentFrame):
            self._watch_boot(frame.nonce)
        known = self._known
        if known.sequence is not None:
            self._counts.sequence_gaps += (packet.sequence - known.sequence - 1) & 0xFF
        known.sequence = packet.sequence
        if isinstance(frame, IdentFrame):
            self._judge(frame)

    def _watch_boot(self, nonce: int) -> None:
        """A new nonce is a new boot: it may even be other firmware, so it has to say again who it is."""
        if self._known.nonce is not None and nonce != self._known.nonce:
            self._counts.reboots += 1
            self._known = _Known()
        self._known.nonce = nonce

    def _judge(self, ident: IdentFrame) -> None:
        """Accept a drive only if its firmware was built with the limits that the configuration expects."""
        differences = [
            f"{name} is {getattr(ident.limits, name)}, expected {getattr(self._expected, name)}"
            for name in DriveLimits.__struct_fields__
            if getattr(ident.limits, name) != getattr(self._expected, name)
        ]
        if differences:
            self._known.identity = None
            self._known.refusal = (
                "The drive's firmware was built with other limits than configured: " + "; ".join(differences) + "."
            )
        else:
            self._known.identity = ident
            self._known.refusal = None


def _capabilities(limits: DriveLimits) -> Capabilities:
    return Capabilities(
        name=NAME,
        held_by_firmware=frozenset(Law),
        mounting=Mounting.BELT_REVERSED,
        keepalive=Keepalive.STATUS_ECHO,
        command_interval_ms=STATUS_INTERVAL_MS,
        limits=limits,
        has_hello=True,
        has_reverse=False,
        has_grade=False,
    )


def open_reference_drive(device: str, expected: DriveLimits, now_ns: int) -> ReferenceDrive:
    """The driver on the serial device at an absolute path. Raises ValueError for a relative one."""
    return ReferenceDrive(SerialLink(device), expected, now_ns)
