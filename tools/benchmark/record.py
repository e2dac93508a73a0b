"""What is kept of a run: one JSON file and its curves, small enough to be committed.

The files hold nothing of the machine but its processor: all paths are relative to where the queue worked.
"""

import csv
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.plan import Run, Scoring
from benchmark.steps import config_of, folder_of, model_sha256, scores_path, scoring_step, train_step
from vidseg.bench.machine import environment
from vidseg.checkpoints import find_checkpoint, load
from vidseg.checkpoints.imagenet import installed_weights
from vidseg.checkpoints.pretrained import IMAGENET
from vidseg.checkpoints.tensors import sha256_of
from vidseg.files import atomic_file
from vidseg.train import TrainConfig

CURVES = ("progress", "validation")
SCHEMA_VERSION = 2


def has_record(run: Run, records: Path) -> bool:
    """Whether what is kept is of the model that the run ended with, with all its scores."""
    path = records / f"{run.name}.json"
    if not path.exists():
        return False
    kept = json.loads(path.read_text(encoding="utf-8"))
    is_whole = {scoring.name for scoring in run.scorings} <= kept["scores"].keys()
    return is_whole and bool(kept["checkpoints"]["last"] == model_sha256(folder_of(run) / "last"))


def write_record(run: Run, records: Path) -> None:
    """Keeps a finished run's scores, and everything needed to repeat them."""
    folder, config = folder_of(run), config_of(run)
    machine = environment(threads=1)
    record = {
        "schema_version": SCHEMA_VERSION,
        "name": run.name,
        "recipe": run.recipe,
        "seed": run.seed,
        "commands": [train_step(run).shown, *(scoring_step(run, scoring).shown for scoring in run.scorings)],
        "config": asdict(config),
        "machine": {name: machine[name] for name in ("cpu", "cores", "system", "python", "versions")},
        "checkpoints": {
            "initial": initial_sha256(config),
            "last": model_sha256(folder / "last"),
            "best": model_sha256(folder / "best"),
        },
        "parameters": sum(parameter.numel() for parameter in load(folder / "last").parameters()),
        "training_seconds": _training_seconds(run),
        "scores": {scoring.name: _scores(run, scoring) for scoring in run.scorings},
    }
    # A line for each part: small, and still to be read and compared.
    parts = [f"{json.dumps(name)}: {json.dumps(part, allow_nan=False)}" for name, part in record.items()]
    with atomic_file(records / f"{run.name}.json") as temporary:
        temporary.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    for curve in CURVES:
        # A run that is not validated on its way has one curve; an earlier one of its name may have had both.
        kept = records / f"{run.name}-{curve}.csv"
        kept.unlink(missing_ok=True)
        if (folder / f"{curve}.csv").exists():
            shutil.copyfile(folder / f"{curve}.csv", kept)


def summary(run: Run) -> str:
    """The scores of a finished run in a few words."""
    found = {scoring.name: _scores(run, scoring)["protocols"]["exact"] for scoring in run.scorings}
    return "mIoU " + ", ".join(f"{name} {scores['mIoU']:.4f}" for name, scores in found.items())


def initial_sha256(config: TrainConfig) -> str | None:
    """Of the weights that training starts from; None where it starts from none, or timm brought them itself."""
    if config.initial_weights is None:
        return None
    if config.initial_weights != IMAGENET:
        return model_sha256(find_checkpoint(config.initial_weights))
    installed = installed_weights(config.model.encoder.name)
    return sha256_of(installed) if installed else None


def _scores(run: Run, scoring: Scoring) -> dict[str, Any]:
    found = json.loads(scores_path(run, scoring).read_text(encoding="utf-8"))
    kept = ("date", "versions", "engine", "windows", "frames", "seconds", "protocols", "per_class", "confusion")
    return {
        **{name: found[name] for name in (*kept, "temporal_consistency")},
        "data": found["data"] | {"classes": found["data"]["classes"]["classes"]},
        "per_video": _rounded(found["per_video"]),
    }


def _rounded(value: Any) -> Any:
    """Six digits: rows of videos explain a score, they do not add up to it."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def _training_seconds(run: Run) -> float:
    """Wall time of the iterations as the rows of the curve add up to, with the validations between them."""
    runtime = config_of(run).runtime
    clips = runtime.batch_size * runtime.accumulation
    seconds, before = 0.0, 0
    with (folder_of(run) / "progress.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            seconds += (int(row["iteration"]) - before) * clips / float(row["clips_per_second"])
            before = int(row["iteration"])
    return round(seconds, 1)
