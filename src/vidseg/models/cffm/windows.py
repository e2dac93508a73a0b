"""Windows of 7x7 tokens: cutting maps into them, what surrounds them, and relative positions.

Shape letters: B batch, H, W size of the padded map (multiples of 7), C channels, N = nh·nw windows (row-major),
Q = 49 positions of a window, S = 132 surrounding positions, P = k·k positions of a k x k patch of pooled tokens.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW = 7
SHIFT = WINDOW // 2

# Rolls of the map that move the window to each of the four diagonals; a roll by -3 shows the window moved by +3.
_ROLLS = ((-SHIFT, -SHIFT), (-SHIFT, SHIFT), (SHIFT, -SHIFT), (SHIFT, SHIFT))


def _outside_positions() -> tuple[tuple[int, ...], ...]:
    """For each roll, the row-major positions of the rolled window that lie outside the unrolled one."""

    def inside(position: int, shift: int) -> bool:
        # A window moved by +3 still shows its old self in its first four rows (columns), moved by -3 in its last four.
        return position < WINDOW - SHIFT if shift < 0 else position >= SHIFT

    return tuple(
        tuple(
            row * WINDOW + column
            for row in range(WINDOW)
            for column in range(WINDOW)
            if not (inside(row, row_shift) and inside(column, column_shift))
        )
        for row_shift, column_shift in _ROLLS
    )


_OUTSIDE = _outside_positions()
NUM_SURROUNDING = sum(map(len, _OUTSIDE))


def pad_to_windows(x_BHWC: Tensor) -> Tensor:
    """Zero padding at the right and bottom to multiples of the window."""
    H, W = x_BHWC.shape[1:3]
    # No % here: exporters of graphs with open sizes may not know it.
    missing_rows, missing_columns = ((side + WINDOW - 1) // WINDOW * WINDOW - side for side in (H, W))
    return F.pad(x_BHWC, (0, 0, 0, missing_columns, 0, missing_rows))


def cut_windows(x_BHWC: Tensor) -> Tensor:
    """[B,H,W,C] to [B,N,49,C]; positions of a window row-major."""
    B, H, W, C = x_BHWC.shape
    grid = x_BHWC.view(B, H // WINDOW, WINDOW, W // WINDOW, WINDOW, C).transpose(2, 3)
    return grid.reshape(B, -1, WINDOW * WINDOW, C)


def join_windows(windows_BNQC: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `cut_windows` for a map of `height` x `width`."""
    B, _, _, C = windows_BNQC.shape
    grid = windows_BNQC.view(B, height // WINDOW, width // WINDOW, WINDOW, WINDOW, C).transpose(2, 3)
    return grid.reshape(B, height, width, C)


def cut_surroundings(x_BHWC: Tensor) -> Tensor:
    """[B,H,W,C] to [B,N,132,C]: the positions around each window, from four rolled maps.

    Of each rolled window only what came from outside the window is kept, 33 positions a roll. Rolls wrap round the
    map and some positions occur twice; the published weights were trained so.
    """
    kept = []
    for roll, outside in zip(_ROLLS, _OUTSIDE, strict=True):
        rolled_BNQC = cut_windows(torch.roll(x_BHWC, roll, dims=(1, 2)))
        kept.append(rolled_BNQC[:, :, list(outside)])
    return torch.cat(kept, dim=2)


def cut_patches(grid_BCHW: Tensor, *, kernel: int, stride: int) -> Tensor:
    """The k x k tokens around each window of a grid with `stride` x `stride` tokens a window.

    [B,C,nh·stride,nw·stride] to [B,N,k·k,C]; outside the grid lie zeros. The patch starts k//2 tokens before the
    window's first one.
    """
    B, C = grid_BCHW.shape[:2]
    columns = F.unfold(grid_BCHW, kernel, padding=kernel // 2, stride=stride)
    return columns.view(B, C, kernel * kernel, -1).permute(0, 3, 2, 1)


def relative_positions(kernel: int) -> Tensor:
    """Index int64 [49,k·k] into a bias table of (7+k-1)² entries: the offset from key to query, row-major."""
    window, patch = torch.arange(WINDOW), torch.arange(kernel)
    offset = window[:, None] - patch[None, :] + kernel - 1
    rows = offset[:, None, :, None].expand(WINDOW, WINDOW, kernel, kernel)
    columns = offset[None, :, None, :].expand(WINDOW, WINDOW, kernel, kernel)
    return (rows * (WINDOW + kernel - 1) + columns).reshape(WINDOW * WINDOW, kernel * kernel)


def relative_table_size(kernel: int) -> int:
    """Number of entries of the bias table that `relative_positions` indexes."""
    return (WINDOW + kernel - 1) ** 2
