"""Dynamic batching: steps that several threads ask for at the same time go through a runtime together.

Who asks first leads: it waits a moment for partners, if any are on their way, takes along those that want the same step
on tensors of the same shapes, and computes for all of them. Nobody is passed over: the oldest request leads next, and a
stream has one request at a time, so streams are served in turn.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.models import FrameInputs, FrameOutputs
from vidseg.runtime.contract import Runtime

# Of a GPU, which a single frame of the usual size leaves half idle; later frames wait the longer, the more go at once.
_GPU_BATCH = 8


class BatchedRuntime:
    """A runtime for any number of threads.

    Each has its own results, as if it were alone: to the bit with `max_batch` of 1, within float rounding otherwise (a
    product of larger matrices is summed in another order).

    Args:
        runtime: computes; one thread at a time calls it.
        max_batch: how many requests may go together; 1 for one after the other, None for what suits the runtime's
            device: one on CPUs, which a single frame keeps busy.
        max_wait: seconds that a request waits at most for partners under way.

    Raises:
        InputError: for a batch below 1, a batch in a runtime that would compile anew for every number, or a negative
            wait.
    """

    def __init__(self, runtime: Runtime, max_batch: int | None = 1, max_wait: float = 0.005) -> None:
        if max_batch is None:
            max_batch = _GPU_BATCH if runtime.batches and runtime.device.type != "cpu" else 1
        if max_batch < 1 or not 0 <= max_wait < float("inf"):
            raise InputError(
                f"got max_batch={max_batch}, max_wait={max_wait}; expected 1 or more, and 0 seconds or more"
            )
        if max_batch > 1 and not runtime.batches:
            raise InputError(
                f"got max_batch={max_batch} with runtime {runtime.name!r}, which compiles anew for every number of "
                "frames; expected 1 there; do: max_batch=1, or runtime='torch'"
            )
        self.name = runtime.name
        self.device = runtime.device
        self.max_batch = max_batch
        self.batches = runtime.batches
        self._runtime = runtime
        self._max_wait = max_wait
        self._changed = threading.Condition()
        self._waiting: list[_Request] = []  # the oldest first
        self._frames = 0
        self._computing = False

    @property
    def compile_seconds(self) -> float:
        """See `Runtime`."""
        return self._runtime.compile_seconds

    @contextmanager
    def frame(self) -> Iterator[None]:
        """While a thread prepares and computes a frame: others may wait for its steps."""
        with self._changed:
            self._frames += 1
        try:
            yield
        finally:
            with self._changed:
                self._frames -= 1
                self._changed.notify_all()

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """See `Runtime.run`; an error is that of these inputs, never of others that went along."""
        request = _Request(step, inputs)
        leads, batch = False, list[_Request]()
        try:
            with self._changed:
                self._waiting.append(request)
                self._changed.notify_all()
                self._changed.wait_for(lambda: request.is_done or self._is_next(request))
                if not request.is_done:
                    self._computing = leads = True
                    batch = self._gather(request)
            self._compute(batch)
        finally:
            with self._changed:
                if leads:
                    self._computing = False
                    # After an interrupt: the others go on without this one.
                    self._waiting[:0] = [left for left in batch if not left.is_done and left is not request]
                if request in self._waiting:
                    self._waiting.remove(request)
                self._changed.notify_all()
        if request.error is not None:
            raise request.error
        assert request.outputs is not None
        return request.outputs

    def _is_next(self, request: "_Request") -> bool:
        return not self._computing and bool(self._waiting) and self._waiting[0] is request

    def _gather(self, first: "_Request") -> "list[_Request]":
        """Waits for partners as long as there may be some, and takes them out of the queue."""
        deadline = time.monotonic() + self._max_wait
        while True:
            batch = [other for other in self._waiting if other.key == first.key][: self.max_batch]
            left = deadline - time.monotonic()
            if len(batch) == self.max_batch or len(self._waiting) >= self._frames or left <= 0:
                break
            self._changed.wait(left)
        for request in batch:
            self._waiting.remove(request)
        return batch

    def _compute(self, batch: "Sequence[_Request]") -> None:
        if len(batch) > 1:
            try:
                together = self._runtime.run(batch[0].step, stacked([request.inputs for request in batch]))
            except Exception:  # whose it is shows when each runs alone
                pass
            else:
                for request, outputs in zip(batch, split(together, len(batch)), strict=True):
                    request.outputs = outputs
                return
        for request in batch:
            try:
                request.outputs = self._runtime.run(request.step, request.inputs)
            except Exception as error:
                request.error = error


@dataclass(eq=False)
class _Request:
    """One step that one thread waits for."""

    step: str
    inputs: FrameInputs
    outputs: FrameOutputs | None = None
    error: Exception | None = None
    key: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        frame, flow, references, state = self.inputs
        tensors = [frame, *([] if flow is None else [flow]), *(part for context in references for part in context)]
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        self.key = (
            self.step,
            len(references),
            shapes,
            tuple((name, tensor.shape, tensor.dtype) for name, tensor in state.items()),
        )

    @property
    def is_done(self) -> bool:
        return self.outputs is not None or self.error is not None


def stacked(inputs: Sequence[FrameInputs]) -> FrameInputs:
    """Inputs of the same shapes, one behind the other along the batch."""
    frames, flows, references, states = zip(*inputs, strict=True)
    return FrameInputs(
        frame=torch.cat(frames),
        flow=None if flows[0] is None else torch.cat(flows),
        references=[tuple(map(_cat, zip(*same, strict=True))) for same in zip(*references, strict=True)],
        state={name: torch.cat([state[name] for state in states]) for name in states[0]},
    )


def split(outputs: FrameOutputs, count: int) -> list[FrameOutputs]:
    """The inverse for outputs. What streams keep gets memory of its own: a part would keep the whole alive."""

    def parts(tensor: Tensor | None) -> Sequence[Tensor | None]:
        return [None] * count if tensor is None else tensor.chunk(count)

    def owned(tensor: Tensor) -> Sequence[Tensor]:
        return [part.clone() for part in tensor.chunk(count)]

    contexts = [owned(tensor) for tensor in outputs.context]
    states = {name: owned(tensor) for name, tensor in outputs.state.items()}
    return [
        FrameOutputs(
            logits,
            context=tuple(tensors[index] for tensors in contexts),
            state={name: tensors[index] for name, tensors in states.items()},
            decision=decision,
        )
        for index, (logits, decision) in enumerate(zip(parts(outputs.logits), parts(outputs.decision), strict=True))
    ]


def _cat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(tensors))
