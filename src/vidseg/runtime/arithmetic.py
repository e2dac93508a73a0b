"""In which numbers a network computes: float32, float32 with TensorFloat-32 products, bfloat16 or float16.

"fp32" is float32 throughout: torch by itself lets cuDNN round the factors of convolutions to TensorFloat-32, and then
a GPU differs from a CPU in the third digit. The two of 16 bits are autocast's: products in them, sums over channels
and what is handed on in float32.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

Arithmetic = Literal["fp32", "tf32", "bf16", "fp16"]

_REDUCED: dict[Arithmetic, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
# Threads take turns: none computes in the setting of another, or puts that back as its own.
_setting = threading.RLock()


@contextmanager
def computing_in(arithmetic: Arithmetic, device: torch.device) -> Iterator[None]:
    """What is computed inside on a device is so in this arithmetic.

    Torch has one setting for the whole process, so on CUDA devices threads take turns.
    """
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
    with _setting:
        put_back = _set_tensor_float(allowed)
        try:
            yield
        finally:
            put_back()


def _set_tensor_float(allowed: bool) -> Callable[[], None]:
    """Allows or forbids it; returns what makes it as it was. Of torch's two ways, the one that is in use."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    try:
        flags = products.allow_tf32, convolutions.allow_tf32
    except RuntimeError:  # from torch 2.9 on: settings of the newer way that flags cannot tell
        return _set_precision("tf32" if allowed else "ieee")
    products.allow_tf32 = convolutions.allow_tf32 = allowed

    def put_back() -> None:
        products.allow_tf32, convolutions.allow_tf32 = flags

    return put_back


def _set_precision(precision: str) -> Callable[[], None]:
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]  # set when it is imported
    before = products.fp32_precision, convolutions.fp32_precision
    products.fp32_precision = convolutions.fp32_precision = precision

    def put_back() -> None:
        products.fp32_precision, convolutions.fp32_precision = before

    return put_back
