"""Which runtimes there are, and how each is built from a model."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from vidseg.acceleration import accelerate
from vidseg.devices import resolve_device, set_threads
from vidseg.errors import InputError
from vidseg.models import VideoModel
from vidseg.runtime.arithmetic import Arithmetic, lower_weights
from vidseg.runtime.contract import Runtime
from vidseg.runtime.cuda_graphs import cuda_graph_runtime
from vidseg.runtime.eager import EagerRuntime
from vidseg.runtime.graph import quiet
from vidseg.runtime.guarantee import EXACT
from vidseg.runtime.inductor import CompiledRuntime, has_compiler
from vidseg.runtime.lowering import lowered_runtime
from vidseg.runtime.onnx import onnx_runtime
from vidseg.runtime.openvino import openvino_runtime

Build = Callable[[VideoModel, torch.device, int | None], Runtime]


@dataclass(frozen=True, kw_only=True)
class RuntimeKind:
    """One entry of `RUNTIMES`.

    Attributes:
        build: from an accelerated model on the device, the device and the number of CPU threads (None: its own choice).
        installed: whether all that it needs is there.
        device_types: where it computes.
        arithmetic: what torch's own runtimes compute in.
        beside: as `build`, but compiling in the background; None where that cannot be.
    """

    build: Build
    installed: Callable[[], bool] = lambda: True
    device_types: tuple[str, ...] = ("cpu",)
    arithmetic: Arithmetic = "fp32"
    beside: Build | None = None


def _has(*packages: str) -> Callable[[], bool]:
    return lambda: all(find_spec(package) is not None for package in packages)


def _eager(name: str, arithmetic: Arithmetic) -> Build:
    return lambda model, device, threads: EagerRuntime(model, device, arithmetic=arithmetic, name=name)


def _openvino(*, int8: bool = False, background: bool = False) -> Build:
    return lambda model, device, threads: openvino_runtime(model, threads, int8=int8, background=background)


def _compiled(name: str, arithmetic: Arithmetic) -> Build:
    return lambda model, device, threads: CompiledRuntime(model, device, arithmetic=arithmetic, name=name)


def _recorded(name: str, arithmetic: Arithmetic) -> Build:
    return lambda model, device, threads: cuda_graph_runtime(model, device, arithmetic, name)


def _compiled_and_recorded(name: str, arithmetic: Arithmetic) -> Build:
    return lambda model, device, threads: cuda_graph_runtime(model, device, arithmetic, name, compiled=True)


def _torch_kinds(
    name: str, make: Callable[[str, Arithmetic], Build], devices: dict[Arithmetic, tuple[str, ...]], **fields: Any
) -> dict[str, RuntimeKind]:
    """One of torch's runtimes in each arithmetic, which ends its name but for float32."""
    names = {arithmetic: name if arithmetic == "fp32" else f"{name}-{arithmetic}" for arithmetic in devices}
    return {
        names[arithmetic]: RuntimeKind(
            build=make(names[arithmetic], arithmetic), device_types=places, arithmetic=arithmetic, **fields
        )
        for arithmetic, places in devices.items()
    }


_CUDA = ("cuda",)
_ON_CUDA: dict[Arithmetic, tuple[str, ...]] = {"fp32": _CUDA, "tf32": _CUDA, "bf16": _CUDA, "fp16": _CUDA}
_HERE_TOO: dict[Arithmetic, tuple[str, ...]] = _ON_CUDA | {"fp32": ("cpu", "cuda"), "bf16": ("cpu", "cuda")}
RUNTIMES = {
    **_torch_kinds("torch", _eager, _HERE_TOO | {"fp32": ("cpu", "cuda", "mps", "xpu")}),
    **_torch_kinds("torch-compile", _compiled, _HERE_TOO, installed=has_compiler),
    "onnx": RuntimeKind(
        build=lambda model, device, threads: onnx_runtime(model, threads),
        installed=_has("onnx", "onnxscript", "onnxruntime"),
    ),
    "openvino": RuntimeKind(build=_openvino(), installed=_has("openvino"), beside=_openvino(background=True)),
    "openvino-int8": RuntimeKind(
        build=_openvino(int8=True), installed=_has("openvino"), beside=_openvino(int8=True, background=True)
    ),
    **_torch_kinds("cuda-graphs", _recorded, _ON_CUDA),
    **_torch_kinds("compiled-graphs", _compiled_and_recorded, _ON_CUDA, installed=has_compiler),
}

# Of those that keep results exact, the fastest first; the first that is installed is taken. ONNX Runtime is not among
# them: for CFFM-B0 at 480x864 with 124 classes on two cores a step takes 0.28 s there and 0.22 s in torch, accelerated.
PREFERENCE = {"cpu": ("openvino", "torch")}


def available_runtimes(device: str = "auto") -> tuple[str, ...]:
    """Names of the runtimes that are installed and compute on a device.

    Raises:
        InputError: for an unknown device.
    """
    kind = resolve_device(device).type
    return tuple(name for name, entry in RUNTIMES.items() if kind in entry.device_types and entry.installed())


def build_runtime(
    name: str,
    model: VideoModel,
    device: str = "auto",
    threads: int | None = None,
    *,
    precision: str = EXACT,
    around: Callable[[VideoModel], VideoModel] | None = None,
    background: bool = False,
) -> Runtime:
    """A runtime for a model, by name.

    The model is copied as it is now. What compiles does so at the first frame of each size; what OpenVINO compiles is
    kept in the user's cache folder (`vidseg.runtime.graph_cache`).

    Args:
        name: one of `RUNTIMES`, or "auto" for the fastest of them that is installed and exact; the result's `name`
            says which.
        model: in any mode; it is not changed.
        device: "auto", "cpu", "cuda", …; "auto" with a runtime for CPUs only is the CPU.
        threads: CPU threads; None for each runtime's own choice. Torch, which prepares the frames and makes the labels,
            has one setting for the whole process.
        precision: "exact", or "int8=FOLDER" or "bf16=FOLDER" for OpenVINO on the CPU; see `vidseg.runtime.lowering`.
        around: puts a model around the accelerated one, which then is what the runtime computes; with "exact" only.
        background: compute in torch while another process compiles, rather than wait; where OpenVINO's result can be
            kept, else without effect.

    Raises:
        InputError: for an unknown name or device, a runtime that does not compute on the device or in the precision,
            or a precision without an export of this model.
        MissingExtraError: if the runtime's packages are not installed.
    """
    if name != "auto" and name not in RUNTIMES:
        raise InputError(f"got runtime {name!r}; expected auto or one of {', '.join(RUNTIMES)}")
    if precision != EXACT:
        return _lowered(name, model, device, threads, precision)
    if device == "auto" and name != "auto" and RUNTIMES[name].device_types == ("cpu",):
        device = "cpu"
    place = resolve_device(device)
    if name == "auto":
        preferred = PREFERENCE.get(place.type, ("torch",)) if model.always_traceable else ("torch",)
        name = next(known for known in preferred if RUNTIMES[known].installed())
    kind = RUNTIMES[name]
    if place.type not in kind.device_types:
        suited = ", ".join(known for known, entry in RUNTIMES.items() if place.type in entry.device_types) or "torch"
        raise InputError(f"got runtime {name!r} on device {place}; expected there one of {suited}")
    if threads is not None:
        set_threads(threads)
    with quiet():
        fast = accelerate(model).to(place)
        lower_weights(fast, kind.arithmetic)
        if around is not None:
            fast = around(fast)
    build = kind.beside if background and kind.beside is not None else kind.build
    return build(fast, place, threads)


def _lowered(name: str, model: VideoModel, device: str, threads: int | None, precision: str) -> Runtime:
    if name not in ("auto", "openvino") or device not in ("auto", "cpu"):
        raise InputError(
            f"got precision {precision!r} with runtime {name!r} on device {device!r}; expected OpenVINO on the CPU; "
            "leave the others out"
        )
    if threads is not None:
        set_threads(threads)
    return lowered_runtime(precision, model, threads)
