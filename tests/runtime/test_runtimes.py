"""Every runtime computes what the unaccelerated model does in torch; each is found, chosen and refused by name."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny
from official_weights import cffm_shapes, make_weights
from vidseg.checkpoints import convert, load
from vidseg.errors import InputError, MissingExtraError
from vidseg.models import CFFM, MIT_SIZES, CFFMConfig, FrameInputs, VideoModel
from vidseg.runtime import EagerRuntime, Runtime, available_runtimes, build_runtime
from vidseg.runtime.compiling import MAX_GRAPHS, GraphRuntime
from vidseg.runtime.graph import StepGraph
from vidseg.runtime.inductor import CompiledRuntime
from vidseg.stream import Segmenter

CPU = torch.device("cpu")
CONVERTED = ("onnx", "openvino")
COMPILED = pytest.param(
    "torch-compile",
    marks=pytest.mark.skipif("torch-compile" not in available_runtimes("cpu"), reason="no C++ compiler"),
)
TOLERANCE = 1e-3


def video(model: VideoModel, size: tuple[int, int], batch: int = 1) -> Tensor:
    """One frame more than the model has references, [T,B,3,H,W]."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(len(model.reference_offsets) + 1, batch, 3, *size, generator=generator) * 255


def last_logits(runtime: Runtime, frames: Tensor) -> tuple[Tensor, Tensor]:
    """The last frame's logits by itself, and with the frames before it as references."""
    contexts = [runtime.run("start", FrameInputs(frame)).context for frame in frames[:-1]]
    alone = runtime.run("start", FrameInputs(frames[-1])).logits
    with_context = FrameInputs(frames[-1], references=contexts)
    return alone, runtime.run("step", with_context).logits if contexts else alone


def check(
    runtime: Runtime, model: VideoModel, size: tuple[int, int], batch: int = 1, tolerance: float = TOLERANCE
) -> None:
    frames = video(model, size, batch)
    for got, expected in zip(last_logits(runtime, frames), last_logits(EagerRuntime(model, CPU), frames), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("size", [(97, 131), (64, 96)])
def test_torch_is_the_unaccelerated_model(size: tuple[int, int]) -> None:
    model = tiny.cffm(depth=2)
    check(build_runtime("torch", model, "cpu"), model, size, batch=2)


@pytest.mark.parametrize("name", CONVERTED)
def test_a_converted_cffm_is_the_unaccelerated_model(name: str) -> None:
    model = tiny.cffm()
    runtime = build_runtime(name, model, "cpu", threads=1)
    assert runtime.name == name
    check(runtime, model, (97, 131), batch=2)


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [1, 300])
@pytest.mark.parametrize("name", CONVERTED)
def test_few_and_many_classes_and_a_change_of_size(name: str, num_classes: int) -> None:
    model = tiny.cffm(num_classes, depth=2)
    runtime = build_runtime(name, model, "cpu", threads=1)
    for size in ((64, 96), (97, 131)):
        check(runtime, model, size)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERTED)
def test_a_converted_segformer_is_the_unaccelerated_model(name: str) -> None:
    model = tiny.segformer()
    check(build_runtime(name, model, "cpu", threads=1), model, (97, 131), batch=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERTED)
def test_a_converted_b0_is_the_unaccelerated_model(name: str) -> None:
    torch.manual_seed(0)
    model = CFFM(CFFMConfig(encoder=MIT_SIZES["b0"], num_classes=124, depth=1)).eval()
    check(build_runtime(name, model, "cpu", threads=1), model, (128, 192))


@pytest.mark.slow
@pytest.mark.skipif("torch-compile" not in available_runtimes("cpu"), reason="no C++ compiler")
def test_a_compiled_step_is_the_unaccelerated_model() -> None:
    model = tiny.segformer()
    runtime = build_runtime("torch-compile", model, "cpu")
    check(runtime, model, (64, 96))


@pytest.mark.slow
def test_int8_weights_stay_close() -> None:
    model = tiny.cffm()
    runtime = build_runtime("openvino-int8", model, "cpu", threads=1)
    assert runtime.name == "openvino-int8"
    check(runtime, model, (64, 96), tolerance=0.1)
    with pytest.raises(AssertionError):
        check(runtime, model, (64, 96), tolerance=1e-5)


def test_reduced_precision_stays_close_and_gives_float32() -> None:
    model = tiny.segformer()
    frames = video(model, (64, 96))
    got, _ = last_logits(build_runtime("torch-bf16", model, "cpu"), frames)
    expected, _ = last_logits(EagerRuntime(model, CPU), frames)
    assert got.dtype == torch.float32
    # So narrow a network, untrained, amplifies rounding: a wrong result would be off by more than the spread.
    assert (got - expected).abs().mean() < 0.3 * expected.std()


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERTED)
def test_a_stream_in_any_runtime_has_the_labels_of_torch(name: str) -> None:
    model = tiny.cffm()
    frames = tiny.video(11, height=37, width=61)
    segmenter = Segmenter(model, runtime=name, threads=1)
    assert segmenter.runtime_name == name
    streams = segmenter.segment(frames), Segmenter(model, runtime="torch").segment(frames)
    for got, expected in zip(*streams, strict=True):
        assert (got.labels == expected.labels).mean() > 0.999


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch", *CONVERTED, COMPILED])
def test_logits_are_the_authors(name: str, goldens: Path, tmp_path: Path) -> None:
    encoder = MIT_SIZES["b0"]
    weights = make_weights(cffm_shapes(encoder.widths, encoder.depths, mining_depth=1))
    torch.save({"state_dict": weights, "meta": {}, "optimizer": {}}, tmp_path / "F.pth")
    convert(tmp_path / "F.pth", tmp_path / "DIR", "cffm")
    model = load(tmp_path / "DIR")
    images = torch.from_numpy(np.random.default_rng(8).standard_normal((4, 1, 3, 100, 164), dtype=np.float32))
    frames = images * model.normalization.std + model.normalization.mean
    alone, with_context = last_logits(build_runtime(name, model, "cpu", threads=1), frames)
    expected = np.load(goldens / "cffm_b0_100x164_seed8.npz")
    np.testing.assert_allclose(alone[0], expected["logits_single"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(with_context[0], expected["logits_video"], rtol=0, atol=TOLERANCE)


def test_graphs_are_compiled_once_a_size_and_only_some_are_kept() -> None:
    compiled = []

    def compile_graph(graph: StepGraph, example: Sequence[Tensor]):
        compiled.append(example[0].shape)
        return lambda inputs: graph(*inputs)

    fast = build_runtime("torch", tiny.segformer(), "cpu").model
    runtime = GraphRuntime("test", fast, CPU, compile_graph)
    sizes = [(64, 64 + 32 * index) for index in range(MAX_GRAPHS + 1)]
    for size in [sizes[0], sizes[0], *sizes[1:], sizes[-1], sizes[0]]:
        before = runtime.compile_seconds, len(compiled)
        runtime.run("start", FrameInputs(torch.zeros(1, 3, *size)))
        assert (runtime.compile_seconds > before[0]) == (len(compiled) > before[1])
    assert compiled == [(1, 3, *size) for size in [*sizes, sizes[0]]]


def test_auto_is_the_fastest_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidseg.runtime.choose.PREFERENCE", {"cpu": ("openvino", "torch")})
    assert build_runtime("auto", tiny.segformer(), "cpu").name == "openvino"
    monkeypatch.setattr("vidseg.runtime.choose.find_spec", lambda name: None)
    assert build_runtime("auto", tiny.segformer(), "cpu").name == "torch"
    assert "onnx" not in available_runtimes("cpu")
    assert "torch" in available_runtimes("cpu")


@pytest.mark.parametrize(("name", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_missing_package_is_an_error_that_names_its_extra(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'vidseg\[{name}\]'"):
        build_runtime(name, tiny.segformer(), "cpu")


def test_torch_compile_without_a_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidseg.runtime.inductor.shutil.which", lambda name: None)
    with pytest.raises(InputError, match="without a C\\+\\+ compiler"):
        build_runtime("torch-compile", tiny.segformer(), "cpu")


def test_unknown_names_and_unsuitable_devices_are_refused() -> None:
    with pytest.raises(InputError, match=r"got runtime 'abacus'; expected auto or one of torch, .*openvino"):
        build_runtime("abacus", tiny.segformer())
    with pytest.raises(InputError, match=r"got runtime 'cuda-graphs' on device cpu; expected there one of torch, "):
        build_runtime("cuda-graphs", tiny.segformer(), "cpu")


def test_threads_are_torchs_too() -> None:
    before = torch.get_num_threads()
    try:
        build_runtime("torch", tiny.segformer(), "cpu", threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    with pytest.raises(InputError, match="0 threads"):
        build_runtime("torch", tiny.segformer(), "cpu", threads=0)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["torch", "cuda-graphs"])
def test_a_gpu_computes_the_unaccelerated_model(name: str) -> None:
    model = tiny.cffm(depth=2)
    runtime = build_runtime(name, model, "cuda")
    frames = video(model, (97, 131), batch=2)
    expected = last_logits(EagerRuntime(model, CPU), frames)
    for _ in range(2):  # recorded, then replayed
        for got, wanted in zip(last_logits(runtime, frames.cuda()), expected, strict=True):
            torch.testing.assert_close(got.cpu(), wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.gpu
@pytest.mark.parametrize(
    "name", [f"{kind}-{arithmetic}" for kind in ("torch", "cuda-graphs") for arithmetic in ("tf32", "bf16", "fp16")]
)
def test_a_gpu_in_reduced_precision_stays_close(name: str) -> None:
    model = tiny.cffm()
    frames = video(model, (97, 131))
    _, got = last_logits(build_runtime(name, model, "cuda"), frames.cuda())
    _, expected = last_logits(EagerRuntime(model, CPU), frames)
    assert got.dtype == torch.float32
    assert (got.cpu() - expected).abs().mean() < 0.3 * expected.std()


def test_a_compiled_runtime_leaves_warnings_alone_where_it_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool]] = []
    filters = warnings.filters

    def compiled(function):
        def run(inputs: FrameInputs):
            seen.append((warnings.filters is filters, torch.is_grad_enabled() or torch.is_inference_mode_enabled()))
            return function(inputs)

        return run

    monkeypatch.setattr("vidseg.runtime.inductor.require_compiler", lambda name: None)
    monkeypatch.setattr("vidseg.runtime.inductor.torch.compile", compiled)
    runtime = CompiledRuntime(tiny.segformer(), CPU)
    for side in (64, 64, 96):
        runtime.run("start", FrameInputs(torch.zeros(1, 3, 64, side)))
    assert seen == [(False, False), (True, False), (False, False)]
