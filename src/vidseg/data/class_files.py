"""Class lists as JSON: the one of a data set's own layout, and the one of VSPW that comes with the package."""

import json
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import Any

from vidseg.data.trees import Tree
from vidseg.errors import DataError, InputError
from vidseg.files import parse_json
from vidseg.types import ClassMap, default_ignore
from vidseg.viz.palette import generate_palette

_FASTEST = 1_000_000  # frames per second; no camera does more

CLASSES_FILE = "classes.json"


# Of a root: its own list, else the one that came with its masks (see `vidseg masks`).
CLASS_PLACES = (CLASSES_FILE, f"masks/{CLASSES_FILE}", f"data/{CLASSES_FILE}")


def find_class_file(tree: Tree) -> str | None:
    """The path of a data set's class list below its root; None if it has none."""
    return next((place for place in CLASS_PLACES if tree.has_file(place)), None)


@dataclass(frozen=True, kw_only=True)
class ClassFile:
    """What a ``classes.json`` says.

    Attributes:
        class_map: of the "classes", "palette" and "ignore" in it; the latter two have defaults.
        frame_rate: its "fps": frame numbers a second; None if it has none.
    """

    class_map: ClassMap
    frame_rate: float | None = None


def read_class_file(tree: Tree, place: str = CLASSES_FILE) -> ClassFile:
    """Reads a ``classes.json``: {"classes": [names], "palette"?: [[r, g, b]], "ignore"?: int, "fps"?: number}.

    Args:
        tree: the data set.
        place: path of the file below the root.

    Raises:
        DataError: if it is missing or says something else.
    """
    expected = 'expected {"classes": [names], "palette"?: [[r, g, b], …], "ignore"?: 255, "fps"?: number}'
    path = tree.address(place)
    try:
        value = parse_json(tree.read(path).decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"got no readable class list {path} ({error}); {expected}") from error
    if not isinstance(value, dict) or not isinstance(value.get("classes"), list):
        raise DataError(f"got a class list without classes: {path}; {expected}")
    twice = [str(name) for name, times in Counter(map(str, value["classes"])).items() if times > 1]
    if twice:
        raise DataError(f"got class '{twice[0]}' more than once in {path}; expected every name once; rename one")
    rate = value.get("fps")
    if rate is not None and not (type(rate) in (int, float) and 0 < rate <= _FASTEST):
        raise DataError(
            f"got fps {rate!r} in {path}; expected a number of frames per second above 0, at most {_FASTEST}"
        )
    try:
        return ClassFile(class_map=_class_map(value), frame_rate=rate)
    except InputError as error:
        raise DataError(f"{error}; in {path}") from error


def vspw_classes() -> ClassMap:
    """The 124 classes of VSPW, in the order of their ids."""
    text = resources.files("vidseg").joinpath("assets", "vspw_classes.json").read_text(encoding="utf-8")
    return _class_map(json.loads(text))


def _class_map(value: dict[str, Any]) -> ClassMap:
    count = len(value["classes"])
    defaults = {"palette": generate_palette(count), "ignore": default_ignore(count)}
    return ClassMap.from_dict({**defaults, **value})
