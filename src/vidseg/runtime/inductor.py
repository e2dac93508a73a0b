"""``torch.compile``: kernels generated for the model, where a compiler is."""

import os
import shutil
import time

import torch

from vidseg.errors import InputError
from vidseg.models import FrameInputs, FrameOutputs, VideoModel
from vidseg.runtime.graph import quiet


class CompiledRuntime:
    """Compiles a model's steps when they are first called, anew for a second size, and then once for all sizes.

    Args:
        model: from `accelerate`, on `device`.
        device: where it lies.

    Raises:
        InputError: if there is no C++ compiler.
    """

    name = "torch-compile"
    batches = False

    def __init__(self, model: VideoModel, device: torch.device) -> None:
        if not has_compiler():
            raise InputError(
                "got runtime 'torch-compile' without a C++ compiler; expected g++ or clang++ on the path, or CXX set; "
                "install one or choose another runtime"
            )
        self.device = device
        self.compile_seconds = 0.0
        self._seen: set[tuple[object, ...]] = set()
        self._steps = {name: torch.compile(step.function) for name, step in model.steps().items()}

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """See `Runtime.run`."""
        key = (step, inputs.frame.shape)
        began = time.perf_counter()
        with quiet():
            outputs = self._steps[step](inputs)
        if key not in self._seen:
            # The first step of a size is nearly all compilation, and torch does not tell the two apart.
            self._seen.add(key)
            self.compile_seconds += time.perf_counter() - began
        return outputs


def has_compiler() -> bool:
    """Whether there is a C++ compiler that torch would find."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++"))
