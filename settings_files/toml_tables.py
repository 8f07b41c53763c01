"""Reads TOML that people write, and finds every mistake in it at once.

Each key is judged by itself against its field's type, so that one mistake never hides the next. Numbers must be finite: TOML
knows nan and inf, and no comparison would refuse a nan.
"""

from __future__ import annotations

import difflib
import enum
import math
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from settings_files.problems import Problem, written
from settings_files.units import same_in, split_unit, unit_text

_LONGEST_PATH = 4096


class TableReading(msgspec.Struct):
    """What a table gave: a value for every key that is right (given or default), and the problems of the others."""

    values: dict[str, Any]
    problems: list[Problem]


def read_toml(path: Path, limit_bytes: int) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Returns the file's document, or an empty one and what keeps it from being read at all. Never raises for a bad file."""
    try:
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        return {}, (Problem(str(path), "", "a file that can be read", f"{reason}: correct the path or its permissions"),)
    if len(content) > limit_bytes:
        allowed = f"at most {limit_bytes // 1024} KiB"
        return {}, (Problem(str(path), "", allowed, "this is another kind of file: name the right one"),)
    try:
        return tomllib.loads(content.decode("utf-8")), ()
    except UnicodeDecodeError as error:
        return {}, (Problem(str(path), "", "UTF-8 text", f"save it as UTF-8 (byte {error.start} is not)"),)
    except RecursionError:
        return {}, (Problem(str(path), "", "plain tables", "remove the deeply nested lists"),)
    except ValueError as error:  # TOMLDecodeError, and what int() says of a number with thousands of digits
        return {}, (Problem(str(path), "", "TOML, each key once", f"correct it: {error}"),)


def read_table(
    struct: type[msgspec.Struct], table: object, where: str, derived: Collection[str] = (), header: str = ""
) -> TableReading:
    """Judges one table by the fields of its struct. `derived` fields are not keys of the file. header: how to open the table."""
    if not isinstance(table, dict):
        header = header or f"[{where}]"
        return TableReading({}, [Problem(where, written(table), f"one table {header}", f"write its keys below {header}")])
    reading = TableReading({}, [])
    fields = {field.name: field for field in msgspec.structs.fields(struct) if field.name not in derived}
    prefix = f"{where}." if where else ""
    for name, field in fields.items():
        if name in table:
            _judge(reading, prefix, name, table[name], field.type)
        elif field.default is not msgspec.NODEFAULT:
            reading.values[name] = field.default
        else:
            reading.problems.append(Problem(f"{prefix}{name}", "", allowed_text(name, field.type), "it is missing: add it"))
    for key, value in table.items():
        if key not in fields:
            reading.problems.append(unknown_key(prefix, key, value, fields))
    return reading


def read_nested(struct: type[msgspec.Struct], table: object, where: str) -> TableReading:
    """As `read_table`, for a struct of which some fields are tables themselves; their values are structs."""
    inner = {
        field.name: field.type
        for field in msgspec.structs.fields(struct)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
    }
    outer = {key: value for key, value in table.items() if key not in inner} if isinstance(table, dict) else table
    reading = read_table(struct, outer, where, derived=inner)
    for name, kind in inner.items():
        below = read_nested(kind, table.get(name, {}) if isinstance(table, dict) else {}, f"{where}.{name}")
        reading.problems += below.problems
        if not below.problems:
            reading.values[name] = kind(**below.values)
    return reading


def convert_path(kind: type, value: object) -> object:
    """msgspec's hook for the one type it does not know: an absolute path. Raises ValueError for any other value."""
    if kind is not Path:
        raise NotImplementedError(f"no conversion to {kind}")
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or len(value) > _LONGEST_PATH:
        raise ValueError("not an absolute path")
    return Path(value)


def _judge(reading: TableReading, prefix: str, name: str, value: object, kind: Any) -> None:
    try:
        converted = msgspec.convert(value, kind, strict=True, dec_hook=convert_path)
        if isinstance(converted, float) and not math.isfinite(converted):
            raise ValueError("not a finite number")
    except (msgspec.ValidationError, ValueError, OverflowError):
        problem = Problem(f"{prefix}{name}", written(value), allowed_text(name, kind), "correct the value")
        reading.problems.append(problem)
    else:
        reading.values[name] = converted


def unknown_key(prefix: str, key: str, value: object, known: Collection[str]) -> Problem:
    """Returns the problem of a key that is not known, with the key that was perhaps meant and, for a wrong unit, its value."""
    stem, unit = split_unit(key)
    for name in known:
        known_stem, known_unit = split_unit(name)
        if stem == known_stem and unit is not None and known_unit is not None:
            same = same_in(value, unit, known_unit)
            remedy = f"wrong unit: write {name}, in {known_unit.text}" + (f" ({same})" if same else "")
            return Problem(f"{prefix}{key}", written(value), f"{prefix}{name}", remedy)
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return Problem(f"{prefix}{key}", written(value), "a known key", f"perhaps {prefix}{near[0]} was meant")
    return Problem(f"{prefix}{key}", written(value), f"one of {', '.join(known)}" if known else "nothing", "remove it")


def description(kind: Any) -> str:
    """Returns what a field's type says about it in words, or an empty string."""
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.Metadata):
        return str((info.extra_json_schema or {}).get("description", ""))
    return ""


def allowed_text(name: str, kind: Any) -> str:
    """Returns in words what a field takes: kind of value, range, unit."""
    info = msgspec.inspect.type_info(kind)
    words = ""
    if isinstance(info, msgspec.inspect.Metadata):
        words, info = description(kind), info.type
    unit = unit_text(name)
    match info:
        case msgspec.inspect.FloatType():
            return _number("a number", info.ge, info.le, unit)
        case msgspec.inspect.IntType():
            return _number("a whole number", info.ge, info.le, unit)
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.LiteralType():
            return " or ".join(f'"{value}"' for value in info.values)
        case msgspec.inspect.EnumType():
            return " or ".join(f'"{_value(member)}"' for member in info.cls)
        case msgspec.inspect.CustomType():
            return "an absolute path"
        case msgspec.inspect.DateType():
            return "a day as 2026-03-31"
        case msgspec.inspect.StructType():
            return "an object { ... }"
        case msgspec.inspect.StrType() if words:
            return f"text: {words}"
        case msgspec.inspect.StrType() if info.max_length is not None:
            return f"text of at most {info.max_length} characters"
    return "text" if isinstance(info, msgspec.inspect.StrType) else "a list of tables"


def _value(member: enum.Enum) -> object:
    return member.value


def _number(what: str, lowest: float | None, highest: float | None, unit: str) -> str:
    span = f" from {lowest:g} to {highest:g}" if lowest is not None and highest is not None else ""
    if isinstance(lowest, int) and isinstance(highest, int):
        span = f" from {lowest} to {highest}"
    return f"{what}{span}{' ' + unit if unit else ''}"
