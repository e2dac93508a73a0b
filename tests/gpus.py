"""A graphics card that is not there: what would make one wait, or a tensor lie in the wrong memory, fails on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode

from vidseg.acceleration import interpolation
from vidseg.acceleration.kept import forget_all

AnyModule = TypeVar("AnyModule", bound=nn.Module)

# Each gives the host something that the device has to compute first.
_WAITING = ("_local_scalar_dense", "nonzero", "unique", "_unique", "masked_select", "is_nonzero", "equal")


class NoWaiting(TorchDispatchMode):
    """Fails at operators that wait for the device, or bring something to it or away from it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in _WAITING, f"{func} waits for the device"
        result = func(*args, **(kwargs or {}))
        before = {arg.device.type for arg in args if isinstance(arg, Tensor) and arg.ndim}
        if isinstance(result, Tensor) and before:
            assert result.device.type in before, f"{func} moves from {before} to {result.device}"
        return result


@contextmanager
def fake_gpu() -> Iterator[torch.device]:
    """Inside, tensors have shapes, dtypes and a device but no values; one on the CPU and one on the GPU do not mix."""
    forget_all()
    # What a table holds decides its shape; it is made of numbers on the CPU, before the device is asked for anything.
    with FakeTensorMode(), patch("vidseg.acceleration.dense_labels.resize_band", _resize_band):
        yield torch.device("cuda")
    forget_all()


def _resize_band(
    lengths: tuple[int, ...], start: int, stop: int, device: torch.device, dtype: torch.dtype
) -> interpolation.RowBand:
    with unset_fake_temporarily():
        band = interpolation.resize_band(lengths, start, stop, torch.device("cpu"), dtype)
    return band._replace(matrix=like(band.matrix))


def moved(module: AnyModule) -> AnyModule:
    """The same module with its weights on the GPU of the `fake_gpu` in force."""
    for part in module.modules():
        for table in (part._parameters, part._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    table[name] = like(tensor) if table is part._buffers else nn.Parameter(like(tensor), False)
    return module


def like(tensor: Tensor) -> Tensor:
    """One of the same shape and dtype on the GPU of the `fake_gpu` in force."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="cuda")
