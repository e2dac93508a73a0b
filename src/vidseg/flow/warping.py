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
    H, W = map_BCHW.shape[-2:]
    x_BHW, y_BHW = (pixel_grid(flow_B2HW) + flow_B2HW).unbind(dim=1)
    # From pixel centres to -1…1 between the outer borders (``align_corners=False``).
    grid_BHW2 = torch.stack([(2 * x_BHW + 1) / W - 1, (2 * y_BHW + 1) / H - 1], dim=3)
    return F.grid_sample(
        map_BCHW, grid_BHW2.to(map_BCHW.dtype), mode="bilinear", padding_mode="border", align_corners=False
    )


def warp_as_released(map_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """Warps as VSPW's code does (its NetWarp and ETC), which published weights were trained with.

    Positions are normalised as if the centres of the outer pixels were at -1 and 1 but sampled as if the borders were:
    what is further from the middle is taken from up to half a pixel further out. Outside there are zeros.

    Args:
        map_BCHW: of the previous frame.
        flow_B2HW: from the present to the previous frame, in pixels of the map's size.

    Returns:
        [B,C,H,W], of the map's dtype.
    """
    places_12HW = pixel_grid(flow_B2HW)
    # The last pixel's place; as a tensor, for graphs of any size.
    last_1211 = places_12HW.amax(dim=(2, 3), keepdim=True).clamp(min=1)
    grid_BHW2 = (2 * (places_12HW + flow_B2HW) / last_1211 - 1).permute(0, 2, 3, 1)
    return F.grid_sample(
        map_BCHW, grid_BHW2.to(map_BCHW.dtype), mode="bilinear", padding_mode="zeros", align_corners=False
    )


def warp_labels(labels_BHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """The label of the pixel nearest to (x + flow x, y + flow y); outside the map that of the nearest border.

    Args:
        labels_BHW: integers, of the previous frame.
        flow_B2HW: from the present to the previous frame, in pixels of the map's size.

    Returns:
        [B,H,W], of the labels' dtype.
    """
    B, H, W = labels_BHW.shape
    x_BHW, y_BHW = (pixel_grid(flow_B2HW) + flow_B2HW).round().long().unbind(dim=1)
    places_BHW = y_BHW.clamp_(0, H - 1).mul_(W).add_(x_BHW.clamp_(0, W - 1))
    return labels_BHW.reshape(B, H * W).gather(1, places_BHW.reshape(B, H * W)).reshape(B, H, W)


def pixel_grid(flow_B2HW: Tensor) -> Tensor:
    """Where each of a flow's vectors begins: its x and y.

    Returns:
        [1,2,H,W], of the flow's dtype and device.
    """
    H, W = flow_B2HW.shape[-2:]
    x_W = torch.arange(W, device=flow_B2HW.device, dtype=flow_B2HW.dtype)
    y_H = torch.arange(H, device=flow_B2HW.device, dtype=flow_B2HW.dtype)
    return torch.stack(torch.meshgrid(x_W, y_H, indexing="xy")).unsqueeze(0)


def resize_flow(flow_B2HW: Tensor, size: tuple[int, int]) -> Tensor:
    """A flow for maps of another size: resized bilinearly, its vectors scaled along.

    Args:
        flow_B2HW: pixels, x then y.
        size: (height, width).
    """
    H, W = flow_B2HW.shape[-2:]
    resized_B2hw = F.interpolate(flow_B2HW, size=size, mode="bilinear", align_corners=False)
    # By whole numbers, the only sizes that OpenVINO computes with as torch does where a graph is for any of them.
    return torch.cat([resized_B2hw[:, :1] * size[1] / W, resized_B2hw[:, 1:] * size[0] / H], dim=1)
