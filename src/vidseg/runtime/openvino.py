"""OpenVINO, on the CPU, and the way from torch to it: in float32, or with weights of matrix products kept in int8."""

import os
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import cache, partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from vidseg.errors import InputError, extra
from vidseg.models import VideoModel
from vidseg.runtime.background import BackgroundCompiler
from vidseg.runtime.compiling import Compiled, GraphRuntime
from vidseg.runtime.graph import Graph, StepGraph, quiet
from vidseg.runtime.graph_cache import fingerprint, user_cache

Floats = Literal["f32", "bf16"]


def openvino_runtime(
    model: VideoModel, threads: int | None, *, int8: bool = False, background: bool = False
) -> GraphRuntime:
    """A runtime that computes a model's step with OpenVINO. What it compiles is kept; see `vidseg.runtime.graph_cache`.

    Args:
        model: from `accelerate`, on the CPU.
        threads: CPU threads; None for OpenVINO's own choice.
        int8: whether weights are compressed; see `compress_weights`. The result is then an approximation.
        background: compile in another process and compute in torch meanwhile, where the result can be kept.

    Raises:
        MissingExtraError: if OpenVINO is not installed.
    """
    with extra("openvino"):
        import openvino  # noqa: F401  # the error comes now rather than at the first frame

    cache = user_cache()

    def kept(key: str) -> Compiled | None:
        blob = None if cache is None else cache.get(key)
        # Of a file that is whole, but not to this plugin's liking, a new one is made.
        with suppress(RuntimeError):
            return None if blob is None else _runner(_core().import_model(blob, "CPU", _properties(threads)))
        return None

    elsewhere = None
    if background and cache is not None and cache.is_writable():
        elsewhere = BackgroundCompiler(cache, partial(_blob, int8=int8), kept)

    def compile_graph(graph: StepGraph, example: Sequence[Tensor]) -> Compiled | Future[Compiled]:
        key = None if cache is None else fingerprint(graph, example, (int8, *_machine()))
        if key is not None and (found := kept(key)) is not None:
            return found
        if key is not None and elsewhere is not None:
            return elsewhere.compiled(key, graph, example)
        compiled = _compiled(graph, example, threads, int8)
        if cache is not None and key is not None:
            cache.put(key, compiled.export_model().getvalue())
        return _runner(compiled)

    return GraphRuntime("openvino-int8" if int8 else "openvino", model, torch.device("cpu"), compile_graph)


def _compiled(graph: StepGraph, example: Sequence[Tensor], threads: int | None, int8: bool) -> Any:
    translated = to_openvino(graph, example)
    if int8:
        compress_weights(translated)
    return _core().compile_model(translated, "CPU", _properties(threads))


def _blob(graph: StepGraph, example: Sequence[Tensor], *, int8: bool) -> bytes:
    """What is kept of a compiled graph; it runs with any number of threads."""
    return bytes(_compiled(graph, example, None, int8).export_model().getvalue())


def to_openvino(graph: Graph, example: Sequence[Tensor], *, dynamic: bool = False) -> Any:
    """Translates a graph.

    Args:
        graph: what to translate.
        example: its arguments, of the shapes that it is for.
        dynamic: whether the result takes frames of any size.

    Returns:
        An ``openvino.Model``.

    Raises:
        InputError: for a model with operations that OpenVINO does not know.
    """
    with extra("openvino"):
        import openvino
    shapes = [list(value.shape) for value in example]
    if dynamic:
        for shape, axes in zip(shapes, graph.open_axes(example), strict=True):
            for axis in axes:
                shape[axis] = -1
    with quiet():
        program = graph.traced(example, dynamic=dynamic)
        try:
            model = openvino.convert_model(program, input=[openvino.PartialShape(shape) for shape in shapes])
        except (openvino.frontend.OpConversionFailure, openvino.frontend.GeneralFailure) as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            reason = next((line for line in lines if "No conversion rule" in line), lines[-1]).strip("- ")
            scope = "for any size " if dynamic else ""
            raise InputError(
                f"got a model that OpenVINO cannot take {scope}({reason}); expected one of operations that it knows; "
                "do: export for one size (--size HxW), or --format onnx"
            ) from error
    for port, name in zip(model.inputs, graph.input_names, strict=True):
        port.get_tensor().set_names({name})
        port.get_node().set_friendly_name(name)
    for port, name in zip(model.outputs, graph.output_names, strict=True):
        port.get_tensor().set_names({name})
    return model


def openvino_request(source: Any, threads: int | None = None, *, floats: Floats = "f32") -> Compiled:
    """Makes a graph ready to run.

    Args:
        source: an ``openvino.Model``, or the path of an ``.xml`` file.
        threads: CPU threads; None for OpenVINO's own choice.
        floats: what float operations compute in.
    """
    model = read_openvino(source) if isinstance(source, str | os.PathLike) else source
    return _runner(_core().compile_model(model, "CPU", _properties(threads, floats)))


def read_openvino(path: str | os.PathLike[str]) -> Any:
    """The ``openvino.Model`` of an ``.xml`` file.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return _core().read_model(path)
    except RuntimeError as error:
        raise InputError(f"got {path}, which OpenVINO cannot read; expected a graph that it wrote") from error


def save_openvino(model: Any, path: str | os.PathLike[str]) -> None:
    """Writes an ``openvino.Model`` as an ``.xml`` file and a ``.bin`` beside it, weights as they are."""
    with extra("openvino"):
        import openvino
    openvino.save_model(model, path, compress_to_fp16=False)


def cpu_name() -> str:
    """The processor, as OpenVINO calls it."""
    return str(_core().get_property("CPU", "FULL_DEVICE_NAME"))


def cpu_abilities() -> tuple[str, ...]:
    """What OpenVINO can compute in here without emulation: "FP32", "INT8", and "BF16" where the processor has it."""
    return tuple(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def _properties(threads: int | None, floats: Floats = "f32") -> dict[str, Any]:
    properties: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": floats,  # else some processors would compute in bfloat16
        # Else each thread is tied to a core while it computes, the first to the first: it waits there for a decoder, an
        # encoder or another process, though other cores are free.
        "ENABLE_CPU_PINNING": False,
    }
    if threads is not None:
        properties["INFERENCE_NUM_THREADS"] = threads
    return properties


def _machine() -> tuple[str, ...]:
    """What a compiled graph depends on beside the model."""
    import openvino

    return openvino.get_version(), cpu_name(), *cpu_abilities()


def _runner(compiled: Any) -> Compiled:
    request = compiled.create_infer_request()

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        arrays = [value.contiguous().numpy() for value in inputs]
        # Inputs are read where they lie. Outputs are copied: the request uses their memory again.
        outputs = request.infer(arrays, share_inputs=True, share_outputs=False)
        return [torch.from_numpy(output) for output in outputs.values()]

    return run


@cache
def _core() -> Any:
    """The one core of this process, which lives as long as the process.

    Its CPU plugin gives the thread that loads it an alternate signal stack. Were the last core freed by another thread,
    that memory would be gone but still be registered, and the next signal the first thread gets would kill the process.
    """
    with extra("openvino"):
        import openvino
    return openvino.Core()


def compress_weights(model: Any) -> None:
    """Keeps the weights of matrix products as int8 with one float32 scale an output channel, in place.

    Each scale brings the channel's largest weight to ±127; products are still taken in float32. Files become a quarter
    of the size. Small weights, which save little, stay as they are.
    """
    with extra("openvino"):
        from openvino import opset13 as ops
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weight = node.input_value(1).get_node()
        if weight.get_type_name() != "Constant" or len(weight.shape) != 2 or np.prod(weight.shape) < 2**10:
            continue
        values = weight.data
        inputs_axis = 1 if node.get_attributes()["transpose_b"] else 0
        scale = np.maximum(np.abs(values).max(axis=inputs_axis, keepdims=True), np.float32(1e-12)) / np.float32(127)
        levels = ops.convert(ops.constant(np.rint(values / scale).astype(np.int8)), "f32")
        node.input(1).replace_source_output(ops.multiply(levels, ops.constant(scale)).output(0))
