"""A model's step as one graph of named tensors: what compilers are given and exporters write.

Inputs: `frame` [B,3,H,W], float32 RGB 0–255; then, for references oldest first and their blocks in order,
`reference_<r>_block_<b>` [B,nh,nw,R,C]. Outputs: `logits`, then `context_block_<b>` for each block, of the same shape
as its references. A step without references (the start of a video; SegFormer always) is a graph of its own.

Shape letters: B batch, H, W network input size, K classes, h, w size of the logits, nh, nw rows and columns of
windows, R tokens a window, C channels.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from vidseg.acceleration import FastCFFM, FastSegFormer
from vidseg.runtime.contract import Context

FastModel = FastSegFormer | FastCFFM


class StepGraph(nn.Module):
    """A model's step with flat inputs and outputs.

    Args:
        model: from `accelerate`, on the CPU.
        num_references: how many references the graph takes: none, or as many as the model has.
        channels_last: whether the logits are [B,h,w,K] instead of [B,K,h,w]; so they are cheapest to make, and to
            bring to the frame's size.
    """

    def __init__(self, model: FastModel, num_references: int, *, channels_last: bool) -> None:
        super().__init__()
        self.model = model
        self.num_references = num_references
        self.num_blocks = len(model.blank_context(1, (1, 1)))
        self.channels_last = channels_last

    def forward(self, frame: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        """Logits, then the context's blocks; arguments in the order of `input_names`."""
        step = self.model(frame, unflatten(parts, self.num_references))
        logits = step.logits.permute(0, 2, 3, 1) if self.channels_last else step.logits
        return (logits, *step.context)

    @property
    def input_names(self) -> list[str]:
        """In the order of `forward`."""
        pairs = [(r, b) for r in range(self.num_references) for b in range(self.num_blocks)]
        return ["frame", *(f"reference_{reference}_block_{block}" for reference, block in pairs)]

    @property
    def output_names(self) -> list[str]:
        """In the order of `forward`."""
        return ["logits", *(f"context_block_{block}" for block in range(self.num_blocks))]

    def example(self, batch_size: int, image_size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Inputs of the right shapes."""
        blank = self.model.blank_context(batch_size, image_size) * self.num_references
        return (torch.zeros(batch_size, 3, *image_size), *(torch.zeros_like(part) for part in blank))

    def traced(self, batch_size: int, image_size: tuple[int, int], *, dynamic: bool = False) -> ExportedProgram:
        """The graph for one batch and size or, if `dynamic`, for any size."""
        shapes = self.open_shapes() if dynamic else None
        with quiet():
            return torch.export.export(self.eval(), self.example(batch_size, image_size), dynamic_shapes=shapes)

    def open_shapes(self) -> tuple[Any, ...]:
        """For torch's exporters: which axes of `forward`'s arguments are open."""
        frame, part = {2: Dim.AUTO, 3: Dim.AUTO}, {1: Dim.AUTO, 2: Dim.AUTO}
        parts = (part,) * (self.num_references * self.num_blocks)
        return (frame, parts) if parts else (frame,)


def flatten(frame_B3HW: Tensor, references: Sequence[Context]) -> list[Tensor]:
    """The inputs of a `StepGraph`."""
    return [frame_B3HW, *(part for context in references for part in context)]


def unflatten(parts: Sequence[Tensor], num_references: int) -> list[Context]:
    """The references among a graph's inputs."""
    blocks = len(parts) // max(1, num_references)
    return [tuple(parts[reference * blocks : (reference + 1) * blocks]) for reference in range(num_references)]


@contextmanager
def quiet() -> Iterator[None]:
    """For conversions: without gradients, and without the warnings that compilers address to their own developers."""
    with torch.inference_mode(mode=False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
