"""Reading a plan file, YAML or JSON, strictly: what is wrong is said in one line that names the field."""

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from vidseg.compare.plan import Plan, PlannedData, System
from vidseg.compare.published import FIGURES, PUBLISHED
from vidseg.errors import InputError
from vidseg.report import ReportConfig

_SHORT = {"iterations": "schedule.iterations", "batch_size": "runtime.batch_size"}

Config = TypeVar("Config")


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """The plan in a file.

    Args:
        path: of a YAML or JSON file, see docs/compare.md.

    Raises:
        InputError: if it cannot be read, or for a field that is unknown, absent or of another kind.
    """
    try:
        given = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        raise InputError(f"got no readable plan {os.fspath(path)} ({what}); expected a YAML or JSON file") from error
    try:
        return parse_plan(given)
    except InputError as error:
        raise InputError(f"{error}; in {os.fspath(path)}") from error


def parse_plan(given: Any) -> Plan:
    """The plan that plain values say.

    Raises:
        InputError: as `read_plan`.
    """
    values = _known(Plan, given, "")
    values["data"] = _build(PlannedData, values["data"], "data")
    if not isinstance(values["systems"], list):
        raise InputError(f"got systems: {_shown(values['systems'])}; expected a list")
    values["systems"] = tuple(_system(one, f"systems[{index}]") for index, one in enumerate(values["systems"]))
    budget = _texts(values.pop("budget", None), "budget")
    values["budget"] = {_SHORT.get(name, name): text for name, text in budget.items()}
    if values.get("report") is not None:
        values["report"] = _build(ReportConfig, values["report"], "report")
    return _build(Plan, values, "", built=("data", "systems", "budget", "report"))


def _system(given: Any, where: str) -> System:
    values = _known(System, given, where)
    values["fields"] = _texts(values.pop("fields", None), f"{where}.fields")
    values["published"] = _published(values.pop("published", None), f"{where}.published")
    return _build(System, values, where, built=("fields", "published"))


def _published(given: Any, where: str) -> dict[str, float]:
    if isinstance(given, str):
        if given not in PUBLISHED:
            hint = f"did you mean {_nearest(given, PUBLISHED)}?"
            raise InputError(f"got {where}: {given}; {hint} expected figures, or one of {', '.join(PUBLISHED)}")
        return dict(PUBLISHED[given])
    found = _mapping(given, where)
    for name, value in found.items():
        if name not in FIGURES:
            raise InputError(f"got {where}.{name}; expected one of {', '.join(FIGURES)}")
        found[name] = _parsed(float, value, f"{where}.{name}")
    return found


def _texts(given: Any, where: str) -> dict[str, str]:
    """Fields of a recipe, nested or with dots, as the command line has them."""
    texts: dict[str, str] = {}
    for name, value in _mapping(given, where).items():
        texts[str(name)] = value if isinstance(value, str) else json.dumps(value)
    return texts


def _build(kind: type[Config], given: Any, where: str, built: tuple[str, ...] = ()) -> Config:
    """A dataclass of plain values, but for those that are what they should be already."""
    hints = get_type_hints(kind)
    values = {
        name: value if name in built else _parsed(hints[name], value, _path(where, name))
        for name, value in _known(kind, given, where).items()
    }
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}" if where else str(error)) from error


def _known(kind: type[Any], given: Any, where: str) -> dict[str, Any]:
    """The values by name, if the dataclass has fields of all these names, and has got all that it requires."""
    values = _mapping(given, where)
    names = [field.name for field in fields(kind)]
    for name in values:
        if name not in names:
            nearest = _nearest(name, names)
            raise InputError(f"got {_path(where, name)}; expected one of {', '.join(names)}; did you mean {nearest}?")
    for field in fields(kind):
        required = field.default is MISSING and field.default_factory is MISSING
        if required and values.get(field.name) is None:
            raise InputError(f"got no {_path(where, field.name)}; expected it; add {field.name}")
    return values


def _mapping(given: Any, where: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"got {where or 'a plan'}: {_shown(given)}; expected names with values")
    return {str(name): value for name, value in given.items()}


def _parsed(kind: Any, value: Any, where: str) -> Any:
    """A value of a type, by jsonargparse's rules."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=kind)
    try:
        return parser.parse_object({"value": value}).value
    except ArgumentError as error:
        name = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
        raise InputError(f"got {where}: {_shown(value)}; expected {name}") from error


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _nearest(name: str, names: Any) -> str:
    return get_close_matches(name, list(names), n=1, cutoff=0.0)[0]


def _shown(value: Any, limit: int = 60) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"
