"""Changing single fields of a configuration by name, as the command line does."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from jsonargparse import ArgumentError, ArgumentParser

from vidseg.errors import InputError
from vidseg.models import HeadConfig, encoder_config, encoder_name, head_config


@dataclass(frozen=True)
class _Choice:
    """A group that can be chosen whole: what a name means, and what the present value is called."""

    choose: Callable[[str], Any]
    name: Callable[[Any], str]


def _head_name(config: HeadConfig | None) -> str:
    return "null" if config is None else config.kind


# By the option's last part but one: --model.encoder.name. Other options of the group apply to what was chosen.
_CHOICES: dict[str, _Choice] = {
    "encoder": _Choice(encoder_config, encoder_name),
    "head": _Choice(head_config, _head_name),
    "update_encoder": _Choice(encoder_config, encoder_name),
    "update_head": _Choice(head_config, _head_name),
}

Config = TypeVar("Config")


def override(config: Config, values: Mapping[str, str]) -> Config:
    """A copy of a tree of dataclasses with some fields changed.

    Fields that depend on each other are changed together and checked once.

    Args:
        config: the tree.
        values: text by dotted name, e.g. {"model.depth": "2", "augmentation.crop_size": "[224, 224]"}. "null" is None;
            a group that is None, or a list of groups, is given as JSON. An encoder or a head is chosen whole by its
            name, e.g. {"model.encoder.name": "timm:tf_efficientnet_lite0", "model.head.name": "uper"}.

    Raises:
        InputError: for an unknown name, naming the nearest; for text that does not fit the field's type; for values
            that do not fit each other.
    """
    chosen = values.keys() & choices(config).keys()
    for name in chosen:
        path = name.removesuffix(".name")
        config = _replaced(config, path, _CHOICES[path.rpartition(".")[2]].choose(values[name]))
    values = {name: text for name, text in values.items() if name not in chosen}
    known = [*option_names(config), *choices(config)]
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


def choices(config: Any, prefix: str = "") -> dict[str, str]:
    """The dotted names of the options that choose a group whole, with what is chosen now."""
    found: dict[str, str] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in _CHOICES:
            found[f"{prefix}{field.name}.name"] = _CHOICES[field.name].name(value)
        elif is_dataclass(value):
            found |= choices(value, f"{prefix}{field.name}.")
    return found


def _replaced(config: Config, path: str, value: Any) -> Config:
    first, _, rest = path.partition(".")
    inner = _replaced(getattr(config, first), rest, value) if rest else value
    return replace(config, **{first: inner})  # type: ignore[type-var]  # every level is a dataclass instance


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
