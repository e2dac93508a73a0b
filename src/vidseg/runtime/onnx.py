"""The ONNX Runtime, on the CPU, and the way from torch to ONNX."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vidseg.errors import extra
from vidseg.models import VideoModel
from vidseg.runtime.compiling import Compiled, GraphRuntime
from vidseg.runtime.graph import StepGraph, quiet


def onnx_runtime(model: VideoModel, threads: int | None) -> GraphRuntime:
    """A runtime that computes a model's step with ONNX Runtime.

    Args:
        model: from `accelerate`, on the CPU.
        threads: CPU threads; None for one a core.

    Raises:
        MissingExtraError: if a package of the extra "onnx" is missing.
    """
    with extra("onnx"):
        import onnxruntime  # noqa: F401  # the error comes now rather than at the first frame
        import onnxscript  # noqa: F401  # torch's exporter is built on it

    def compile_graph(graph: StepGraph, example: Sequence[Tensor]) -> Compiled:
        program = to_onnx(graph, example)
        return onnx_session(program.model_proto.SerializeToString(), threads)

    return GraphRuntime("onnx", model, torch.device("cpu"), compile_graph)


def to_onnx(graph: StepGraph, example: Sequence[Tensor], *, dynamic: bool = False) -> Any:
    """Translates a graph.

    Args:
        graph: what to translate.
        example: its arguments, of the shapes that it is for.
        dynamic: whether the result takes frames of any size.

    Returns:
        A ``torch.onnx.ONNXProgram``.

    Raises:
        InputError: see `StepGraph.untraceable`.
    """
    with extra("onnx"), quiet(), graph.untraceable(dynamic):
        return torch.onnx.export(
            graph.eval(),
            tuple(example),
            dynamo=True,
            verbose=False,
            input_names=graph.input_names,
            output_names=graph.output_names,
            dynamic_shapes=graph.open_shapes(example) if dynamic else None,
        )


def onnx_session(source: bytes | str, threads: int | None = None) -> Compiled:
    """Makes a graph ready to run.

    Args:
        source: the content of an ``.onnx`` file, or its path.
        threads: CPU threads; None for one a core.
    """
    with extra("onnx"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # Threads that spin while they wait take the cores that decoder and encoder need; see `vidseg.threads`.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        feeds = {name: value.contiguous().numpy() for name, value in zip(names, inputs, strict=True)}
        return [torch.from_numpy(output) for output in session.run(None, feeds)]

    return run
