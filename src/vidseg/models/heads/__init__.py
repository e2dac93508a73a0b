"""Heads: from an encoder's features to one feature map that a 1x1 convolution classifies."""

from collections.abc import Callable
from typing import Any, Protocol, cast

from torch import Tensor, nn

from vidseg.models.encoders import Encoder
from vidseg.models.heads.allmlp import AllMLPConfig, AllMLPHead

HeadConfig = AllMLPConfig
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
        """The feature map [B,C,h,w] of an encoder's stages, finest first."""


class HeadModule(nn.Module, Head):
    """For type checkers: a head and a module in one. Heads need not inherit from it."""


# By the configuration's `kind`.
_BUILDERS: dict[str, Callable[[Any, Encoder], nn.Module]] = {
    "allmlp": lambda config, encoder: AllMLPHead(encoder.widths, config.channels),
}


def build_head(config: HeadConfig, encoder: Encoder) -> HeadModule:
    """A freshly initialised head on an encoder."""
    return cast(HeadModule, _BUILDERS[config.kind](config, encoder))


__all__ = ["AllMLPConfig", "AllMLPHead", "Head", "HeadConfig", "build_head"]
