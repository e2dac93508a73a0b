"""What every runtime offers: the steps of a video model, wherever they are computed."""

from typing import Protocol

import torch

from vidseg.models import FrameInputs, FrameOutputs


class Runtime(Protocol):
    """Runs a model's steps; a model's weights are fixed once a runtime was made from it.

    Attributes:
        name: as the user chooses it, e.g. "torch".
        device: where inputs are expected and results lie.
        batches: whether a step takes batches of any size without being compiled anew.
    """

    name: str
    device: torch.device
    batches: bool

    @property
    def compile_seconds(self) -> float:
        """Seconds spent so far on compiling for the sizes that came along; 0 where nothing is compiled."""

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """Runs one of the model's steps.

        Args:
            step: its name, see `VideoModel.steps`.
            inputs: just what the step takes, float32, on `device`.

        Returns:
            What the step gives; logits are float32.
        """
