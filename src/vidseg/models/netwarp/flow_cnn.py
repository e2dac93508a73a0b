"""FlowCNN (Gadde et al., ICCV 2017, §3.2): optical flow made into the one along which features are best warped.

Shape letters: B batch, H, W image size.
"""

import torch
from torch import Tensor, nn

from vidseg.models.layers import ConvBNReLU

_CHANNELS = 11  # flow, present, previous frame and their difference


class FlowCNN(nn.Module):
    """Transforms a flow by what the two frames look like.

    Args:
        released: whether the last layer ends in BatchNorm and ReLU, as in VSPW's code, so that no vector points left
            or up. As in the paper it is linear; here it starts by passing the given flow on.
    """

    def __init__(self, *, released: bool) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(ConvBNReLU(_CHANNELS, 16, 3), ConvBNReLU(16, 32, 3), ConvBNReLU(32, 2, 3))
        self.output: nn.Module
        if released:
            self.output = ConvBNReLU(4, 2, 3)
            return
        linear = nn.Conv2d(4, 2, 3, padding=1)
        nn.init.zeros_(linear.bias)  # type: ignore[arg-type]  # it has one
        nn.init.zeros_(linear.weight)
        with torch.no_grad():
            for axis in (0, 1):
                linear.weight[axis, axis, 1, 1] = 1
        self.output = linear

    def forward(self, flow_B2HW: Tensor, present_B3HW: Tensor, previous_B3HW: Tensor) -> Tensor:
        """Returns a flow [B,2,H,W]; the given one and it in pixels, frames RGB 0–255."""
        difference_B3HW = previous_B3HW - present_B3HW
        correction_B2HW = self.convolutions(torch.cat([flow_B2HW, present_B3HW, previous_B3HW, difference_B3HW], dim=1))
        return self.output(torch.cat([flow_B2HW, correction_B2HW], dim=1))
