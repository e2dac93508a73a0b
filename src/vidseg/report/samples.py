"""Which videos, and which part of each, a report shows: few enough to open fast, and chosen for a stated reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Series = Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The videos to be shown.

    Attributes:
        names: of the videos, in the order in which they are shown.
        why: one sentence for the reader.
    """

    names: tuple[str, ...]
    why: str


def choose_videos(results: Sequence[Mapping[str, Any]], limit: int) -> Choice:
    """Up to `limit` videos: all, those on which several models differ most, or of one model from worst to best.

    Args:
        results: one a model, of the same videos.
        limit: 1 or more.
    """
    names = [row["name"] for row in results[0]["per_video"]]
    scores = [{row["name"]: row["mIoU"] for row in result["per_video"]} for result in results]
    gaps = {name: _gap([score[name] for score in scores]) for name in names}
    ordered = sorted(names, key=lambda name: -gaps[name])
    if len(names) <= limit:
        return Choice(names=tuple(ordered), why=f"All {len(names)} videos that were scored.")
    if len(results) > 1:
        return Choice(
            names=tuple(ordered[:limit]),
            why=f"The {limit} of {len(names)} videos on which the mIoU of the models differs most, largest first.",
        )
    ranked = sorted(names, key=lambda name: (scores[0][name] is None, scores[0][name]))
    places = np.linspace(0, len(ranked) - 1, limit).round().astype(int)
    return Choice(
        names=tuple(ranked[place] for place in places),
        why=f"{limit} of {len(names)} videos, evenly spaced from the lowest mIoU to the highest.",
    )


def choose_stretch(series: Sequence[Series], length: int) -> tuple[int, int]:
    """(start, stop) of up to `length` consecutive frames: those with the lowest mean score.

    Args:
        series: one a model, a value a frame; None counts as the mean of all.
        length: 1 or more.
    """
    total = len(series[0])
    if total <= length:
        return 0, total
    values_MT = np.array([[np.nan if value is None else value for value in one] for one in series])
    if np.isnan(values_MT).all():
        return 0, length
    sums = np.cumsum([0.0, *np.where(np.isnan(values_MT), np.nanmean(values_MT), values_MT).sum(axis=0)])
    start = int((sums[length:] - sums[:-length]).argmin())
    return start, start + length


def _gap(values: Series) -> float:
    defined = [value for value in values if value is not None]
    return max(defined) - min(defined) if defined else 0.0
