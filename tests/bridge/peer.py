"""A pseudo-terminal whose far end plays the drive's wire: real kernel buffers, real hang-ups. And frames with a right CRC."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import tty
from binascii import crc_hqx
from pathlib import Path

from cobs import cobs

from firmware_bridge.codec import DELIMITER, Decoder, Frame, Packet, Sender, encode


def wrapped(body: bytes) -> bytes:
    """Any body at all, with a right CRC: what a broken or hostile peer could send."""
    return cobs.encode(body + crc_hqx(body, 0xFFFF).to_bytes(2, "little")) + DELIMITER


def body_of(frame: Frame, sequence: int = 0) -> bytes:
    decoded: bytes = cobs.decode(encode(frame, sequence)[:-1])
    return decoded[:-2]


class FarEnd:
    """The other end of the line. `device` is a link to the pseudo-terminal, as udev makes links under /dev/serial/by-id."""

    def __init__(self, device: Path) -> None:
        self.device = str(device)
        self.decoder = Decoder(Sender.HOST)
        self._sequence = 0
        self._plug_in()

    def _plug_in(self) -> None:
        self.master, self.kept_open = os.openpty()
        tty.setraw(self.master)
        for descriptor in (self.master, self.kept_open):
            os.set_blocking(descriptor, False)
        link = Path(self.device)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self.kept_open))

    def unplug(self) -> None:
        Path(self.device).unlink(missing_ok=True)  # first: the kernel gives the number to the next that asks
        for descriptor in (self.master, self.kept_open):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.kept_open = -1

    def plug_in_another(self) -> None:
        """A new device under the old name; the old one must be unplugged."""
        self._plug_in()

    def write(self, data: bytes) -> None:
        written = os.write(self.master, data)
        if written != len(data):
            raise RuntimeError(f"the test's own line took {written} of {len(data)} bytes")

    def write_all_that_fits(self) -> int:
        """Fill the line towards the host; how many bytes it took."""
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                taken += os.write(self.master, b"\x55" * 33)
        return taken

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self.write(encode(frame, self._sequence))
            self._sequence = (self._sequence + 1) & 0xFF

    def skip_sequence(self, count: int) -> None:
        self._sequence = (self._sequence + count) & 0xFF

    def waiting(self) -> int:
        """Bytes that the host has written and nobody has read."""
        return int(struct.unpack("i", fcntl.ioctl(self.master, termios.FIONREAD, bytes(4)))[0])

    def read(self) -> bytes:
        received = b""
        while True:
            try:
                received += os.read(self.master, 65536)
            except BlockingIOError:
                return received

    def packets(self) -> list[Packet]:
        return self.decoder.feed(self.read())

    def frames(self) -> list[Frame]:
        return [packet.frame for packet in self.packets()]
