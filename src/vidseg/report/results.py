"""The results that a report shows beside each other: what `vidseg evaluate --json` wrote, of one data set."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidseg.data import VideoDataset
from vidseg.errors import DataError, InputError
from vidseg.evaluate import LabelMaps
from vidseg.files import read_json

# All that a report reads of a result, but for what only tells how it was made.
_FIELDS = ("data", "windows", "protocols", "per_class", "per_video", "confusion", "per_frame")
_AGAIN = "evaluate it with this version of vidseg: vidseg evaluate … --json F"


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One model, or one folder of masks, in a report.

    Attributes:
        name: what it is called there, unique in the report.
        result: what `Evaluation.to_dict` gives, with or without the command.
        maps: gives the label maps that were scored.
    """

    name: str
    result: Mapping[str, Any]
    maps: LabelMaps


def read_result(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `vidseg evaluate --json` wrote.

    Raises:
        InputError: if the file is missing, no JSON, or holds something else.
    """
    try:
        result = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"got no readable result {os.fspath(path)} ({error}); expected what vidseg evaluate --json wrote"
        ) from error
    if not isinstance(result, dict):
        raise InputError(f"got {os.fspath(path)}, which is no result; expected what vidseg evaluate --json wrote")
    if absent := [field for field in _FIELDS if field not in result]:
        raise InputError(f"got {os.fspath(path)} without {', '.join(absent)}; expected a complete result; {_AGAIN}")
    return result


def short_names(results: Sequence[Mapping[str, Any]], fallbacks: Sequence[str]) -> list[str]:
    """A name for each result: of the model or the folder of masks; where two share it, the fallback.

    Args:
        results: what was scored.
        fallbacks: one a result, e.g. the names of the files that they come from.
    """
    names = []
    for result, fallback in zip(results, fallbacks, strict=True):
        given = result["predictions"] if "predictions" in result else result.get("model", {}).get("name")
        names.append(Path(given).name if given else fallback)
    named = [fallback if names.count(name) > 1 else name for name, fallback in zip(names, fallbacks, strict=True)]
    return [f"{name} #{index + 1}" if named.count(name) > 1 else name for index, name in enumerate(named)]


def require_comparable(entries: Sequence[Entry], dataset: VideoDataset) -> None:
    """Checks that all results are of one data set, and that it still is what they were made on.

    Raises:
        InputError: for no entry, two of one name, or results of different data.
        DataError: if the data set has not the videos, frames or classes that were scored.
    """
    if not entries:
        raise InputError("got no result; expected one or more")
    if len({entry.name for entry in entries}) < len(entries):
        raise InputError("got two results of one name; expected different names")
    first = entries[0]
    for entry in entries[1:]:
        for what, mine, theirs in _aspects(first.result, entry.result):
            if mine != theirs:
                raise InputError(
                    f"got results of different {what}: {_shortened(mine)} of {first.name}, {_shortened(theirs)} of "
                    f"{entry.name}; expected the same; evaluate both on the same data"
                )
    if first.result["data"]["classes"]["classes"] != list(dataset.class_map.names):
        raise DataError(f"got a data set {dataset.root} with other classes than were scored; {_AGAIN}")
    videos = {video.name: video for video in dataset.videos}
    for name, series in first.result["per_frame"].items():
        frames = len(videos[name].frames) if name in videos else 0
        if frames != len(series["mIoU"]):
            raise DataError(
                f"got {frames} frames of video {name} in {dataset.root}; expected the {len(series['mIoU'])} that were "
                f"scored; {_AGAIN}"
            )


def _shortened(value: Any, limit: int = 60) -> str:
    """A value as text that fits an error of one line."""
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _aspects(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What must be the same of two results: its name, and what each says."""
    return [(what, say(mine), say(theirs)) for what, say in _SAME.items()]


_SAME: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "data sets": lambda result: result["data"]["name"],
    "layouts": lambda result: result["data"]["layout"],
    "splits": lambda result: result["data"]["split"],
    "numbers of classes": lambda result: len(result["data"]["classes"]["classes"]),
    "classes": lambda result: ", ".join(result["data"]["classes"]["classes"]),
    "numbers of videos": lambda result: len(result["per_frame"]),
    "videos": lambda result: ", ".join(sorted(result["per_frame"])),
    "lengths of videos": lambda result: ", ".join(
        str(len(result["per_frame"][name]["mIoU"])) for name in sorted(result["per_frame"])
    ),
    "windows": lambda result: result["windows"],
}
