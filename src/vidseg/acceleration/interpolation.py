"""Bilinear resizing as matrices.

Resizing is separable and linear: a map X becomes R_y · X · R_xᵀ, and a chain of resizes is the product of its matrices.
The rows of a matrix are non-negative, sum to 1 and have few entries that are not zero.
"""

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.acceleration.kept import kept


def resize_matrix(*lengths: int) -> Tensor:
    """The matrix float64 [last,first] that resizes an axis from length to length.

    The entries of each resize are those of ``F.interpolate`` in float32, its rounding of source positions included.
    """
    return reduce(lambda done, step: step @ done, map(_one_resize, lengths, lengths[1:]))


def _one_resize(source: int, target: int) -> Tensor:
    unit = torch.eye(source)
    if source != target:
        unit = F.interpolate(unit[None], size=target, mode="linear", align_corners=False)[0]
    return unit.T.double()


class Taps(NamedTuple):
    """The entries of a `resize_matrix` that are not zero.

    Attributes:
        source: int64 [n,t], source positions; rows with fewer than t entries repeat their first with weight 0.
        weight: float32 [n,t].
    """

    source: Tensor
    weight: Tensor


@kept(maxsize=32)
def resize_taps(lengths: tuple[int, ...], device: torch.device) -> Taps:
    """`Taps` of ``resize_matrix(*lengths)`` on a device."""
    matrix = resize_matrix(*lengths)
    used = matrix > 0
    taps = int(used.sum(dim=1).max())
    index = used.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :taps]
    weight = matrix.gather(1, index).float()
    index = torch.where(weight > 0, index, index[:, :1])
    return Taps(index.to(device), weight.to(device))


class RowBand(NamedTuple):
    """Some rows of a `resize_matrix`, without the columns that are zero in all of them.

    Attributes:
        matrix: [stop-start,last-first].
        first: the first source position that they use.
        last: one past the last.
    """

    matrix: Tensor
    first: int
    last: int


@kept(maxsize=1024)
def resize_band(lengths: tuple[int, ...], start: int, stop: int, device: torch.device, dtype: torch.dtype) -> RowBand:
    """Rows `start` to `stop` of ``resize_matrix(*lengths)``, kept ready on a device."""
    matrix = resize_matrix(*lengths)[start:stop]
    used = (matrix > 0).any(dim=0).nonzero()
    first, last = int(used[0]), int(used[-1]) + 1
    return RowBand(matrix[:, first:last].to(device, dtype), first, last)
