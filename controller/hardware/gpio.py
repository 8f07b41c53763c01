"""The pins: the only module that loads RPi.GPIO (or rpi-lgpio, which answers to the same name).

Every contact closes its pin to ground against a pull-up, so low means closed and a broken wire means open. Levels are polled
at every scan and are what counts. Edges only wake the scan early and keep a change that is shorter than a scan from being lost:
a library that misses edges, or a contact that chatters, delays nothing beyond the next scan.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, cast

import msgspec

from controller.core.inputs import Input
from controller.core.readings import Levels
from controller.hardware.edges import EdgeRecorder
from controller.hardware.errors import HardwareError
from controller.hardware.gpio_chip import point_at_header
from controller.hardware.settings import PinSettings

_SECOND_NS = 1_000_000_000
_LGPIO = "rpi-lgpio"
_GPIO_DISTRIBUTIONS = ("RPi.GPIO", _LGPIO)
_SAFE_LEVELS: Final = {"lamp_red": 1, "lamp_yellow": 0, "buzzer": 0, "nurse_call": 0, "watchdog_pulse": 0}
"""What the outputs say whenever no scan stands behind them. Every output is active high, through a driver transistor."""


class GpioModule(Protocol):
    """The part of RPi.GPIO's interface that is used here."""

    BCM: int
    IN: int
    OUT: int
    PUD_UP: int
    BOTH: int
    SPI: int
    I2C: int
    HARD_PWM: int
    SERIAL: int
    RPI_INFO: Mapping[str, object]

    def setmode(self, mode: int, /) -> None: ...
    def setwarnings(self, shown: bool, /) -> None: ...
    def gpio_function(self, channel: int, /) -> int: ...
    def setup(self, channel: int, direction: int, /, pull_up_down: int = ..., initial: int = ...) -> None: ...
    def input(self, channel: int, /) -> int: ...
    def output(self, channel: int, level: int, /) -> None: ...
    def add_event_detect(self, channel: int, edge: int, /, callback: Callable[[int], None]) -> None: ...
    def remove_event_detect(self, channel: int, /) -> None: ...
    def cleanup(self, channels: Sequence[int], /) -> None: ...


class BoardIdentity(msgspec.Struct, frozen=True):
    """What the GPIO library says it runs on."""

    type: str
    revision: str
    manufacturer: str

    @property
    def is_simulated(self) -> bool:
        """True when the board itself declares that there is none: such pins must never be paired with a real drive."""
        return "simulated" in self.type.lower() or "simulated" in self.revision.lower()


def load_gpio() -> GpioModule:
    """Load the GPIO library and set BCM numbering. Raises HardwareError with what to do about it."""
    installed = _refuse_two_libraries()
    try:
        gpio = cast(GpioModule, importlib.import_module("RPi.GPIO"))
    except ModuleNotFoundError as error:
        raise HardwareError("No GPIO library is installed.", "install sternway[pi5].") from error
    except Exception as error:  # each library has exceptions of its own
        raise HardwareError(
            f"The GPIO library refuses this machine ({error}).", "run the controller on the treadmill's Raspberry Pi."
        ) from error
    try:
        if _LGPIO in installed and not board_identity(gpio).is_simulated:
            point_at_header()
        gpio.setwarnings(False)  # what they warn of is checked below, and refused
        gpio.setmode(gpio.BCM)
    except HardwareError:
        raise
    except Exception as error:
        raise _unusable("The GPIO device cannot be opened", error) from error
    return gpio


def board_identity(gpio: GpioModule) -> BoardIdentity:
    """The board's identity, for the rule that simulated pins and a real drive never meet."""

    def text(key: str) -> str:
        return str(gpio.RPI_INFO.get(key, "unknown"))

    return BoardIdentity(type=text("TYPE"), revision=text("REVISION"), manufacturer=text("MANUFACTURER"))


class PanelPins:
    """All digital inputs and outputs of the treadmill. `read`, `write` and `pulse` belong to the scan's thread.

    The constructor sets the outputs to their safe levels before it touches an input. Raises HardwareError.
    """

    def __init__(self, pins: PinSettings, gpio: GpioModule) -> None:
        self._gpio = gpio
        self._numbers = cast("dict[str, int]", msgspec.structs.asdict(pins))
        self._levels = dict(_SAFE_LEVELS)
        self._inputs = tuple((self._numbers[line.name.lower()], line.bit) for line in Input)
        self._edges = EdgeRecorder(len(Input))
        self._second_began_ns = 0
        self._second_totals = self._edges.totals()
        self._edges_per_second = self._second_totals
        _refuse_pins_in_use(gpio, self._numbers)
        try:
            for name, level in _SAFE_LEVELS.items():
                gpio.setup(self._numbers[name], gpio.OUT, initial=level)
            for line in Input:
                channel = self._numbers[line.name.lower()]
                gpio.setup(channel, gpio.IN, pull_up_down=gpio.PUD_UP)
                gpio.add_event_detect(channel, gpio.BOTH, callback=self._edges.callback_for(line.value))
        except Exception as error:
            raise _unusable("A pin cannot be set up", error) from error

    @property
    def wake_descriptor(self) -> int:
        """An eventfd for `select`: readable from an edge of any input until the next `read`."""
        return self._edges.wake_descriptor

    @property
    def edges_per_second(self) -> tuple[int, ...]:
        """Edges of each input, by its value, in the last full second: how much it chatters."""
        return self._edges_per_second

    def read(self, now_ns: int) -> Levels:
        """Poll every level; return the edges since the last call and forget them. Raises HardwareError."""
        # Edges first: what has woken the scan is then certain to show in the levels read after it.
        edges = self._edges.take()
        closed = 0
        level_of = self._gpio.input
        try:
            for channel, bit in self._inputs:
                if not level_of(channel):
                    closed |= bit
        except Exception as error:
            raise _unusable("An input cannot be read", error) from error
        if now_ns - self._second_began_ns >= _SECOND_NS:
            self._count_chatter(now_ns)
        return Levels(now_ns, closed, edges)

    def write(self, *, lamp_red: bool, lamp_yellow: bool, buzzer: bool, nurse_call: bool) -> None:
        """Drive lamps, buzzer and nurse call; a pin is touched only where its level changes. Raises HardwareError."""
        self._drive("lamp_red", int(lamp_red))
        self._drive("lamp_yellow", int(lamp_yellow))
        self._drive("buzzer", int(buzzer))
        self._drive("nurse_call", int(nurse_call))

    def pulse(self) -> None:
        """Toggle the watchdog pulse: its relay stays closed only while this goes on. Raises HardwareError."""
        self._drive("watchdog_pulse", 1 - self._levels["watchdog_pulse"])

    def close(self) -> None:
        """Stop watching, leave the outputs driven at their safe levels, give the inputs back."""
        channels = [channel for channel, _ in self._inputs]
        # One that fails keeps none of the others from its safe level; what failed first is said when all has been tried.
        with contextlib.ExitStack() as steps:
            # The outputs stay claimed: handing them back would make them inputs and put the red lamp out.
            steps.callback(self._gpio.cleanup, channels)
            for channel in channels:
                steps.callback(self._gpio.remove_event_detect, channel)
            for name, level in _SAFE_LEVELS.items():
                steps.callback(self._drive, name, level)

    def _drive(self, name: str, level: int) -> None:
        if self._levels[name] == level:
            return
        try:
            self._gpio.output(self._numbers[name], level)
        except Exception as error:
            raise _unusable(f"The output {name} cannot be driven", error) from error
        self._levels[name] = level

    def _count_chatter(self, now_ns: int) -> None:
        totals = self._edges.totals()
        self._edges_per_second = tuple(total - before for total, before in zip(totals, self._second_totals, strict=True))
        self._second_totals = totals
        self._second_began_ns = now_ns


class LoadCellPins:
    """The wires of one HX711 that is clocked bit by bit, or of several that share PD_SCK. Raises HardwareError."""

    def __init__(self, wires: Mapping[str, int], gpio: GpioModule) -> None:
        """wires: BCM numbers by their names in the configuration; the first is PD_SCK, every other a DOUT."""
        self._gpio = gpio
        self._pd_sck, *self._douts = wires.values()
        self._bits = tuple((dout, 1 << line) for line, dout in enumerate(self._douts))
        _refuse_pins_in_use(gpio, wires)
        try:
            gpio.setup(self._pd_sck, gpio.OUT, initial=0)
            for dout in self._douts:
                gpio.setup(dout, gpio.IN, pull_up_down=gpio.PUD_UP)  # a broken wire reads "never ready"
        except Exception as error:
            raise _unusable(f"A pin of the load cell cannot be set up ({', '.join(wires)})", error) from error

    def set_clock(self, level: int) -> None:
        """Drive PD_SCK to 0 or 1."""
        self._gpio.output(self._pd_sck, level)

    def data(self) -> int:
        """Mask of the DOUTs that are high, in the order of the wires: of one chip, 0 or 1."""
        levels = 0
        for dout, bit in self._bits:
            if self._gpio.input(dout):
                levels |= bit
        return levels

    def close(self) -> None:
        """Give each DOUT back; PD_SCK stays driven low, for a floating one would power the chips down."""
        self._gpio.cleanup(self._douts)


def _refuse_two_libraries() -> list[str]:
    """The one library that is installed, or none. Raises HardwareError where both are."""
    installed = []
    for name in _GPIO_DISTRIBUTIONS:
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        installed.append(name)
    if len(installed) > 1:
        raise HardwareError(
            f"{' and '.join(installed)} are both installed: which one answers is chance.",
            "uninstall both, then install one: the package installs rpi-lgpio.",
        )
    return installed


def _refuse_pins_in_use(gpio: GpioModule, numbers: Mapping[str, int]) -> None:
    """A pin with another function belongs to another driver. Only RPi.GPIO can tell; rpi-lgpio knows but input and output.

    Pins left as outputs are accepted: a controller that was killed leaves its own so, and must be able to start again.
    """
    others = {gpio.SPI: "SPI", gpio.I2C: "I2C", gpio.HARD_PWM: "PWM", gpio.SERIAL: "the serial port"}
    for name, number in numbers.items():
        try:
            user = others.get(gpio.gpio_function(number))
        except Exception as error:
            raise _unusable(f"BCM {number} ({name}) cannot be examined", error) from error
        if user is not None:
            raise HardwareError(
                f"BCM {number} ({name}) is in use by {user}.",
                f"switch {user} off in /boot/firmware/config.txt and restart, or give {name} another pin.",
            )


def _unusable(what: str, error: Exception) -> HardwareError:
    if isinstance(error, PermissionError) or "permission" in str(error).lower() or "/dev/mem" in str(error):
        return HardwareError(f"{what}: no permission ({error}).", "let the service's user be a member of the group gpio.")
    if "busy" in str(error).lower() or "in use" in str(error).lower():
        return HardwareError(f"{what}: another program has it ({error}).", "stop the other program, or restart the Pi.")
    if "edge detection" in str(error).lower():
        return HardwareError(
            f"{what} ({error}).", "RPi.GPIO lacks edges on recent kernels and where /sys is read-only: install rpi-lgpio instead."
        )
    return HardwareError(f"{what} ({error}).", "check the wiring and that no other program uses the pins.")
