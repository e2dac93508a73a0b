"""The head of PSPNet (Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017), in mmsegmentation's form and VSPW's.

Shape letters: B batch, D channels of the stage, C of the head, h, w size of the stage, b a bin's side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders import Encoder
from vidseg.models.layers import ConvBNReLU, resize_bilinear


@dataclass(frozen=True, kw_only=True)
class PSPConfig:
    """The size of a PSP head.

    Attributes:
        channels: C, of every pooled map and of the result.
        bins: sides of the pooled maps.
        kind: tells this configuration from those of other heads.
    """

    channels: int = 512
    bins: tuple[int, ...] = (1, 2, 3, 6)
    kind: Literal["psp"] = "psp"

    def __post_init__(self) -> None:
        check_pyramid(self.channels, self.bins)


def check_pyramid(channels: int, bins: Sequence[int]) -> None:
    """Checks the size of a pyramid.

    Raises:
        InputError: for numbers out of range.
    """
    if channels < 1 or not bins or min(bins) < 1:
        raise InputError(f"got channels={channels}, bins={list(bins)}; expected positive numbers and one bin or more")


class PyramidPooling(nn.Module):
    """Means over the cells of coarse grids, each projected, resized and put beside the stage: [B,D + bins·C,h,w].

    Args:
        in_channels: D.
        channels: C.
        bins: sides b of the grids.
        resize_first: whether pooled maps are resized before they are projected, as in VSPW's UPerNet.
    """

    def __init__(self, in_channels: int, channels: int, bins: Sequence[int], *, resize_first: bool = False) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.pools = nn.ModuleList(nn.AdaptiveAvgPool2d(side) for side in bins)
        self.resize_first = resize_first
        self.projections = nn.ModuleList(ConvBNReLU(in_channels, channels) for _ in bins)

    def pool(self, stage_BDhw: Tensor) -> tuple[Tensor, ...]:
        """The means, [B,D,b,b] for each bin."""
        return tuple(pool(stage_BDhw) for pool in self.pools)

    def assemble(self, stage_BDhw: Tensor, pooled: Sequence[Tensor]) -> Tensor:
        """The stage with pooled maps beside it, its own (see `pool`) or others of the same sizes."""
        size = (stage_BDhw.shape[-2], stage_BDhw.shape[-1])
        parts = [stage_BDhw]
        for projection, means in zip(self.projections, pooled, strict=True):
            if self.resize_first:
                parts.append(projection(resize_bilinear(means, size)))
            else:
                parts.append(resize_bilinear(projection(means), size))
        return torch.cat(parts, dim=1)

    def forward(self, stage_BDhw: Tensor) -> Tensor:
        return self.assemble(stage_BDhw, self.pool(stage_BDhw))


class PSPHead(nn.Module):
    """The coarsest stage with its pooled maps, fused by a 3x3 convolution; the result has the stage's size."""

    def __init__(self, config: PSPConfig, encoder: Encoder) -> None:
        super().__init__()
        self.channels, self.stride = config.channels, encoder.strides[-1]
        D = encoder.widths[-1]
        self.pyramid = PyramidPooling(D, config.channels, config.bins)
        self.fusion = ConvBNReLU(D + len(config.bins) * config.channels, config.channels, 3)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        return self.fusion(self.pyramid(stages[-1]))
