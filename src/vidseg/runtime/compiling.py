"""The runtime of everything that compiles a graph for one size: compiles when a size comes first, and keeps some."""

import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

import torch
from torch import Tensor

from vidseg.errors import VidsegWarning
from vidseg.models import FrameInputs, FrameOutputs, VideoModel
from vidseg.runtime.graph import StepGraph

Compiled = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""Takes a graph's inputs, in order, on the runtime's device; returns its outputs in memory of their own."""

# A video of most models needs two: its start without references, and the rest.
MAX_GRAPHS = 8


class GraphRuntime:
    """Compiles a model's steps for each batch size and frame size that comes along.

    Compiling takes seconds; the `MAX_GRAPHS` that were used last are kept. Not for several threads at once.

    Args:
        name: as the user chose it.
        model: from `accelerate`, on `device`.
        device: where inputs and results lie.
        compile_graph: compiles a graph for arguments of the shapes of an example. The graph's logits are channels-last.
            What is still being compiled elsewhere is computed in torch until it is there; contexts and states are the
            same in both, so a stream goes over between one step and the next.
    """

    batches = False

    def __init__(
        self,
        name: str,
        model: VideoModel,
        device: torch.device,
        compile_graph: Callable[[StepGraph, Sequence[Tensor]], Compiled | Future[Compiled]],
    ) -> None:
        self.name = name
        self.device = device
        self.compile_seconds = 0.0
        self._compile_graph = compile_graph
        self._graphs = {step: StepGraph(model, step, channels_last=True) for step in model.steps()}
        self._compiled: OrderedDict[tuple[object, ...], Compiled | Future[Compiled]] = OrderedDict()

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """See `Runtime.run`."""
        graph = self._graphs[step]
        arguments = graph.flatten(inputs)
        return graph.outputs(self._ready(graph, arguments)(arguments))

    def _ready(self, graph: StepGraph, arguments: Sequence[Tensor]) -> Compiled:
        key = (graph.name, *(argument.shape for argument in arguments))
        if key not in self._compiled:
            began = time.perf_counter()
            example = [torch.zeros_like(argument) for argument in arguments]
            self._compiled[key] = self._compile_graph(graph, example)
            self.compile_seconds += time.perf_counter() - began
            if len(self._compiled) > MAX_GRAPHS:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        found = self._compiled[key]
        if not isinstance(found, Future):
            return found
        in_torch = partial(_in_torch, graph)
        if not found.done():
            return in_torch
        self._compiled[key] = ready = in_torch if found.exception() else found.result()
        if (error := found.exception()) is not None:
            warnings.warn(
                f"got no graph of {graph.origin}'s {graph.name} for runtime {self.name!r}: {error}; expected one, so "
                "this step stays in torch, which is slower",
                VidsegWarning,
                stacklevel=2,
            )
        return ready


@torch.inference_mode()
def _in_torch(graph: StepGraph, arguments: Sequence[Tensor]) -> Sequence[Tensor]:
    return graph(*arguments)
