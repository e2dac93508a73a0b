"""Tables as lines of Markdown: rows × columns, of a scoring and a protocol, over the records.

A cell is percent: the mean over the seeds ± their sample standard deviation; or that of the seeds' own differences,
which is bold where its mean is more than the larger of both models' standard deviations.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.plan import RUNS, SEEDS
from vidseg.bench.page import table
from vidseg.compare.spread import is_beyond, mean_and_spread
from vidseg.errors import InputError

Record = Mapping[str, Any]
Records = Mapping[str, Record]
NOT_RUN, NONE = "not run yet", "–"


@dataclass(frozen=True, kw_only=True)
class Row:
    """Runs that differ in their seed, scored in one way.

    Attributes:
        label: what stands before the scores.
        run: the runs' name, without the seed.
        scoring: its name in the plan.
        minus: the runs whose scores are taken off, seed by seed; None for the scores themselves.
        beside: figures from elsewhere, as text.
    """

    label: str
    run: str
    scoring: str
    minus: str | None = None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """What stands in a table.

    Attributes:
        head: over the labels.
        rows: in order.
        columns: scores; "seeds" is their number. None for the IoU of each class, one a line.
        protocol: "vspw" or "exact".
        beside: over the rows' figures from elsewhere.
        judged: whether differences beyond the spread are bold.
    """

    head: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...] | None
    protocol: str = "vspw"
    beside: tuple[str, ...] = ()
    judged: bool = True


def read_records(folder: Path) -> dict[str, Record]:
    """The records of planned runs by name, in the order of the plan.

    Raises:
        InputError: if the folder holds something that is no record of a planned run.
    """
    names = [run.name for run in RUNS]
    if strange := sorted(path.name for path in folder.glob("*.json") if path.stem not in names):
        raise InputError(f"got {', '.join(strange)} in {folder}; expected records of planned runs; move others away")
    paths = [path for name in names if (path := folder / f"{name}.json").exists()]
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def lines_of(spec: Table, records: Records) -> list[str]:
    """The table in Markdown; what has no record yet is said to be not run, all of it in a line."""
    scored = [scores for row in spec.rows for scores in scores_by_seed(records, row.run, row.scoring).values()]
    if not scored:
        return [f"{spec.head}: {NOT_RUN}.", ""]
    if spec.columns is not None:
        body = [(row.label, *_cells(row, spec.columns, spec, records), *row.beside) for row in spec.rows]
        return table((spec.head, *spec.columns, *spec.beside), body)
    classes = [row["name"] for row in scored[0]["per_class"]]
    cells = [_cells(row, classes, spec, records) for row in spec.rows]
    lines = [(name, *line) for name, *line in zip(classes, *cells, strict=True) if set(line) != {NONE}]
    return table((spec.head, *(row.label for row in spec.rows)), lines)


def runs_table(records: Records, folder: str) -> list[str]:
    """Every planned run with its budget and what it took."""
    body = []
    for name in (run.name for run in RUNS):
        if name not in records:
            body.append((f"`{name}`", NOT_RUN, *[NONE] * 4))
            continue
        record, config = records[name], records[name]["config"]
        rate, factor = config["optimizer"]["learning_rate"], config["optimizer"]["head_factor"]
        budget = (f"{config['schedule']['iterations']:,}", f"{rate:g}, {rate * factor:g}", f"{record['parameters']:,}")
        took = (f"{record['training_seconds'] / 60:.0f}", f"`{record['checkpoints']['last'][:12]}`")
        body.append((f"[{name}]({folder}/{name}.json)", *budget, *took))
    return table(("run", "iterations", "rates of encoder, rest", "parameters", "training, min", "weights"), body)


def scores_by_seed(records: Records, run: str, scoring: str) -> dict[int, Record]:
    """What a scoring gave, of a run or of runs that differ in their seed."""
    found = [records[name] for name in (run, *(f"{run}-s{seed}" for seed in SEEDS)) if name in records]
    return {record["seed"]: record["scores"][scoring] for record in found if scoring in record["scores"]}


def percent(scores: Record, column: str, protocol: str) -> float | None:
    """A score, a class's IoU, or "foreground IoU": all classes but the first taken as one, whichever was said."""
    if column == "foreground IoU":
        confusion = scores["confusion"][protocol]
        hit = sum(sum(row[1:]) for row in confusion[1:])
        return 100 * hit / (hit + sum(row[0] for row in confusion[1:]) + sum(confusion[0][1:]))
    classes = {row["name"]: row[protocol]["IoU"] for row in scores["per_class"]}
    value = classes.get(column, scores["protocols"][protocol].get(column))
    return None if value is None else 100 * value


def _cells(row: Row, columns: Sequence[str], spec: Table, records: Records) -> list[str]:
    cells = [_cell(row, column, spec, records) for column in columns]
    return cells if set(cells) != {NONE} else [NOT_RUN, *cells[1:]]


def _cell(row: Row, column: str, spec: Table, records: Records) -> str:
    ours, base = (
        {
            seed: value
            for seed, scores in scores_by_seed(records, run, row.scoring).items()
            if (value := 0 if column == "seeds" else percent(scores, column, spec.protocol)) is not None
        }
        for run in (row.run, row.minus or row.run)
    )
    shared = [seed for seed in ours if seed in base]
    values = [ours[seed] - (base[seed] if row.minus else 0) for seed in shared]
    if not values:
        return NONE
    if column == "seeds":
        return str(len(values))
    digits, sign = (1 if spec.columns is None else 2), "+" if row.minus else ""
    mean, spread = mean_and_spread(values)
    text = f"{mean:{sign}.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")
    is_bold = spec.judged and row.minus and is_beyond(values, ours.values(), base.values())
    return f"**{text}**" if is_bold else text
