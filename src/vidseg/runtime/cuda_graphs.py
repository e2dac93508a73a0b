"""CUDA graphs: the step's kernels are recorded once a size, then launched all at once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.models import VideoModel
from vidseg.runtime.compiling import Compiled, GraphRuntime
from vidseg.runtime.eager import autocast
from vidseg.runtime.graph import StepGraph

# Libraries choose kernels and allocate workspaces in their first runs, which must not be recorded.
_WARM_UPS = 3


def cuda_graph_runtime(
    model: VideoModel, device: torch.device, precision: torch.dtype | None, name: str
) -> GraphRuntime:
    """A runtime that replays recorded steps.

    Args:
        model: from `accelerate`, on `device`.
        device: of CUDA.
        precision: bfloat16 or float16 to compute in by autocast; None for float32.
        name: as the user chose it.

    Raises:
        InputError: for another device.
    """
    if device.type != "cuda":
        raise InputError(f"got runtime {name!r} on device {device}; expected a CUDA device; choose another runtime")

    def record(graph: StepGraph, example: Sequence[Tensor]) -> Compiled:
        return _record(graph.eval(), example, device, precision)

    return GraphRuntime(name, model, device, record)


@torch.inference_mode()
def _record(
    graph: StepGraph, example: Sequence[Tensor], device: torch.device, precision: torch.dtype | None
) -> Compiled:
    inputs = [value.to(device) for value in example]

    def compute() -> list[Tensor]:
        with autocast(device, precision):
            return [output.float() for output in graph(*inputs)]

    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(_WARM_UPS):
            compute()
    torch.cuda.current_stream(device).wait_stream(side)
    recording = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), torch.cuda.graph(recording):
        outputs = compute()

    @torch.inference_mode()
    def replay(values: Sequence[Tensor]) -> list[Tensor]:
        for place, value in zip(inputs, values, strict=True):
            place.copy_(value)
        recording.replay()
        # The next replay writes over the recorded outputs.
        return [output.clone() for output in outputs]

    return replay
