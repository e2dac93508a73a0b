"""The torch runtime: the model's own functions, called one by one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vidseg.models import ReferenceModel
from vidseg.runtime.contract import Context


class EagerRuntime:
    """Calls `encode`, `context` and `decode` of a model on its device."""

    name = "torch"

    def __init__(self, model: ReferenceModel, device: torch.device) -> None:
        self.model = model
        self.device = device

    @torch.inference_mode()
    def step(self, frame_B3HW: Tensor, references: Sequence[Context]) -> tuple[Tensor, Context]:
        """See `Runtime.step`."""
        features = self.model.encode(frame_B3HW)
        return self.model.decode(features, references), self.model.context(features)
