"""Every pixel attends to the window around it in other frames (LMANet's local attention), computed tile by tile.

Tiles whose sides are the window's radius: the windows of a tile's pixels lie in it and the eight around it, so that one
matrix product scores all of them. It scores 9·r² keys where the window has (2·r + 1)²; the others are masked.

Shape letters: B batch, M frames, C channels of queries and keys, V of values, h, w size of the maps, t = r side of a
tile, n, m tiles along the height and the width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.models.neighbours.softmax import Attended, attend


class NeighbourhoodAttention(nn.Module):
    """Attention to a window in each of some frames, all of them in one softmax, unscaled.

    Beyond the border lie zeros, and they take part in the softmax.

    Args:
        window: side of the window, odd and 3 or more.

    Raises:
        InputError: for another window.
    """

    near: Tensor

    def __init__(self, window: int) -> None:
        super().__init__()
        check_window(window)
        self.radius = window // 2
        # A constant of the method: it stays out of the checkpoint.
        self.register_buffer("near", _near(self.radius), persistent=False)

    def forward(self, query_BChw: Tensor, keys_BMChw: Tensor, values_BMVhw: Tensor, filled_B1: Tensor) -> Tensor:
        """What each pixel reads.

        Args:
            query_BChw: float, of the present frame.
            keys_BMChw: float, of M frames, oldest first.
            values_BMVhw: float, theirs.
            filled_B1: how many of the frames, counted from the newest, are there; of those that are not, keys and
                values must be zero.

        Returns:
            float [B,V,h,w]; zero where no frame is there.
        """
        (h, w), t = query_BChw.shape[-2:], self.radius
        query = _tiles(query_BChw, t, border=0)
        attended: Attended | None = None
        for age in range(keys_BMChw.shape[1]):
            key = _surroundings(_tiles(keys_BMChw[:, -1 - age], t, border=t))
            scores = (query @ key.transpose(-1, -2)).masked_fill(~self.near, float("-inf"))
            # The newest takes part in any case: where it is not there, it is zero.
            if age:
                scores = scores.masked_fill((filled_B1 <= age)[:, :, None, None, None], float("-inf"))
            attended = attend(attended, scores, _surroundings(_tiles(values_BMVhw[:, -1 - age], t, border=t)))
        assert attended is not None
        return _untiled(attended.mean(), t)[:, :, :h, :w]


def check_window(window: int) -> None:
    """Checks the side of a window.

    Raises:
        InputError: for an even number, or one below 3.
    """
    if window < 3 or window % 2 == 0:
        raise InputError(f"got window={window}; expected an odd number of pixels, 3 or more, e.g. 21")


def _near(radius: int) -> Tensor:
    """Which positions of the 3x3 tiles around a tile lie in the windows of its own positions, bool [t²,9·t²]."""
    own, around = torch.arange(radius), torch.arange(-radius, 2 * radius)
    close = (own[:, None] - around[None, :]).abs() <= radius
    # In the order of `_surroundings`: tile by tile, each row-major.
    close = close.view(radius, 3, radius)
    return (close[:, None, :, None, :, None] & close[None, :, None, :, None, :]).reshape(radius**2, 9 * radius**2)


def _tiles(map_BChw: Tensor, side: int, *, border: int) -> Tensor:
    """[B,n,m,t²,C], positions of a tile row-major; zeros up to whole tiles, and a border of zeros on all sides."""
    # No % here: exporters of graphs with open sizes may not know it.
    bottom, right = ((length + side - 1) // side * side - length for length in map_BChw.shape[-2:])
    padded = F.pad(map_BChw, (border, right + border, border, bottom + border))
    B, C, height, width = padded.shape
    grid = padded.view(B, C, height // side, side, width // side, side)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(B, height // side, width // side, side * side, C)


def _surroundings(tiles_BnmtC: Tensor) -> Tensor:
    """[B,n-2,m-2,9·t²,C]: each inner tile with the eight around it."""
    n, m = tiles_BnmtC.shape[1] - 2, tiles_BnmtC.shape[2] - 2
    return torch.cat([tiles_BnmtC[:, i : i + n, j : j + m] for i in range(3) for j in range(3)], dim=3)


def _untiled(tiles_BnmtV: Tensor, side: int) -> Tensor:
    """The inverse of `_tiles` without a border, [B,V,n·t,m·t]."""
    B, n, m, _, V = tiles_BnmtV.shape
    grid = tiles_BnmtV.view(B, n, m, side, side, V)
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(B, V, n * side, m * side)
