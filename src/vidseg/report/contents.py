"""All that a report's page says, as values that JSON has; the page's scripts lay it out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vidseg.report.clips import no_class
from vidseg.report.moments import worst_moments
from vidseg.report.packing import PackedClip
from vidseg.report.results import Entry
from vidseg.report.samples import Choice
from vidseg.types import ClassMap
from vidseg.viz import generate_palette
from vidseg.viz.heat import heat

_HEAT_LEVELS = 256
_HOW = (
    *("command", "date", "versions", "model", "predictions", "engine", "temporal_consistency", "processes"),
    "seconds",
)


def contents(
    entries: Sequence[Entry],
    classes: ClassMap,
    choice: Choice,
    packed: Sequence[PackedClip],
    rates: Mapping[str, float | None],
    made: Mapping[str, str | None],
) -> dict[str, Any]:
    """What the page shows.

    Args:
        entries: the models.
        classes: of the data set.
        choice: the videos that are shown.
        packed: their clips, in that order.
        rates: of every video, frames a second.
        made: of the report itself: version of vidseg, command, date, how frames are kept.
    """
    first = entries[0].result
    return {
        "title": " and ".join(entry.name for entry in entries) + f" on {first['data']['name']}",
        "data": {key: value for key, value in first["data"].items() if key != "classes"},
        "windows": list(first["windows"]),
        "flows": _flows(entries),
        "classes": {
            "names": list(classes.names),
            "palette": [list(colour) for colour in classes.palette],
            "safe_palette": [list(c) for c in generate_palette(classes.num_classes, colour_blind_safe=True)],
            "none": no_class(classes.num_classes),
        },
        "heat": heat(np.linspace(0, 1, _HEAT_LEVELS)).tolist(),
        "models": [_model(entry) for entry in entries],
        "videos": _videos(entries),
        "samples": {
            "why": choice.why,
            "clips": [_clip(one, entries, rates[one.clip.name]) for one in packed],
        },
        "made": dict(made),
    }


def _model(entry: Entry) -> dict[str, Any]:
    result = entry.result
    return {
        "name": entry.name,
        "protocols": result["protocols"],
        "per_class": [{protocol: row[protocol] for protocol in result["protocols"]} for row in result["per_class"]],
        # Most classes are never taken for most others.
        "confusion": {protocol: _sparse(counts) for protocol, counts in result["confusion"].items()},
        "how": {key: result[key] for key in _HOW if result.get(key) is not None},
    }


def _flows(entries: Sequence[Entry]) -> list[str]:
    """By which flows TC was taken; none if it was not."""
    found = (entry.result.get("temporal_consistency", {}).get("flow") for entry in entries)
    return sorted({flow for flow in found if flow is not None})


def _sparse(counts_KK: Sequence[Sequence[int]]) -> list[list[int]]:
    """[true class, predicted class, pixels] wherever there are any."""
    matrix_KK = np.array(counts_KK, dtype=np.int64)
    rows, columns = matrix_KK.nonzero()
    return [list(map(int, cell)) for cell in zip(rows, columns, matrix_KK[rows, columns], strict=True)]


def _videos(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    by_name = [{row["name"]: row for row in entry.result["per_video"]} for entry in entries]
    return [
        {
            "name": row["name"],
            "frames": row["frames"],
            "models": [
                {key: value for key, value in rows[row["name"]].items() if key not in ("name", "frames")}
                for rows in by_name
            ],
        }
        for row in entries[0].result["per_video"]
    ]


def _clip(packed: PackedClip, entries: Sequence[Entry], rate: float | None) -> dict[str, Any]:
    clip = packed.clip
    _, height, width = clip.target_Thw.shape
    shown = slice(clip.start, clip.start + len(clip.frame_names))
    series = [entry.result["per_frame"][clip.name] for entry in entries]
    # Results of earlier versions, or made without a flow, have no TC.
    unknown = [None] * clip.total
    ious, consistencies, temporal = (
        [_rounded(one.get(key, unknown)[shown]) for one in series] for key in ("mIoU", "VC2", "TC")
    )
    moments = worst_moments(ious, consistencies, temporal, [entry.name for entry in entries])
    return {
        "name": clip.name,
        "start": clip.start,
        "total": clip.total,
        "rate": rate,
        "height": height,
        "width": width,
        "frames": list(clip.frame_names),
        "iou": ious,
        "consistency": consistencies,
        "temporal": temporal,
        "moments": [{"frame": moment.frame, "text": moment.text} for moment in moments],
        "parts": packed.parts,
    }


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 5) for value in values]
