"""Heads: from an encoder's features to one feature map that a 1x1 convolution classifies."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Protocol, cast

from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders import Encoder
from vidseg.models.heads.allmlp import AllMLPConfig, AllMLPHead
from vidseg.models.heads.aspp import ASPPConfig, ASPPHead
from vidseg.models.heads.fcn import FCNConfig, FCNHead, auxiliary_fcn
from vidseg.models.heads.mmseg_mlp import MMSegMLPConfig, MMSegMLPHead
from vidseg.models.heads.ocr import OCRConfig, OCRHead, gather_regions
from vidseg.models.heads.psp import PSPConfig, PSPHead, PyramidPooling
from vidseg.models.heads.uper import UPerConfig, UPerHead

HeadConfig = AllMLPConfig | ASPPConfig | FCNConfig | MMSegMLPConfig | OCRConfig | PSPConfig | UPerConfig
"""Which head, and its size. A configuration's field `kind` tells one from another."""


class Head(Protocol):
    """What every head offers; an ``nn.Module``.

    Attributes:
        channels: of the feature map.
        stride: by how much smaller than the image it is.
    """

    channels: int
    stride: int

    def __call__(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The feature map [B,C,h,w] of an encoder's stages, finest first.

        `OCRHead` takes the logits of an auxiliary head besides.
        """


class HeadModule(nn.Module, Head):
    """For type checkers: a head and a module in one. Heads need not inherit from it."""


# By the configuration's `kind`: its type, and what builds the head on an encoder.
_HEADS: dict[str, tuple[type[Any], Callable[[Any, Encoder], nn.Module]]] = {
    "allmlp": (AllMLPConfig, lambda config, encoder: AllMLPHead(encoder.widths, config.channels)),
    "aspp": (ASPPConfig, ASPPHead),
    "fcn": (FCNConfig, FCNHead),
    "mmseg_mlp": (MMSegMLPConfig, MMSegMLPHead),
    "ocr": (OCRConfig, OCRHead),
    "psp": (PSPConfig, PSPHead),
    "uper": (UPerConfig, UPerHead),
}


def build_head(config: HeadConfig, encoder: Encoder) -> HeadModule:
    """A freshly initialised head on an encoder."""
    return cast(HeadModule, _HEADS[config.kind][1](config, encoder))


def head_config(name: str) -> HeadConfig:
    """A head of the usual size by its kind, such as "allmlp" or "psp".

    Raises:
        InputError: for another name.
    """
    if name not in _HEADS:
        nearest = get_close_matches(name, _HEADS, n=1, cutoff=0.0)[0]
        raise InputError(f"got head {name!r}; expected one of {', '.join(_HEADS)}; did you mean {nearest!r}?")
    return cast(HeadConfig, _HEADS[name][0]())


__all__ = [
    "ASPPConfig",
    "ASPPHead",
    "AllMLPConfig",
    "AllMLPHead",
    "FCNConfig",
    "FCNHead",
    "Head",
    "HeadConfig",
    "HeadModule",
    "MMSegMLPConfig",
    "MMSegMLPHead",
    "OCRConfig",
    "OCRHead",
    "PSPConfig",
    "PSPHead",
    "PyramidPooling",
    "UPerConfig",
    "UPerHead",
    "auxiliary_fcn",
    "build_head",
    "gather_regions",
    "head_config",
]
