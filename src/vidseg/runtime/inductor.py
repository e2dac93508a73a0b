"""``torch.compile``: kernels generated for the model, where a compiler is."""

import os
import shutil
import time

import torch

from vidseg.errors import InputError
from vidseg.models import FrameInputs, FrameOutputs, VideoModel
from vidseg.runtime.arithmetic import Arithmetic, computing_in
from vidseg.runtime.eager import widened
from vidseg.runtime.graph import quiet, without_gradients


class CompiledRuntime:
    """Compiles a model's steps when they are first called, anew for a second size, and then once for all sizes.

    Args:
        model: from `accelerate`, on `device`.
        device: where it lies.
        arithmetic: what it computes in. Logits are float32 all the same.
        name: as the user chose it.

    Raises:
        InputError: if there is no C++ compiler.
    """

    batches = False

    def __init__(
        self,
        model: VideoModel,
        device: torch.device,
        *,
        arithmetic: Arithmetic = "fp32",
        name: str = "torch-compile",
    ) -> None:
        require_compiler(name)
        self.name = name
        self.device = device
        self._arithmetic = arithmetic
        self.compile_seconds = 0.0
        self._seen: set[tuple[object, ...]] = set()
        self._steps = {name: torch.compile(step.function) for name, step in model.steps().items()}

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """See `Runtime.run`."""
        key = (step, inputs.frame.shape)
        began = time.perf_counter()
        # Compilers' warnings have one setting for the whole process: it is left alone where nothing is compiled.
        around = without_gradients() if key in self._seen else quiet()
        with around, computing_in(self._arithmetic, self.device):
            outputs = self._steps[step](inputs)
        if key not in self._seen:
            # The first step of a size is nearly all compilation, and torch does not tell the two apart.
            self._seen.add(key)
            self.compile_seconds += time.perf_counter() - began
        return outputs._replace(logits=None if outputs.logits is None else widened(outputs.logits))


def has_compiler() -> bool:
    """Whether there is a C++ compiler that torch would find."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++"))


def require_compiler(name: str) -> None:
    """Checks that a runtime of this name can compile.

    Raises:
        InputError: if there is no C++ compiler.
    """
    if not has_compiler():
        raise InputError(
            f"got runtime {name!r} without a C++ compiler; expected g++ or clang++ on the path, or CXX set; "
            "install one or choose another runtime"
        )
