"""Reads a patient's records from JSON: profile, today's check, screening, plan, with every mistake named at once.

Nothing is half read: a file that is too long, no JSON, too deep, or wrong in any field is refused as a whole.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from messages.patient import Profile, Screening, TodayCheck
from settings_files.problems import Problem, ProblemsError, written
from settings_files.toml_tables import allowed_text, unknown_key

MAXIMUM_BYTES = 64 * 1024
_Record = TypeVar("_Record", bound=msgspec.Struct)


class RecordError(ProblemsError):
    """The record cannot be taken; `problems` has every mistake of the file, and so has the text."""


def load_profile(source: Path | bytes) -> Profile:
    """Returns the profile in a JSON file or text; raises RecordError. Whether it makes sense: `controller.session.sense`."""
    return load_record(Profile, source)


def load_today(source: Path | bytes) -> TodayCheck:
    """Returns today's check in a JSON file or text; raises RecordError."""
    return load_record(TodayCheck, source)


def load_screening(source: Path | bytes) -> Screening:
    """Returns the screening in a JSON file or text; raises RecordError."""
    return load_record(Screening, source)


def load_record(kind: type[_Record], source: Path | bytes) -> _Record:
    """Returns one record of a kind; raises RecordError with every mistake, an unreadable file among them."""
    name = kind.__name__ if isinstance(source, bytes) else str(source)
    content, problems = (source, ()) if isinstance(source, bytes) else _read(source)
    if not problems and len(content) > MAXIMUM_BYTES:
        allowed = f"at most {MAXIMUM_BYTES // 1024} KiB"
        problems = (Problem(name, "", allowed, "this is another kind of file: name the right one"),)
    document: Any = None
    if not problems:
        document, problems = _parse(content, name)
    if not problems:
        problems = tuple(_judge(kind, document, "", name))
    if problems:
        raise RecordError(name, problems)
    return msgspec.convert(document, kind)


def can_be_kept(text: str) -> bool:
    """Whether a text has a form in UTF-8. JSON can name half a character (a lone surrogate), and a command line can have one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read(path: Path) -> tuple[bytes, tuple[Problem, ...]]:
    """Never more than one byte above the limit, whatever the file's length."""
    try:
        with path.open("rb") as file:
            return file.read(MAXIMUM_BYTES + 1), ()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        return b"", (Problem(str(path), "", "a file that can be read", f"{reason}: correct the path or its permissions"),)


def _parse(content: bytes, name: str) -> tuple[Any, tuple[Problem, ...]]:
    """NaN and infinity are read, so that the field that has one is named; a key given twice is a mistake."""
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            keys = [key for key, _ in items]
            twice.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return found

    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=pairs)
    except UnicodeDecodeError as error:
        return None, (Problem(name, "", "UTF-8 text", f"save it as UTF-8 (byte {error.start} is not)"),)
    except RecursionError:
        return None, (Problem(name, "", "plain JSON", "remove the deeply nested lists"),)
    except ValueError as error:
        return None, (Problem(name, "", "JSON", f"correct it: {error}"),)
    return document, tuple(Problem(key, "given twice", "each key once", "keep the right one") for key in twice)


def _judge(kind: Any, value: object, where: str, name: str) -> Iterator[Problem]:
    """Descends into records and lists of records, and judges every leaf by its own type."""
    kind, optional = _without_none(kind)
    if optional and value is None:
        return
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _judge_record(kind, value, where, name)
    elif get_origin(_bare(kind)) is tuple:
        yield from _judge_list(kind, value, where, name)
    else:
        yield from _judge_leaf(kind, value, where)


def _judge_record(kind: type[msgspec.Struct], value: object, where: str, name: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(where or name, written(value), "an object { ... }", "write its keys between braces")
        return
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    prefix = f"{where}." if where else ""
    for key, field in fields.items():
        if key in value:
            yield from _judge(hints[key], value[key], f"{prefix}{key}", name)
        elif field.required:
            yield Problem(f"{prefix}{key}", "", allowed_text(key, _without_none(hints[key])[0]), "it is missing: add it")
    for key, content in value.items():
        if key not in fields:
            yield unknown_key(prefix, key, content, fields)


def _judge_list(kind: Any, value: object, where: str, name: str) -> Iterator[Problem]:
    bounds = msgspec.inspect.type_info(kind)
    most = getattr(bounds, "max_length", None)
    least = getattr(bounds, "min_length", None) or 0
    if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
        shown = f"{len(value)} of them" if isinstance(value, list) else written(value)
        allowed = f"a list of {least} to {most}" if most is not None else "a list"
        yield Problem(where, shown, allowed, "correct the list")
        return
    item_kind = get_args(_bare(kind))[0]
    for index, item in enumerate(value):
        yield from _judge(item_kind, item, f"{where}[{index}]", name)


def _judge_leaf(kind: Any, value: object, where: str) -> Iterator[Problem]:
    try:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("not a finite number")
        msgspec.convert(value, kind)
        if isinstance(value, str) and not can_be_kept(value):
            yield Problem(
                where, written(value), "whole characters", "write the character itself: half of a pair of \\u escapes is none"
            )
    except (msgspec.ValidationError, ValueError, OverflowError):
        key = where.rpartition(".")[2]
        yield Problem(where, written(value), allowed_text(key, kind), "correct the value")


def _without_none(kind: Any) -> tuple[Any, bool]:
    """The type beside None, and whether None is allowed."""
    if get_origin(kind) in (types.UnionType, Union) and type(None) in get_args(kind):
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return inner, True
    return kind, False


def _bare(kind: Any) -> Any:
    """The type without what Annotated says of it."""
    return kind.__origin__ if hasattr(kind, "__metadata__") else kind
