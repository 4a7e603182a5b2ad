"""Definitions to YAML and back, and their fingerprint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import types
import typing
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml

from pellucid.errors import SpecError, did_you_mean
from pellucid.spec.check import Checks
from pellucid.spec.system import Column, System

_Value = TypeVar("_Value")


def encode(value: Any) -> Any:
    """Return plain dicts, lists and scalars for a definition, defaults left out."""
    if isinstance(value, System):
        plain = _encode_fields(value)
        if value.columns:
            plain["columns"] = _columns_by_table(value.columns)
        return plain
    if dataclasses.is_dataclass(value):
        return _encode_fields(value)
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(
    raw: object,
    *,
    where: str = "system spec",
    kind: type[_Value] = System,  # type: ignore[assignment]
) -> _Value:
    """Build a definition from plain data and report every structural error at once.

    Parameters
    ----------
    raw : mapping
        What `encode` returns, or what YAML holds.
    where : str
        Named in the error, for example the file.
    kind : type, default System
        Class of the definition, a frozen dataclass.

    Raises
    ------
    SpecError
        With every unknown key, missing key, wrong type and wrong choice.
    """
    problems: list[str] = []
    plain = dict(raw) if isinstance(raw, Mapping) else raw
    if isinstance(plain, dict) and isinstance(plain.get("columns"), Mapping):
        plain["columns"] = _columns_as_list(plain["columns"], problems)
    value = _decode(kind, plain, "", problems)
    if problems:
        raise SpecError(where, problems)
    return typing.cast(_Value, value)


def to_yaml(definition: Any) -> str:
    """Return the YAML form of a system or another definition."""
    return yaml.safe_dump(encode(definition), sort_keys=False, allow_unicode=True, width=100)


def from_yaml(
    text: str,
    *,
    where: str = "system spec",
    kind: type[_Value] = System,  # type: ignore[assignment]
) -> _Value:
    """Build a system, or another definition, from YAML text.

    Raises
    ------
    SpecError
        If the text is not YAML, repeats a key, or does not hold such a definition.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise SpecError(where, [f"is not valid YAML{place}: {problem}"]) from error
    except ValueError as error:
        # YAML takes 2026-13-25 for a date.
        raise SpecError(where, [f"holds a date that is none: {error}"]) from error
    repeated = _repeated_keys(node)
    if repeated:
        raise SpecError(where, repeated)
    return decode(raw, where=where, kind=kind)


def read_spec(path: str | os.PathLike[str]) -> System:
    """Read a system spec from a YAML file.

    Raises
    ------
    SpecError
        If there is no such file, or it does not hold a system.
    """
    return _read(path, System)


def read_checks(path: str | os.PathLike[str]) -> Checks:
    """Read checks from a YAML file.

    Raises
    ------
    SpecError
        If there is no such file, or it does not hold checks.
    """
    return _read(path, Checks)


def _read(path: str | os.PathLike[str], kind: type[_Value]) -> _Value:
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"'{file.name}'", [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SpecError(f"'{file.name}'", ["is not UTF-8; convert it first"]) from error
    return from_yaml(text, where=file.name, kind=kind)


def fingerprint(value: Any) -> str:
    """Return 16 hexadecimal digits that change whenever the definition does."""
    canonical = json.dumps(encode(value), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _encode_fields(value: Any) -> dict[str, Any]:
    plain = {}
    for item in dataclasses.fields(value):
        current = getattr(value, item.name)
        if item.default is dataclasses.MISSING or current != item.default:
            plain[item.name] = encode(current)
    return plain


def _columns_by_table(columns: tuple[Column, ...]) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for column in columns:
        tables.setdefault(column.table, {})[column.field] = column.source
    return tables


def _columns_as_list(tables: Mapping[str, Any], problems: list[str]) -> list[dict[str, str]]:
    columns = []
    for table, mapping in tables.items():
        if not isinstance(mapping, Mapping):
            problems.append(f"columns.{table}: expected a mapping of field to source column")
            continue
        columns += [
            {"table": table, "field": field, "source": source} for field, source in mapping.items()
        ]
    return columns


def _decode(hint: Any, raw: object, path: str, problems: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(typing.cast(type, hint), raw, path, problems)
    if get_origin(hint) is tuple:
        return _decode_tuple(get_args(hint)[0], raw, path, problems)
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        if raw not in choices:
            problems.append(f"{path}: expected one of {', '.join(choices)}; got {raw!r}")
        return raw
    if get_origin(hint) is types.UnionType:
        # Only `X | None` is used, and what is not set is left out.
        hint = get_args(hint)[0]
    if hint is str and isinstance(raw, date):
        # YAML reads a bare 2026-12-25 as a date.
        return raw.isoformat()
    if hint is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if not isinstance(raw, hint):
        problems.append(f"{path}: expected {_shown(hint)}, got {_shown(type(raw))} {raw!r}")
    return raw


def _decode_tuple(hint: Any, raw: object, path: str, problems: list[str]) -> tuple[Any, ...]:
    if not isinstance(raw, (list, tuple)):
        problems.append(f"{path}: expected a list, got {_shown(type(raw))} {raw!r}")
        return ()
    return tuple(
        _decode(hint, item, f"{path}[{index}]", problems) for index, item in enumerate(raw)
    )


def _decode_dataclass(hint: type, raw: object, path: str, problems: list[str]) -> Any:
    at = f"{path}." if path else ""
    hints = typing.get_type_hints(hint)
    members = {item.name: item for item in dataclasses.fields(hint)}
    if isinstance(raw, str) and next(iter(members)) == "name" and hint is not System:
        raw = {"name": raw}
    if not isinstance(raw, Mapping):
        got = f"{_shown(type(raw))} {raw!r}"
        problems.append(f"{path or 'definition'}: expected a mapping, got {got}")
        return None
    found = len(problems)
    values = {}
    for key, item in raw.items():
        if key not in members:
            problems.append(f"{at}{key}: unknown key{did_you_mean(str(key), members)}")
            continue
        values[key] = _decode(hints[key], item, f"{at}{key}", problems)
    for name, member in members.items():
        if member.default is dataclasses.MISSING and name not in raw:
            problems.append(f"{at}{name}: missing; it is required")
    return hint(**values) if len(problems) == found else None


def _repeated_keys(node: yaml.Node | None) -> list[str]:
    if isinstance(node, yaml.SequenceNode):
        return [problem for child in node.value for problem in _repeated_keys(child)]
    if not isinstance(node, yaml.MappingNode):
        return []
    problems, seen = [], set()
    for key, child in node.value:
        if key.value in seen:
            problems.append(f"line {key.start_mark.line + 1}: key '{key.value}' is repeated")
        seen.add(key.value)
        problems += _repeated_keys(child)
    return problems


def _shown(kind: object) -> str:
    names = {str: "text", int: "a number", float: "a number", bool: "true or false",
             list: "a list", dict: "a mapping", types.NoneType: "nothing"}  # fmt: skip
    return names.get(typing.cast(type, kind), getattr(kind, "__name__", str(kind)))
