"""Files in which tools say which colour or value is which class.

Read are, told apart by what stands in them:

- ``labelmap.txt`` of CVAT and Datumaro: ``name:r,g,b:parts:actions``;
- ``label_colors.txt`` as CamVid's: ``r g b name``;
- CSV: ``name,r,g,b`` (``class_dict.csv``), or ``value,name`` (``_classes.csv`` of Roboflow);
- JSON: {name: colour or value, or a list of several colours}; a list, or {"classes": list}, of objects with a name or
  title and a color (CVAT's labels, Supervisely's ``meta.json``); our own ``classes.json`` with its palette.

Class ids follow the order in the file.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidseg.data.mask_keys import Key, colour, parse_key
from vidseg.data.mask_tables import MaskTable, build_table, known_table
from vidseg.errors import DataError, InputError
from vidseg.viz.palette import Colour

_LINES = (
    re.compile(r"(?P<name>.+?)\s*:\s*(?P<r>\d+)\s*,\s*(?P<g>\d+)\s*,\s*(?P<b>\d+)\s*(?::.*)?"),
    re.compile(r"(?P<r>\d+)\s+(?P<g>\d+)\s+(?P<b>\d+)\s+(?P<name>.+)"),
    re.compile(r"(?P<name>[^,]+?)\s*,\s*(?P<r>\d+)\s*,\s*(?P<g>\d+)\s*,\s*(?P<b>\d+)"),
    re.compile(r"(?P<value>\d+)\s*,\s*(?P<name>.+)"),
)
_EXPECTED = "expected name:r,g,b:: (labelmap.txt), r g b name, name,r,g,b or value,name in every line"
# LabelMe's name for what gets no label; its list of labels begins with it.
_IGNORED_LABEL = "__ignore__"


@dataclass(frozen=True, kw_only=True)
class ClassNames:
    """Names of classes by id.

    Attributes:
        names: one a class.
        palette: their colours, where the file has some.
    """

    names: tuple[str, ...]
    palette: tuple[Colour, ...] | None = None


def read_table(given: str | Path) -> MaskTable:
    """Reads a table.

    Args:
        given: a file, or the name of a published table: "voc", "cityscapes".

    Raises:
        DataError: if the file is missing or says something else.
    """
    if (known := known_table(str(given))) is not None:
        return known
    path = Path(given)
    text = _text(path, "a file such as labelmap.txt or a JSON of name and colour, or voc or cityscapes")
    try:
        entries = list(_json_entries(_json(text)) if text.lstrip()[:1] in ("{", "[") else _line_entries(text))
        if not entries:
            raise InputError(f"got a table without classes; {_EXPECTED}, or a JSON")
        return build_table(entries)
    except ValueError as error:
        raise DataError(f"{error}; in the table {path}") from error


def read_names(given: str | Path) -> ClassNames:
    """Reads names of classes: "a,b,c", a text file of one a line, or a JSON list or ``classes.json``.

    Raises:
        DataError: if the file is missing or says something else.
    """
    path = Path(given)
    if path.suffix.lower() not in (".json", ".txt", ".names"):
        return ClassNames(names=_distinct([name.strip() for name in str(given).split(",")], str(given)))
    text = _text(path, "a text file of one name a line, a JSON list, or names with commas between")
    if path.suffix.lower() != ".json":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return ClassNames(names=_distinct(lines[lines[:1] == [_IGNORED_LABEL] :], str(path)))
    try:
        value = _json(text)
        listed = value.get("classes") if isinstance(value, dict) else value
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise InputError('got no list of names; expected ["a", "b"] or {"classes": ["a", "b"]}')
        colours = value.get("palette") if isinstance(value, dict) else None
        palette = None if colours is None else tuple(tuple(parts) for parts in colours)
        if palette is not None and len(palette) != len(listed):
            raise InputError(f"got {len(palette)} colours for {len(listed)} classes; expected one a class")
        for parts in palette or ():
            colour(*parts)
    except (TypeError, ValueError) as error:
        raise DataError(f"{error}; in the names {path}") from error
    return ClassNames(names=_distinct(listed, str(path)), palette=palette)


def parse_class(text: str) -> tuple[str, Key]:
    """Reads NAME=COLOUR or NAME=VALUE.

    Raises:
        InputError: if it is something else.
    """
    name, equals, key = text.rpartition("=")
    if not equals or not name.strip():
        raise InputError(f"got class {text!r}; expected NAME=COLOUR or NAME=VALUE, such as car=#0000ff or car=7")
    return name.strip(), parse_key(key)


def _text(path: Path, expected: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise DataError(f"got no readable {path} ({reason}); expected {expected}") from error


def _line_entries(text: str) -> Iterator[tuple[str, Key]]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    for place, (number, line) in enumerate(lines):
        match = next((match for form in _LINES if (match := form.fullmatch(line))), None)
        if match is None:
            # A CSV may have a line of headings.
            if place == 0 and "," in line and len(lines) > 1 and not any(part.isdigit() for part in line):
                continue
            raise InputError(f"got line {number} {line!r}; {_EXPECTED}")
        parts = match.groupdict()
        if "value" in parts:
            yield parts["name"].strip(), parse_key(int(parts["value"]))
        else:
            yield parts["name"].strip(), colour(int(parts["r"]), int(parts["g"]), int(parts["b"]))


def _json(text: str) -> Any:
    def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        if twice:
            raise InputError(f"got {twice[0]!r} twice; expected every name once; give several colours as a list")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise InputError("got a JSON too deep to be a table; expected {name: colour}") from None


def _json_entries(value: Any) -> Iterator[tuple[str, Key]]:
    if isinstance(value, dict) and isinstance(value.get("classes"), list):
        names, colours = value["classes"], value.get("palette")
        if all(isinstance(name, str) for name in names):
            if not isinstance(colours, list) or len(colours) != len(names):
                raise InputError("got classes without as many colours in palette; expected one a class")
            value = [{"name": name, "color": parts} for name, parts in zip(names, colours, strict=True)]
        else:
            value = names
    if isinstance(value, dict):
        for name, given in value.items():
            for one in given if isinstance(given, list) and not _is_numbers(given) else [given]:
                yield name, parse_key(one)
        return
    for entry in value if isinstance(value, list) else [value]:
        name = entry.get("name", entry.get("title")) if isinstance(entry, dict) else None
        given = entry.get("color", entry.get("colour")) if isinstance(entry, dict) else None
        if not isinstance(name, str) or given is None:
            raise InputError(f'got {entry!r}; expected {{"name": …, "color": "#rrggbb"}}, or one JSON of name: colour')
        yield name, parse_key(given)


def _is_numbers(given: list[Any]) -> bool:
    return bool(given) and all(isinstance(part, int | float) for part in given)


def _distinct(names: list[str], place: str) -> tuple[str, ...]:
    if not names or not all(names) or len(set(names)) < len(names):
        raise DataError(f"got class names {place}; expected at least one, none empty and none twice")
    return tuple(names)
