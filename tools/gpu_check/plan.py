"""The steps, how long each may take, and with what sizes: on a GPU, and dry on a CPU."""

from dataclasses import dataclass, field
from typing import Literal

from vidseg.bench.sizes import Size
from vidseg.runtime.arithmetic import Arithmetic

Loop = Literal["naive", "vidseg", "vidseg compiled"]

# By name, in order, with seconds. They and what starting takes are less than eight minutes together.
STEPS = {"tests": 50, "agreement": 45, "bench": 165, "video": 70, "training": 105}
# A dry run is about whether all of it runs, on however slow a machine.
DRY_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Plan:
    """With what the steps run.

    Attributes:
        device: where.
        backbones: of the bench, the most important first.
        sizes: of frames, (height, width), likewise.
        arithmetics: likewise.
        runtimes: that record or compile, the quickest to be ready first.
        cell_seconds: of measuring, for a cell of the bench.
        agreement_runtimes: compared with the CPU in every arithmetic.
        agreement_frames: over so many frames.
        video_frames: of the file that is decoded.
        video_runtimes: what computes it, the quickest to be ready first.
        crop: sides of the training's clips, pixels.
        loops: of the training, each with its batch size in clips, the quickest to be ready first.
        backbone: of video and training.
        workers: that read for it.
        training_seconds: of measuring, for each loop and batch size.
    """

    device: str = "cuda"
    backbones: tuple[str, ...] = ("b0", "b5", "b1", "lite0")
    sizes: tuple[Size, ...] = ((480, 853), (1024, 2048))
    arithmetics: tuple[Arithmetic, ...] = ("bf16", "fp16", "tf32", "fp32")
    runtimes: tuple[str, ...] = ("cuda-graphs", "compiled-graphs")
    cell_seconds: float = 0.6
    agreement_runtimes: tuple[str, ...] = ("torch", "cuda-graphs")
    agreement_frames: int = 12
    video_frames: int = 600
    video_runtimes: tuple[str, ...] = ("cuda-graphs-bf16", "compiled-graphs-bf16")
    crop: int = 480
    loops: tuple[tuple[Loop, int], ...] = (
        ("naive", 8),
        ("vidseg", 8),
        ("naive", 2),
        ("vidseg", 2),
        ("vidseg compiled", 8),
    )
    backbone: str = "b0"
    workers: int = 12
    training_seconds: float = 3
    seconds: dict[str, int] = field(default_factory=lambda: dict(STEPS))


DRY = Plan(
    device="cpu",
    backbones=("b0", "lite0"),
    sizes=((64, 96),),
    arithmetics=("bf16", "fp32"),
    runtimes=("torch",),
    cell_seconds=0.1,
    agreement_runtimes=("torch",),
    agreement_frames=11,
    video_frames=14,
    video_runtimes=("torch",),
    crop=64,
    loops=(("naive", 2), ("vidseg", 2)),  # a minute of compilation says nothing about a GPU
    workers=0,
    training_seconds=0.5,
    seconds=dict.fromkeys(STEPS, DRY_SECONDS),
)
