"""SegFormer's head in mmsegmentation's form: other than the authors' and Hugging Face's (see `AllMLPHead`).

Every stage passes a 1x1 convolution *with BatchNorm and ReLU*, and the finest stage comes first where they are fused.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders import Encoder
from vidseg.models.layers import ConvBNReLU, resize_bilinear


@dataclass(frozen=True, kw_only=True)
class MMSegMLPConfig:
    """The size of the head.

    Attributes:
        channels: of every level and of the result.
        kind: tells this configuration from those of other heads.
    """

    channels: int = 256
    kind: Literal["mmseg_mlp"] = "mmseg_mlp"

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"got channels={self.channels}; expected a positive number")


class MMSegMLPHead(nn.Module):
    """All stages projected, resized to the finest and fused; stride of the finest."""

    def __init__(self, config: MMSegMLPConfig, encoder: Encoder) -> None:
        super().__init__()
        self.channels, self.stride = config.channels, encoder.strides[0]
        self.projections = nn.ModuleList(ConvBNReLU(width, config.channels) for width in encoder.widths)
        self.fusion = ConvBNReLU(len(encoder.widths) * config.channels, config.channels)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        size = (stages[0].shape[-2], stages[0].shape[-1])
        levels = [
            resize_bilinear(projection(stage), size) for projection, stage in zip(self.projections, stages, strict=True)
        ]
        return self.fusion(torch.cat(levels, dim=1))
