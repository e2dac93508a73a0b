"""`vidseg.flow.warp` for maps of many channels on a CPU: its fast twin.

A pixel's four neighbours are four rows of K numbers in channels-last order, and their weighted sum is what an embedding
bag computes; grid sampling gathers K times as many single numbers.

Shape letters: B batch, K channels, H, W size of the map, P pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def follow(map_BKHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """As `vidseg.flow.warp`, equal but for float rounding; fastest for maps in channels-last order.

    Returns:
        float [B,K,H,W] in channels-last order.
    """
    B, K, H, W = map_BKHW.shape
    columns, column_weights = _neighbours(torch.arange(W, device=flow_B2HW.device) + flow_B2HW[:, 0], W)
    rows, row_weights = _neighbours(torch.arange(H, device=flow_B2HW.device)[:, None] + flow_B2HW[:, 1], H)
    first_B11 = torch.arange(B, device=flow_B2HW.device).view(B, 1, 1) * (H * W)
    index_P4 = torch.stack([first_B11 + row * W + column for row in rows for column in columns], dim=-1)
    weight_P4 = torch.stack([one * other for one in row_weights for other in column_weights], dim=-1)
    table = map_BKHW.permute(0, 2, 3, 1).reshape(B * H * W, K)
    sums_PK = F.embedding_bag(
        index_P4.view(-1, 4), table, mode="sum", per_sample_weights=weight_P4.view(-1, 4).to(table.dtype)
    )
    return sums_PK.view(B, H, W, K).permute(0, 3, 1, 2)


def _neighbours(position: Tensor, length: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The two pixels around a position on an axis, as int64, and their weights; beyond the ends the last counts."""
    position = position.clamp(0, length - 1)
    low = position.floor()
    share = position - low
    first = low.long()
    return (first, (first + 1).clamp_(max=length - 1)), (1 - share, share)
