"""CUDA graphs: the step's kernels are recorded once a size, then launched all at once.

A small network leaves a GPU waiting for the next launch most of the time; a recording has none to wait for. Kernels may
be those of torch, or those that `torch.compile` makes of a step, which are fewer.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from vidseg.acceleration.kept import handed_out
from vidseg.errors import InputError
from vidseg.models import VideoModel
from vidseg.runtime.arithmetic import Arithmetic, computing_in
from vidseg.runtime.compiling import Compiled, GraphRuntime
from vidseg.runtime.eager import widened
from vidseg.runtime.graph import StepGraph, quiet
from vidseg.runtime.inductor import require_compiler

# Libraries choose kernels and allocate workspaces in their first runs, which must not be recorded.
_WARM_UPS = 3


def cuda_graph_runtime(
    model: VideoModel, device: torch.device, arithmetic: Arithmetic, name: str, *, compiled: bool = False
) -> GraphRuntime:
    """A runtime that replays recorded steps.

    Args:
        model: from `accelerate`, on `device`.
        device: of CUDA.
        arithmetic: what it computes in.
        name: as the user chose it.
        compiled: whether kernels are made by `torch.compile` first, which takes a minute a step.

    Raises:
        InputError: for another device, or if kernels are to be compiled and there is no C++ compiler.
    """
    if device.type != "cuda":
        raise InputError(f"got runtime {name!r} on device {device}; expected a CUDA device; choose another runtime")
    if compiled:
        require_compiler(name)
    record = partial(_record, device=device, arithmetic=arithmetic, compiled=compiled)
    return GraphRuntime(name, model, device, record)


def _record(
    graph: StepGraph, example: Sequence[Tensor], *, device: torch.device, arithmetic: Arithmetic, compiled: bool
) -> Compiled:
    inputs = [value.to(device) for value in example]
    # The model's own function: around it there is nothing to make kernels of.
    function = graph.eval().model.steps()[graph.name].function
    if compiled:
        function = torch.compile(function, dynamic=False)

    def compute() -> list[Tensor]:
        with computing_in(arithmetic, device):
            outputs = function(graph.unflatten(inputs))
            return [widened(output) for output in graph.flat_outputs(outputs, inputs[0])]

    recording = torch.cuda.CUDAGraph()
    with quiet(), handed_out() as tables:
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                compute()
        torch.cuda.current_stream(device).wait_stream(side)
        # What other threads ask of the device meanwhile is no part of the recording, and must not end it.
        with torch.cuda.device(device), torch.cuda.graph(recording, capture_error_mode="thread_local"):
            outputs = compute()

    return _Replay(recording, inputs, outputs, tables)


class _Replay:
    """A recorded step.

    Args:
        recording: of the step.
        inputs: what it reads.
        outputs: what it writes.
        tables: what else it reads, and nobody else may keep.
    """

    def __init__(
        self, recording: torch.cuda.CUDAGraph, inputs: list[Tensor], outputs: list[Tensor], tables: list[object]
    ) -> None:
        self._recording, self._inputs, self._outputs, self._tables = recording, inputs, outputs, tables

    @torch.inference_mode()
    def __call__(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Computes it with these inputs."""
        for place, value in zip(self._inputs, values, strict=True):
            place.copy_(value, non_blocking=True)
        self._recording.replay()
        # The next replay writes over the recorded outputs.
        return [output.clone() for output in self._outputs]
