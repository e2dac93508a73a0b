"""Heads for inference: only what is needed of their feature is made; those with a fast twin make it in parts.

Shape letters: B batch, C channels of the feature, h, w its size, h', w' = ⌊h/2⌋, ⌊w/2⌋, K classes.
"""

import copy
from typing import Any, Protocol

from torch import Tensor, nn

from vidseg.acceleration.allmlp import FoldedHead
from vidseg.acceleration.folding import fold_blocks
from vidseg.acceleration.pooling import replace_pools
from vidseg.models.heads import AllMLPHead, HeadModule
from vidseg.models.layers import resize_bilinear


class FastHead(Protocol):
    """What is needed of a head's feature; an ``nn.Module``."""

    def classified(self, stages: tuple[Tensor, ...], classifier: nn.Linear) -> Tensor:
        """Logits [B,h,w,K] of the feature."""

    def halved(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The feature resized to half its height and width, [B,h',w',C]."""

    def size(self, stages: tuple[Tensor, ...]) -> tuple[int, int]:
        """h, w."""


class WholeHead(nn.Module):
    """Makes a head's whole feature first.

    Args:
        head: of stride 4; it is copied.
    """

    def __init__(self, head: HeadModule) -> None:
        super().__init__()
        self.whole = copy.deepcopy(head)
        fold_blocks(self.whole)
        replace_pools(self.whole)

    def classified(self, stages: tuple[Tensor, ...], classifier: nn.Linear) -> Tensor:
        """Logits [B,h,w,K] of the feature."""
        return classifier(self.whole(stages).permute(0, 2, 3, 1))

    def halved(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The feature resized to half its height and width, [B,h',w',C]."""
        feature = self.whole(stages)
        return resize_bilinear(feature, (feature.shape[-2] // 2, feature.shape[-1] // 2)).permute(0, 2, 3, 1)

    def size(self, stages: tuple[Tensor, ...]) -> tuple[int, int]:
        """h, w: those of the first stage."""
        return stages[0].shape[-2], stages[0].shape[-1]


# By the module's type.
_TWINS = {AllMLPHead: FoldedHead}


def fast_head(head: Any) -> Any:
    """A `FastHead`; weights are copied."""
    return _TWINS.get(type(head), WholeHead)(head)
