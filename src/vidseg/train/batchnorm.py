"""BatchNorm over the batches of all processes, for devices where torch's own `SyncBatchNorm` does not run.

Shape letters: B batch, C channels, H, W size.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn


class _SumOverProcesses(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class ProcessBatchNorm2d(nn.BatchNorm2d):
    """`BatchNorm2d` whose training statistics are those of all processes' batches, which must be of one size.

    A subclass, so that state dicts and everything that looks for BatchNorm see the same module.

    Args:
        norm: the one to stand in for; it is left as it is.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.after = _after(norm)

    def forward(self, x: Tensor) -> Tensor:
        """Normalises [B,C,H,W]; in training this is a collective operation."""
        if not self.training:
            return self.after(super().forward(x))
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values = x.float()
        world_size = distributed.get_world_size()
        # Mean first, then the variance round it: a sum of squares would lose digits.
        mean_C = _SumOverProcesses.apply(values.mean((0, 2, 3))) / world_size
        centred = values - mean_C[:, None, None]
        variance_C = _SumOverProcesses.apply(centred.square().mean((0, 2, 3))) / world_size
        with torch.no_grad():
            count = world_size * values.numel() // values.shape[1]
            self.num_batches_tracked += 1
            self.running_mean = torch.lerp(_known(self.running_mean), mean_C, self.momentum)
            unbiased_C = variance_C * (count / (count - 1))
            self.running_var = torch.lerp(_known(self.running_var), unbiased_C, self.momentum)
        scale_C = self.weight * torch.rsqrt(variance_C + self.eps)
        return self.after((centred * scale_C[:, None, None] + self.bias[:, None, None]).to(x.dtype))


class _SyncBatchNorm(nn.SyncBatchNorm):
    """Torch's own, for a norm that something follows (see `_after`)."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, eps=norm.eps, momentum=norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.after = _after(norm)

    def forward(self, x: Tensor) -> Tensor:
        """Normalises [B,C,H,W]; in training this is a collective operation."""
        return self.after(super().forward(x))


def _after(norm: nn.BatchNorm2d) -> nn.Sequential:
    """What a norm applies to its result: timm's have their dropout and activation inside, as modules."""
    return nn.Sequential(*norm.children())


def _known(buffer: Tensor | None) -> Tensor:
    assert buffer is not None
    return buffer


def synchronise_batchnorm(model: nn.Module, *, device: torch.device) -> None:
    """Replaces every BatchNorm2d inside `model` by one over all processes, with the same parameters and names."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, _synchronised(child, device))


def _synchronised(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    kind = _SyncBatchNorm if device.type == "cuda" else ProcessBatchNorm2d
    return kind(norm).to(norm.weight.device)
