"""In which numbers a network computes: float32, float32 with TensorFloat-32 products, bfloat16 or float16.

"fp32" is float32 throughout: torch by itself lets cuDNN round the factors of convolutions to TensorFloat-32, and then
a GPU differs from a CPU in the third digit. The two of 16 bits are autocast's: products in them, sums over channels
and what is handed on in float32.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

Arithmetic = Literal["fp32", "tf32", "bf16", "fp16"]

_REDUCED: dict[Arithmetic, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


@contextmanager
def computing_in(arithmetic: Arithmetic, device: torch.device) -> Iterator[None]:
    """What is computed inside on a device is so in this arithmetic. Torch has one setting for the whole process."""
    dtype = _REDUCED.get(arithmetic)
    with _tensor_float(arithmetic == "tf32", device), torch.autocast(device.type, dtype, enabled=dtype is not None):
        yield


def lower_weights(model: nn.Module, arithmetic: Arithmetic) -> None:
    """Rounds the weights of products once, in place: autocast rounds those that learn nothing anew at every call.

    Results stay the same to the bit.
    """
    dtype = _REDUCED.get(arithmetic)
    if dtype is None:
        return
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(dtype)


@contextmanager
def _tensor_float(allowed: bool, device: torch.device) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = allowed
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before
