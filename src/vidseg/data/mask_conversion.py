"""From the masks of annotation tools to class ids: what becomes of each colour or value, decided before any is written.

A colour or value that the table does not have is unknown. It stays so, and nothing is written, unless it was said what
becomes of such: the nearest known one within a distance, no label, or a class.

Shape letters: U unknown codes, K known codes, C parts of a colour (1 of a value).
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidseg.data.class_files import CLASSES_FILE
from vidseg.data.mask_keys import Key, KeyKind, rgb
from vidseg.data.mask_pixels import map_codes
from vidseg.data.mask_sources import GREY, OVERLAPPING, UNCLAIMED, MaskFrame, MaskSource
from vidseg.data.mask_survey import MaskSurvey, Occurrence, Progress, in_threads
from vidseg.data.mask_tables import VOID, MaskTable
from vidseg.errors import DataError, InputError
from vidseg.files import atomic_folder, write_json
from vidseg.types import ClassMap
from vidseg.video import write_labels
from vidseg.viz.palette import generate_palette

# Distances are computed for so many unknown codes at a time.
_CHUNK = 4096


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A colour or value that the table does not have.

    Attributes:
        code: what it is.
        label: in words.
        occurrence: where and how often.
        nearest: the nearest known one; None where there is no such thing as a distance.
        distance: to it: Euclidean in red, green and blue of 0–255, or between values.
        becomes: its class id, `VOID` for no label; None while nobody said.
    """

    code: int
    label: str
    occurrence: Occurrence
    nearest: int | None
    distance: float | None
    becomes: int | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of every pixel.

    Attributes:
        class_map: of the masks to be written.
        survey: what was found.
        labels: the class id or the ignore value by code, of all that occur and are settled.
        unknown: what the table does not have, by falling number of pixels.
        words: the known colours or values by code, with their classes, in words.
    """

    class_map: ClassMap
    survey: MaskSurvey
    labels: Mapping[int, int]
    unknown: tuple[Unknown, ...]
    words: Mapping[int, str]

    @property
    def unsettled(self) -> tuple[Unknown, ...]:
        """The unknown ones of which nobody said what they become."""
        return tuple(unknown for unknown in self.unknown if unknown.becomes is None)

    def pixels_by_label(self) -> Counter[int]:
        """Pixels of every class id, and of the ignore value."""
        pixels: Counter[int] = Counter()
        for code, label in self.labels.items():
            pixels[label] += self.survey.codes[code].pixels
        return pixels

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able report."""
        pixels, survey = self.pixels_by_label(), self.survey
        return {
            "masks": len(survey.frames),
            "pixels": survey.pixels,
            "classes": [
                {"id": index, "name": name, "pixels": pixels[index]} for index, name in enumerate(self.class_map.names)
            ],
            "ignore": self.class_map.ignore,
            "ignored_pixels": pixels[self.class_map.ignore],
            "unknown": [self._unknown_dict(unknown) for unknown in self.unknown],
            "transparent_pixels": survey.notes["transparent"],
            "snapped_pixels": survey.notes["snapped"],
            "failed": [{"mask": frame.files[0], "reason": reason} for frame, reason in survey.failures],
        }

    def _unknown_dict(self, unknown: Unknown) -> dict[str, Any]:
        names: dict[int | None, str | None] = {None: None, VOID: "ignore", **dict(enumerate(self.class_map.names))}
        return {
            "found": unknown.label,
            "pixels": unknown.occurrence.pixels,
            "masks": unknown.occurrence.frames,
            "example": unknown.occurrence.example,
            "nearest": None if unknown.nearest is None else self.words[unknown.nearest],
            "distance": unknown.distance,
            "becomes": names[unknown.becomes],
        }


def plan_conversion(
    source: MaskSource, survey: MaskSurvey, table: MaskTable, *, nearest: float = 0, unknown: str | None = None
) -> Plan:
    """Decides what becomes of everything that occurs.

    Args:
        source: what was surveyed.
        survey: what was found.
        table: the known colours or values.
        nearest: unknown ones within this distance count as the nearest known one.
        unknown: what all others become: "ignore", or a class, which is added if the table does not have it; None to
            leave them unsettled.

    Raises:
        InputError: if no class is left.
    """
    names = table.names
    if unknown not in (None, "ignore", *names):
        names = (*names, str(unknown))
        table = _with_class(table, names)
    class_map = table.class_map()
    ids: dict[str | None, int | None] = {None: None, "ignore": VOID, **{name: i for i, name in enumerate(names)}}
    others = ids[unknown]
    missing = [code for code in survey.codes if code not in table.classes]
    # Between one-hot classes there are no distances.
    neighbours = _nearest(missing, list(table.classes), table.kind) if source.one_hot is None else {}
    found = []
    for code in missing:
        neighbour, distance = neighbours.get(code, (None, None))
        becomes = others
        if neighbour is not None and distance is not None and distance <= nearest:
            becomes = table.classes[neighbour]
        if source.one_hot is not None and code != UNCLAIMED:
            becomes = VOID if code == OVERLAPPING and source.overlap == "ignore" else None
        found.append(
            Unknown(
                code=code,
                label=_words(code, source),
                occurrence=survey.codes[code],
                nearest=neighbour,
                distance=distance,
                becomes=becomes,
            )
        )
    labels = {code: table.classes[code] for code in survey.codes if code in table.classes}
    labels |= {one.code: one.becomes for one in found if one.becomes is not None}
    return Plan(
        class_map=class_map,
        survey=survey,
        labels={code: class_map.ignore if label == VOID else label for code, label in labels.items()},
        unknown=tuple(sorted(found, key=lambda one: (-one.occurrence.pixels, one.code))),
        words={
            code: f"{_words(code, source)} ({'no label' if index == VOID else names[index]})"
            for code, index in table.classes.items()
        },
    )


def write_masks(source: MaskSource, plan: Plan, out: Path, progress: Progress | None = None) -> None:
    """Writes the masks and their ``classes.json``, all or nothing.

    Args:
        source: what the plan is of.
        plan: with nothing unsettled.
        out: a folder that is empty or does not exist.
        progress: called with (masks done, masks in all).

    Raises:
        DataError: if something is unsettled, nothing can be read, or a file has changed since.
        InputError: if the folder is there already.
    """
    if plan.unsettled or not plan.survey.frames:
        raise DataError(f"got {len(plan.unsettled)} unknown colours or values, or no mask; expected all settled")
    require_new(out)

    def write(frame: MaskFrame) -> None:
        target = folder / f"{frame.name}.png"
        try:
            labels_HW = map_codes(source.read(frame).codes, dict(plan.labels))
        except KeyError as error:
            raise DataError(f"got mask {frame.files[0]}, which has changed meanwhile; expected it as it was") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        write_labels(target, labels_HW, plan.class_map)

    frames = plan.survey.frames
    with atomic_folder(out) as folder:
        with closing(in_threads(write, frames)) as written:
            for done, _ in enumerate(written, 1):
                if progress is not None:
                    progress(done, len(frames))
        write_json(folder / CLASSES_FILE, plan.class_map.to_dict())


def require_new(out: Path) -> None:
    """Refuses to overwrite.

    Raises:
        InputError: if the path is a file, or a folder with something in it.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise InputError(f"got {out}, which is there already; expected a new folder; remove it or give another")


def _with_class(table: MaskTable, names: tuple[str, ...]) -> MaskTable:
    colours = table.class_map().palette if table.names else ()
    return replace(table, names=names, palette=(*colours, generate_palette(len(names))[-1]))


def _nearest(unknown: list[int], known: list[int], kind: KeyKind) -> dict[int, tuple[int, float]]:
    """The nearest known code of each unknown one, and how far it is; of equally near ones the first in the table."""
    if not known:
        return {}
    known_KC = _parts(known, kind)
    found: dict[int, tuple[int, float]] = {}
    for start in range(0, len(unknown), _CHUNK):
        chunk = unknown[start : start + _CHUNK]
        squared_UK = ((_parts(chunk, kind)[:, None] - known_KC[None]) ** 2).sum(axis=-1)
        best_U = squared_UK.argmin(axis=1)
        distances_U = np.sqrt(squared_UK[np.arange(len(chunk)), best_U])
        found |= {
            code: (known[best], round(float(distance), 3))
            for code, best, distance in zip(chunk, best_U.tolist(), distances_U.tolist(), strict=True)
        }
    return found


def _parts(codes: list[int], kind: KeyKind) -> NDArray[np.int64]:
    return np.array([rgb(code) if kind == "colour" else (code,) for code in codes], dtype=np.int64)


def _words(code: int, source: MaskSource) -> str:
    if source.one_hot is not None:
        if code >= GREY:
            return f"grey {code - GREY}"
        return {UNCLAIMED: "in no class", OVERLAPPING: "in several classes"}.get(code, "its masks")
    return str(Key(source.kind, code))
