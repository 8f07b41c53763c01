"""Simulated drives at byte level: the real firmware's C with a simulated belt behind it.

A drive here is its serial line, its input contacts and its belt; time goes on only in `advance`. `NativeDrive` runs the
firmware compiled for this machine. hil_tests has one with the same interface that runs the AVR build.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.drive_build import native_library

ABI_VERSION = 2
READ_CHUNK = 4096


class _Inputs(ctypes.Structure):
    """Mirror of `struct simulated_inputs`."""

    _fields_ = (
        ("encoder_slip", ctypes.c_double),
        ("start_closed", ctypes.c_uint8),
        ("faster_closed", ctypes.c_uint8),
        ("stop_input_closed", ctypes.c_uint8),
        ("contactor_1_closed", ctypes.c_uint8),
        ("contactor_2_closed", ctypes.c_uint8),
        ("relay_welded", ctypes.c_uint8),
        ("relay_open", ctypes.c_uint8),
        ("motor_runaway", ctypes.c_uint8),
        ("motor_reversed", ctypes.c_uint8),
        ("brake_failed", ctypes.c_uint8),
        ("read_back_broken", ctypes.c_uint8),
    )


class _Outputs(ctypes.Structure):
    """Mirror of `struct simulated_outputs`."""

    _fields_ = (
        ("time_us", ctypes.c_uint64),
        ("speed_m_s", ctypes.c_double),
        ("position_m", ctypes.c_double),
        ("current_a", ctypes.c_double),
        ("duty", ctypes.c_double),
        ("relay_commanded", ctypes.c_uint8),
        ("relay_closed", ctypes.c_uint8),
        ("resets", ctypes.c_uint32),
        ("unread", ctypes.c_uint32),
    )


class SimulatedDrive:
    """A drive whose firmware and belt live in a C library with the ABI of simulated_drive.h.

    Args:
        library: the shared library.
        firmware: the ELF file it shall run, empty for a library that has the firmware compiled in.
        seed: decides the boot nonces; any 64-bit integer.

    At power-up all hands are off: START and FASTER open, the STOP input and both contactors closed, no fault.
    Raises RuntimeError when the library speaks another ABI or cannot start the firmware.
    """

    def __init__(self, library: Path, firmware: str, seed: int) -> None:
        self._library = _load(library)
        self._handle: int | None = self._library.simulated_drive_create(firmware.encode() or None, seed)
        if not self._handle:
            raise RuntimeError(f"the simulated drive did not start (firmware {firmware or 'built in'})")
        self._inputs = _Inputs(stop_input_closed=1, contactor_1_closed=1, contactor_2_closed=1)
        self._outputs = _Outputs()
        self._outputs_at = ctypes.byref(self._outputs)
        self.speed_m_s = 0.0
        """True belt speed, positive in the backward-gait direction."""
        self.travel_m = 0.0
        """True belt position since the drive was made."""
        self.relay_closed = False
        """The relay's contacts."""
        self.resets = 0
        """Boots so far, the first included."""
        self._buffer = ctypes.create_string_buffer(READ_CHUNK)
        self._apply_inputs()
        self._refresh()

    def close(self) -> None:
        """Frees the C side; the drive must not be used after. Closing twice is harmless."""
        if self._handle:
            self._library.simulated_drive_destroy(self._handle)
            self._handle = None

    def memory(self) -> bytes:
        """All of a native drive: firmware, belt and wires lie in one allocation without a pointer in it. Not for simavr's.

        Raises RuntimeError once it is closed.
        """
        if not self._handle:
            raise RuntimeError("the simulated drive is closed")
        return ctypes.string_at(self._handle, ctypes.CDLL(None).malloc_usable_size(ctypes.c_void_p(self._handle)))

    def put_back(self, memory: bytes) -> None:
        """Makes the drive what it was when `memory` gave this, on the wires of now. Raises RuntimeError once it is closed."""
        if not self._handle:
            raise RuntimeError("the simulated drive is closed")
        ctypes.memmove(self._handle, memory, len(memory))
        self._apply_inputs()
        self._refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def write(self, data: bytes) -> int:
        """Puts bytes on the line to the drive, at 11.52 a millisecond. Returns how many it took (64 KiB fit)."""
        return int(self._library.simulated_drive_write(self._handle, data, len(data)))

    def read(self) -> bytes:
        """All bytes the drive has sent since the last read (the newest 64 KiB)."""
        if not self._outputs.unread:  # as it was when time last went on: only then does the drive send
            return b""
        count = self._library.simulated_drive_read(self._handle, self._buffer, READ_CHUNK)
        if count < READ_CHUNK:
            return ctypes.string_at(self._buffer, count) if count else b""
        parts = [self._buffer.raw]
        while count:
            count = self._library.simulated_drive_read(self._handle, self._buffer, READ_CHUNK)
            parts.append(ctypes.string_at(self._buffer, count))
        return b"".join(parts)

    def set_inputs(
        self,
        *,
        start: bool | None = None,
        faster: bool | None = None,
        stop_input: bool | None = None,
        contactor_1: bool | None = None,
        contactor_2: bool | None = None,
    ) -> None:
        """Closes (True) or opens (False) contacts; None leaves one as it is.

        `stop_input` closed is healthy. The contactors are the hardware chain's: open, they take the motor's power away.
        """
        changes = {
            "start_closed": start,
            "faster_closed": faster,
            "stop_input_closed": stop_input,
            "contactor_1_closed": contactor_1,
            "contactor_2_closed": contactor_2,
        }
        self._change(changes)

    def set_faults(
        self,
        *,
        encoder_slip: float | None = None,
        relay_welded: bool | None = None,
        relay_open: bool | None = None,
        motor_runaway: bool | None = None,
        motor_reversed: bool | None = None,
        brake_failed: bool | None = None,
        read_back_broken: bool | None = None,
    ) -> None:
        """Breaks (or mends) the machine; None leaves a fault as it is.

        `encoder_slip` is the share of counts lost, 0 healthy to 1 stuck; `relay_open`: contacts that never close;
        `motor_runaway`: full duty whatever is asked; `brake_failed`: the duty only ever goes up;
        `read_back_broken`: the relay's mirror contact reads open, whatever the relay does.
        """
        if encoder_slip is not None and not 0.0 <= encoder_slip <= 1.0:
            raise ValueError(f"encoder_slip must be 0..1, not {encoder_slip}")
        changes = {
            "encoder_slip": encoder_slip,
            "relay_welded": relay_welded,
            "relay_open": relay_open,
            "motor_runaway": motor_runaway,
            "motor_reversed": motor_reversed,
            "brake_failed": brake_failed,
            "read_back_broken": read_back_broken,
        }
        self._change(changes)

    def advance(self, microseconds: int, belt_force_n: float = 0.0, drag_n: float = 0.0) -> None:
        """Lets simulated time go on.

        `belt_force_n` pushes the belt all the while, also from rest (a foot strike is negative); `drag_n` >= 0 is
        friction on top of the belt's own, from the patient's weight: it only ever slows.
        """
        result = self._library.simulated_drive_advance(self._handle, microseconds, belt_force_n, drag_n, self._outputs_at)
        if result < 0:
            raise RuntimeError("the simulated processor has crashed")
        self._take_outputs()

    def reset(self, watchdog: bool = False) -> None:
        """Power off and on, or a boot after a watchdog reset. The belt keeps moving, the nonce changes."""
        self._library.simulated_drive_reset(self._handle, int(watchdog))
        self._refresh()

    def hang(self) -> None:
        """The firmware's loop stops, outputs as they are; its watchdog resets it 120 ms later."""
        self._library.simulated_drive_hang(self._handle)

    @property
    def time_us(self) -> int:
        """Simulated microseconds since the drive was made."""
        return int(self._outputs.time_us)

    @property
    def current_a(self) -> float:
        """Motor current, negative while braking."""
        return float(self._outputs.current_a)

    @property
    def duty(self) -> float:
        """What the PWM pin puts out, 0..1."""
        return float(self._outputs.duty)

    @property
    def relay_commanded(self) -> bool:
        """The relay output."""
        return bool(self._outputs.relay_commanded)

    def _change(self, changes: Mapping[str, float | bool | None]) -> None:
        changed = False
        for name, value in changes.items():
            if value is not None and value != getattr(self._inputs, name):
                setattr(self._inputs, name, value)
                changed = True
        if changed:
            self._apply_inputs()

    def _apply_inputs(self) -> None:
        self._library.simulated_drive_set_inputs(self._handle, ctypes.byref(self._inputs))

    def _refresh(self) -> None:
        self._library.simulated_drive_get_outputs(self._handle, self._outputs_at)
        self._take_outputs()

    def _take_outputs(self) -> None:
        """What is looked at several times a step is taken over once; the rest is read where it lies."""
        outputs = self._outputs
        self.speed_m_s, self.travel_m = outputs.speed_m_s, outputs.position_m
        self.relay_closed = outputs.relay_closed != 0
        self.resets = outputs.resets


class NativeDrive(SimulatedDrive):
    """The firmware compiled for this machine. Builds its library on first use (see drive_build)."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(native_library(), "", seed)


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, inputs, outputs = ctypes.c_void_p, ctypes.POINTER(_Inputs), ctypes.POINTER(_Outputs)
    library.simulated_drive_create.argtypes = [ctypes.c_char_p, ctypes.c_uint64]
    library.simulated_drive_create.restype = handle
    library.simulated_drive_destroy.argtypes = [handle]
    library.simulated_drive_destroy.restype = None
    library.simulated_drive_write.argtypes = [handle, ctypes.c_char_p, ctypes.c_uint32]
    library.simulated_drive_write.restype = ctypes.c_uint32
    library.simulated_drive_read.argtypes = [handle, ctypes.c_char_p, ctypes.c_uint32]
    library.simulated_drive_read.restype = ctypes.c_uint32
    library.simulated_drive_set_inputs.argtypes = [handle, inputs]
    library.simulated_drive_set_inputs.restype = None
    library.simulated_drive_get_outputs.argtypes = [handle, outputs]
    library.simulated_drive_get_outputs.restype = None
    library.simulated_drive_advance.argtypes = [handle, ctypes.c_uint32, ctypes.c_double, ctypes.c_double, outputs]
    library.simulated_drive_advance.restype = ctypes.c_int
    library.simulated_drive_reset.argtypes = [handle, ctypes.c_int]
    library.simulated_drive_reset.restype = None
    library.simulated_drive_hang.argtypes = [handle]
    library.simulated_drive_hang.restype = None
    if library.simulated_drive_abi() != ABI_VERSION:
        raise RuntimeError(f"{path} speaks another version of simulated_drive.h")
    return library
