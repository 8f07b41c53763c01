"""What the code says about a configuration key: its words, its allowed values, its default as TOML writes it."""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap
from pathlib import Path
from typing import get_type_hints

import msgspec

from controller.configuration_tables import DERIVED, TABLES
from settings_files.telemetry_table import TABLE as TELEMETRY_TABLE
from settings_files.telemetry_table import TelemetrySettings
from settings_files.toml_tables import allowed_text, description


class Key(msgspec.Struct, frozen=True):
    """One key of the file. default: as TOML, empty where the key must be given."""

    name: str
    allowed: str
    default: str
    words: str


class Table(msgspec.Struct, frozen=True):
    """One table of the file, with its keys in the order of the code."""

    name: str
    words: str
    keys: tuple[Key, ...]


def all_tables() -> tuple[Table, ...]:
    """Returns every table of the file: the controller's, then telemetry's with those inside it."""
    tables = [_table(name, struct, frozenset(DERIVED.get(name, ()))) for name, struct in TABLES.items()]
    return (*tables, *_nested(TELEMETRY_TABLE, TelemetrySettings))


def _nested(name: str, struct: type[msgspec.Struct]) -> list[Table]:
    inner = {
        key: kind for key, kind in get_type_hints(struct).items() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }
    tables = [_table(name, struct, frozenset(inner))]
    for key, kind in inner.items():
        tables += _nested(f"{name}.{key}", kind)
    return tables


def _table(name: str, struct: type[msgspec.Struct], skipped: frozenset[str]) -> Table:
    strings = _strings_below_fields(struct)
    hints = get_type_hints(struct, include_extras=True)
    keys = []
    for field in msgspec.structs.fields(struct):
        if field.name not in skipped:
            kind = hints[field.name]
            allowed = allowed_text(field.name, kind)
            said = description(kind)
            parts = ("" if said in allowed else said, strings.get(field.name, ""))
            words = "; ".join(part.rstrip(".") for part in parts if part)
            keys.append(Key(field.name, allowed, toml_value(field.default), words))
    return Table(name, _first_sentence(struct), tuple(keys))


def toml_value(value: object) -> str:
    """Returns a default as TOML writes it; an empty string for a field that has none."""
    if value is msgspec.NODEFAULT:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return f'"{value.value}"'
    if isinstance(value, str | Path):
        return f'"{value}"'
    return repr(value)


def _first_sentence(struct: type) -> str:
    text = " ".join((inspect.getdoc(struct) or "").split("\n\n")[0].split())
    return text.removesuffix(".") + "."


def _strings_below_fields(struct: type) -> dict[str, str]:
    """The string below a field documents it; it lives only in the source."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    found: dict[str, str] = {}
    name = ""
    for node in getattr(definition, "body", []):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[name] = " ".join(str(node.value.value).split())
        else:
            name = ""
    return found
