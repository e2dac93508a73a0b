"""Clips a second of `vidseg train`'s learner and of the naive loop, from batches that are ready and from a loader."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

from gpu_check.clips import write_clips
from gpu_check.naive_training import NaiveLoop
from gpu_check.plan import Loop, Plan
from gpu_check.record import Record, one_line
from vidseg.bench.device_timing import PeakMemory, synchronise
from vidseg.data import ClipConfig, ClipDataset, open_dataset
from vidseg.data.clip_dataset import ClipSample
from vidseg.errors import InputError
from vidseg.models import CFFM, build_model
from vidseg.recipes import find_recipe
from vidseg.train import DataConfig, OutputConfig, RuntimeConfig, TrainConfig
from vidseg.train.devices import launch
from vidseg.train.learner import Learner
from vidseg.train.meter import Meter
from vidseg.train.sampling import Plan as Order
from vidseg.train.sampling import load_batches
from vidseg.transforms.pipeline import ClipAugmentation
from vidseg.types import ClassMap

Iterate = Callable[[ClipSample, int], float]
"""Does an iteration with a batch; returns its loss."""

_WARM_UPS = 3
_READY = 4
_MOST = 400


def train(record: Record, plan: Plan, device: torch.device, until: float) -> None:
    """Adds a row a loop, batch size and source of batches."""
    record.set(rows=[], failed=[], not_reached=[])
    with tempfile.TemporaryDirectory() as folder:
        root = write_clips(Path(folder), crop=plan.crop)
        for loop, batch_size in plan.loops:
            config = _config(plan, root, device, batch_size, loop)
            cell = {"loop": loop, "batch_size": batch_size, "arithmetic": config.runtime.precision}
            if time.perf_counter() > until:
                record.add("not_reached", cell)
                continue
            try:
                for row in _measured(loop, config, device, plan):
                    record.add("rows", cell | row)
            # Memory, or a compiler: another loop or size may do without.
            except Exception as error:
                record.add("failed", cell | {"error": one_line(error)})
    if not record.values["rows"]:
        raise InputError(f"got no loop that trains here: {record.values['failed'] or 'no time was left'}")


def _config(plan: Plan, root: Path, device: torch.device, batch_size: int, loop: Loop) -> TrainConfig:
    """The published recipe on the made clips."""
    recipe = find_recipe(f"cffm_{plan.backbone}_vspw")
    on_gpu = device.type == "cuda"
    return replace(
        recipe,
        data=DataConfig(root=str(root), layout="folder", val_split=None, clips=ClipConfig(per="frame")),
        augmentation=replace(recipe.augmentation, crop_size=(plan.crop, plan.crop)),
        runtime=RuntimeConfig(
            device="cuda" if on_gpu else "cpu",
            precision="bf16" if on_gpu and loop != "naive" else "fp32",
            batch_size=batch_size,
            workers=plan.workers,
            compile=loop == "vidseg compiled",
        ),
        output=OutputConfig(folder=str(root / "run")),
        initial_weights=None,
    )


def _measured(loop: Loop, config: TrainConfig, device: torch.device, plan: Plan) -> Iterator[dict[str, Any]]:
    """Rows of a loop: with batches in memory, and as they come from the loader."""
    memory = PeakMemory(device)
    dataset = open_dataset(config.data.root, config.data.layout, "all")
    batches = _batches(config, device)
    ready = list(islice(batches, _READY))
    iterate = _loop(loop, config, dataset.class_map, device)
    began = time.perf_counter()
    for index in range(_WARM_UPS):
        iterate(ready[index % _READY], index)
    synchronise(device)
    warm_up_seconds = time.perf_counter() - began
    for source, given in (("ready", cycle(ready)), ("loaded", batches)):
        row = _rate(iterate, given, device, config.runtime.batch_size, plan.training_seconds)
        yield {
            "batches": source,
            "warm_up_seconds": warm_up_seconds,
            "peak_mebibytes": memory.mebibytes,
        } | row


def _loop(loop: Loop, config: TrainConfig, class_map: ClassMap, device: torch.device) -> Iterate:
    torch.manual_seed(config.runtime.seed)
    model = build_model(config.model)
    assert isinstance(model, CFFM)
    model.class_map, model.preprocessing = class_map, config.preprocessing
    if loop == "naive":
        return NaiveLoop(model.to(device), config, class_map.ignore).iterate
    learner = Learner(launch(config), model, config)

    def iterate(batch: ClipSample, iteration: int) -> float:
        loss = learner.compute_gradients([batch], iteration)
        learner.update(iteration)
        return loss.item()  # as the loop does, which stops at a loss that is no number

    return iterate


def _batches(config: TrainConfig, device: torch.device) -> Iterator[ClipSample]:
    dataset = open_dataset(config.data.root, config.data.layout, "all")
    clips = ClipDataset(
        dataset, config.data.clips, ClipAugmentation(config.augmentation, ignore=dataset.class_map.ignore)
    )
    order = Order(num_samples=len(clips), batch_size=config.runtime.batch_size, seed=config.runtime.seed)
    return load_batches(
        clips,
        order,
        start=0,
        stop=_READY + _MOST + _WARM_UPS,
        workers=config.runtime.workers,
        pin_memory=device.type == "cuda",
    )


def _rate(
    iterate: Iterate, batches: Iterator[ClipSample], device: torch.device, batch_size: int, seconds: float
) -> dict[str, Any]:
    """Clips a second, the share of the time that was waited for data, and how many iterations it is of."""
    meter = Meter(_MOST, batch_size)
    timed = meter.timed(batches)
    synchronise(device)
    end, done = time.perf_counter() + seconds, 0
    while done < _MOST and (not done or time.perf_counter() < end):
        meter.add(iterate(next(timed), done))
        done += 1
    synchronise(device)
    found = meter.report(done, 0.0)
    return {"clips_per_second": found.clips_per_second, "data_wait": found.data_wait, "iterations": done}
