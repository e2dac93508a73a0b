"""What a model's stream costs on a device, frames to labels as tensors there, beside what it is compared with.

Nothing crosses the bus: frames are uint8 on the device before the clock starts, labels stay. What is decoded is another
measurement.

Shape letters: B batch, T frames of a clip, H, W frame size, K classes.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.bench.contenders import Setup, transformers_segformer
from vidseg.bench.device_timing import PeakMemory, time_frames
from vidseg.bench.frames import drifting
from vidseg.bench.methods import method_of, without_context
from vidseg.bench.sizes import Size
from vidseg.bench.subject import untrained
from vidseg.models import LITE_SIZES, MIT_SIZES, CFFMConfig, VideoModel
from vidseg.models.encoders import EncoderConfig
from vidseg.models.labels import label_map
from vidseg.runtime.arithmetic import Arithmetic, computing_in
from vidseg.stream import TensorSegmenter
from vidseg.stream.preprocess import prepare_frames

System = Literal["cffm", "segformer", "naive", "transformers"]
NUM_CLASSES = 124
# More than any policy looks back, and few enough for any memory.
_FRAMES = 16

Step = Callable[[Tensor], object]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One measurement.

    Attributes:
        backbone: of the model, a name among `MIT_SIZES` and `LITE_SIZES`.
        size: (H, W) of the frames.
        system: "cffm" and "segformer" (the same without context) by `TensorSegmenter`; "naive", CFFM as published: a
            clip of four frames encoded anew for every frame, unfused, two resizes and an arg max; "transformers", the
            SegFormer of that library as a user runs it: processor, model, upsampling, arg max. The last two are not
            compiled or recorded, and compute under autocast where the arithmetic has 16 bits.
        runtime: of the first two, without the arithmetic; "torch" for the others.
        arithmetic: what it computes in.
    """

    backbone: str
    size: Size
    system: System
    runtime: str = "torch"
    arithmetic: Arithmetic = "fp32"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description."""
        return {
            "backbone": self.backbone,
            "size": f"{self.size[0]}x{self.size[1]}",
            "system": self.system,
            "runtime": self.runtime,
            "arithmetic": self.arithmetic,
        }


def subject_of(backbone: str, size: Size, num_classes: int = NUM_CLASSES) -> VideoModel:
    """A CFFM with the depth that goes with its backbone; random weights, which cost what others cost on a device."""
    encoder: EncoderConfig = MIT_SIZES[backbone] if backbone in MIT_SIZES else LITE_SIZES[backbone]
    config = CFFMConfig(encoder=encoder, num_classes=num_classes, depth=1)
    depths = method_of(config).backbone_depths
    assert depths is not None
    return untrained(replace(config, depth=depths[backbone]), size)


def measure(cell: Cell, device: torch.device, *, seconds: float = 1.0, most: int = 2000) -> dict[str, Any]:
    """The cell's description, and frames a second, seconds a frame, seconds of compilation, and memory.

    Args:
        cell: what is measured.
        device: on which.
        seconds: for the measurement, without compilation and warm-up.
        most: frames that are enough.

    Raises:
        InputError: for what cannot run there.
        MissingExtraError: without a package that it needs.
    """
    gc.collect()  # what the cell before had is not this one's
    memory = PeakMemory(device)
    model = subject_of(cell.backbone, cell.size)
    frames = cycle(_frames(cell.size, device))
    step, compile_seconds = _step(cell, model, device)
    # A stream costs what it costs in the long run once it has its references.
    warm_ups = max(model.reference_offsets) + 3 if cell.system == "cffm" else 3
    timing = time_frames(lambda: step(next(frames)), device, warm_ups=warm_ups, seconds=seconds, most=most)
    return cell.to_dict() | {
        "frames_per_second": 1 / timing.mean,
        "compile_seconds": compile_seconds(),
        "peak_mebibytes": memory.mebibytes,
        "seconds": timing.to_dict(),
    }


def _frames(size: Size, device: torch.device) -> list[Tensor]:
    """uint8 [1,3,H,W] each, channels last in memory as decoders give them."""
    images = islice(drifting(size).images, _FRAMES)
    return [torch.from_numpy(image).to(device).permute(2, 0, 1).unsqueeze(0) for image in images]


def _step(cell: Cell, model: VideoModel, device: torch.device) -> tuple[Step, Callable[[], float]]:
    """What takes a frame [1,3,H,W], and what says how long was compiled."""
    if cell.system in ("cffm", "segformer"):
        subject = model if cell.system == "cffm" else without_context(model)
        name = cell.runtime if cell.arithmetic == "fp32" else f"{cell.runtime}-{cell.arithmetic}"
        segmenter = TensorSegmenter(subject, str(device), name)
        memory = segmenter.start(cell.size)

        def step(frame: Tensor) -> object:
            nonlocal memory
            memory, labels = segmenter.step(memory, frame)
            return labels

        return step, lambda: segmenter.compile_seconds
    make = naive if cell.system == "naive" else transformers_user
    run = make(Setup(model=model, size=cell.size), device)

    @torch.inference_mode()
    def computed(frame: Tensor) -> object:
        with computing_in(cell.arithmetic, device):
            return run(frame)

    return computed, lambda: 0.0


def naive(setup: Setup, device: torch.device) -> Step:
    """The model as published, on frames that lie on the device; see `vidseg.bench.contenders.naive`."""
    model = setup.model.to(device)
    offsets = (*model.reference_offsets, 0)
    inputs: deque[Tensor] = deque(maxlen=max(offsets) + 1)

    def run(frame: Tensor) -> object:
        inputs.append(prepare_frames(frame, setup.preprocessing))
        clip_1T3HW = torch.stack([inputs[max(0, len(inputs) - 1 - offset)] for offset in offsets], dim=1)
        logits_1Khw = model(clip_1T3HW).final
        return label_map(logits_1Khw, setup.via(logits_1Khw), setup.size).labels

    return run


def transformers_user(setup: Setup, device: torch.device) -> Step:
    """`transformers`' SegFormer, its processor working where the frame lies."""
    model, processor = transformers_segformer(setup)
    model = model.to(device)

    def run(frame: Tensor) -> object:
        inputs = processor(images=frame[0], return_tensors="pt", device=device)
        logits = model(**inputs).logits
        upsampled = F.interpolate(logits, size=setup.size, mode="bilinear", align_corners=False)
        return upsampled.argmax(dim=1)

    return run


def cells(
    backbones: tuple[str, ...], sizes: tuple[Size, ...], arithmetics: tuple[Arithmetic, ...], recording: tuple[str, ...]
) -> Iterator[Cell]:
    """All that is to be measured, what matters most first: what is stopped early has the most of it.

    Args:
        backbones: the most important first.
        sizes: likewise.
        arithmetics: likewise.
        recording: runtimes, the quickest to be ready first.
    """
    compared = [
        Cell(backbone=backbone, size=size, system=system)
        for size in sizes
        for backbone in backbones
        for system in _others(backbone)
    ]
    ours = [
        Cell(backbone=backbone, size=size, system=system, runtime=runtime, arithmetic=arithmetic)
        for runtime in recording
        for size in sizes
        for arithmetic in arithmetics
        for backbone in backbones
        for system in ("cffm", "segformer")
    ]
    lower = [
        Cell(backbone=backbone, size=size, system="transformers", arithmetic=arithmetic)
        for size in sizes
        for arithmetic in arithmetics
        for backbone in backbones
        if arithmetic != "fp32" and "transformers" in _others(backbone)
    ]
    return _first(compared, ours, lower)


def _others(backbone: str) -> tuple[System, ...]:
    """What ours is compared with; the SegFormer of `transformers` has no encoder but the Mix Transformer."""
    return ("naive", "transformers") if backbone in MIT_SIZES else ("naive",)


def _first(compared: list[Cell], ours: list[Cell], lower: list[Cell]) -> Iterator[Cell]:
    """The most important model, size and arithmetic in every way, then the rest."""
    head = ours[0]

    def is_head(cell: Cell) -> bool:
        return (cell.backbone, cell.size) == (head.backbone, head.size)

    best = [cell for cell in ours if is_head(cell) and cell.arithmetic == head.arithmetic]
    rest = [cell for cell in (*ours, *compared, *lower) if not is_head(cell) or cell not in best]
    yield from best
    # Compiling takes a minute a cell, so that is last.
    yield from sorted(rest, key=lambda cell: (cell.runtime == "compiled-graphs", cell.size != head.size))
