"""The head of OCRNet (Yuan et al., "Object-Contextual Representations for Semantic Segmentation", ECCV 2020).

A first, auxiliary guess of the classes gathers one vector for each of them; every pixel then attends to these.

Shape letters: B batch, K classes, C channels of the head, A of the attention, h, w size of the stage.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders import Encoder
from vidseg.models.layers import ConvBNReLU, resize_bilinear


@dataclass(frozen=True, kw_only=True)
class OCRConfig:
    """The size of an OCR head.

    Attributes:
        channels: C, of the pixels' features, the regions and the result.
        key_channels: A.
        form: "vspw" has convolutions with a bias, "mmseg" without.
        kind: tells this configuration from those of other heads.
    """

    channels: int = 512
    key_channels: int = 256
    form: Literal["mmseg", "vspw"] = "mmseg"
    kind: Literal["ocr"] = "ocr"

    def __post_init__(self) -> None:
        if self.channels < 1 or self.key_channels < 1:
            raise InputError(
                f"got channels={self.channels}, key_channels={self.key_channels}; expected positive numbers"
            )
        if self.form not in ("mmseg", "vspw"):
            raise InputError(f"got form={self.form!r}; expected 'mmseg' or 'vspw'")


def gather_regions(feature_BChw: Tensor, logits_BKhw: Tensor) -> Tensor:
    """One vector a class [B,K,C]: the mean feature, weighted by where the class is likely."""
    shares_BKN = logits_BKhw.flatten(2).softmax(dim=2)
    return shares_BKN @ feature_BChw.flatten(2).transpose(1, 2)


class OCRHead(nn.Module):
    """Pixels of the coarsest stage with the context of regions; the result has the stage's size.

    Besides the stages it is given the logits of an auxiliary head. Its parts can be called one by one, for regions that
    come from more than one frame.
    """

    def __init__(self, config: OCRConfig, encoder: Encoder) -> None:
        super().__init__()
        C, A, bias = config.channels, config.key_channels, config.form == "vspw"
        self.channels, self.stride = C, encoder.strides[-1]
        self.reduction = ConvBNReLU(encoder.widths[-1], C, 3, bias=bias)
        self.query = nn.Sequential(ConvBNReLU(C, A, bias=bias), ConvBNReLU(A, A, bias=bias))
        self.key = nn.Sequential(ConvBNReLU(C, A, bias=bias), ConvBNReLU(A, A, bias=bias))
        self.value = ConvBNReLU(C, A, bias=bias)
        self.output = ConvBNReLU(A, C, bias=bias)
        self.fusion = ConvBNReLU(2 * C, C, bias=bias)
        self._scale = A**-0.5

    def reduce(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The pixels' features [B,C,h,w]."""
        return self.reduction(stages[-1])

    def attend(self, feature_BChw: Tensor, regions_BKC: Tensor) -> Tensor:
        """The pixels' features with the context of the regions that they resemble, [B,C,h,w]."""
        regions_BCK1 = regions_BKC.transpose(1, 2).unsqueeze(3)
        q_BNA = self.query(feature_BChw).flatten(2).transpose(1, 2)
        k_BAK = self.key(regions_BCK1).flatten(2)
        v_BKA = self.value(regions_BCK1).flatten(2).transpose(1, 2)
        context_BNA = (q_BNA @ k_BAK * self._scale).softmax(dim=2) @ v_BKA
        context_BAhw = context_BNA.transpose(1, 2).unflatten(2, feature_BChw.shape[-2:])
        return self.fusion(torch.cat([self.output(context_BAhw), feature_BChw], dim=1))

    def forward(self, stages: tuple[Tensor, ...], logits_BKhw: Tensor) -> Tensor:
        feature_BChw = self.reduce(stages)
        # An auxiliary head on a finer stage than the last: where the encoder is not dilated.
        logits_BKhw = resize_bilinear(logits_BKhw, (feature_BChw.shape[-2], feature_BChw.shape[-1]))
        return self.attend(feature_BChw, gather_regions(feature_BChw, logits_BKhw))
