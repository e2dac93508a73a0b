"""The moments of a video at which it pays to look: where a model fails, flickers, or differs from another."""

from collections.abc import Sequence
from dataclasses import dataclass

from vidseg.report.samples import Series

# Frames next to a moment that is named already show the same thing.
_APART = 4


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One frame and what happens there.

    Attributes:
        frame: its position in the series.
        text: a few words with the value.
    """

    frame: int
    text: str


def worst_moments(
    ious: Sequence[Series], consistencies: Sequence[Series], temporal: Sequence[Series], names: Sequence[str]
) -> list[Moment]:
    """A few moments in order of time: of every kind the worst, then of every kind the next.

    A moment is worse than the mean of its kind, so a video where nothing happens has none.

    Args:
        ious: one series a model, 0–1, a value a frame.
        consistencies: the same with consistency.
        temporal: the same with temporal consistency, the share of labels that moved along.
        names: of the models.
    """
    kinds: list[list[tuple[float, Moment]]] = []
    if len(names) > 1:
        kinds.append(_worse_than_mean([_difference(values, names) for values in zip(*ious, strict=True)]))
    for name, series in zip(names, ious, strict=True):
        kinds.append(_worse_than_mean([None if v is None else (v, f"{name}: mIoU {v:.2f}") for v in series]))
    for name, series in zip(names, consistencies, strict=True):
        kinds.append(_worse_than_mean([None if v is None else (v, f"{name}: consistency {v:.2f}") for v in series]))
    for name, series in zip(names, temporal, strict=True):
        kinds.append(_worse_than_mean([None if v is None else (v, f"{name}: TC {v:.2f}") for v in series]))
    limit = max(6, len(kinds))
    chosen: list[Moment] = []
    for rank in range(limit):
        for kind in kinds:
            if rank < len(kind) and len(chosen) < limit:
                moment = kind[rank][1]
                if all(abs(moment.frame - other.frame) >= _APART for other in chosen):
                    chosen.append(moment)
    return sorted(chosen, key=lambda moment: moment.frame)


def _difference(values: Series, names: Sequence[str]) -> tuple[float, str] | None:
    """Of the models' values at one frame: how far apart they are, as a score that is low where that is far."""
    known = [(value, name) for value, name in zip(values, names, strict=True) if value is not None]
    if len(known) < 2:
        return None
    (low, worse), (high, better) = min(known), max(known)
    return low - high, f"mIoU {low:.2f} of {worse}, {high:.2f} of {better}"


def _worse_than_mean(scored: Sequence[tuple[float, str] | None]) -> list[tuple[float, Moment]]:
    """The moments below the mean, the lowest first."""
    known = [(entry[0], Moment(frame=frame, text=entry[1])) for frame, entry in enumerate(scored) if entry is not None]
    if not known:
        return []
    mean = sum(value for value, _ in known) / len(known)
    # A hair below, so that rounding makes no moments of a constant series.
    return sorted((entry for entry in known if entry[0] < mean - 1e-6), key=lambda entry: entry[0])
