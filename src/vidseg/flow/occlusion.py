"""Where a flow can be believed: what went out of sight has nothing to be followed to. Pure torch.

Forward-backward consistency is that of Sundaram, Brox and Keutzer (ECCV 2010): who goes to where a pixel came from and
back again should be at home.

Shape letters: B batch, C channels, H, W size of the maps.
"""

import torch
from torch import Tensor

from vidseg.flow.warping import warp


def forward_backward_error(forward_B2HW: Tensor, backward_B2HW: Tensor) -> Tensor:
    """How far from home the way there and back ends: ``|f(x) + b(x + f(x))|``.

    Args:
        forward_B2HW: from the present to the previous frame, pixels of this size.
        backward_B2HW: from the previous to the present frame, of the same size.

    Returns:
        float [B,1,H,W], pixels.
    """
    gap_B2HW = forward_B2HW + warp(backward_B2HW, forward_B2HW)
    return gap_B2HW.square().sum(dim=1, keepdim=True).sqrt()


def inside(flow_B2HW: Tensor) -> Tensor:
    """Whether what a pixel shows was in the previous frame's picture: bool [B,1,H,W]."""
    H, W = flow_B2HW.shape[-2:]
    x_W = torch.arange(W, device=flow_B2HW.device, dtype=flow_B2HW.dtype)
    y_H1 = torch.arange(H, device=flow_B2HW.device, dtype=flow_B2HW.dtype)[:, None]
    x_BHW, y_BHW = x_W + flow_B2HW[:, 0], y_H1 + flow_B2HW[:, 1]
    within = (x_BHW >= -0.5) & (x_BHW <= W - 0.5) & (y_BHW >= -0.5) & (y_BHW <= H - 0.5)
    return within[:, None]


def photometric_difference(present_BCHW: Tensor, previous_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """Mean over channels of how much what is seen now differs from where it was: float [B,1,H,W], levels."""
    return (present_BCHW - warp(previous_BCHW, flow_B2HW)).abs().mean(dim=1, keepdim=True)
