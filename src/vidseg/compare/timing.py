"""The third step: how fast the systems are, all in turns in one run of one process, and what they are made of.

In each round every system labels the same new frame, so whatever else the machine does it does to all of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vidseg.bench.complexity import complexity
from vidseg.bench.contenders import Contender, Setup, ours, steady
from vidseg.bench.frames import footage_of
from vidseg.bench.machine import environment
from vidseg.bench.memory import state_bytes
from vidseg.bench.sizes import Size
from vidseg.bench.subject import subject
from vidseg.bench.timing import take_turns, warm_up
from vidseg.checkpoints import load
from vidseg.compare.plan import Plan, System
from vidseg.compare.workplace import Key
from vidseg.data import VideoDataset
from vidseg.evaluate import listed_rate
from vidseg.models import Adaptive, Cycle, Repeated, VideoModel, architecture_of, encoder_name
from vidseg.steady import Steady
from vidseg.stream import parse_policy


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A system that takes part.

    Attributes:
        system: which.
        model: what `vidseg.load` finds.
        sha256: of its weights.
    """

    system: System
    model: str
    sha256: str


def timing_key(plan: Plan, timed: Sequence[Timed], data: str) -> Key:
    """All that the times depend on, but for the machine."""
    return {
        "systems": [
            [one.system.name, one.sha256, one.system.policy, one.system.steady, one.system.flow] for one in timed
        ],
        "data": data,
        "size": plan.size,
        "runtime": plan.runtime,
        "threads": plan.threads,
        "rounds": plan.rounds,
    }


def time_systems(
    plan: Plan, timed: Sequence[Timed], dataset: VideoDataset, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measures.

    Args:
        plan: with how models are run.
        timed: the systems; those that cannot be run here are left out.
        dataset: whose first video is segmented.
        say: is told what is being done.

    Returns:
        A JSON-able description: machine, what was segmented, and by a system's name its times, or why it has none.

    Raises:
        DataError: if the video cannot be read.
    """
    footage = footage_of(dataset, plan.frame_size)
    height, width = footage.images[0].shape[:2]
    contenders: list[Contender] = []
    cycles: dict[str, int] = {}
    state: dict[str, int] = {}
    absent: dict[str, str] = {}
    for one in timed:
        say(f"{one.system.name}: loading for the timing")
        try:
            model = _model(one.model, plan.frame_size)
            contender = _contender(plan, one.system, model, (height, width), dataset)
            contender.run(footage.images[0])  # what fails does so here, alone
        except (ImportError, ValueError, RuntimeError) as error:
            absent[one.system.name] = " ".join(str(error).split())
            continue
        contenders.append(contender)
        cycles[one.system.name] = cycle_of(model, plan.rounds)
        assert model.preprocessing is not None
        state[one.system.name] = state_bytes(model, model.preprocessing.network_size(height, width))
    frames = iter(footage)
    warm_up(contenders, frames)
    timings = take_turns(
        contenders,
        frames,
        until=math.inf,
        most=plan.rounds,
        progress=lambda done: say(f"timing, round {done} of {plan.rounds}"),
    )
    return {
        "machine": environment(plan.threads),
        "frame_size": [height, width],
        "video": footage.source,
        "runtime": plan.runtime,
        "absent": absent,
        "systems": {
            name: timing.to_dict()
            | {"cycle": cycles[name], "seconds_per_frame": timing.typical(cycles[name]), "state_bytes": state[name]}
            for name, timing in timings.items()
        },
    }


def describe(model: str, size: Size, *, whole: bool) -> dict[str, Any]:
    """What a model is made of.

    Args:
        model: what `vidseg.load` finds.
        size: (height, width) of the frames.
        whole: whether the network's input is as large as the frames, see `Plan.size`.

    Returns:
        Architecture, backbone, number of parameters, and multiply-adds of a frame as `vidseg info` counts them.
    """
    loaded = _model(model, size if whole else None)
    assert loaded.preprocessing is not None
    counted = complexity(loaded.config, loaded.preprocessing.network_size(*size))
    return {
        "architecture": architecture_of(loaded.config),
        "backbone": backbone_name(loaded.config),
        "parameters": sum(parameter.numel() for parameter in loaded.parameters()),
        "complexity": counted.to_dict(),
    }


def backbone_name(config: Any) -> str:
    """The encoder, or both of a model that has a second one for the frames between."""
    names = [encoder_name(config.encoder)]
    if (update := getattr(config, "update_encoder", None)) is not None:
        names.append(encoder_name(update))
    return " + ".join(names)


def frame_size(plan: Plan, dataset: VideoDataset) -> Size:
    """(height, width) of the frames that are timed.

    Raises:
        DataError: if a frame is missing or damaged.
    """
    height, width = plan.frame_size or footage_of(dataset, None).images[0].shape[:2]
    return height, width


def _model(model: str, size: Size | None) -> VideoModel:
    loaded = load(model)
    return loaded if size is None else subject(loaded, size)


def _contender(plan: Plan, system: System, model: VideoModel, size: Size, dataset: VideoDataset) -> Contender:
    setup = Setup(
        model=model,
        size=size,
        threads=plan.threads,
        policy=parse_policy(system.policy, listed_rate(dataset.videos[0])),
        steady=Steady() if system.steady is None else Steady(strength=system.steady),
        flow=system.flow,
    )
    make = ours if system.steady is None else steady
    return replace(make(setup, plan.runtime), name=system.name)


def cycle_of(model: VideoModel, rounds: int) -> int:
    """After how many frames the work is the same again; where the model decides, all `rounds` that are timed."""
    match model.schedule:
        case Cycle(steps=steps):
            return len(steps)
        case Adaptive() | Repeated():
            return rounds
    return 1
