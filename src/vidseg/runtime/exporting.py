"""Exports: a folder with a model's step as graph files and all that a program without torch must know to run them.

    config.json         classes, preprocessing, reference rule, schedule, state, names and shapes of in- and outputs
    parity.json         how far the files are from torch
    start.onnx          a frame by itself: the start of a video
    step.onnx           a frame with references; not for models that use none
    steady.onnx         blends scores along the motion, if asked for; see `vidseg.runtime.steadying`

(OpenVINO's have ``.xml`` and ``.bin`` in place of ``.onnx``.) Models of other kinds have other steps, a file each. See
`vidseg.runtime.graph` for inputs and outputs.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vidseg.acceleration import accelerate
from vidseg.errors import InputError
from vidseg.files import atomic_folder, write_json
from vidseg.models import VideoModel
from vidseg.runtime.compiling import Compiled
from vidseg.runtime.graph import Graph, StepGraph, quiet
from vidseg.runtime.guarantee import CONFIG, KIND, Guarantee, read_export
from vidseg.runtime.lowering import Lowering
from vidseg.runtime.onnx import onnx_session, to_onnx
from vidseg.runtime.openvino import compress_weights, openvino_request, save_openvino, to_openvino
from vidseg.runtime.parity import TOLERANCE, Parity, compare, compare_graph
from vidseg.runtime.shapes import SIZES, Shape, symbolic_shapes
from vidseg.runtime.steadying import SteadyGraph
from vidseg.steady import REFERENCE_RATE, Steady
from vidseg.types import Preprocessing

Size = tuple[int, int]

PARITY = "parity.json"
VERSION = 1

# What graphs of any size are traced and compared with: whole windows, single leftover pixels, less than a window.
_TRACED = (160, 224)
_COMPARED = (_TRACED, (97, 131), (64, 96))


@dataclass(frozen=True, kw_only=True)
class ExportFormat:
    """One entry of `FORMATS`.

    Attributes:
        suffix: of a graph's main file.
        write: translates a graph, for a size and whether other sizes go as well, into a file.
        read: makes such a file ready to run.
        exact: whether the file computes what torch does but for float rounding.
    """

    suffix: str
    write: Callable[[Graph, Size, bool, Path], None]
    read: Callable[[str], Compiled]
    exact: bool = True


def _write_onnx(graph: Graph, size: Size, dynamic: bool, path: Path) -> None:
    program = to_onnx(graph, graph.example(1, size), dynamic=dynamic)
    with quiet():
        program.save(path)


def _write_openvino(graph: Graph, size: Size, dynamic: bool, path: Path, *, int8: bool = False) -> None:
    model = to_openvino(graph, graph.example(1, size), dynamic=dynamic)
    if int8:
        compress_weights(model)
    save_openvino(model, path)


def _write_openvino_int8(graph: Graph, size: Size, dynamic: bool, path: Path) -> None:
    _write_openvino(graph, size, dynamic, path, int8=True)


FORMATS = {
    "onnx": ExportFormat(suffix=".onnx", write=_write_onnx, read=onnx_session),
    "openvino": ExportFormat(suffix=".xml", write=_write_openvino, read=openvino_request),
    "openvino-int8": ExportFormat(suffix=".xml", write=_write_openvino_int8, read=openvino_request, exact=False),
}


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was written.

    Attributes:
        files: in the folder, sorted.
        parity: for each graph and size tried.
        passed: whether all logits are within `TOLERANCE` of torch's; None for a format that is an approximation.
        guarantee: what a lower precision was found to change.
    """

    files: tuple[str, ...]
    parity: tuple[Parity, ...]
    passed: bool | None
    guarantee: Guarantee | None = None


def export_model(
    model: VideoModel,
    folder: str | os.PathLike[str],
    output_format: str,
    *,
    start_rule: Sequence[Sequence[int]],
    size: Size | None = None,
    steady: Steady | None = None,
    lowering: Lowering | None = None,
) -> Export:
    """Writes an export, as a whole or not at all. An older one there is replaced.

    Args:
        model: on the CPU, in eval mode, with class map and preprocessing.
        folder: new, empty, or an older export.
        output_format: one of `FORMATS`.
        start_rule: for frames 0, 1, …, the frames that they look back to, oldest first, or none; after the last, the
            model's `reference_offsets` hold.
        size: the one (height, width) of frames that the graphs take; None for any.
        steady: write the graph that blends scores along the motion, too; the program brings the flow.
        lowering: of the steps, to less than float32, in OpenVINO's format and for the size of what it is tried on.

    Raises:
        InputError: for an unknown format, an unsuitable model, a folder with anything else in it, or labels that a
            lower precision changes too often.
        MissingExtraError: if the format's packages are not installed.
    """
    if output_format not in FORMATS:
        raise InputError(f"got format {output_format!r}; expected one of {', '.join(FORMATS)}")
    if model.training or model.class_map is None or model.preprocessing is None:
        raise InputError(
            "got a model in training mode or without class map and preprocessing; expected one from vidseg.load; "
            "call model.eval() and set them"
        )
    if lowering is not None:
        if output_format != "openvino":
            raise InputError(f"got format {output_format!r} for {lowering.precision}; expected openvino")
        size = lowering.trial.network_size
    if size is None and not model.any_size:
        raise InputError(
            f"got no size for an export of a {type(model).__name__}, whose graphs are for one; expected --size HxW"
        )
    _check_free(Path(folder))
    with quiet():
        fast = accelerate(model)
    graphs = {name: StepGraph(fast, name, channels_last=False) for name in fast.steps()}
    chosen = FORMATS[output_format]
    # Before anything is written, for it may be refused.
    lowered, guarantee = ({}, None) if lowering is None else lowering.lower(model, graphs)
    with atomic_folder(folder) as place:
        for name, graph in graphs.items():
            path = place / f"{name}{chosen.suffix}"
            if name in lowered:
                save_openvino(lowered[name], path)
            else:
                chosen.write(graph, size or _TRACED, size is None, path)
        ready = {name: chosen.read(str(place / f"{name}{chosen.suffix}")) for name in graphs}
        sizes = [size] if size else _COMPARED
        parity = compare(model, graphs, ready, sizes)
        if steady is not None:
            blend, logits_sizes = SteadyGraph(model, steady), [_logits_size(graphs, side) for side in sizes]
            path = place / f"{blend.name}{chosen.suffix}"
            chosen.write(blend, logits_sizes[0], size is None, path)
            parity += compare_graph(blend, chosen.read(str(path)), logits_sizes)
        is_exact = chosen.exact and lowering is None
        passed = max(entry.max_difference for entry in parity) <= TOLERANCE if is_exact else None
        write_json(
            place / PARITY,
            {"tolerance": TOLERANCE, "passed": passed, "compared": [asdict(entry) for entry in parity]},
        )
        description = _describe(model, graphs, output_format, start_rule, size)
        description["precision"] = None if guarantee is None else guarantee.to_dict()
        if steady is not None:
            description["steady"] = _describe_steady(blend, steady, graphs, chosen, size)
        write_json(place / CONFIG, description)
        files = tuple(sorted(path.name for path in place.iterdir()))
    return Export(files=files, parity=tuple(parity), passed=passed, guarantee=guarantee)


def _describe(
    model: VideoModel,
    graphs: dict[str, StepGraph],
    output_format: str,
    start_rule: Sequence[Sequence[int]],
    size: Size | None,
) -> dict[str, Any]:
    assert model.class_map is not None
    assert model.preprocessing is not None
    return {
        "kind": KIND,
        "version": VERSION,
        "format": output_format,
        **model.class_map.to_dict(),
        "preprocessing": model.preprocessing.to_dict(),
        "network_size": size,
        "reference_offsets": list(model.reference_offsets),
        "start_rule": [list(references) for references in start_rule],
        "schedule": asdict(model.schedule),  # type: ignore[call-overload]  # all schedules are dataclasses
        "state": _describe_state(model, size),
        "graphs": {name: _describe_graph(graph, FORMATS[output_format], size) for name, graph in graphs.items()},
        "sizes": SIZES,
        "labels": f"resize the logits bilinearly (pixel areas aligned) {_way(model.preprocessing)}; arg max",
        "scores": model.score_kind,
    }


def _way(preprocessing: Preprocessing) -> str:
    return "to HxW, then to the frame's size" if preprocessing.geometry is None else "to the frame's size"


def _describe_state(model: VideoModel, size: Size | None) -> list[dict[str, Any]]:
    shapes = symbolic_shapes(lambda image_size: list(model.blank_state(1, image_size).values()), size)
    names = model.blank_state(1, size or _TRACED)
    return [
        {"name": name, "input": f"state_{name}", "output": f"next_{name}", "dtype": "float32", "shape": shape}
        for name, shape in zip(names, shapes, strict=True)
    ]


def _describe_graph(graph: StepGraph, chosen: ExportFormat, size: Size | None) -> dict[str, Any]:
    @torch.no_grad()
    def results(image_size: Size) -> Sequence[Tensor]:
        return graph(*graph.example(1, image_size))

    return {
        "file": f"{graph.name}{chosen.suffix}",
        "inputs": _ports(graph.input_names, symbolic_shapes(lambda side: graph.example(1, side), size)),
        "outputs": _ports(graph.output_names, symbolic_shapes(results, size)),
    }


def _logits_size(graphs: Mapping[str, StepGraph], image_size: Size) -> Size:
    """(height, width) of the logits for images of (height, width)."""
    with torch.no_grad():
        outputs = (graph(*graph.example(1, image_size))[0] for graph in graphs.values() if not graph.spec.probe)
        logits_1Khw = next(outputs)
    return (logits_1Khw.shape[-2], logits_1Khw.shape[-1])


def _describe_steady(
    blend: SteadyGraph, steady: Steady, graphs: Mapping[str, StepGraph], chosen: ExportFormat, size: Size | None
) -> dict[str, Any]:
    def arguments(image_size: Size) -> Sequence[Tensor]:
        return blend.example(1, _logits_size(graphs, image_size))

    return {
        "file": f"{blend.name}{chosen.suffix}",
        "inputs": _ports(blend.input_names, symbolic_shapes(arguments, size)),
        "outputs": _ports(blend.output_names, symbolic_shapes(lambda side: arguments(side)[1:3], size)),
        "strength": steady.strength,
        "frames_per_second": REFERENCE_RATE,
        "flow_side": steady.flow_side,
    }


def _ports(names: Sequence[str], shapes: Sequence[Shape]) -> list[dict[str, Any]]:
    return [{"name": name, "dtype": "float32", "shape": shape} for name, shape in zip(names, shapes, strict=True)]


def _check_free(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        read_export(folder)
    except InputError:
        raise InputError(
            f"got {folder}, which holds something else; expected a new folder, an empty one or an older export"
        ) from None
