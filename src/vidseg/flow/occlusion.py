"""Which of a flow's vectors to believe: where they end, and whether the flow of the other way leads back.

What was hidden in the previous frame has no place there: the flow ends at something else, and from there the flow of
the other way leads to where that is now.

Shape letters: B batch, C channels, H, W size of the flow.
"""

from torch import Tensor

from vidseg.flow.warping import pixel_grid, warp


def forward_backward_error(forward_B2HW: Tensor, backward_B2HW: Tensor) -> Tensor:
    """How far from its start a pixel ends that goes along one flow and back along the other.

    Args:
        forward_B2HW: f, from the present to the previous frame, pixels.
        backward_B2HW: b, from the previous to the present frame, pixels.

    Returns:
        [B,1,H,W] pixels: ``|f(x) + b(x + f(x))|``, b read bilinearly, at the nearest border if that is outside.
    """
    return (forward_B2HW + warp(backward_B2HW, forward_B2HW)).norm(dim=1, keepdim=True)


def inside(flow_B2HW: Tensor) -> Tensor:
    """Where a flow ends within the frame.

    Returns:
        bool [B,1,H,W]: whether x + f(x) lies on a pixel, whose centres are at 0…W-1 and 0…H-1 and reach half a pixel
        further.
    """
    H, W = flow_B2HW.shape[-2:]
    # From the outer borders; sizes stay whole numbers, the only ones that OpenVINO takes as sizes of any picture.
    x_BHW, y_BHW = (pixel_grid(flow_B2HW) + flow_B2HW + 0.5).unbind(dim=1)
    return ((x_BHW >= 0) & (x_BHW <= W) & (y_BHW >= 0) & (y_BHW <= H)).unsqueeze(1)


def visible(forward_B2HW: Tensor, backward_B2HW: Tensor) -> Tensor:
    """Where what is seen now was seen in the previous frame, as far as the two flows can tell.

    Both say so if the flow ends within the frame and ``|f + b|² ≤ 0.01 (|f|² + |b|²) + 0.5``, b as in
    `forward_backward_error` (Sundaram, Brox and Keutzer, ECCV 2010, Eq. 5): longer ways may miss by more.

    Args:
        forward_B2HW: f, from the present to the previous frame, pixels.
        backward_B2HW: b, from the previous to the present frame, pixels.

    Returns:
        bool [B,1,H,W].
    """
    back_B2HW = warp(backward_B2HW, forward_B2HW)
    miss_B1HW = (forward_B2HW + back_B2HW).square().sum(dim=1, keepdim=True)
    lengths_B1HW = (forward_B2HW.square() + back_B2HW.square()).sum(dim=1, keepdim=True)
    return inside(forward_B2HW) & (miss_B1HW <= 0.01 * lengths_B1HW + 0.5)


def photometric_difference(present_BCHW: Tensor, previous_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """By how much what is seen now differs from what was where it was: float [B,1,H,W], mean over the channels."""
    return (present_BCHW - warp(previous_BCHW, flow_B2HW)).abs().mean(dim=1, keepdim=True)
