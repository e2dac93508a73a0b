"""Parameters and multiply-adds of a model by part, counted on tensors without data: at once and at any size.

Counted are matrix products, convolutions and attention, as `torch.utils.flop_counter` does: one multiply-add is two of
its operations. Norms, activations, softmax and resizing are left out, as is usual.

The paper (Sun et al., CVPR 2022, §3.4) compares the leading terms of its mining, H·W·m·C + H·W·C² for m context tokens
a window, with those of self-attention over all tokens of a clip, (T·H·W)²·C.

Shape letters: T frames of a clip, H, W map at stride 8, C head channels, m context tokens of a window.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vidseg.acceleration import accelerate
from vidseg.errors import InputError
from vidseg.models import CFFMConfig, FrameInputs, Model, ModelConfig, ReferenceConfig, VideoModel, build_model
from vidseg.models.advance import own_steps
from vidseg.models.cffm.windows import NUM_SURROUNDING, WINDOW

# Names of the modules that make up a part. What fits none is mining, whose attention has no module of its own.
PARTS = {
    "encoder": r"encoder\b",
    "head": r"head\b",
    "CFFA": r"blocks\.\d+\.(assembling|context_rows|target_row)\b",
    "prediction": r"((context|coarse|mined)_)?classifier\b",
}
REST = "CFM"


@dataclass(frozen=True, kw_only=True)
class AttentionCost:
    """Leading terms of the multiply-adds of one layer that lets a frame see its context, for one target frame.

    Attributes:
        tokens: T·H·W.
        context_tokens: m.
        joint: (T·H·W)²·C, self-attention over all tokens of the clip.
        mined: H·W·m·C + H·W·C², mining from assembled context.
    """

    tokens: int
    context_tokens: int
    joint: int
    mined: int

    @property
    def ratio(self) -> float:
        """How many times as much joint self-attention takes."""
        return self.joint / self.mined


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """What a model takes, by part: encoder, head, CFFA, CFM, prediction; a part it lacks is absent.

    Attributes:
        image_size: (height, width) of the network's input.
        frames: T; a clip is T - 1 references and the target.
        parameters: learned numbers.
        clip: multiply-adds for one labelled frame as the paper runs it: all T frames encoded and classified anew.
        stream: multiply-adds for one frame of a stream that keeps the contexts of earlier frames.
        accelerated: the same with `vidseg.acceleration`; None for the ablation without mining, which it does not know.
        attention: mining against joint self-attention; None for a model without mining.
    """

    image_size: tuple[int, int]
    frames: int
    parameters: dict[str, int]
    clip: dict[str, int]
    stream: dict[str, int]
    accelerated: dict[str, int] | None
    attention: AttentionCost | None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description; parts get a "total" beside them."""
        runs = {"clip": self.clip, "stream": self.stream, "accelerated": self.accelerated}
        counts = {name: None if parts is None else _with_total(parts) for name, parts in runs.items()}
        return {
            "image_size": list(self.image_size),
            "frames": self.frames,
            "parameters": _with_total(self.parameters),
            "multiply_adds": counts,
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
    with torch.device("meta"):
        model = build_model(config).eval()
    T = len(model.reference_offsets) + 1
    clip = torch.empty(1, T, 3, *image_size, device="meta")
    references = [model.blank_context(1, image_size)] * (T - 1)
    parameters = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return Complexity(
        image_size=image_size,
        frames=T,
        parameters=_by_part(parameters, sum(parameters.values())),
        clip=_multiply_adds(model, lambda: model(clip)),
        stream=_multiply_adds(model, lambda: _stream_step(model, clip[:, 0], references)),
        accelerated=_accelerated(model, clip[:, 0], references) if has_fast_twin(config) else None,
        attention=_attention_cost(config, image_size, T)
        if isinstance(config, CFFMConfig) and has_fast_twin(config)
        else None,
    )


def has_fast_twin(config: ModelConfig) -> bool:
    """Whether `vidseg.acceleration` knows models of this configuration."""
    return not isinstance(config, CFFMConfig) or config.mining == "attention"


def with_clip_length(config: ModelConfig, frames: int) -> ModelConfig:
    """The configuration with `frames` - 1 references.

    The newest are kept; where more are wanted, older ones follow at the same distance, each seen as coarsely as the
    oldest that the configuration has.

    Raises:
        InputError: if a model would have no reference that needs one, or the other way round.
    """
    if isinstance(config, CFFMConfig):
        if frames < 2:
            raise InputError(f"got a clip of {frames} frames; expected 2 or more: CFFM needs a reference")
        oldest = config.references[0]
        older = [
            ReferenceConfig(
                offset=oldest.offset + config.references[-1].offset * step,
                tokens_per_side=oldest.tokens_per_side,
                kernel=oldest.kernel,
            )
            for step in range(frames - 1 - len(config.references), 0, -1)
        ]
        return replace(config, references=(*older, *config.references)[-(frames - 1) :])
    if frames != 1:
        raise InputError(f"got a clip of {frames} frames; expected 1: SegFormer sees one frame only")
    return config


def _stream_step(model: VideoModel, frame: torch.Tensor, references: list[tuple[torch.Tensor, ...]]) -> None:
    step = "step" if references else "start"
    own_steps(model)(step, FrameInputs(frame, references=references))


def _accelerated(model: Model, frame: torch.Tensor, references: list[tuple[torch.Tensor, ...]]) -> dict[str, int]:
    fast = accelerate(model)
    return _multiply_adds(fast, lambda: _stream_step(fast, frame, references))


class _Rooted(nn.Module):
    """Runs a function inside a module, so that the counter knows all of the model's parts by their full names."""

    def __init__(self, model: nn.Module, function: Callable[[], object]) -> None:
        super().__init__()
        self.model = model
        self.function = function

    def forward(self) -> None:
        self.function()


def _multiply_adds(model: nn.Module, function: Callable[[], object]) -> dict[str, int]:
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
    return _by_part(counts, counter.get_total_flops() // 2)


def _by_part(counts: dict[str, int], total: int) -> dict[str, int]:
    """Sums the counts of modules, or of their parameters, by part; a module's count includes its submodules'."""
    parts: Counter[str] = Counter()
    for part, pattern in PARTS.items():
        names = {name for name in counts if re.match(pattern, name)}
        parts[part] = sum(counts[name] for name in names if not _is_inside(name, names))
    parts[REST] = total - parts.total()
    return {part: count for part, count in parts.items() if count}


def _is_inside(name: str, modules: set[str]) -> bool:
    """Whether one of these modules encloses the one of this name."""
    return any(name.startswith(f"{module}.") for module in modules)


def _attention_cost(config: CFFMConfig, image_size: tuple[int, int], frames: int) -> AttentionCost:
    positions = math.prod(math.ceil(side / 4) // 2 for side in image_size)
    context_tokens = WINDOW**2 + NUM_SURROUNDING + config.target_kernel**2 + sum(r.kernel**2 for r in config.references)
    tokens, C = frames * positions, config.head_channels
    return AttentionCost(
        tokens=tokens,
        context_tokens=context_tokens,
        joint=tokens**2 * C,
        mined=positions * context_tokens * C + positions * C**2,
    )


def _with_total(parts: dict[str, int]) -> dict[str, int]:
    return parts | {"total": sum(parts.values())}
