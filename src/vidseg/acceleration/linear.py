"""What the fast paths share: linear layers made from given weights, and when to work in parts, and in which."""

from typing import TypeVar

import torch
from torch import Tensor, nn

AnyLinear = TypeVar("AnyLinear", bound=nn.Linear)

# Elements of a band of rows: 2 MiB in float32, about a core's second-level cache.
BAND_ELEMENTS = 2**19


def works_in_parts(x: Tensor) -> bool:
    """Whether operators run one by one on a CPU, where cache-sized parts pay; a compiler or GPU does better whole."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def frozen_linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A float32 Linear that holds a copy of a weight [out,in] and a bias [out]."""
    return frozen(nn.Linear, weight, bias)


@torch.no_grad()
def frozen(kind: type[AnyLinear], weight: Tensor, bias: Tensor | None) -> AnyLinear:
    """The same of a class that computes otherwise with them."""
    linear = kind(weight.shape[1], weight.shape[0], bias=bias is not None, device=weight.device)
    linear.weight.copy_(weight)
    if bias is not None:
        linear.bias.copy_(bias)
    return linear.requires_grad_(False)
