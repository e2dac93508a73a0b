"""The torch runtime: the model's own functions, called one by one."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from vidseg.models import ReferenceModel
from vidseg.runtime.contract import Context


class EagerRuntime:
    """Calls `encode`, `context` and `decode` of a model on its device.

    Args:
        model: any reference model, on `device`.
        device: where it lies.
        precision: bfloat16 or float16 to compute in by autocast; None for float32. Logits are float32 all the same.
        name: as the user chose it.
    """

    compile_seconds = 0.0

    def __init__(
        self, model: ReferenceModel, device: torch.device, *, precision: torch.dtype | None = None, name: str = "torch"
    ) -> None:
        self.name = name
        self.model = model
        self.device = device
        self._precision = precision

    @torch.inference_mode()
    def step(self, frame_B3HW: Tensor, references: Sequence[Context]) -> tuple[Tensor, Context]:
        """See `Runtime.step`."""
        with autocast(self.device, self._precision):
            features = self.model.encode(frame_B3HW)
            logits, context = self.model.decode(features, references), self.model.context(features)
        return logits.float(), context


def autocast(device: torch.device, precision: torch.dtype | None) -> AbstractContextManager[object]:
    """Computing in a reduced precision where that is safe; nothing for None."""
    return nullcontext() if precision is None else torch.autocast(device.type, precision)
