"""The runtime of everything that compiles a graph for one size: compiles when a size comes first, and keeps some.

Shape letters: see `vidseg.runtime.graph`.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vidseg.runtime.contract import Context
from vidseg.runtime.graph import FastModel, StepGraph, flatten

Compiled = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""Takes a graph's inputs, in order, on the runtime's device; returns its outputs in memory of their own."""

# A video needs two: its start without references, and the rest.
MAX_GRAPHS = 6


class GraphRuntime:
    """Compiles a model's step for each batch size, frame size and number of references that comes along.

    Compiling takes seconds; the `MAX_GRAPHS` that were used last are kept. Not for several threads at once.

    Args:
        name: as the user chose it.
        model: from `accelerate`, on `device`.
        device: where inputs and results lie.
        compile_graph: compiles a graph for a batch size and an image size (height, width). The graph's logits are
            channels-last.
    """

    def __init__(
        self,
        name: str,
        model: FastModel,
        device: torch.device,
        compile_graph: Callable[[StepGraph, int, tuple[int, int]], Compiled],
    ) -> None:
        self.name = name
        self.device = device
        self.compile_seconds = 0.0
        self._model = model
        self._compile_graph = compile_graph
        self._compiled: OrderedDict[tuple[int, ...], Compiled] = OrderedDict()

    def step(self, frame_B3HW: Tensor, references: Sequence[Context]) -> tuple[Tensor, Context]:
        """See `Runtime.step`."""
        logits_BhwK, *context = self._graph(frame_B3HW, len(references))(flatten(frame_B3HW, references))
        return logits_BhwK.permute(0, 3, 1, 2), tuple(context)

    def _graph(self, frame_B3HW: Tensor, num_references: int) -> Compiled:
        B, _, H, W = frame_B3HW.shape
        key = (B, H, W, num_references)
        if key not in self._compiled:
            began = time.perf_counter()
            graph = StepGraph(self._model, num_references, channels_last=True)
            self._compiled[key] = self._compile_graph(graph, B, (H, W))
            self.compile_seconds += time.perf_counter() - began
            if len(self._compiled) > MAX_GRAPHS:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return self._compiled[key]
