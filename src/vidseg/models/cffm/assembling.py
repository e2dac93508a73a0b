"""Coarse-to-fine feature assembling (CFFA; Sun et al., CVPR 2022, §3.2): pooled tokens of frames.

The further back a frame lies, the fewer tokens each of its windows is pooled to, and the wider the field of windows
that a target window looks at.

Shape letters: B batch, H, W size of the padded map, C channels, nh, nw rows and columns of windows, g tokens per
window side.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.cffm.windows import WINDOW
from vidseg.models.layers import resize_bilinear


@dataclass(frozen=True, kw_only=True)
class ReferenceConfig:
    """How one reference frame is seen.

    Attributes:
        offset: how many frames before the target it lies, 1 or more.
        tokens_per_side: its windows are pooled to this many tokens a side, 1–7.
        kernel: a target window sees kernel x kernel of these tokens; odd.
    """

    offset: int
    tokens_per_side: int
    kernel: int

    def __post_init__(self) -> None:
        if self.offset < 1:
            raise InputError(f"got reference offset {self.offset}; expected 1 or more frames back")
        if not 1 <= self.tokens_per_side <= WINDOW:
            raise InputError(f"got tokens_per_side={self.tokens_per_side}; expected 1 to {WINDOW}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise InputError(f"got kernel={self.kernel}; expected an odd number, so that patches have a middle")


class WindowPooling(nn.Module):
    """Pools every window of a map to g x g tokens, each a learned weighted sum of a cell of positions.

    A window is first resized so that its side is a multiple of g. (The paper prints pooling sizes 7, 4, 2; the
    published weights have 7, 3, 2.)

    Args:
        tokens_per_side: g.
    """

    def __init__(self, tokens_per_side: int) -> None:
        super().__init__()
        self.tokens_per_side = tokens_per_side
        self.cell = WINDOW // tokens_per_side
        self.weighted_sum = nn.Linear(self.cell**2, 1)
        nn.init.constant_(self.weighted_sum.weight, 1 / self.cell**2)
        nn.init.zeros_(self.weighted_sum.bias)

    def forward(self, map_BCHW: Tensor) -> Tensor:
        """[B,C,7·nh,7·nw] to [B,C,nh·g,nw·g]."""
        H, W = map_BCHW.shape[-2:]
        height, width = (side // WINDOW * self.tokens_per_side for side in (H, W))
        resized = resize_bilinear(map_BCHW, (height * self.cell, width * self.cell))
        cells = resized.unflatten(3, (width, self.cell)).unflatten(2, (height, self.cell)).transpose(3, 4)
        return self.weighted_sum(cells.flatten(4)).squeeze(4)


class ContextAssembling(nn.Module):
    """Pooled tokens of the target and, one set a reference, of what a frame leaves for later ones.

    Args:
        references: how each reference is seen, oldest first.
    """

    def __init__(self, references: tuple[ReferenceConfig, ...]) -> None:
        super().__init__()
        self.target = WindowPooling(1)
        self.references = nn.ModuleList(WindowPooling(reference.tokens_per_side) for reference in references)
        self.tokens_per_side = [reference.tokens_per_side for reference in references]

    def context(self, map_BCHW: Tensor) -> Tensor:
        """The tokens of a frame for every reference slot that it may come to stand in.

        Args:
            map_BCHW: the frame's normed and padded feature.

        Returns:
            [B,nh,nw,Σg²,C]; with the paper's references 1 + 4 + 9 = 14 rows a window.
        """
        pooled = (pooling(map_BCHW) for pooling in self.references)
        return torch.cat([_grid_to_rows(grid, g) for grid, g in zip(pooled, self.tokens_per_side, strict=True)], dim=3)

    def grid(self, context: Tensor, slot: int) -> Tensor:
        """Of a context [B,nh,nw,Σg²,C] the tokens for reference `slot`, as a map [B,C,nh·g,nw·g]."""
        rows = context.split([g * g for g in self.tokens_per_side], dim=3)[slot]
        return _rows_to_grid(rows, self.tokens_per_side[slot])


def _grid_to_rows(grid_BCHW: Tensor, tokens_per_side: int) -> Tensor:
    """[B,C,nh·g,nw·g] to [B,nh,nw,g·g,C]."""
    g = tokens_per_side
    split = grid_BCHW.unflatten(3, (-1, g)).unflatten(2, (-1, g))
    return split.permute(0, 2, 4, 3, 5, 1).flatten(3, 4)


def _rows_to_grid(rows: Tensor, tokens_per_side: int) -> Tensor:
    """[B,nh,nw,g·g,C] to [B,C,nh·g,nw·g]."""
    g = tokens_per_side
    return rows.unflatten(3, (g, g)).permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)
