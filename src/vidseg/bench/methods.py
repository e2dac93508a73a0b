"""What the benchmark knows of single methods beyond the contract of all video models: one entry a method.

The paper (Sun et al., CVPR 2022, §3.4) compares the leading terms of its mining, H·W·m·C + H·W·C² for m context tokens
a window, with those of self-attention over all tokens of a clip, (T·H·W)²·C.

Shape letters: T frames of a clip, H, W map at stride 8, C head channels, m context tokens of a window.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vidseg.errors import InputError
from vidseg.models import (
    CFFMConfig,
    ForeignConfig,
    LMANetConfig,
    ModelConfig,
    MRCFAConfig,
    PerFrameConfig,
    ReferenceConfig,
    SegFormerConfig,
    STTConfig,
    VideoModel,
    build_model,
)
from vidseg.models.cffm.windows import NUM_SURROUNDING, WINDOW
from vidseg.models.per_frame import image_model_fields


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


def _attention_cost(config: CFFMConfig, image_size: tuple[int, int]) -> AttentionCost | None:
    """Mining against joint self-attention; None for the ablation without mining."""
    if config.mining != "attention":
        return None
    positions = math.prod(math.ceil(side / 4) // 2 for side in image_size)
    context_tokens = WINDOW**2 + NUM_SURROUNDING + config.target_kernel**2 + sum(r.kernel**2 for r in config.references)
    tokens, C = (len(config.references) + 1) * positions, config.head_channels
    return AttentionCost(
        tokens=tokens,
        context_tokens=context_tokens,
        joint=tokens**2 * C,
        mined=positions * context_tokens * C + positions * C**2,
    )


def _with_clip_length(config: CFFMConfig, frames: int) -> CFFMConfig:
    """With `frames` - 1 references: the newest are kept; where more are wanted, older ones follow.

    They follow at the same distance, each seen as coarsely as the oldest that the configuration has.
    """
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


def _inner_segformer(config: CFFMConfig | MRCFAConfig) -> ModelConfig:
    """Encoder, head and the classifier of frames by themselves."""
    if config.head is not None:
        raise InputError("got a model over a head of another kind; expected the all-MLP head of a SegFormer")
    return SegFormerConfig(
        encoder=config.encoder,
        num_classes=config.num_classes,
        head_channels=config.head_channels,
        dropout=config.dropout,
    )


def _inner_image_model(config: LMANetConfig | STTConfig) -> ModelConfig:
    """Encoder, heads and classifier."""
    return PerFrameConfig(**image_model_fields(config))


_PLAIN_PARTS = {
    "encoder": r"encoder\b",
    "head": r"head\b",
    "auxiliary": r"auxiliary_head\b",
    "prediction": r"((context|coarse|mined)_)?classifier\b",
}


@dataclass(frozen=True, kw_only=True)
class Method:
    """One entry of `METHODS`; the defaults are for all that need none.

    Attributes:
        parts: by the name of a part, the names of the modules that make it up.
        rest: what is called that fits none.
        attention_cost: of its way to see the context, for an image size.
        with_clip_length: the configuration with another number of frames; None where that makes no sense.
        mines_in_blocks: whether the number of mining blocks is a field of the configuration, `depth`.
        per_frame: the configuration of the per-frame model whose weights are a part of the method's.
        backbone_depths: by the size of the encoder, a Mix Transformer or EfficientNet-Lite, how many blocks beside it
            the method has: as published, or as the recipes have it.
        joint: whether self-attention over all tokens of a clip can be put in place of its mining.
        device: where multiply-adds are counted: "meta", where tensors have no data, or "cpu" for networks that look at
            values on their way.
    """

    parts: Mapping[str, str] = field(default_factory=lambda: _PLAIN_PARTS)
    rest: str = "context"
    attention_cost: Callable[[Any, tuple[int, int]], AttentionCost | None] = lambda config, image_size: None
    with_clip_length: Callable[[Any, int], ModelConfig] | None = None
    mines_in_blocks: bool = False
    per_frame: Callable[[Any], ModelConfig] | None = None
    backbone_depths: Mapping[str, int] | None = None
    joint: bool = False
    device: Literal["meta", "cpu"] = "meta"


METHODS: dict[type[Any], Method] = {
    # Which of its parts encodes, a network of someone else does not say; the rest merges masks and windows.
    ForeignConfig: Method(parts={"network": r"network\b"}, rest="merging", device="cpu"),
    MRCFAConfig: Method(
        parts=_PLAIN_PARTS | {"prediction": r"(context_)?classifiers?\b", "refinement": r"refinement\b"},
        rest="affinities",
        per_frame=_inner_segformer,
    ),
    LMANetConfig: Method(
        parts=_PLAIN_PARTS | {"memory": r"(key|value|fusion)\b"}, rest="attention", per_frame=_inner_image_model
    ),
    STTConfig: Method(rest="attention", per_frame=_inner_image_model),
    CFFMConfig: Method(
        parts=_PLAIN_PARTS | {"prior": r"prior\b", "CFFA": r"blocks\.\d+\.(assembling|context_rows|target_row)\b"},
        # Its attention has no module of its own.
        rest="CFM",
        attention_cost=_attention_cost,
        with_clip_length=_with_clip_length,
        mines_in_blocks=True,
        per_frame=_inner_segformer,
        # The paper has 1, 2, 2 and 4 for B0, B1, B2 and B5; those between take the smaller number.
        backbone_depths={"b0": 1, "b1": 2, "b2": 2, "b3": 2, "b4": 2, "b5": 4, "lite0": 1, "lite2": 1},
        joint=True,
    ),
}


def method_of(config: ModelConfig) -> Method:
    """The entry of a configuration's method."""
    return METHODS.get(type(config), Method())


def with_clip_length(config: ModelConfig, frames: int) -> ModelConfig:
    """The configuration with `frames` - 1 references.

    Raises:
        InputError: if a model would have no reference that needs one, or the other way round.
    """
    change = method_of(config).with_clip_length
    if change is not None:
        return change(config, frames)
    own = len(config.reference_offsets) + 1
    if frames != own:
        reason = "it sees one frame only" if own == 1 else "its references are fixed"
        raise InputError(f"got a clip of {frames} frames; expected {own}: {reason}")
    return config


def without_context(model: VideoModel) -> VideoModel:
    """The per-frame model inside a model, with its weights; a model that is one itself.

    Raises:
        InputError: if there is none.
    """
    make = method_of(model.config).per_frame
    if make is None:
        if model.reference_offsets or model.blank_state(1, (64, 64)):
            raise InputError(f"got a {type(model).__name__}; expected a model with a per-frame model inside")
        return model
    plain = build_model(make(model.config))
    own = plain.state_dict().keys()
    plain.load_state_dict({name: tensor for name, tensor in model.state_dict().items() if name in own})
    plain.class_map, plain.preprocessing = model.class_map, model.preprocessing
    return plain.eval()
