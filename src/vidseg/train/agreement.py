"""What the processes of a training settle between them: who decides, and when to stop."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, distributed

from vidseg.errors import VidsegError, extra

with extra("train"):
    from lightning_fabric import Fabric

Decision = TypeVar("Decision")


def decided_by_rank_zero(fabric: Fabric, decide: Callable[[], Decision]) -> Decision:
    """What one process finds, in all of them: so they cannot disagree about what lies on a disk.

    Args:
        fabric: launched; all processes call this.
        decide: called in the process of rank 0; what it returns must be picklable.

    Raises:
        VidsegError: what `decide` raises, in every process.
    """
    outcome: Decision | VidsegError | None = None
    if fabric.is_global_zero:
        try:
            outcome = decide()
        except VidsegError as error:
            if fabric.world_size == 1:
                raise
            outcome = error
    outcome = fabric.broadcast(outcome)
    if isinstance(outcome, VidsegError):
        raise outcome
    return outcome  # type: ignore[return-value]  # None only if that was decided


def agree_on_stopping(loss: Tensor, signal: int, world_size: int) -> tuple[float, int]:
    """The mean of the processes' losses, and the largest signal that any of them got.

    One exchange an iteration: all processes see the same loss and stop together.
    """
    if world_size == 1:
        return loss.item(), signal
    own = torch.stack([loss.float(), torch.tensor(float(signal), device=loss.device)])
    everyones = [torch.empty_like(own) for _ in range(world_size)]
    distributed.all_gather(everyones, own)
    losses, signals = torch.stack(everyones).unbind(dim=1)
    return losses.mean().item(), int(signals.max())
