"""Damaged class files and lists of videos."""

import json
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Any

from fuzzing.case import DONE, Answer, Case, command
from fuzzing.mutations import mutate
from fuzzing.texts import mutate_json

_CLASSES = {
    "classes": ["red", "green", "blue"],
    "palette": [[220, 40, 40], [40, 200, 60], [50, 80, 220]],
    "ignore": 255,
    "fps": 15,
}


def doctor_case(rng: Random, material: Path, folder: Path) -> Case:
    """``vidseg doctor`` with a damaged ``classes.json`` or list of a split."""
    layout = rng.choice(("folder", "camvid"))
    root = folder / "data"
    copytree(material / layout, root)
    path = root / "classes.json"
    if layout == "camvid" and rng.random() < 0.3:
        path = root / "train.txt"
        data, what = mutate(rng, b"a\na\nb\n../b\n\n" * 3)
        path.write_bytes(data)
        return Case(what=f"{what} of a list", call=lambda: command(["doctor", root, "--layout", layout]))
    what = _spoil(rng, path)

    def lie(answer: Answer) -> str | None:
        return class_file_damage(path.read_bytes(), 3) if answer.code == DONE else None

    return Case(what=f"{what} in {layout}", call=lambda: command(["doctor", root, "--layout", layout]), lie=lie)


def convert_case(rng: Random, material: Path, folder: Path) -> Case:
    """``vidseg convert --classes`` with a damaged file."""
    path, outputs = folder / "classes.json", Path("outputs")
    what = _spoil(rng, path)
    words = ["convert", material / "pth" / "segformer.pth", outputs / "model", "--from", "segformer"]

    def lie(answer: Answer) -> str | None:
        return class_file_damage(path.read_bytes(), 3, rated=False) if answer.code == DONE else None

    return Case(what=what, call=lambda: command([*words, "--classes", path], outputs), lie=lie, outputs=outputs)


def _spoil(rng: Random, path: Path) -> str:
    if rng.random() < 0.7:
        data, what = mutate_json(rng, _CLASSES)
    else:
        data, what = mutate(rng, json.dumps(_CLASSES).encode())
    path.write_bytes(data)
    return what


def class_file_damage(data: bytes, count: int, *, rated: bool = True) -> str | None:
    """What is wrong with a class file for masks of `count` classes; None if it is one.

    Args:
        data: of the file.
        count: how many classes there are.
        rated: a frame rate would be made use of.
    """
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({error})"
    names = value.get("classes") if isinstance(value, dict) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        return "its classes are no list of names"
    if len(set(names)) < len(names):
        return "it names a class twice"
    if len(names) < count:
        return f"it names {len(names)} classes of {count}"
    rest: dict[str, Any] = value if isinstance(value, dict) else {}
    palette, ignore, rate = rest.get("palette"), rest.get("ignore", 255), rest.get("fps")
    if palette is not None and not (
        isinstance(palette, list)
        and len(palette) == len(names)
        and all(isinstance(colour, list) and len(colour) == 3 and all(map(_is_byte, colour)) for colour in palette)
    ):
        return "its palette is no list of as many colours"
    if type(ignore) not in (int, float) or ignore not in range(len(names), 65536):
        return f"its ignore value is {ignore!r}"
    if rated and rate is not None and not (type(rate) in (int, float) and 0 < rate <= 1e6):
        return f"its fps is {rate!r}"
    return None


def _is_byte(part: object) -> bool:
    return type(part) in (int, float) and part in range(256)


def _no_constant(name: str) -> float:
    raise ValueError(f"JSON has no {name}")
