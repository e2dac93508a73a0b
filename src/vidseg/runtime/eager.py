"""The torch runtime: the model's own steps, called one by one."""

from contextlib import AbstractContextManager, nullcontext

import torch

from vidseg.models import FrameInputs, FrameOutputs, VideoModel


class EagerRuntime:
    """Calls a model's steps on its device.

    Args:
        model: any video model, on `device`.
        device: where it lies.
        precision: bfloat16 or float16 to compute in by autocast; None for float32. Logits are float32 all the same.
        name: as the user chose it.
    """

    batches = True
    compile_seconds = 0.0

    def __init__(
        self, model: VideoModel, device: torch.device, *, precision: torch.dtype | None = None, name: str = "torch"
    ) -> None:
        self.name = name
        self.model = model
        self.device = device
        self._precision = precision
        self._steps = model.steps()

    @torch.inference_mode()
    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """See `Runtime.run`."""
        with autocast(self.device, self._precision):
            outputs = self._steps[step].function(inputs)
        return outputs._replace(logits=None if outputs.logits is None else outputs.logits.float())


def autocast(device: torch.device, precision: torch.dtype | None) -> AbstractContextManager[object]:
    """Computing in a reduced precision where that is safe; nothing for None."""
    return nullcontext() if precision is None else torch.autocast(device.type, precision)
