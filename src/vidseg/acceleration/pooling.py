"""Adaptive average pooling as two small matrix products: one graph of it serves images of any size.

Torch's own, where it is exported, becomes a loop over the cells of the one size that it was traced with.
"""

import torch
from torch import Tensor, nn

from vidseg.models.heads import PyramidPooling


class MatrixPool(nn.Module):
    """Means over the cells of a grid, [B,C,h,w] to [B,C,side,side]; twin of ``nn.AdaptiveAvgPool2d``.

    Cell i of `side` cells reaches from ⌊i·n/side⌋ to ⌈(i + 1)·n/side⌉ of an axis of n.
    """

    first: Tensor
    last: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        cells = torch.arange(side)
        self.register_buffer("first", cells, persistent=False)
        self.register_buffer("last", cells + 1, persistent=False)

    def forward(self, x_BChw: Tensor) -> Tensor:
        """The means of the cells."""
        rows, columns = self._means(x_BChw, 2), self._means(x_BChw, 3)
        return rows @ x_BChw @ columns.transpose(0, 1)

    def _means(self, x_BChw: Tensor, axis: int) -> Tensor:
        """Float [side,n]: row i averages the positions of cell i."""
        n = x_BChw.shape[axis]
        positions = torch.arange(n, device=x_BChw.device)
        starts = self.first * n // self.side
        stops = (self.last * n + self.side - 1) // self.side
        inside = (positions >= starts[:, None]) & (positions < stops[:, None])
        return inside.to(x_BChw.dtype) / (stops - starts)[:, None]


class MeanPool(nn.Module):
    """The mean of all positions, [B,C,h,w] to [B,C,1,1]."""

    def forward(self, x_BChw: Tensor) -> Tensor:
        """The mean."""
        return x_BChw.mean((2, 3), keepdim=True)


def replace_pools(module: nn.Module) -> None:
    """Replaces the pools of all `PyramidPooling` inside a module, in place."""
    for pyramid in module.modules():
        if isinstance(pyramid, PyramidPooling):
            pools = nn.ModuleList(MeanPool() if side == 1 else MatrixPool(side) for side in pyramid.bins)
            # Where the weights are, which for counting is nowhere.
            pyramid.pools = pools.to(next(pyramid.parameters()).device)
