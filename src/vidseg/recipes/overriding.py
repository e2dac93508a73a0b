"""Changing single fields of a configuration by name, as the command line does."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from jsonargparse import ArgumentError, ArgumentParser

from vidseg.errors import InputError

Config = TypeVar("Config")


def override(config: Config, values: Mapping[str, str]) -> Config:
    """A copy of a tree of dataclasses with some fields changed.

    Fields that depend on each other are changed together and checked once.

    Args:
        config: the tree.
        values: text by dotted name, e.g. {"model.depth": "2", "augmentation.crop_size": "[224, 224]"}. "null" is None;
            a group that is None, or a list of groups, is given as JSON.

    Raises:
        InputError: for an unknown name, naming the nearest; for text that does not fit the field's type; for values
            that do not fit each other.
    """
    known = list(option_names(config))
    for name in values:
        if name not in known:
            nearest = get_close_matches(name, known, n=1, cutoff=0.0)
            raise InputError(f"got option --{name}; there is none of that name; did you mean --{nearest[0]}?")
    return _rebuilt(config, values, "")


def option_names(config: Any, prefix: str = "") -> Iterator[str]:
    """The dotted names of all fields that `override` can change."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from option_names(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


def _rebuilt(config: Config, values: Mapping[str, str], prefix: str) -> Config:
    hints = get_type_hints(type(config))
    changes: dict[str, Any] = {}
    for name in {option.partition(".")[0] for option in values}:
        value = getattr(config, name)
        if is_dataclass(value) and not isinstance(value, type):
            inner = {
                option.removeprefix(f"{name}."): text
                for option, text in values.items()
                if option.startswith(f"{name}.")
            }
            changes[name] = _rebuilt(value, inner, f"{prefix}{name}.")
        else:
            changes[name] = _parsed(hints[name], values[name], prefix + name)
    return replace(config, **changes)  # type: ignore[type-var]  # every level is a dataclass instance


def _parsed(expected: Any, text: str, name: str) -> Any:
    """Text as a value of a type, by jsonargparse's rules."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=expected)
    try:
        return parser.instantiate(parser.parse_args([f"--value={text}"])).value
    except ArgumentError as error:
        kind = getattr(expected, "__name__", None) if isinstance(expected, type) else str(expected)
        raise InputError(f"got --{name} {text}; expected {str(kind).replace('typing.', '')}") from error
