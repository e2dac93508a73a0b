"""Whether a device computes what the CPU does: labels that agree, and how far logits are apart, a precision a row.

Logits are of the same inputs, so that they differ by the network alone; labels are of the whole stream.
"""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from gpu_check.plan import Plan
from gpu_check.record import Record, one_line
from vidseg.bench.frames import open_footage
from vidseg.checkpoints import load
from vidseg.models import VideoModel
from vidseg.runtime import RUNTIMES, build_runtime
from vidseg.stream import Stepper, TensorSegmenter
from vidseg.stream.policy import default_policy
from vidseg.stream.preprocess import prepare_frames

MODELS = ("cffm-b0-freedoom", "segformer-lite0-everyday")
_CPU = "cpu"
_LEAST = 3


def compare(record: Record, plan: Plan, device: torch.device, until: float) -> None:
    """Adds a row a model, runtime and arithmetic: share of equal labels, largest and mean difference of logits."""
    record.set(rows=[], failed=[], not_reached=[])
    names = [
        name
        for kind in plan.agreement_runtimes
        for arithmetic in plan.arithmetics
        if (name := kind if arithmetic == "fp32" else f"{kind}-{arithmetic}") in RUNTIMES
    ]
    for model_name in MODELS:
        model = load(model_name)
        frames = list(_frames(plan))
        expected = None
        for name in names:
            row = {"model": model_name, "runtime": name, "arithmetic": RUNTIMES[name].arithmetic}
            if until - time.perf_counter() < _LEAST:
                record.add("not_reached", row)
                continue
            try:
                expected = expected or (_labels(model, frames, _CPU, "torch"), _logits(model, frames, _CPU, "torch"))
                record.add("rows", row | _compared(model, frames, str(device), name, *expected))
            # One precision or kernel may be missing where others are not.
            except Exception as error:
                record.add("failed", row | {"error": one_line(error)})
    record.set(frames=plan.agreement_frames)


def _frames(plan: Plan) -> Iterator[Tensor]:
    """uint8 [1,3,H,W] on the CPU."""
    for image in islice(open_footage(None, plan.sizes[0]), plan.agreement_frames):
        yield torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0)


def _labels(model: VideoModel, frames: list[Tensor], device: str, runtime: str) -> list[Tensor]:
    segmenter = TensorSegmenter(model, device, runtime)
    return [labels.cpu() for labels in segmenter.segment(frame[0].to(device) for frame in frames)]


def _logits(model: VideoModel, frames: list[Tensor], device: str, runtime: str) -> list[Tensor]:
    assert model.preprocessing is not None
    computing = build_runtime(runtime, model, device)
    stepper = Stepper(model.cpu(), computing, default_policy(model.reference_offsets))
    memory, found = None, []
    for frame in frames:
        # Resized on the CPU, so that all get the same.
        ready = prepare_frames(frame, model.preprocessing).to(computing.device)
        memory = memory or stepper.start(1, (ready.shape[-2], ready.shape[-1]))
        memory, logits = stepper.step(memory, ready)
        found.append(logits.cpu())
    return found


def _compared(
    model: VideoModel, frames: list[Tensor], device: str, runtime: str, labels: list[Tensor], logits: list[Tensor]
) -> dict[str, Any]:
    equal = [
        float((got == wanted).float().mean())
        for got, wanted in zip(_labels(model, frames, device, runtime), labels, strict=True)
    ]
    apart = [(got - wanted).abs() for got, wanted in zip(_logits(model, frames, device, runtime), logits, strict=True)]
    return {
        "labels_equal": sum(equal) / len(equal),
        "labels_equal_least": min(equal),
        "logits_largest_difference": max(float(difference.max()) for difference in apart),
        "logits_mean_difference": sum(float(difference.mean()) for difference in apart) / len(apart),
        "logits_spread": float(torch.stack(logits).std()),
    }
