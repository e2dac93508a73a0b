"""The head of DeepLabv3+ (Chen et al., ECCV 2018): atrous spatial pyramid pooling and a decoder with fine detail.

Shape letters: B batch, D channels of the coarsest stage, C of the head.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models.encoders import Encoder
from vidseg.models.layers import ConvBNReLU, resize_bilinear


@dataclass(frozen=True, kw_only=True)
class ASPPConfig:
    """The size of a head of DeepLabv3+.

    Attributes:
        channels: C, of every branch and of the result.
        detail_channels: what the finest stage is reduced to.
        dilations: of the 3x3 branches.
        form: "mmseg" has depthwise-separable convolutions; "vspw" plain ones, a 1x1 fusion of the branches, corners
            aligned where it resizes, and dropout of its own.
        kind: tells this configuration from those of other heads.
    """

    channels: int = 512
    detail_channels: int = 48
    dilations: tuple[int, ...] = (12, 24, 36)
    form: Literal["mmseg", "vspw"] = "mmseg"
    kind: Literal["aspp"] = "aspp"

    def __post_init__(self) -> None:
        if min(self.channels, self.detail_channels, *self.dilations) < 1:
            raise InputError(
                f"got channels={self.channels}, detail_channels={self.detail_channels}, "
                f"dilations={list(self.dilations)}; expected positive numbers"
            )
        if self.form not in ("mmseg", "vspw"):
            raise InputError(f"got form={self.form!r}; expected 'mmseg' or 'vspw'")


class SeparableConvBNReLU(nn.Sequential):
    """A 3x3 convolution of each channel by itself, then a 1x1 one of all, each with BatchNorm and ReLU."""

    def __init__(self, in_channels: int, channels: int, *, dilation: int = 1) -> None:
        super().__init__(
            ConvBNReLU(in_channels, in_channels, 3, dilation=dilation, groups=in_channels),
            ConvBNReLU(in_channels, channels),
        )


def _plain(in_channels: int, channels: int, *, dilation: int = 1) -> nn.Module:
    return ConvBNReLU(in_channels, channels, 3, dilation=dilation)


def _resize_aligned(x_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x_BCHW, size=size, mode="bilinear", align_corners=True)


class ASPPHead(nn.Module):
    """Branches of growing field on the coarsest stage, fused, and refined with the finest stage; stride of that."""

    def __init__(self, config: ASPPConfig, encoder: Encoder) -> None:
        super().__init__()
        C, D = config.channels, encoder.widths[-1]
        self.channels, self.stride = C, encoder.strides[0]
        vspw = config.form == "vspw"
        self.pool_last = vspw
        self.resize: Callable[[Tensor, tuple[int, int]], Tensor] = _resize_aligned if vspw else resize_bilinear
        convolution: Callable[..., nn.Module] = _plain if vspw else SeparableConvBNReLU
        self.image = ConvBNReLU(D, C)
        self.branches = nn.ModuleList(
            [ConvBNReLU(D, C), *(convolution(D, C, dilation=dilation) for dilation in config.dilations)]
        )
        self.fusion = ConvBNReLU((2 + len(config.dilations)) * C, C, 1 if vspw else 3)
        self.detail = ConvBNReLU(encoder.widths[0], config.detail_channels)
        self.dropout = nn.Dropout(0.5 if vspw else 0.0)
        self.decoder = nn.ModuleList([convolution(C + config.detail_channels, C), convolution(C, C)])

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        coarsest = stages[-1]
        image = self.resize(self.image(coarsest.mean((2, 3), keepdim=True)), (coarsest.shape[-2], coarsest.shape[-1]))
        branches = [branch(coarsest) for branch in self.branches]
        ordered = [*branches, image] if self.pool_last else [image, *branches]
        fused = self.dropout(self.fusion(torch.cat(ordered, dim=1)))
        size = (stages[0].shape[-2], stages[0].shape[-1])
        refined = self.decoder[0](torch.cat([self.resize(fused, size), self.detail(stages[0])], dim=1))
        return self.decoder[1](self.dropout(refined))
