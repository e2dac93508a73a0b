"""What the recipes have in common."""

from dataclasses import replace
from typing import Literal

from vidseg.data import ClipConfig
from vidseg.models import MIT_SIZES, CFFMConfig, MiTConfig, MRCFAConfig, ReferenceConfig, SegFormerConfig
from vidseg.train import LossConfig

BackboneSize = Literal["b0", "b1", "b2", "b5"]

DEPTHS: dict[BackboneSize, int] = {"b0": 1, "b1": 2, "b2": 2, "b5": 4}
"""Mining blocks of the paper's models."""

_VIEWS = ((1, 7), (2, 5), (3, 3))
"""(tokens per window side, kernel) of the paper's references, farthest first."""


def segformer(size: BackboneSize, num_classes: int, *, regularised: bool = True) -> SegFormerConfig:
    """A per-frame model with CFFM's head width; `regularised` with dropout and drop path."""
    config = SegFormerConfig(encoder=MIT_SIZES[size], num_classes=num_classes)
    return config if regularised else replace(config, encoder=_undropped(size), dropout=0.0)


def cffm(size: BackboneSize, num_classes: int, *, regularised: bool = True) -> CFFMConfig:
    """The paper's model of a size; `regularised` with dropout and drop path."""
    config = CFFMConfig(encoder=MIT_SIZES[size], num_classes=num_classes, depth=DEPTHS[size])
    return config if regularised else replace(config, encoder=_undropped(size), dropout=0.0)


def mrcfa(size: BackboneSize, num_classes: int, *, regularised: bool = True) -> MRCFAConfig:
    """The MRCFA of a size as published; `regularised` with dropout and drop path."""
    config = MRCFAConfig(
        encoder=MIT_SIZES[size],
        num_classes=num_classes,
        share=0.8 if size == "b0" else 0.5,
        refining_convs=2 if size == "b1" else 1,
    )
    return config if regularised else replace(config, encoder=_undropped(size), dropout=0.0)


def views(offsets: tuple[int, ...]) -> tuple[ReferenceConfig, ...]:
    """Three references seen as the paper's three, from coarse and wide to fine and near."""
    return tuple(
        ReferenceConfig(offset=offset, tokens_per_side=tokens, kernel=kernel)
        for offset, (tokens, kernel) in zip(offsets, _VIEWS, strict=True)
    )


def single_frames(*, per: Literal["video", "frame"] = "video") -> ClipConfig:
    """Clips for a per-frame model."""
    return ClipConfig(reference_offsets=(), per=per, reverse_probability=0.0)


PER_FRAME_LOSS = LossConfig(frame_weight=0.0)
"""A per-frame model has one kind of logits: their cross-entropy, with weight 1."""


def _undropped(size: BackboneSize) -> MiTConfig:
    return replace(MIT_SIZES[size], drop_path_rate=0.0)
