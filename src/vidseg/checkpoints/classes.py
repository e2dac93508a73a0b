"""Class names for weights that bring none."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from vidseg.checkpoints.folder import parse_json
from vidseg.errors import CheckpointError, InputError
from vidseg.types import ClassMap, default_ignore
from vidseg.viz.palette import generate_palette


def named_classes(names: Sequence[str]) -> ClassMap:
    """A class map of these names, with generated colours and the usual ignore value."""
    count = len(names)
    return ClassMap(names=tuple(names), palette=generate_palette(count), ignore=default_ignore(count))


def generic_classes(num_classes: int) -> ClassMap:
    """A class map of "class 0", "class 1" and so on."""
    return named_classes([f"class {index}" for index in range(num_classes)])


def names_of_ids(labels: Any, path: Path) -> ClassMap:
    """A class map of the ``id2label`` of a configuration of ``transformers``.

    Args:
        labels: names by ids as texts; None for their default of two classes, which their files leave out.
        path: of the file that says so.

    Raises:
        CheckpointError: if there is not one name for every id from 0.
    """
    labels = {"0": "LABEL_0", "1": "LABEL_1"} if labels is None else labels
    try:
        return named_classes([str(labels[str(index)]) for index in range(len(labels))])
    except (KeyError, TypeError, InputError) as error:
        raise CheckpointError(
            f"got 'id2label' {str(labels)[:80]} in {path}; expected a name for every id from 0"
        ) from error


def vspw_classes() -> ClassMap:
    """The 124 classes of VSPW (Miao et al., CVPR 2021), in the order of their ids."""
    path = Path(str(resources.files("vidseg"))) / "assets" / "vspw_classes.json"
    return read_classes(path)


def read_classes(path: Path) -> ClassMap:
    """Reads a list of names, or {"classes": [names], "palette"?: [[r, g, b]], "ignore"?: int, …}.

    Raises:
        CheckpointError: if the file is missing or says something else.
    """
    value = parse_json(path)
    if isinstance(value, list):
        value = {"classes": value}
    names = value.get("classes") if isinstance(value, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise CheckpointError(
            f"got no class names in {path}; expected a list of them, "
            'or {"classes": [names], "palette"?: [[r, g, b]], "ignore"?: 255}'
        )
    try:
        return ClassMap.from_dict({**named_classes(names).to_dict(), **value})
    except InputError as error:
        raise CheckpointError(f"{error}; in {path}") from error
