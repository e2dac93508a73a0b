"""The kept records, and the sums that the page does with them."""

import csv
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.plan import RUNS, Run
from vidseg.errors import InputError

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Some values' mean and their sample standard deviation, which one value has not."""

    mean: float
    std: float | None
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Of one value or more."""
    std = statistics.stdev(values) if len(values) > 1 else None
    return Spread(mean=statistics.fmean(values), std=std, count=len(values))


@dataclass(frozen=True, kw_only=True)
class Results:
    """What is kept of the runs so far.

    Attributes:
        records: by name of the run, in the order of the plan.
        absent: planned runs without a record.
        curves: rows of every run's progress and validation, by (name, curve).
    """

    records: Mapping[str, Record]
    absent: tuple[Run, ...]
    curves: Mapping[tuple[str, str], Sequence[Mapping[str, float]]]

    def group(self, group: str, recipe: str | None = None) -> list[Record]:
        """The records of a group, of one recipe if it is named."""
        return [
            record
            for record in self.records.values()
            if record["group"] == group and recipe in (None, record["recipe"])
        ]

    def pairs(self) -> list[tuple[Record, Record]]:
        """(baseline, CFFM) of the seeds that both have."""
        baselines = {record["seed"]: record for record in self.group("pairs", "segformer_b0_freedoom")}
        ours = {record["seed"]: record for record in self.group("pairs", "cffm_b0_freedoom")}
        return [(baselines[seed], ours[seed]) for seed in sorted(baselines.keys() & ours.keys())]


def read_results(folder: Path) -> Results:
    """Reads the records of all planned runs.

    Raises:
        InputError: if the folder holds something that is no record of a planned run.
    """
    names = {run.name for run in RUNS}
    if strange := sorted(path.name for path in folder.glob("*.json") if path.stem not in names):
        raise InputError(f"got {', '.join(strange)} in {folder}; expected records of planned runs; move others away")
    records, curves = {}, {}
    for run in RUNS:
        path = folder / f"{run.name}.json"
        if not path.exists():
            continue
        records[run.name] = json.loads(path.read_text(encoding="utf-8"))
        for curve in ("progress", "validation"):
            curves[run.name, curve] = _rows(folder / f"{run.name}-{curve}.csv")
    return Results(records=records, absent=tuple(run for run in RUNS if run.name not in records), curves=curves)


def read_earlier(folder: Path) -> list[Record]:
    """Reads the records of runs that are planned no more, by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def _rows(path: Path) -> list[dict[str, float]]:
    """Of a curve; none where the run has no such curve."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def score(record: Record, scoring: str, protocol: str, name: str) -> float:
    """A score in percent."""
    return 100 * float(record["scores"][scoring]["protocols"][protocol][name])


def class_iou(record: Record, scoring: str, protocol: str) -> dict[str, float | None]:
    """Percent by class; None for a class that the ground truth has not."""
    rows = record["scores"][scoring]["per_class"]
    return {row["name"]: None if row[protocol]["IoU"] is None else 100 * row[protocol]["IoU"] for row in rows}


def foreground_iou(record: Record, scoring: str) -> float:
    """Percent: all classes but the first taken as one, whichever of them was said (protocol `exact`)."""
    confusion = record["scores"][scoring]["confusion"]["exact"]
    hit = sum(sum(row[1:]) for row in confusion[1:])
    missed = sum(row[0] for row in confusion[1:])
    return 100 * hit / (hit + missed + sum(confusion[0][1:]))
