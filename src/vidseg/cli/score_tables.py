"""Scores as tables for the terminal; every number stands under its protocol's name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

_PROTOCOLS = ("vspw", "exact")
_HEADS = {"mIoU": "mIoU", "wIoU": "wIoU", "pixel_accuracy": "pixel acc.", "mean_accuracy": "mean acc."}


def score_tables(result: Mapping[str, Any], *, rows: int) -> Iterator[Table]:
    """The tables of an evaluation: by protocol, by class, by video.

    Args:
        result: what `Evaluation.to_dict` gives.
        rows: the tables of classes and videos show so many at most, those of the lowest scores.
    """
    is_temporal = "flow" in result.get("temporal_consistency", {})
    names = [f"m{kind}{n}" for n in result["windows"] for kind in ("VC", "CC")] + ["mTC"] * is_temporal
    overall = _table("Scores", "protocol", *_HEADS.values(), *names, "videos", "frames")
    for protocol, scores in result["protocols"].items():
        values = (_fraction(scores[name]) for name in (*_HEADS, *names))
        overall.add_row(protocol, *values, str(scores["videos"]), str(scores["frames"]))
    yield overall

    heads = (f"{protocol}: {score}" for protocol in _PROTOCOLS for score in ("IoU", "accuracy"))
    shown, title = _lowest(result["per_class"], "Classes", lambda row: row["exact"]["IoU"], rows)
    classes = _table(title, "id", "class", *heads)
    for row in shown:
        values = (_fraction(row[protocol][score]) for protocol in _PROTOCOLS for score in ("IoU", "accuracy"))
        classes.add_row(str(row["id"]), row["name"], *values)
    yield classes

    consistencies = [f"{kind}{n}" for n in result["windows"] for kind in ("VC", "CC")] + ["TC"] * is_temporal
    shown, title = _lowest(result["per_video"], "Videos", lambda row: row["mIoU"], rows)
    heads = (f"{protocol}: {score}" for protocol in _PROTOCOLS for score in consistencies)
    videos = _table(title, "video", "frames", *_HEADS.values(), *heads)
    for row in shown:
        # A protocol that skips the video has no scores for it.
        consistent = ((row[protocol] or {}).get(score) for protocol in _PROTOCOLS for score in consistencies)
        values = (_fraction(value) for value in (*(row[head] for head in _HEADS), *consistent))
        videos.add_row(row["name"], str(row["frames"]), *values)
    yield videos


def _table(title: str, *heads: str) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for position, head in enumerate(heads):
        table.add_column(head, justify="left" if position == 0 or head == "class" else "right", no_wrap=True)
    return table


def _lowest(entries: Sequence[Any], title: str, score: Any, limit: int) -> tuple[Sequence[Any], str]:
    if len(entries) <= limit:
        return entries, title
    defined = [entry for entry in entries if score(entry) is not None]
    return sorted(defined, key=score)[:limit], f"{title}: the lowest {limit} of {len(entries)}"


def _fraction(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
