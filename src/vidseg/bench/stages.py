"""Where the time of one streamed frame goes in torch, and how many of its pixels lie on borders between classes.

Shape letters: H, W network input size, h, w frame size, K classes.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vidseg.acceleration import FastLabels, accelerate
from vidseg.acceleration.interpolation import resize_matrix
from vidseg.bench.contenders import Setup
from vidseg.bench.timing import Timing
from vidseg.models import FrameInputs, ReferenceModel
from vidseg.models.advance import advance, own_steps
from vidseg.stream.preprocess import network_input
from vidseg.types import RGB

STAGES = ("resize", "encoder", "head", "mining", "prediction", "context", "labels")


class StageClock:
    """Runs a model's accelerated step by step, with references, and notes how long each stage takes.

    Args:
        setup: the subject.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._model: Any = accelerate(setup.model)
        self._has_parts = isinstance(self._model, ReferenceModel)
        self._state: dict[str, Tensor] = {}
        self._seen = 0
        self._labels = FastLabels()
        self._references: list[tuple[Tensor, ...]] = []
        self._runs: dict[str, list[float]] = defaultdict(list)
        self._inner: dict[str, float] = defaultdict(float)
        self._watch("encoder", self._model.encoder)
        for name, module in self._model.named_children():
            if name == "blocks":
                for block in module.children():
                    self._watch("mining", block)

    @torch.inference_mode()
    def step(self, image: RGB) -> Tensor:
        """Takes a frame; returns its logits [1,K,·,·]. The first frames, without all references, are not counted."""
        setup, times = self._setup, dict[str, float]()
        self._inner.clear()
        with _timed(times, "resize"):
            input_13HW = network_input(image, setup.preprocessing)
        logits, counts = (self._by_parts if self._has_parts else self._whole)(input_13HW, times)
        with _timed(times, "labels"):
            self._labels(logits, setup.via(logits), setup.size)
        if counts:
            self._note(times)
        return logits

    def _by_parts(self, input_13HW: Tensor, times: dict[str, float]) -> tuple[Tensor, bool]:
        """The step of a reference model; also whether it had its references."""
        model = self._model
        with _timed(times, "encode"):
            features: Any = model.encode(input_13HW)
        count = len(model.reference_offsets)
        ready = len(self._references) == count
        with _timed(times, "decode"):
            logits = model.decode(features, self._references if ready else ())
        with _timed(times, "context"):
            context = model.context(features)
        self._references = [*self._references, context][-count:] if count else []
        return logits, ready

    def _whole(self, input_13HW: Tensor, times: dict[str, float]) -> tuple[Tensor, bool]:
        """All steps of a frame of another model; what is not the encoder counts as prediction. Flow is none: zeros."""
        self._state = self._state or self._model.blank_state(1, self._setup.network_size)
        given = FrameInputs(input_13HW, torch.zeros_like(input_13HW[:, :2]), (), self._state)
        with _timed(times, "decode"):
            outputs, self._state = advance(self._model, own_steps(self._model), given, self._seen)
        self._seen += 1
        times["encode"], times["context"] = self._inner["encoder"], 0.0
        times["decode"] -= self._inner["encoder"]
        assert outputs.logits is not None
        return outputs.logits, self._seen > 1

    def timings(self) -> dict[str, Timing]:
        """By stage, in the order of `STAGES`; a stage that the model lacks is absent."""
        return {stage: Timing(runs=tuple(self._runs[stage])) for stage in STAGES if any(self._runs[stage])}

    def _note(self, times: dict[str, float]) -> None:
        stages = {
            "resize": times["resize"],
            "encoder": self._inner["encoder"],
            "head": times["encode"] - self._inner["encoder"],
            "mining": self._inner["mining"],
            "prediction": times["decode"] - self._inner["mining"],
            "context": times["context"],
            "labels": times["labels"],
        }
        for stage, seconds in stages.items():
            self._runs[stage].append(seconds)

    def _watch(self, stage: str, module: nn.Module) -> None:
        """Adds up the time that calls of a module take."""
        began = 0.0

        def before(*_: Any) -> None:
            nonlocal began
            began = time.perf_counter()

        def after(*_: Any) -> None:
            self._inner[stage] += time.perf_counter() - began

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)


def border_share(logits_1Khw: Tensor, setup: Setup) -> float:
    """Share of the frame's pixels whose supporting logits do not all have the same arg max, 0–1.

    Only these need more than a look at small maps to be labelled exactly.
    """
    winners_hw = logits_1Khw[0].max(dim=0).indices
    rows, columns = (
        (resize_matrix(*lengths) > 0).float()
        for lengths in zip(winners_hw.shape, setup.via(logits_1Khw), setup.size, strict=True)
    )
    candidates = sum(
        (rows @ (winners_hw == label).float() @ columns.T > 0).int() for label in winners_hw.unique().tolist()
    )
    return float((torch.as_tensor(candidates) > 1).float().mean())


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times[name] = time.perf_counter() - began
