"""Chosen positions attend to the regions around them in other frames (STT's query and key selection).

Shape letters: B batch, N positions of a map, h, w its size, C channels, S positions chosen, R those of a row of a
region, heads·d = C.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vidseg.models.mrcfa.selection import num_selected
from vidseg.models.neighbours.softmax import Attended, attend


class Region(NamedTuple):
    """What a frame offers to those who look at the square around them: float [B,h,w,C] each, and the square's radius.

    At the border a position looks at the outermost pixels more than once: all regions have as many places.
    """

    key: Tensor
    value: Tensor
    radius: int


def select_changed(change_BN: Tensor, share: float) -> Tensor:
    """The positions that changed most.

    Args:
        change_BN: how much each did.
        share: of the positions that are chosen, above 0, at most 1; rounded down, but one at least.

    Returns:
        int64 [B,S], ascending. Of positions that changed alike the first ones are chosen, whoever computes it: the
        order of equal values is open in torch's `topk`, so it decides by values alone here.
    """
    N = change_BN.shape[1]
    S = num_selected(N, share)
    least_B1 = change_BN.topk(S, dim=1).values[:, -1:]
    above, tied = change_BN > least_B1, change_BN == least_B1
    room_B1 = S - above.sum(dim=1, keepdim=True)
    chosen_BN = above | (tied & (tied.long().cumsum(dim=1) <= room_B1))
    # Numbers that differ, the largest first in raster order.
    places_N = torch.arange(N, device=change_BN.device)
    return (chosen_BN.long() * (N - places_N)).topk(S, dim=1).indices


def rows_at(tokens_BNC: Tensor, index_BS: Tensor) -> Tensor:
    """[B,S,C]: the tokens at these places."""
    B, N, C = tokens_BNC.shape
    first_B1 = N * torch.arange(B, device=index_BS.device).unsqueeze(1)
    # Whole rows are copied, not element by element as `gather` does.
    return tokens_BNC.reshape(B * N, C).index_select(0, (index_BS + first_B1).flatten()).view(B, -1, C)


def attend_to_regions(query_BSC: Tensor, places_BS: Tensor, regions: Sequence[Region], heads: int) -> Tensor:
    """Attention of chosen positions to their regions in all frames together, row by row of the regions.

    Args:
        query_BSC: float, of the chosen positions.
        places_BS: int64, row-major, where they lie.
        regions: one a frame.
        heads: number of them; scores are divided by the root of their channels.

    Returns:
        float [B,S,C].
    """
    B, S, C = query_BSC.shape
    query = query_BSC.view(B, S, heads, 1, C // heads) * (C // heads) ** -0.5
    attended: Attended | None = None
    for key_BhwC, value_BhwC, radius in regions:
        h, w = key_BhwC.shape[1:3]
        row_BS = places_BS // w
        column_BS = places_BS - row_BS * w
        reach_R = torch.arange(-radius, radius + 1, device=places_BS.device)
        columns_BSR = (column_BS.unsqueeze(2) + reach_R).clamp(0, w - 1)
        for offset in range(-radius, radius + 1):
            row = (row_BS + offset).clamp(0, h - 1)
            index = (row.unsqueeze(2) * w + columns_BSR).flatten(1)
            key, value = (
                rows_at(map_.flatten(1, 2), index).view(B, S, 2 * radius + 1, heads, -1).transpose(2, 3)
                for map_ in (key_BhwC, value_BhwC)
            )
            attended = attend(attended, query @ key.transpose(-1, -2), value)
    assert attended is not None
    return attended.mean().reshape(B, S, C)
