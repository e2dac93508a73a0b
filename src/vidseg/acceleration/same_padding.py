"""TensorFlow's "same" padding: free where the size is known, and without arithmetic where a graph is for any size."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HalvingConvolution(nn.Module):
    """A convolution of stride 2, padded as TensorFlow does; twin of timm's ``Conv2dSame``.

    For an odd kernel k an axis of n gets k - 2 + (n mod 2) zeros, and always (k - 1) / 2 of them at its end. Seen from
    the end that is the symmetric padding of (k - 1) / 2 of any convolution: where the size is not known while a graph
    is traced, image and kernel are reversed, and the result once more, so that one graph serves all sizes. Where it
    is known, the zeros at the beginning are counted, and a compiler takes them into the convolution.

    Args:
        convolution: of stride 2, an odd kernel and no dilation.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.padding = convolution.kernel_size[0] // 2
        self.plain = _plain(convolution, padding=0)
        self.reversed = _plain(convolution, padding=self.padding)
        self.reversed.weight = nn.Parameter(convolution.weight.detach().flip(2, 3))

    def forward(self, x_BChw: Tensor) -> Tensor:
        """[B,C,⌈h/2⌉,⌈w/2⌉]."""
        if any(isinstance(side, torch.SymInt) for side in x_BChw.shape):
            return self.reversed(x_BChw.flip(2, 3)).flip(2, 3)
        top, left = (self.padding - 1 + side % 2 for side in x_BChw.shape[-2:])
        return self.plain(F.pad(x_BChw, (left, self.padding, top, self.padding)))


def replace_same_convolutions(network: nn.Module) -> None:
    """Replaces timm's ``Conv2dSame`` of odd kernel and stride 1, or of stride 2 without dilation, in place."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ == "Conv2dSame":
                setattr(parent, name, _replaced(child))


def _replaced(convolution: Any) -> nn.Module:
    kernel, stride, dilation = convolution.kernel_size, convolution.stride, convolution.dilation
    odd = kernel[0] == kernel[1] and kernel[0] % 2 == 1
    if odd and stride == (1, 1):
        return _plain(convolution, padding=dilation[0] * (kernel[0] // 2))
    if odd and kernel[0] > 1 and stride == (2, 2) and dilation == (1, 1):
        return HalvingConvolution(convolution)
    unchanged: nn.Module = convolution
    return unchanged


def _plain(convolution: nn.Conv2d, padding: int) -> nn.Conv2d:
    """A convolution of the same weights with a padding of its own."""
    plain = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size[0],
        stride=convolution.stride[0],
        padding=padding,
        dilation=convolution.dilation[0],
        groups=convolution.groups,
        bias=convolution.bias is not None,
        device=convolution.weight.device,
    )
    plain.weight, plain.bias = convolution.weight, convolution.bias
    return plain
