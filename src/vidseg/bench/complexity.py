"""Parameters and multiply-adds of a model by part, at any size; counted, where that can be, on tensors without data.

Counted are matrix products, convolutions and attention, as `torch.utils.flop_counter` does: one multiply-add is two of
its operations. Norms, activations, softmax and resizing are left out, as is usual.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vidseg.acceleration import accelerate
from vidseg.bench.methods import AttentionCost, Method, method_of, with_clip_length
from vidseg.models import Adaptive, Cycle, ModelConfig, Repeated, VideoModel, build_model
from vidseg.models.advance import own_steps
from vidseg.models.contract import example_inputs

Parts = dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """What a model takes, by part: encoder, head, CFFA, CFM, prediction; a part it lacks is absent.

    Attributes:
        image_size: (height, width) of the network's input.
        frames: T; a clip is T - 1 references and the target.
        parameters: learned numbers.
        clip: multiply-adds for one labelled frame as the paper runs it: all T frames encoded and classified anew. Of a
            model without references, of a clip of one frame.
        stream: multiply-adds for one frame of a stream that keeps what earlier frames left; of a model with a cycle of
            steps their mean, of one that decides what it must be ready for: the larger way, the most repetitions.
        accelerated: the same with `vidseg.acceleration`.
        steps: multiply-adds of each step, accelerated.
        attention: mining against joint self-attention; None for a model without mining.
    """

    image_size: tuple[int, int]
    frames: int
    parameters: Parts
    clip: Parts
    stream: Parts
    accelerated: Parts
    steps: dict[str, Parts]
    attention: AttentionCost | None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description; parts get a "total" beside them."""
        runs = {"clip": self.clip, "stream": self.stream, "accelerated": self.accelerated}
        counts = {name: _with_total(parts) for name, parts in runs.items()}
        return {
            "image_size": list(self.image_size),
            "frames": self.frames,
            "parameters": _with_total(self.parameters),
            "multiply_adds": counts,
            "steps": {name: _with_total(parts) for name, parts in self.steps.items()},
            "attention": self.attention and asdict(self.attention) | {"ratio": self.attention.ratio},
        }


def complexity(config: ModelConfig, image_size: tuple[int, int], frames: int | None = None) -> Complexity:
    """Counts a model of this configuration; no weights are needed.

    Args:
        config: the model's size.
        image_size: (height, width) of the network's input.
        frames: clip length T, see `with_clip_length`; None for the configuration's own.

    Raises:
        InputError: for a clip length that the model cannot have, or an image too small for it.
    """
    if frames is not None:
        config = with_clip_length(config, frames)
    method = method_of(config)
    with torch.device(method.device):
        model = build_model(config).eval()
    T = len(model.reference_offsets) + 1
    clip = torch.zeros(1, T, 3, *image_size, device=method.device)
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    fast = accelerate(model)
    steps = _steps(fast, method, image_size)
    return Complexity(
        image_size=image_size,
        frames=T,
        parameters=_by_part(method, parameters, sum(parameters.values())),
        clip=_multiply_adds(model, method, lambda: model(clip)),
        stream=_per_frame(model, _steps(model, method, image_size)),
        accelerated=_per_frame(fast, steps),
        steps=steps,
        attention=method.attention_cost(config, image_size),
    )


def _steps(model: VideoModel, method: Method, image_size: tuple[int, int]) -> dict[str, Parts]:
    """Multiply-adds of each step."""
    run = own_steps(model)

    def count(name: str) -> Parts:
        inputs = example_inputs(model, name, 1, image_size)
        return _multiply_adds(model, method, lambda: run(name, inputs))

    return {name: count(name) for name in model.steps()}


def _per_frame(model: VideoModel, steps: dict[str, Parts]) -> Parts:
    """Multiply-adds of one frame of a long stream."""
    match model.schedule:
        case Cycle(steps=names):
            total = sum((Counter(steps[name]) for name in names), Counter())
            return {part: round(count / len(names)) for part, count in total.items()}
        case Adaptive(probe=probe, above=above, below=below):
            larger = max(above, below, key=lambda name: sum(steps[name].values()))
            return dict(Counter(steps[probe]) + Counter(steps[larger]))
        case Repeated(probe=probe, repeat=repeat, last=last, most=most):
            return dict(sum((Counter(steps[name]) for name in (probe, *(repeat,) * most, last)), Counter()))
    return steps["step"] if model.reference_offsets else steps["start"]


class _Rooted(nn.Module):
    """Runs a function inside a module, so that the counter knows all of the model's parts by their full names."""

    def __init__(self, model: nn.Module, function: Callable[[], object]) -> None:
        super().__init__()
        self.model = model
        self.function = function

    def forward(self) -> None:
        self.function()


def _multiply_adds(model: nn.Module, method: Method, function: Callable[[], object]) -> Parts:
    """Multiply-adds of a function that calls parts of the model."""
    root = _Rooted(model, function)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        root()
    prefix = f"{type(root).__name__}.model."
    counts = {
        name.removeprefix(prefix): sum(operations.values()) // 2
        for name, operations in counter.get_flop_counts().items()
        if name.startswith(prefix)
    }
    return _by_part(method, counts, counter.get_total_flops() // 2)


def _by_part(method: Method, counts: Parts, total: int) -> Parts:
    """Sums the counts of modules, or of their parameters, by part; a module's count includes its submodules'."""
    parts: Counter[str] = Counter()
    for part, pattern in method.parts.items():
        names = {name for name in counts if re.match(pattern, name)}
        parts[part] = sum(counts[name] for name in names if not _is_inside(name, names))
    parts[method.rest] = total - parts.total()
    return {part: count for part, count in parts.items() if count}


def _is_inside(name: str, modules: set[str]) -> bool:
    """Whether one of these modules encloses the one of this name."""
    return any(name.startswith(f"{module}.") for module in modules)


def _with_total(parts: dict[str, int]) -> dict[str, int]:
    return parts | {"total": sum(parts.values())}
