"""The head of UPerNet (Xiao et al., "Unified Perceptual Parsing for Scene Understanding", ECCV 2018).

Shape letters: B batch, C channels of the head.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders import Encoder
from vidseg.models.heads.psp import PyramidPooling, check_pyramid
from vidseg.models.layers import ConvBNReLU, resize_bilinear


@dataclass(frozen=True, kw_only=True)
class UPerConfig:
    """The size of a UPer head.

    Attributes:
        channels: C, of every level and of the result.
        bins: sides of the maps that the coarsest stage is pooled to.
        form: "mmseg" projects pooled maps before it resizes them, "vspw" after.
        kind: tells this configuration from those of other heads.
    """

    channels: int = 512
    bins: tuple[int, ...] = (1, 2, 3, 6)
    form: Literal["mmseg", "vspw"] = "mmseg"
    kind: Literal["uper"] = "uper"

    def __post_init__(self) -> None:
        check_pyramid(self.channels, self.bins)
        if self.form not in ("mmseg", "vspw"):
            raise InputError(f"got form={self.form!r}; expected 'mmseg' or 'vspw'")


class UPerHead(nn.Module):
    """A feature pyramid over all stages, on top of which the coarsest is pooled as in PSPNet; stride of the finest."""

    def __init__(self, config: UPerConfig, encoder: Encoder) -> None:
        super().__init__()
        C = config.channels
        self.channels, self.stride = C, encoder.strides[0]
        *finer, coarsest = encoder.widths
        self.pyramid = PyramidPooling(coarsest, C, config.bins, resize_first=config.form == "vspw")
        self.top = ConvBNReLU(coarsest + len(config.bins) * C, C, 3)
        self.laterals = nn.ModuleList(ConvBNReLU(width, C) for width in finer)
        self.smoothings = nn.ModuleList(ConvBNReLU(C, C, 3) for _ in finer)
        self.fusion = ConvBNReLU(len(encoder.widths) * C, C, 3)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        levels = [lateral(stage) for lateral, stage in zip(self.laterals, stages[:-1], strict=True)]
        levels.append(self.top(self.pyramid(stages[-1])))
        for index in range(len(levels) - 2, -1, -1):
            finer = levels[index]
            levels[index] = finer + resize_bilinear(levels[index + 1], (finer.shape[-2], finer.shape[-1]))
        smoothed = [smooth(level) for smooth, level in zip(self.smoothings, levels[:-1], strict=True)]
        size = (levels[0].shape[-2], levels[0].shape[-1])
        return self.fusion(torch.cat([resize_bilinear(level, size) for level in (*smoothed, levels[-1])], dim=1))
