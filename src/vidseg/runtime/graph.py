"""A model's step, or what steadies its scores, as one graph of named tensors: what compilers and exporters are given.

A step's inputs, as far as it takes them: `frame` [B,3,H,W], float32 RGB 0–255; `flow` [B,2,H,W], pixels, x then y;
`reference_<r>_block_<b>`, for references oldest first and the tensors of their contexts in order; `state_<name>`.
Outputs: `logits` [B,K,h,w] or, of a probe, `decision` [B]; `context_block_<b>`, of the same shapes as a reference's;
`next_<name>` for each tensor of the state that the step writes. A step without references (the start of a video; of
SegFormer always) is a graph of its own.

Shape letters: B batch, H, W network input size, K classes, h, w size of the logits.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from vidseg.errors import InputError
from vidseg.models import FrameInputs, FrameOutputs, VideoModel
from vidseg.models.contract import Size, example_inputs


class Graph(nn.Module, ABC):
    """Named tensors in, named tensors out; `forward` takes the first input and then all others.

    Attributes:
        name: of the graph, and of its file in an export.
        origin: what it belongs to, for messages.
    """

    name: str
    origin: str

    @property
    @abstractmethod
    def input_names(self) -> list[str]:
        """In the order of `forward`."""

    @property
    @abstractmethod
    def output_names(self) -> list[str]:
        """In the order of `forward`."""

    @abstractmethod
    def example(self, batch_size: int, size: Size) -> tuple[Tensor, ...]:
        """Arguments of the right shapes, for a first input of (height, width)."""

    def traced(self, example: Sequence[Tensor], *, dynamic: bool = False) -> ExportedProgram:
        """The graph for arguments of these shapes or, if `dynamic`, a first input of any size; see `untraceable`."""
        shapes = self.open_shapes(example) if dynamic else None
        with quiet(), self.untraceable(dynamic):
            return torch.export.export(self.eval(), tuple(example), dynamic_shapes=shapes)

    @contextmanager
    def untraceable(self, dynamic: bool) -> Iterator[None]:
        """For tracing: whatever torch raises becomes one line.

        Raises:
            InputError: for a model whose way depends on the values in its tensors or, if `dynamic`, on their size.
        """
        try:
            yield
        except (InputError, ImportError):
            raise
        # Errors of the compiler, of its symbols, of shapes that do not fit: no common base.
        except Exception as error:
            first = _first_cause(error)
            if isinstance(first, InputError):  # the model's own word, in exporters' wrapping
                raise first from error
            reason = " ".join(str(first).split())[:160] or type(first).__name__
            do = "export for one size (--size HxW), or " if dynamic else ""
            raise InputError(
                f"got a {self.origin} whose step '{self.name}' torch cannot trace"
                f"{' for any size' if dynamic else ''} ({reason}); do: {do}run it with --runtime torch"
            ) from error

    def open_axes(self, example: Sequence[Tensor]) -> list[list[int]]:
        """For each argument the axes whose length depends on the size of the first."""
        batch_size, _, height, width = example[0].shape
        # What another height and width changes is open.
        other = self.example(batch_size, (2 * height + 32, 2 * width + 96))
        return [
            [axis for axis, (one, two) in enumerate(zip(a.shape, b.shape, strict=True)) if one != two]
            for a, b in zip(example, other, strict=True)
        ]

    def open_shapes(self, example: Sequence[Tensor]) -> tuple[Any, ...]:
        """For torch's exporters: which axes of `forward`'s arguments are open."""
        first, *parts = [dict.fromkeys(axes, Dim.AUTO) for axes in self.open_axes(example)]
        return (first, tuple(parts)) if parts else (first,)


class StepGraph(Graph):
    """A model's step with flat inputs and outputs.

    Args:
        model: from `accelerate`, on the CPU.
        step: name of the step.
        channels_last: whether the logits are [B,h,w,K] instead of [B,K,h,w]; so they are cheapest to make, and to
            bring to the frame's size.
    """

    def __init__(self, model: VideoModel, step: str, *, channels_last: bool) -> None:
        super().__init__()
        self.model = model
        self.name = step
        self.origin = type(model).__name__
        self.spec = model.steps()[step]
        self.num_blocks = len(model.blank_context(1, (1, 1))) if model.reference_offsets else 0
        self.num_references = len(model.reference_offsets) if self.spec.references else 0
        self.channels_last = channels_last

    def forward(self, frame: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        """Arguments in the order of `input_names`, results in that of `output_names`."""
        return self.flat_outputs(self.model.steps()[self.name].function(self.unflatten([frame, *parts])), frame)

    def flat_outputs(self, outputs: FrameOutputs, frame: Tensor) -> tuple[Tensor, ...]:
        """What the step gave for a frame, in the order of `output_names`."""
        assert set(outputs.state) == set(self.spec.writes), f"{self.name} writes {list(outputs.state)}"
        if self.spec.probe:
            assert outputs.decision is not None
            head = [outputs.decision]
        else:
            assert outputs.logits is not None
            head = [outputs.logits.permute(0, 2, 3, 1) if self.channels_last else outputs.logits, *outputs.context]
        if not self.spec.frame:
            # OpenVINO drops an input that nothing reads, and then takes each of the others for the one before it.
            head[0] = head[0] + 0 * frame.mean()
        return (*head, *(outputs.state[name] for name in self.spec.writes))

    @property
    def input_names(self) -> list[str]:
        """In the order of `forward`."""
        pairs = [(r, b) for r in range(self.num_references) for b in range(self.num_blocks)]
        return [
            "frame",
            *(["flow"] if self.spec.flow else []),
            *(f"reference_{reference}_block_{block}" for reference, block in pairs),
            *(f"state_{name}" for name in self.spec.reads),
        ]

    @property
    def output_names(self) -> list[str]:
        """In the order of `forward`."""
        context = [f"context_block_{block}" for block in range(self.num_blocks)]
        head = ["decision"] if self.spec.probe else ["logits", *context]
        return [*head, *(f"next_{name}" for name in self.spec.writes)]

    def flatten(self, inputs: FrameInputs) -> list[Tensor]:
        """The arguments of `forward`."""
        return [
            inputs.frame,
            *([] if inputs.flow is None else [inputs.flow]),
            *(part for context in inputs.references for part in context),
            *(inputs.state[name] for name in self.spec.reads),
        ]

    def unflatten(self, arguments: Sequence[Tensor]) -> FrameInputs:
        """The inverse of `flatten`."""
        frame, *rest = arguments
        flow = rest.pop(0) if self.spec.flow else None
        blocks = self.num_blocks
        references = [tuple(rest[r * blocks : (r + 1) * blocks]) for r in range(self.num_references)]
        state = dict(zip(self.spec.reads, rest[self.num_references * blocks :], strict=True))
        return FrameInputs(frame, flow, references, state)

    def outputs(self, results: Sequence[Tensor]) -> FrameOutputs:
        """What `forward` returned, by name; the logits as [B,K,h,w]."""
        head, *rest = results
        context, changed = ([], rest) if self.spec.probe else (rest[: self.num_blocks], rest[self.num_blocks :])
        state = dict(zip(self.spec.writes, changed, strict=True))
        if self.spec.probe:
            return FrameOutputs(None, state=state, decision=head)
        return FrameOutputs(head.permute(0, 3, 1, 2) if self.channels_last else head, tuple(context), state)

    def example(self, batch_size: int, size: Size) -> tuple[Tensor, ...]:
        """Arguments of the right shapes, for images of (height, width)."""
        return tuple(self.flatten(example_inputs(self.model, self.name, batch_size, size)))


def _first_cause(error: BaseException) -> BaseException:
    """What an error was raised from, all the way down."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


@contextmanager
def without_gradients() -> Iterator[None]:
    """For what is compiled: in no mode that compilers guard against."""
    with torch.inference_mode(mode=False), torch.no_grad():
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """For conversions: without gradients, and without the warnings that compilers address to their own developers."""
    with without_gradients(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
