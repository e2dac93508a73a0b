"""The all-MLP head of SegFormer (Xie et al., NeurIPS 2021, §3.2): four stages in, one feature map out."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models.layers import resize_bilinear


@dataclass(frozen=True, kw_only=True)
class AllMLPConfig:
    """The size of an all-MLP head.

    Attributes:
        channels: width C of the fused feature.
        kind: tells this configuration from those of other heads.
    """

    channels: int = 256
    kind: Literal["allmlp"] = "allmlp"

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"got channels={self.channels}; expected a positive number")


class AllMLPHead(nn.Module):
    """Projects each stage to one width, brings all to the finest size and fuses them.

    Args:
        widths: channels of the stages, finest first.
        channels: width C of the result; 256 in CFFM for every backbone, 768 in the published image models from B2 on.
    """

    stride = 4

    def __init__(self, widths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.projections = nn.ModuleList(nn.Linear(width, channels) for width in widths)
        self.fusion = nn.Conv2d(len(widths) * channels, channels, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.kaiming_normal_(self.fusion.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The *fused* feature [B,C,h,w] at the size of the first stage."""
        fused = self._fuse_by_stage(stages) if self.training else self._fuse(stages)
        return F.relu(self.norm(fused))

    def _fuse(self, stages: tuple[Tensor, ...]) -> Tensor:
        size = (stages[0].shape[-2], stages[0].shape[-1])
        projected = [
            resize_bilinear(projection(stage.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), size)
            for projection, stage in zip(self.projections, stages, strict=True)
        ]
        # The fusion's published weights expect the coarsest stage first.
        return self.fusion(torch.cat(projected[::-1], dim=1))

    def _fuse_by_stage(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The same: the fusion is linear, and so may come before resizing, as one matrix with the projection.

        Most stages are small: a fifth of the multiply-adds, and no wide map is made. In training that counts most.
        """
        size = (stages[0].shape[-2], stages[0].shape[-1])
        shares = self.fusion.weight.flatten(1).chunk(len(stages), dim=1)[::-1]
        parts = []
        for projection, share, stage in zip(self.projections, shares, stages, strict=True):
            assert isinstance(projection, nn.Linear)
            part = F.linear(stage.permute(0, 2, 3, 1), share @ projection.weight, share @ projection.bias)
            parts.append(resize_bilinear(part.permute(0, 3, 1, 2), size))
        return sum(parts[1:], start=parts[0])
