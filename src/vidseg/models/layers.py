"""Small layers that more than one model uses."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class Normalization(nn.Module):
    """RGB floats 0–255 [B,3,H,W] to zero mean and unit variance.

    Args:
        mean: of the images that the encoder was trained on, by channel, 0–255.
        std: the same for their standard deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD) -> None:
        super().__init__()
        # Constants of the method, not learned: they stay out of the checkpoint.
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        return (image_B3HW - self.mean) / self.std


class DropPath(nn.Module):
    """Stochastic depth: drops a residual branch for whole samples (Huang et al., ECCV 2016).

    Args:
        rate: probability of dropping, 0–1. Survivors are scaled by 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        keep = 1 - self.rate
        mask = branch.new_empty((branch.shape[0],) + (1,) * (branch.ndim - 1)).bernoulli_(keep)
        return branch * mask / keep


class MLP(nn.Module):
    """Linear C→4C, exact GELU, Linear 4C→C on the last axis."""

    def __init__(self, channels: int, ratio: int = 4) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, ratio * channels)
        self.contract = nn.Linear(ratio * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(x)))


def resize_bilinear(x_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resizing to (height, width), pixel areas aligned (``align_corners=False``)."""
    if tuple(x_BCHW.shape[-2:]) == tuple(size):
        return x_BCHW
    return F.interpolate(x_BCHW, size=size, mode="bilinear", align_corners=False)


class ConvBNReLU(nn.Module):
    """Convolution that keeps the size, BatchNorm, ReLU.

    Args:
        in_channels: of the input.
        channels: of the result.
        kernel: its side.
        dilation: of the kernel.
        groups: of channels that do not see each other.
        bias: whether the convolution has one, too.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: int = 1,
        *,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.convolution = nn.Conv2d(
            in_channels, channels, kernel, padding=padding, dilation=dilation, groups=groups, bias=bias
        )
        self.norm = nn.BatchNorm2d(channels)
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.relu(self.norm(self.convolution(x_BCHW)))
