"""Relations among affinities (Sun et al., ECCV 2022): each level by itself (SAR), then coarse ones into fine (MAA).

The affinities of one reference token with all positions of the target are an image of one channel. Neighbouring
positions should like the same token (single-scale affinity refinement), and what the coarse levels, rich in meaning,
say should guide the fine ones (multi-scale affinity aggregation).

Shape letters: M images, one a token of a reference and a clip; h, w size of a level.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F


class Convs(NamedTuple):
    """Sizes of the convolutions that follow each other.

    Attributes:
        kernels: sides of their kernels.
        channels: that they give; one channel comes in.
    """

    kernels: tuple[int, ...]
    channels: tuple[int, ...]


class Sizes(NamedTuple):
    """Convolutions on every level and on every sum of two levels, finest first."""

    levels: tuple[Convs, Convs, Convs]
    mixing: tuple[Convs, Convs]


SIZES: dict[int, Sizes] = {
    1: Sizes(
        levels=(Convs((5,), (1,)), Convs((5,), (1,)), Convs((3,), (1,))),
        mixing=(Convs((3,), (1,)), Convs((3,), (1,))),
    ),
    2: Sizes(
        levels=(Convs((5, 3), (1, 2)), Convs((3, 3), (1, 2)), Convs((3, 3), (1, 2))),
        mixing=(Convs((3, 3), (2, 1)), Convs((3, 3), (2, 2))),
    ),
}
"""The published ones by their number in a row: one for B0, B2 and B5, two for B1."""


class AffinityRefinement(nn.Module):
    """Refines the affinities of three levels into those of the finest.

    Args:
        convs: a key of `SIZES`.
    """

    def __init__(self, convs: int) -> None:
        super().__init__()
        sizes = SIZES[convs]
        self.levels = nn.ModuleList(_stack(1, level) for level in sizes.levels)
        self.mixing = nn.ModuleList(_stack(sizes.levels[0].channels[-1], mixing) for mixing in sizes.mixing)

    def forward(self, affinities: Sequence[Tensor]) -> Tensor:
        """Refines.

        Args:
            affinities: [M,1,h,w] each at its own size, finest first.

        Returns:
            [M,1,h,w] at the finest size; what the softmax takes.
        """
        *finer, mixed = [level(affinity) for level, affinity in zip(self.levels, affinities, strict=True)]
        for refined, mixing in zip(finer[::-1], list(self.mixing)[::-1], strict=True):
            size = (refined.shape[-2], refined.shape[-1])
            # Corners aligned: the published weights were trained so.
            mixed = mixing(refined + F.interpolate(mixed, size=size, mode="bilinear", align_corners=True))
        return mixed


def _stack(in_channels: int, convs: Convs) -> nn.Sequential:
    """Convolution, norm over the whole image, ReLU, as often as there are sizes."""
    layers: list[nn.Module] = []
    for kernel, channels in zip(convs.kernels, convs.channels, strict=True):
        layers += [
            nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2),
            nn.GroupNorm(1, channels),
            nn.ReLU(),
        ]
        in_channels = channels
    return nn.Sequential(*layers)
