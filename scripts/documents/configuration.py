"""docs/configuration.md, from the settings' types and the rules between them."""

from __future__ import annotations

from controller.configuration_rules import LONGEST_TRAVEL_M, ORDERS, REACTION_S, Order
from documents.fields import all_tables
from documents.markdown import page, table

_INTRODUCTION = """
One TOML file tells controller and telemetry everything. `sternway check-config FILE` names all its mistakes at once, and the
controller refuses to start while there is one: unknown keys, keys in another unit, values of another kind or out of range,
numbers that are not finite, pins with two functions, thresholds out of order. A key that is left out has its default; one without
default must be given. `config/treadmill.toml` has them all.

`[O]` marks clinical opinion without a trial behind it, `[unverified]` a number that no stored source confirms, `[tuned]` one chosen
on the tuning half of the evaluation.
"""


def configuration_page() -> str:
    """Returns the page."""
    parts = []
    for section in all_tables():
        rows = (
            (f"`{key.name}`", key.allowed, f"`{key.default}`" if key.default else "must be given", key.words)
            for key in section.keys
        )
        parts += [f"## [{section.name}]", section.words, table(("key", "allowed", "default", "meaning"), rows)]
    return page(
        "Configuration",
        _INTRODUCTION,
        *parts,
        "## Rules between keys",
        table(("rule", "why"), ((_rule(order), order.why) for order in ORDERS)),
        _other_rules(),
    )


def _rule(order: Order) -> str:
    scaled = f"{order.scale:g} * " if order.scale != 1 else ""
    return f"{scaled}`{order.low}` {'<' if order.strict else '≤'} `{order.high}`"


def _other_rules() -> str:
    return f"""
- **Stopping distance**: with v = `speed.ceiling_m_s` and a = `ramp.loaded_deceleration_m_s2`, v * {REACTION_S} s + v²/2a is at most
  {LONGEST_TRAVEL_M} m: so far the belt may carry a falling patient when it brakes {REACTION_S} s after the onset. A fall
  that is noticed later takes more: [balance-loss.md](balance-loss.md) has what made falls took.
- A multiple of `session.slack_pitch_m` lies between the two slack limits.
- Each converter can show `maximum_n` of its table with the given zero and span.
- No BCM pin has two functions; with the load cell on SPI bus 0 its data and clock pins are taken, and its chip select unless
  `load_cell.spi_chip_select` is false. Pins of rail cells that are not fitted are free.
- `paths.socket` is at most 107 bytes long and the same as `telemetry.socket_path`.
- `paths.state_directory` is not the runtime directory.
"""
