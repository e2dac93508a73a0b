"""``torch.compile``: kernels generated for the model, where a compiler is."""

import os
import shutil
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.runtime.contract import Context
from vidseg.runtime.graph import FastModel, quiet


class CompiledRuntime:
    """Compiles a model's step when it is first called, anew for a second size, and then once for all sizes.

    Args:
        model: from `accelerate`, on `device`.
        device: where it lies.

    Raises:
        InputError: if there is no C++ compiler.
    """

    name = "torch-compile"

    def __init__(self, model: FastModel, device: torch.device) -> None:
        if not has_compiler():
            raise InputError(
                "got runtime 'torch-compile' without a C++ compiler; expected g++ or clang++ on the path, or CXX set; "
                "install one or choose another runtime"
            )
        self.device = device
        self.compile_seconds = 0.0
        self._seen: set[tuple[int, ...]] = set()
        self._step = torch.compile(model)

    def step(self, frame_B3HW: Tensor, references: Sequence[Context]) -> tuple[Tensor, Context]:
        """See `Runtime.step`."""
        key = (*frame_B3HW.shape, len(references))
        began = time.perf_counter()
        with quiet():
            logits, context = self._step(frame_B3HW, list(references))
        if key not in self._seen:
            # The first step of a size is nearly all compilation, and torch does not tell the two apart.
            self._seen.add(key)
            self.compile_seconds += time.perf_counter() - began
        return logits, context


def has_compiler() -> bool:
    """Whether there is a C++ compiler that torch would find."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), "g++", "clang++"))
