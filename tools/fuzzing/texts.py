"""Damage to JSON that leaves it JSON, or nearly: other values, other names, too deep, too long, twice."""

import json
from random import Random
from typing import Any

Path = tuple[str | int, ...]

_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    1.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x00",
    "\ud800",
    "é" * 300,
    "../../etc",
    "[bold]red[/]",
    [],
    {},
    [[]],
    [None],
)


def mutate_json(rng: Random, value: Any) -> tuple[bytes, str]:
    """A JSON file with one to three faults, and their names."""
    value = json.loads(json.dumps(value))
    names = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        paths = list(_paths(value))
        change = rng.choice((_replace, _replace, _drop, _rename, _repeat, _number, _nest))
        value = change(rng, value, rng.choice(paths))
        names.append(change.__name__.strip("_"))
    text = json.dumps(value)
    if rng.random() < 0.1:
        spoil = rng.choice((_too_deep, _too_long, _key_twice, _utf_16, _nothing))
        return spoil(text), spoil.__name__.strip("_")
    return text.encode(), "+".join(names)


def _paths(value: Any, path: Path = ()) -> list[Path]:
    """Of every value within, the outermost first; long lists by their ends only."""
    found = [path]
    if isinstance(value, dict):
        items: list[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list):
        numbered: list[tuple[str | int, Any]] = list(enumerate(value))
        items = numbered[:3] + numbered[3:][-1:]
    else:
        items = []
    for key, item in items:
        found += _paths(item, (*path, key))
    return found


def _get(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _put(value: Any, path: Path, item: Any) -> Any:
    if not path:
        return item
    _get(value, path[:-1])[path[-1]] = item
    return value


def _replace(rng: Random, value: Any, path: Path) -> Any:
    return _put(value, path, rng.choice(_ODD))


def _drop(rng: Random, value: Any, path: Path) -> Any:
    if path:
        del _get(value, path[:-1])[path[-1]]
    return value


def _rename(rng: Random, value: Any, path: Path) -> Any:
    holder = _get(value, path[:-1]) if path else None
    if isinstance(holder, dict):
        key = str(path[-1])
        holder[rng.choice((key + "s", key[:-1], key.upper(), ""))] = holder.pop(key)
    return value


def _repeat(rng: Random, value: Any, path: Path) -> Any:
    item = _get(value, path)
    return _put(value, path, item + item) if isinstance(item, list | str) else value


def _number(rng: Random, value: Any, path: Path) -> Any:
    """A number becomes another one nearby or far away; anything else becomes one."""
    item = _get(value, path)
    number = item if isinstance(item, int | float) else 1
    return _put(value, path, rng.choice((number + 1, number - 1, -number, number * 1000, number * 10**7, number / 2)))


def _nest(rng: Random, value: Any, path: Path) -> Any:
    item = _get(value, path)
    return _put(value, path, rng.choice(([item], {"0": item}, json.dumps(item))))


def _too_deep(text: str) -> bytes:
    return b"[" * 100_000 + text.encode() + b"]" * 100_000


def _too_long(text: str) -> bytes:
    """A number of more digits than Python reads."""
    return text.replace(":", ": " + "9" * 5000 + ', "x":', 1).encode()


def _key_twice(text: str) -> bytes:
    first = text.partition(",")[0]
    return (first + "," + text.removeprefix("{")).encode() if text.startswith("{") else text.encode()


def _utf_16(text: str) -> bytes:
    return text.encode("utf-16")


def _nothing(text: str) -> bytes:
    return b""
