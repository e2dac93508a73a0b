"""The torch runtime: the model's own steps, called one by one."""

import torch
from torch import Tensor

from vidseg.models import FrameInputs, FrameOutputs, VideoModel
from vidseg.runtime.arithmetic import Arithmetic, computing_in


class EagerRuntime:
    """Calls a model's steps on its device.

    Args:
        model: any video model, on `device`.
        device: where it lies.
        arithmetic: what it computes in. Logits are float32 all the same.
        name: as the user chose it.
    """

    batches = True
    compile_seconds = 0.0

    def __init__(
        self, model: VideoModel, device: torch.device, *, arithmetic: Arithmetic = "fp32", name: str = "torch"
    ) -> None:
        self.name = name
        self.model = model
        self.device = device
        self._arithmetic = arithmetic
        self._steps = model.steps()

    @torch.inference_mode()
    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """See `Runtime.run`."""
        with computing_in(self._arithmetic, self.device):
            outputs = self._steps[step].function(inputs)
        return outputs._replace(logits=None if outputs.logits is None else widened(outputs.logits))


def widened(tensor: Tensor) -> Tensor:
    """Floats of any width as float32; whole numbers as they are."""
    return tensor.float() if tensor.is_floating_point() else tensor
