"""Frozen dataclasses from JSON, strictly: nothing unknown, nothing of another type, nothing left out."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vidseg.errors import CheckpointError, InputError

T = TypeVar("T")


def read_dataclass(cls: type[T], value: Any, where: str) -> T:
    """Builds a dataclass, and those nested in it, from what `dataclasses.asdict` and JSON made of it.

    Args:
        cls: a dataclass whose fields are numbers, strings, booleans, literals, tuples, dataclasses, optional ones,
            unions of dataclasses that a field ``kind`` tells apart, or plain JSON objects.
        value: a mapping of field names.
        where: what `value` is called in errors, e.g. ``"model" in m/config.json``.

    Raises:
        CheckpointError: for an unknown, missing or mistyped field, or values that the dataclass refuses.
    """
    if not isinstance(value, Mapping):
        raise CheckpointError(f"got {value!r} as {where}; expected an object of fields")
    assert is_dataclass(cls)
    types = get_type_hints(cls)
    for key in value:
        if key not in types:
            raise CheckpointError(f"got unknown field '{key}' of {where}; {_nearest(str(key), types)}")
    for field in fields(cls):
        if field.name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise CheckpointError(f"got no field '{field.name}' of {where}; expected it to be there")
    arguments = {key: _read(types[key], item, f"'{key}' of {where}") for key, item in value.items()}
    try:
        return cls(**arguments)
    except CheckpointError:
        raise
    except InputError as error:
        raise CheckpointError(f"{error}; in {where}") from error


def _read(expected: Any, value: Any, where: str) -> Any:
    origin = get_origin(expected)
    if is_dataclass(expected):
        return read_dataclass(expected, value, where)  # type: ignore[arg-type]  # a class: fields hold no instances
    if origin is tuple:
        return _read_tuple(get_args(expected), value, where)
    if origin is dict and type(value) is dict:
        return value
    if origin is Literal and value in get_args(expected):
        return value
    if origin in (Union, UnionType):
        if value is None and NoneType in get_args(expected):
            return None
        return _read(
            _member([argument for argument in get_args(expected) if argument is not NoneType], value, where),
            value,
            where,
        )
    if expected is float and type(value) in (int, float):
        return float(value)
    # By type and not by instance: True is no number here.
    if type(value) is expected:
        return value
    raise CheckpointError(f"got {value!r} as {where}; expected {_describe(expected)}")


def _member(members: Sequence[Any], value: Any, where: str) -> Any:
    """Which dataclass of a union a value is of: its field ``kind`` tells, and without one it is of the first."""
    if len(members) == 1 or not isinstance(value, Mapping) or "kind" not in value:
        return members[0]
    by_kind = {kind: member for member in members for kind in get_args(get_type_hints(member)["kind"])}
    if value["kind"] not in by_kind:
        known = ", ".join(repr(kind) for kind in by_kind)
        raise CheckpointError(f"got {value['kind']!r} as 'kind' of {where}; expected one of {known}")
    return by_kind[value["kind"]]


def _read_tuple(items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise CheckpointError(f"got {value!r} as {where}; expected a list")
    if items[-1] is Ellipsis:
        items = (items[0],) * len(value)
    if len(items) != len(value):
        raise CheckpointError(f"got {len(value)} values as {where}; expected {len(items)}")
    return tuple(
        _read(item, part, f"item {index} of {where}")
        for index, (item, part) in enumerate(zip(items, value, strict=True))
    )


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    nearest = get_close_matches(name, known, n=1)
    return f"the nearest known is '{nearest[0]}'" if nearest else f"expected one of {', '.join(known)}"


def _describe(expected: Any) -> str:
    if get_origin(expected) is Literal:
        return "one of " + ", ".join(repr(argument) for argument in get_args(expected))
    return {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}.get(
        expected, str(expected)
    )
