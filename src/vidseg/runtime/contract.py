"""What every runtime offers: one step of a reference model, wherever it is computed.

Shape letters: B batch, H, W network input size, K classes, h, w size of the logits.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

Context = tuple[Tensor, ...]


class Runtime(Protocol):
    """Runs a model's step; a model's weights are fixed once a runtime was made from it.

    Attributes:
        name: as the user chooses it, e.g. "torch".
        device: where inputs are expected and results lie.
        compile_seconds: spent so far on compiling for the sizes that came along; 0 where nothing is compiled.
    """

    name: str
    device: torch.device
    compile_seconds: float

    def step(self, frame_B3HW: Tensor, references: Sequence[Context]) -> tuple[Tensor, Context]:
        """Logits of a frame and what it leaves for later ones.

        Args:
            frame_B3HW: float32 RGB, 0–255, on `device`.
            references: contexts of earlier frames, oldest first; none or as many as the model has references.

        Returns:
            (logits float [B,K,h,w], context).
        """
