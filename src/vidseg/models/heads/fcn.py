"""The convolutional head of FCN (Long et al., CVPR 2015) as mmsegmentation has it, and auxiliary heads."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders import Encoder
from vidseg.models.layers import ConvBNReLU


@dataclass(frozen=True, kw_only=True)
class FCNConfig:
    """The size of a convolutional head.

    Attributes:
        channels: of the result.
        convolutions: number of convolutions.
        concatenate: whether their input is put beside their result and both are fused by one more.
        stage: of the encoder, 1 (finest) to 4.
        kernel: the convolutions' side, odd.
        bias: whether the convolutions have a bias beside BatchNorm's.
        kind: tells this configuration from those of other heads.
    """

    channels: int = 512
    convolutions: int = 2
    concatenate: bool = True
    stage: int = 4
    kernel: int = 3
    bias: bool = False
    kind: Literal["fcn"] = "fcn"

    def __post_init__(self) -> None:
        if self.channels < 1 or self.convolutions < 1 or not 1 <= self.stage <= 4:
            raise InputError(
                f"got channels={self.channels}, convolutions={self.convolutions}, stage={self.stage}; "
                "expected positive numbers, and a stage from 1 (finest) to 4"
            )
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise InputError(f"got kernel={self.kernel}; expected an odd number of pixels")


def auxiliary_fcn(channels: int = 256, *, bias: bool = False) -> FCNConfig:
    """The usual auxiliary head: one convolution on stage 3."""
    return FCNConfig(channels=channels, convolutions=1, concatenate=False, stage=3, bias=bias)


class FCNHead(nn.Module):
    """Convolutions on one stage; the result has its size."""

    def __init__(self, config: FCNConfig, encoder: Encoder) -> None:
        super().__init__()
        self.stage = config.stage - 1
        self.channels, self.stride = config.channels, encoder.strides[self.stage]
        width = encoder.widths[self.stage]
        widths = (width, *(config.channels,) * (config.convolutions - 1))
        self.convolutions = nn.Sequential(
            *(ConvBNReLU(inputs, config.channels, config.kernel, bias=config.bias) for inputs in widths)
        )
        self.fusion = (
            ConvBNReLU(width + config.channels, config.channels, config.kernel) if config.concatenate else None
        )

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        stage = stages[self.stage]
        feature = self.convolutions(stage)
        return feature if self.fusion is None else self.fusion(torch.cat([stage, feature], dim=1))
