"""Runs of the queue that take seconds: ``python tiny_plan.py`` in a folder with data/mini works them off."""

import sys
from pathlib import Path

from benchmark.plan import Run, Scoring
from benchmark.queue import work_off

_SMALL = {
    "model.num_classes": "3",
    "model.encoder.widths": "[8,16,24,32]",
    "model.encoder.depths": "[1,1,1,1]",
    "model.encoder.heads": "[1,2,3,4]",
    "model.head_channels": "16",
    "augmentation.crop_size": "[32,32]",
    "augmentation.base_size": "[48,32]",
    "preprocessing.short": "32",
    "preprocessing.long": "48",
    "data.root": "data/mini",
    "runtime.device": "cpu",
    "schedule.warmup": "2",
    "output.log_every": "1",
    "output.save_every": "10",
}
MINI = (
    Scoring(name="mini", data="data/mini", layout="camvid"),
    Scoring(name="mini-steady", data="data/mini", layout="camvid", steady=True),
)


def run(name: str, recipe: str, *, iterations: int, after: str | None = None, **changes) -> Run:
    weights = {"initial_weights": "null" if after is None else f"runs/{after}/last"}
    fields = _SMALL | weights | {"schedule.iterations": str(iterations)} | changes
    return Run(name=name, recipe=recipe, fields=tuple(fields.items()), scorings=MINI, after=after)


FIRST = run("first", "segformer_b0_camvid", iterations=40)
SECOND = run("second", "cffm_b0_davis", iterations=2, after="first", **{"model.heads": "2"})
BROKEN = run("broken", "segformer_b0_camvid", iterations=2, **{"model.num_classes": "7"})
AFTER_BROKEN = run("after-broken", "segformer_b0_camvid", iterations=2, after="broken")
ELSEWHERE = Run(
    name="elsewhere",
    recipe="segformer_b0_camvid",
    scorings=(Scoring(name="camvid", data="data/absent", layout="camvid"),),
)
RUNS = (BROKEN, FIRST, SECOND, AFTER_BROKEN, ELSEWHERE)


if __name__ == "__main__":
    sys.exit(work_off(RUNS, jobs=2, records=Path("records"), say=print))
