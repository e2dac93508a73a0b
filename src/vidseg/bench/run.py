"""`benchmark`: the subject against everything it is compared with, in one run, as one JSON-able report."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from vidseg.bench.complexity import Complexity, complexity
from vidseg.bench.contenders import PRODUCT_SIDE, Labelling, Setup, assemble, products
from vidseg.bench.end_to_end import segment_rates
from vidseg.bench.frames import Footage, open_footage
from vidseg.bench.lowered import lowered
from vidseg.bench.machine import environment
from vidseg.bench.memory import LEAST_FRAMES, MemoryReport, Soak, state_bytes
from vidseg.bench.ratios import limit_of, ratios_of
from vidseg.bench.sizes import Size
from vidseg.bench.stages import StageClock, border_share
from vidseg.bench.subject import subject
from vidseg.bench.timing import Timing, take_turns, warm_up
from vidseg.checkpoints import load
from vidseg.errors import InputError
from vidseg.models import architecture_of
from vidseg.runtime import EXACT, Guarantee, require_precision, set_threads
from vidseg.steady import Steady
from vidseg.types import RGB

SCHEMA = 1
# In the order in which they take turns. Joint self-attention is so slow that it is measured once, by itself.
IN_TURN = (
    "naive",
    "ours_torch",
    "ours_openvino",
    "segformer_torch",
    "segformer_openvino",
    "hf_torch",
    "hf_openvino",
    "encoder_torch",
    "encoder_openvino",
    "products",
)
EXACTLY_OURS = ("ours_torch", "ours_openvino")
OURS = (*EXACTLY_OURS, "ours_int8", "ours_bf16")
# Take turns where a model is to be steadied.
STEADY = ("steady_torch", "steady_openvino")
MEMORY_FRAMES = 40
STAGE_FRAMES = 10
JOINT_SECONDS = 40

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What is measured.

    Attributes:
        model: a name or path for `vidseg.load`.
        size: (height, width) of the frames.
        num_classes: how many classes to compute; beyond the model's own they never win. None: the model's.
        video: what `read_video` reads; None for the bundled sample.
        threads: CPU threads; None for each runtime's own choice.
        seconds: for all of it but calibration, about; on a slow machine every contender still gets a turn.
        soak_frames: over how many frames memory is watched; 0 for not at all.
        segment_frames: of the file that `vidseg segment` is timed on by the wall clock; 0 for not at all.
        contenders: names of those that take turns, some of `IN_TURN` and `STEADY`.
        steady: how the contenders of `STEADY` are steadied.
        flow: what estimates their motion; None for DIS.
        precision: "int8" or "bf16" for a contender in less than float32 as well.
        calibrate: the video that it is calibrated on; None for that of the run.
    """

    model: str
    size: Size = (480, 853)
    num_classes: int | None = None
    video: str | None = None
    threads: int | None = None
    seconds: float = 170
    soak_frames: int = MEMORY_FRAMES
    segment_frames: int = 0
    contenders: tuple[str, ...] = IN_TURN
    steady: Steady = field(default_factory=Steady)
    flow: str | None = None
    precision: str = EXACT
    calibrate: str | None = None

    def __post_init__(self) -> None:
        if self.soak_frames and self.soak_frames < LEAST_FRAMES:
            raise InputError(
                f"got {self.soak_frames} frames to watch memory over; expected {LEAST_FRAMES} or more, or 0"
            )
        if self.segment_frames < 0:
            raise InputError(f"got a file of {self.segment_frames} frames to segment; expected 1 or more, or 0")
        if self.precision != EXACT:
            require_precision(self.precision)
        elif self.calibrate is not None:
            raise InputError("got a video to calibrate on for exact; expected precision int8 or bf16")
        known = (*IN_TURN, *STEADY)
        if unknown := sorted(set(self.contenders) - set(known)):
            raise InputError(f"got contenders {', '.join(unknown)}; expected some of {', '.join(known)}")


def benchmark(config: BenchConfig, progress: Progress = lambda what: None) -> dict[str, Any]:
    """Measures a model on this machine.

    Args:
        config: what and how long.
        progress: told of what is being done.

    Raises:
        InputError, CheckpointError, MediaError: if model or video cannot be used.
    """
    end = time.perf_counter() + config.seconds
    if config.threads is not None:
        set_threads(config.threads)
    setup = Setup(
        model=subject(load(config.model), config.size, config.num_classes),
        size=config.size,
        threads=config.threads,
        steady=config.steady,
        flow=config.flow,
    )
    footage = open_footage(config.video, config.size)
    if config.precision == EXACT:
        return _measure(config, setup, config.contenders, None, footage, end, progress)
    progress(f"calibrating {config.precision}")
    shown = footage if config.calibrate is None else open_footage(config.calibrate, config.size)
    names = (*config.contenders, f"ours_{config.precision}")
    with lowered(setup, config.precision, shown) as (changed, guarantee):
        end = time.perf_counter() + config.seconds  # calibration comes on top of it
        return _measure(config, changed, names, guarantee, footage, end, progress)


def _measure(
    config: BenchConfig,
    setup: Setup,
    names: tuple[str, ...],
    guarantee: Guarantee | None,
    footage: Footage,
    end: float,
    progress: Progress,
) -> dict[str, Any]:
    progress("counting multiply-adds")
    counted = complexity(setup.model.config, setup.network_size)
    progress("converting models")
    contenders = assemble(setup, names)
    progress("timing stages")
    stages, share = _stages(setup, footage)
    progress(f"watching memory over {config.soak_frames} frames")
    memory, unwatched = _memory(config, "torch" if "ours_openvino" in contenders.absent else "openvino")
    segmented = None
    if config.segment_frames:
        progress(f"segmenting a file of {config.segment_frames} frames, twice")
        segmented = segment_rates(setup.model, footage, threads=config.threads, frames=config.segment_frames)
    progress("joint self-attention")
    frames = iter(footage)
    slow, too_slow = _joint(setup, frames, counted)
    progress("warming up")
    warm_up(contenders.entered, frames)
    agreement = Agreement()
    timings = slow | take_turns(
        contenders.entered,
        frames,
        until=end,
        witness=agreement,
        progress=lambda rounds: progress(f"taking turns, round {rounds}"),
    )
    rate = PRODUCT_SIDE**3 / timings["products"].median if "products" in timings else None
    limit = limit_of(timings, counted, rate)
    shares = agreement.shares()
    exact = [share for name, share in shares.items() if name in EXACTLY_OURS]
    return {
        "schema": SCHEMA,
        "model": os.path.basename(os.path.normpath(config.model)),
        "architecture": architecture_of(setup.model.config),
        "frame_size": list(config.size),
        "network_size": list(setup.network_size),
        "num_classes": setup.model.num_classes,
        "video": footage.source,
        "environment": environment(config.threads),
        "steady": _describe_steady(config) if set(config.contenders) & set(STEADY) else None,
        "precision": guarantee and guarantee.to_dict(),
        "end_to_end": {name: timing.to_dict() for name, timing in timings.items()},
        "absent": contenders.absent | unwatched | too_slow,
        "ratios": ratios_of(timings, limit),
        "limit": limit and limit.to_dict(),
        "stages": {stage: timing.to_dict() for stage, timing in stages.items()},
        "border_share": share,
        "label_agreement": min(exact, default=None),
        "label_agreements": shares,
        "state_bytes": state_bytes(setup.model, setup.network_size),
        "memory": memory and memory.to_dict(),
        "segment": segmented,
        "multiply_adds_per_second": rate,
        "complexity": counted.to_dict(),
    }


def _describe_steady(config: BenchConfig) -> dict[str, Any]:
    return asdict(config.steady) | {"flow": config.flow or config.steady.flow}


class Agreement:
    """Counts the pixels on which our labels are those of the naive contender."""

    def __init__(self) -> None:
        self._equal = dict.fromkeys(OURS, 0)
        self._pixels = dict.fromkeys(OURS, 0)

    def __call__(self, labels: dict[str, Labelling]) -> None:
        """Takes the labels of a round."""
        expected = labels.get("naive")
        for name in OURS:
            got = labels.get(name)
            if expected is not None and got is not None:
                self._equal[name] += int(np.count_nonzero(got == expected))
                self._pixels[name] += got.size

    def shares(self) -> dict[str, float]:
        """Share of equal pixels, 0–1, of each of ours that was compared."""
        return {name: self._equal[name] / pixels for name, pixels in self._pixels.items() if pixels}


def _stages(setup: Setup, footage: Footage) -> tuple[dict[str, Timing], float]:
    """Timings by stage, and the share of border pixels, averaged over the same frames."""
    clock = StageClock(setup)
    shares = []
    for index, image in enumerate(islice(footage, len(setup.model.reference_offsets) + STAGE_FRAMES + 1)):
        logits = clock.step(image)
        # The first frame warms up, those after it have no context yet.
        if index > len(setup.model.reference_offsets):
            shares.append(border_share(logits, setup))
    return clock.timings(), sum(shares) / len(shares)


def _memory(config: BenchConfig, runtime: str) -> tuple[MemoryReport | None, dict[str, str]]:
    if not config.soak_frames:
        return None, {"memory": "not asked for"}
    soak = Soak(
        model=config.model,
        size=config.size,
        num_classes=config.num_classes,
        video=config.video,
        runtime=runtime,
        threads=config.threads,
        frames=config.soak_frames,
    )
    try:
        return soak.run(), {}
    except InputError as error:
        return None, {"memory": str(error)}


def _joint(setup: Setup, frames: Iterator[RGB], counted: Complexity) -> tuple[dict[str, Timing], dict[str, str]]:
    """Joint self-attention, once, unless that would take too long: its timing, or why there is none."""
    field = assemble(setup, ("joint",))
    if not field.entered or counted.attention is None:
        return {}, field.absent
    product = take_turns([products(setup)], frames, until=time.perf_counter() + 0.3)["products"]
    # Scores and weighted sums of every block, at a rate that attention hardly reaches.
    operations = 2 * counted.attention.joint * len(setup.model.get_submodule("blocks"))  # type: ignore[arg-type]
    expected = operations * product.median / PRODUCT_SIDE**3
    if expected > JOINT_SECONDS:
        return {}, {"joint": f"would take {expected:.0f} s a frame or more; at most {JOINT_SECONDS} s are spent"}
    return take_turns(field.entered, frames, until=0), {}
