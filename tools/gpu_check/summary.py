"""All steps' figures in one JSON, which targets they meet, and the tables of docs/gpu.md that are made of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_check import record
from gpu_check.plan import STEPS

Summary = Mapping[str, Any]
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a figure should be at least, on an H100.

    Attributes:
        what: in words.
        least: the target.
        measured: of all steps' records; None where it was not measured.
    """

    what: str
    least: float
    measured: Callable[[Summary], float | None]


def summarise(folder: Path, *, dry: bool) -> dict[str, Any]:
    """What the steps wrote to a folder, and the targets. A dry run meets none and misses none.

    Args:
        folder: of the records.
        dry: of which runs; records of the others are left out.
    """
    records = {name: record.read(folder, name) for name in STEPS}
    steps = {name: found for name, found in records.items() if found and found.get("dry", dry) == dry}
    machine = next((step["environment"] for step in steps.values() if "environment" in step), None)
    rows = []
    for target in TARGETS:
        measured = None if dry else target.measured(steps)
        rows.append(
            {
                "what": target.what,
                "least": target.least,
                "measured": measured,
                "met": None if measured is None else measured >= target.least,
            }
        )
    return {
        "schema": SCHEMA,
        "dry": dry,
        "environment": machine,
        "targets": rows,
        "problems": {name: step["problem"] for name, step in steps.items() if step.get("problem")},
        "steps": steps,
    }


def table(summary: Summary) -> list[str]:
    """The targets."""
    rows = [
        (
            row["what"],
            f"{row['least']:g}",
            _number(row["measured"]),
            {True: "yes", False: "**no**"}.get(row["met"], "–"),
        )
        for row in summary["targets"]
    ]
    return _markdown(("on an H100", "target", "measured", "met"), rows)


def tables(records: Mapping[str, Summary]) -> dict[str, list[str]]:
    """The tables of the page, by the names in their marks; of runs on a GPU, by name.

    A table of no run says that there is none.
    """
    real = {name: summary for name, summary in records.items() if not summary["dry"]}
    made = {"gpu targets": table, "gpu rates": _rates, "gpu agreement": _agreement, "gpu training": _training}
    if not real:
        return {f"table: {name}": ["Not run on a GPU yet."] for name in made}
    return {
        f"table: {name}": [
            line for title, summary in real.items() for line in (_machine(title, summary), "", *make(summary), "")
        ][:-1]
        for name, make in made.items()
    }


def _machine(title: str, summary: Summary) -> str:
    found = summary["environment"] or {}
    versions = ", ".join(f"{name} {number}" for name, number in found.get("versions", {}).items() if number)
    return f"`{title}`: {found.get('card')}, driver {found.get('driver')}; {versions}; {found.get('date', '')[:10]}."


def _rates(summary: Summary) -> list[str]:
    rows = [
        (
            f"{row['system']} {row['backbone']}",
            row["size"],
            row["arithmetic"],
            row["runtime"],
            f"{row['frames_per_second']:.1f}",
            f"{1000 * row['seconds']['median']:.2f}",
            f"{1000 * row['seconds']['p95']:.2f}",
            _number(row["peak_mebibytes"], 0),
            f"{row['compile_seconds']:.1f}",
        )
        for row in _rows(summary, "bench")
    ]
    head = (
        "tensors to labels",
        "size",
        "arithmetic",
        "runtime",
        "frames/s",
        "median, ms",
        "p95, ms",
        "MiB",
        "ready, s",
    )
    video = _step(summary, "video")
    lines = _markdown(head, rows)
    for row in video.get("to_labels", []):
        lines += [
            "",
            f"From an mp4 to labels, {video['size']}, `{row['runtime']}`, decoded by {video['decoder']}: "
            f"{row['frames_per_second']:.1f} frames/s; decoding alone {video['decoding']['frames_per_second']:.1f}.",
        ]
    return lines


def _agreement(summary: Summary) -> list[str]:
    rows = [
        (
            row["model"],
            row["runtime"],
            f"{100 * row['labels_equal']:.3f}",
            f"{row['logits_largest_difference']:.2g}",
            f"{row['logits_mean_difference']:.2g}",
            f"{row['logits_spread']:.2g}",
        )
        for row in _rows(summary, "agreement")
    ]
    head = ("against the CPU", "runtime", "labels equal, %", "logits: largest difference", "mean", "their spread")
    return _markdown(head, rows)


def _training(summary: Summary) -> list[str]:
    rows = [
        (
            row["loop"],
            row["arithmetic"],
            str(row["batch_size"]),
            row["batches"],
            f"{row['clips_per_second']:.1f}",
            f"{100 * row['data_wait']:.0f}",
            _number(row["peak_mebibytes"], 0),
        )
        for row in _rows(summary, "training")
    ]
    return _markdown(("loop", "arithmetic", "clips a batch", "batches", "clips/s", "waiting, %", "MiB"), rows)


def _best_rate(**wanted: str) -> Callable[[Summary], float | None]:
    def measured(steps: Summary) -> float | None:
        rows = steps.get("bench", {}).get("rows", [])
        fitting = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
        return max((row["frames_per_second"] for row in fitting), default=None)

    return measured


def _share_of_segformer(steps: Summary) -> float | None:
    """Of the better rates of each; different runtimes suit different networks."""
    rates = [_best_rate(system=system, **_HEAD)(steps) for system in ("cffm", "segformer")]
    return None if None in rates else rates[0] / rates[1]  # type: ignore[operator]  # none of them is None


def _from_file(steps: Summary) -> float | None:
    rows = steps.get("video", {}).get("to_labels", [])
    return max((row["frames_per_second"] for row in rows), default=None)


def _training_gain(steps: Summary) -> float | None:
    """Of the largest batch that both trained with, batches being ready: how a loader keeps up depends on the data."""
    rows = [row for row in steps.get("training", {}).get("rows", []) if row["batches"] == "ready"]
    for size in sorted({row["batch_size"] for row in rows}, reverse=True):
        rates = [(row["loop"], row["clips_per_second"]) for row in rows if row["batch_size"] == size]
        naive = [rate for loop, rate in rates if loop == "naive"]
        ours = [rate for loop, rate in rates if loop != "naive"]
        if naive and ours:
            return max(ours) / max(naive)
    return None


_HEAD = {"backbone": "b0", "size": "480x853", "arithmetic": "bf16"}
TARGETS = (
    Target(
        what="CFFM-B0, 480x853, bf16, tensors to labels, frames/s",
        least=600,
        measured=_best_rate(system="cffm", **_HEAD),
    ),
    Target(what="the same from an mp4, frames/s", least=250, measured=_from_file),
    Target(
        what="CFFM-B5, 480x853, bf16, tensors to labels, frames/s",
        least=60,
        measured=_best_rate(system="cffm", **(_HEAD | {"backbone": "b5"})),
    ),
    Target(what="CFFM-B0's rate by its own SegFormer's, 480x853, bf16", least=0.75, measured=_share_of_segformer),
    Target(what="training by the naive loop, CFFM-B0, clips/s", least=4, measured=_training_gain),
)


def _step(summary: Summary, name: str) -> Mapping[str, Any]:
    return summary["steps"].get(name, {})


def _rows(summary: Summary, step: str) -> Iterable[Mapping[str, Any]]:
    return _step(summary, step).get("rows", [])


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rows = list(rows)
    if not rows:
        return [f"{head[0][0].upper()}{head[0][1:]}: not measured."]
    return [
        f"| {' | '.join(head)} |",
        f"| {' | '.join(['---'] * len(head))} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
