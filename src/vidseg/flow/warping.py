"""Following a flow: a map of the previous frame brought to where things are now. Pure torch.

Shape letters: B batch, C channels, H, W size of the map.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(map_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """Samples a map bilinearly at (x + flow x, y + flow y); outside it the nearest border is seen.

    Args:
        map_BCHW: of the previous frame.
        flow_B2HW: from the present to the previous frame, in pixels of the map's size; zero leaves the map as it is.

    Returns:
        [B,C,H,W], of the map's dtype.
    """
    _, _, H, W = map_BCHW.shape
    x_W = torch.arange(W, device=flow_B2HW.device, dtype=flow_B2HW.dtype)
    y_H1 = torch.arange(H, device=flow_B2HW.device, dtype=flow_B2HW.dtype)[:, None]
    # From pixel centres to -1…1 between the outer borders (``align_corners=False``).
    grid_BHW2 = torch.stack(
        [
            (2 * (x_W + flow_B2HW[:, 0]) + 1) / W - 1,
            (2 * (y_H1 + flow_B2HW[:, 1]) + 1) / H - 1,
        ],
        dim=3,
    )
    return F.grid_sample(
        map_BCHW, grid_BHW2.to(map_BCHW.dtype), mode="bilinear", padding_mode="border", align_corners=False
    )


def resize_flow(flow_B2HW: Tensor, size: tuple[int, int]) -> Tensor:
    """A flow for maps of another size: resized bilinearly, its vectors scaled along.

    Args:
        flow_B2HW: pixels, x then y.
        size: (height, width).
    """
    H, W = flow_B2HW.shape[-2:]
    scale = flow_B2HW.new_tensor([size[1] / W, size[0] / H]).view(1, 2, 1, 1)
    return F.interpolate(flow_B2HW, size=size, mode="bilinear", align_corners=False) * scale
