"""Cost against one factor at a time, from the subject: size, classes, threads, clip length, depth, backbone."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch

from vidseg.bench.contenders import Contender, Setup, assemble
from vidseg.bench.frames import Footage, open_footage
from vidseg.bench.machine import usable_cores
from vidseg.bench.methods import method_of, with_clip_length
from vidseg.bench.run import BenchConfig, Progress
from vidseg.bench.sizes import Size
from vidseg.bench.stages import StageClock, border_share
from vidseg.bench.subject import furnished, subject, untrained
from vidseg.bench.timing import Timing, take_turns
from vidseg.checkpoints import load
from vidseg.errors import InputError
from vidseg.models import LITE_SIZES, MIT_SIZES, VideoModel, build_model
from vidseg.runtime import set_threads
from vidseg.stream.policy import Policy, offsets
from vidseg.types import RGB

SIZES: tuple[Size, ...] = ((240, 426), (360, 640), (480, 853), (720, 1280), (1080, 1920))
CLIP_LENGTHS = (2, 3, 4, 6, 8)
CLASSES = (21, 60, 124, 300, 1000)
DEPTHS = (1, 2, 3, 4)

CONTENDERS = ("naive", "ours_torch", "ours_openvino", "hf_torch", "joint")
# A contender that needs longer for a frame is measured once.
LONG_SECONDS = 60.0
CELL_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One factor and the cells in which it takes its values.

    Attributes:
        values: what it is set to.
        cell: the model and frame size of a value.
        threads: CPU threads of a value; None for those of the configuration.
    """

    values: tuple[Any, ...]
    cell: Callable[[Any], tuple[VideoModel, Size]]
    threads: Callable[[Any], int | None] = lambda value: None


def sweep(
    config: BenchConfig,
    progress: Progress = lambda what: None,
    *,
    only: tuple[str, ...] | None = None,
    contenders: tuple[str, ...] = CONTENDERS,
    values: dict[str, tuple[Any, ...]] | None = None,
    seconds: float = CELL_SECONDS,
) -> dict[str, list[dict[str, Any]]]:
    """Measures the cells of every factor.

    Sizes and classes are of the subject, with its trained weights. Another clip length keeps what weights fit, another
    backbone has random ones: such models see more borders between classes, which costs time; so each cell says how
    many.

    Args:
        config: the base; its `seconds` do not bound a sweep.
        progress: told of what is being done.
        only: names of the factors that are varied; None for all.
        contenders: names of those measured.
        values: others for some factors, by their names.
        seconds: for the measurements of a cell, about.

    Returns:
        By factor a list of cells: value, seconds a frame of each contender, which of them were measured once.

    Raises:
        InputError: for a factor that the model does not have.
    """
    model, size = load(config.model), config.size
    base = subject(model, size, config.num_classes)
    classes = tuple(count for count in CLASSES if count >= model.num_classes)
    factors = {
        "size": Factor(values=SIZES, cell=lambda value: (subject(base, value), value)),
        "classes": Factor(values=classes, cell=lambda count: (subject(model, size, count), size)),
        "threads": Factor(values=_thread_counts(), cell=lambda _: (base, size), threads=lambda count: count),
    }
    encoders = {**MIT_SIZES, **LITE_SIZES}
    method, config_of = method_of(base.config), partial(replace, base.config)
    if method.with_clip_length is not None:
        factors["frames"] = Factor(values=CLIP_LENGTHS, cell=lambda frames: (_with_frames(base, size, frames), size))
    if method.mines_in_blocks:
        factors["depth"] = Factor(values=DEPTHS, cell=lambda depth: (untrained(config_of(depth=depth), size), size))
    if (depths := method.backbone_depths) is not None:
        factors["backbone"] = Factor(
            # EfficientNet-Lite is timm's.
            values=tuple(name for name in depths if name in MIT_SIZES or find_spec("timm")),
            cell=lambda name: (untrained(config_of(encoder=encoders[name], depth=depths[name]), size), size),
        )
    unknown = set(only or ()) - set(factors)
    if unknown:
        raise InputError(f"got factors {', '.join(sorted(unknown))}; expected some of {', '.join(factors)}")
    result: dict[str, list[dict[str, Any]]] = {}
    for name in only or factors:
        factor = factors[name]
        cells = result.setdefault(name, [])
        for value in (values or {}).get(name, factor.values):
            progress(f"sweep: {name} {value}")
            with _threads(threads := factor.threads(value) or config.threads):
                cells.append({"value": value} | _cell(config.video, threads, *factor.cell(value), contenders, seconds))
    return result


def _thread_counts() -> tuple[int, ...]:
    """Powers of two up to the number of cores, and that number."""
    cores = usable_cores()
    return tuple(sorted({2**power for power in range(cores.bit_length()) if 2**power <= cores} | {cores}))


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """With so many threads in torch; None for as many as there are."""
    before = torch.get_num_threads()
    if count is not None:
        set_threads(count)
    try:
        yield
    finally:
        set_threads(before)


def _cell(
    video: str | None, threads: int | None, model: VideoModel, size: Size, names: tuple[str, ...], seconds: float
) -> dict[str, Any]:
    # References that are missing at the start are filled in: so the second frame costs what every later one does.
    policy: Policy | None = offsets(*model.reference_offsets, start="replicate") if model.reference_offsets else None
    setup = Setup(model=model, size=size, threads=threads, policy=policy)
    footage = open_footage(video, size)
    field = assemble(setup, names)
    frames = iter(footage)
    timings = {contender.name: _first(contender, frames) for contender in field.entered}
    quick = [contender for contender in field.entered if timings[contender.name].median <= LONG_SECONDS]
    if quick:
        timings |= take_turns(quick, frames, until=time.perf_counter() + seconds, most=10)
    return {
        "num_classes": model.num_classes,
        "end_to_end": {name: timing.to_dict() for name, timing in timings.items()},
        "measured_once": sorted(name for name, timing in timings.items() if timing.median > LONG_SECONDS),
        "absent": field.absent,
        "border_share": _border_share(setup, footage),
    }


def _first(contender: Contender, frames: Iterator[RGB]) -> Timing:
    """Of a contender that was not run before, one measured run: the second, without what is made at first use.

    Of a long one it is the first, of which that is a small part.
    """
    first = take_turns([contender], frames, until=0)[contender.name]
    return first if first.median > LONG_SECONDS else take_turns([contender], frames, until=0)[contender.name]


def _border_share(setup: Setup, footage: Footage) -> float:
    clock, images = StageClock(setup), iter(footage)
    for _ in setup.model.reference_offsets:
        clock.step(next(images))
    return border_share(clock.step(next(images)), setup)


def _with_frames(model: VideoModel, size: Size, frames: int) -> VideoModel:
    """The model with another clip length; weights of references that it lacks are new."""
    changed = build_model(with_clip_length(model.config, frames))
    known, wanted = model.state_dict(), changed.state_dict()
    changed.load_state_dict(
        {name: known[name] if name in known and known[name].shape == new.shape else new for name, new in wanted.items()}
    )
    return furnished(changed, size, model.preprocessing)
