"""Frames as tensors: the labels of the plain segmenter, and nothing that leaves the device or waits for it."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

import gpus
import tiny
import toys
from vidseg.acceleration import accelerate
from vidseg.devices import with_index
from vidseg.errors import InputError, StateError
from vidseg.models import Adaptive, VideoModel
from vidseg.models.contract import example_inputs
from vidseg.models.schedules import Repeated
from vidseg.runtime import EagerRuntime, available_runtimes
from vidseg.runtime.compiling import Compiled, GraphRuntime
from vidseg.runtime.eager import widened
from vidseg.runtime.graph import StepGraph
from vidseg.stream import Segmenter, Stepper, TensorSegmenter, none, offsets
from vidseg.stream.frame_to_labels import FrameToLabels
from vidseg.stream.policy import default_policy
from vidseg.stream.preprocess import prepare_frames
from vidseg.types import Frame, Preprocessing

CPU = torch.device("cpu")


def made(kind: str) -> VideoModel:
    return {"cffm": tiny.cffm, "segformer": tiny.segformer}.get(kind, lambda: toys.toy(kind))()


# Motion between frames is estimated on the CPU.
KINDS = [kind for kind in ("cffm", "segformer", *toys.KINDS) if not made(kind).needs_flow]
# Of these the values in a tensor choose the steps.
DECIDING = [kind for kind in KINDS if isinstance(made(kind).schedule, Adaptive | Repeated)]


def tensors(frames: list[Frame]) -> list[Tensor]:
    """uint8 [3,H,W] each."""
    return [torch.from_numpy(frame.image).permute(2, 0, 1) for frame in frames]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_those_of_the_segmenter(kind: str) -> None:
    model, frames = made(kind), tiny.video(12)
    got = list(TensorSegmenter(model, "cpu").segment(tensors(frames)))
    for labels, expected in zip(got, Segmenter(model, "cpu", "torch").segment(frames), strict=True):
        assert labels.dtype == torch.uint8
        np.testing.assert_array_equal(labels.numpy(), expected.labels)


@pytest.mark.parametrize("policy", [offsets(3, 2, 1, start="replicate"), none()])
def test_policy_and_size_are_those_that_are_given(policy) -> None:
    model, frames = tiny.cffm(num_classes=300), tiny.video(6)
    segmenter = TensorSegmenter(model, "cpu", policy=policy, size=40)
    assert segmenter.policy is policy
    for labels, expected in zip(
        segmenter.segment(tensors(frames)),
        Segmenter(model, "cpu", "torch", policy, size=40).segment(frames),
        strict=True,
    ):
        assert labels.dtype == torch.uint16
        np.testing.assert_array_equal(labels.numpy(), expected.labels)


def test_streams_in_step_are_those_by_themselves() -> None:
    model, videos = tiny.cffm(), [tensors(tiny.video(11, seed=seed)) for seed in (0, 1)]
    segmenter = TensorSegmenter(model, "cpu")
    alone = [list(segmenter.segment(video)) for video in videos]
    memory = segmenter.start((40, 56), batch_size=2)
    for t, pair in enumerate(zip(*videos, strict=True)):
        memory, labels = segmenter.step(memory, torch.stack(pair))
        for got, expected in zip(labels, alone, strict=True):
            assert (got == expected[t]).float().mean() > 0.999  # sums of a batch may be rounded in another order


@pytest.mark.parametrize("kind", ["cffm", "cffm++", "recurrent", "clockwork adaptive"])
def test_what_is_recorded_is_the_step(kind: str) -> None:
    """As CUDA graphs get it: flat tensors in and out, for one size."""
    model, frames = made(kind), tensors(tiny.video(11))
    around = partial(FrameToLabels, preprocessing=model.preprocessing)

    def without_recording(graph: StepGraph, example: Sequence[Tensor]) -> Compiled:
        assert example[0].dtype == torch.uint8
        return torch.inference_mode()(lambda values: [widened(output) for output in graph.eval()(*values)])

    runtime = GraphRuntime("test", around(accelerate(model)), CPU, without_recording)
    stepper = Stepper(around(model), runtime, default_policy(model.reference_offsets))
    memory = stepper.start(1, (40, 56))
    for frame, expected in zip(frames, TensorSegmenter(model, "cpu").segment(frames), strict=True):
        memory, labels = stepper.step(memory, frame[None])
        assert labels.dtype == torch.uint8
        assert torch.equal(labels[0, 0], expected)


def test_a_memory_can_be_gone_on_from_twice() -> None:
    segmenter, frames = TensorSegmenter(tiny.cffm(), "cpu"), tensors(tiny.video(11))
    memory = segmenter.start((40, 56))
    for frame in frames[:-1]:
        memory, _ = segmenter.step(memory, frame[None])
    (_, one), (_, other) = (segmenter.step(memory, frames[-1][None]) for _ in range(2))
    assert torch.equal(one, other)


def test_labels_are_made_of_streams_alone() -> None:
    model = made("segformer")
    with pytest.raises(InputError, match="got a clip"):
        FrameToLabels(model, model.preprocessing)(torch.zeros(1, 1, 3, 32, 32))


@pytest.mark.parametrize("kind", ["cffm", "segformer"])
def test_a_compiler_sees_a_whole_step_as_one_graph(kind: str) -> None:
    model, frames = made(kind), tensors(tiny.video(2, height=64, width=96))
    model.preprocessing = Preprocessing(short=64, long=96)  # resized to the multiple only, so nothing is rounded
    whole = FrameToLabels(accelerate(model), model.preprocessing)
    with torch.inference_mode():
        for name, step in whole.steps().items():
            given = example_inputs(whole, name, 1, (64, 96))._replace(frame=frames[0][None])
            got = torch.compile(step.function, backend="eager", fullgraph=True, dynamic=False)(given)
            expected = step.function(given)
            assert torch.equal(got.logits, expected.logits)
            for one, other in zip(got.context, expected.context, strict=True):
                torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif("torch-compile" not in available_runtimes("cpu"), reason="no C++ compiler")
def test_a_whole_step_can_be_compiled() -> None:
    model, frames = tiny.cffm(), tensors(tiny.video(11))
    model.preprocessing = Preprocessing(short=40, long=56)
    compiled = TensorSegmenter(model, "cpu", "torch-compile")
    plain = TensorSegmenter(model, "cpu")
    for got, expected in zip(compiled.segment(frames), plain.segment(frames), strict=True):
        # A compiler resizes a frame in floats, which may be a level off.
        assert (got == expected).float().mean() > 0.98
    assert compiled.compile_seconds > 0


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("antialias", [False, True])
def test_a_frame_resized_in_floats_is_a_level_off_at_most(
    interpolation, antialias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if antialias and interpolation == "nearest":
        return
    preprocessing = Preprocessing(short=48, long=96, interpolation=interpolation, antialias=antialias)
    frame = tensors(tiny.video(1, height=75, width=120))[0][None]
    exact = prepare_frames(frame, preprocessing)
    monkeypatch.setattr("vidseg.stream.preprocess.resizes_whole_numbers", lambda image: False)
    got = prepare_frames(frame, preprocessing)
    assert got.dtype == exact.dtype == torch.float32
    assert torch.equal(got, got.round())
    # Two resizes one after the other.
    assert (got - exact).abs().max() <= 2
    assert (got == exact).float().mean() > 0.97


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in DECIDING])
def test_a_gpu_never_waits_and_no_tensor_is_elsewhere(kind: str) -> None:
    model = made(kind)
    policy = offsets(*model.reference_offsets, start="replicate") if model.reference_offsets else none()
    around = partial(FrameToLabels, preprocessing=model.preprocessing)
    fast = around(accelerate(model))
    with gpus.fake_gpu() as gpu:
        stepper = Stepper(gpus.moved(around(model)), EagerRuntime(gpus.moved(fast), gpu), policy)
        memory = stepper.start(1, (75, 120))
        frame = torch.empty(1, 3, 75, 120, dtype=torch.uint8, device=gpu)
        for _ in range(policy.capacity + 3):  # tables are made when a step runs first
            memory, labels = stepper.step(memory, frame)
        with gpus.NoWaiting():
            memory, labels = stepper.step(memory, frame)
        assert labels.shape == (1, 1, 75, 120)
        assert labels.device.type == "cuda"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runtime": "openvino"}, "got runtime 'openvino'; expected one of torch's"),
        ({"runtime": "cuda-graphs"}, "got runtime 'cuda-graphs' on device cpu"),
        ({"policy": offsets(1)}, "got a policy with 1 references"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TensorSegmenter(tiny.cffm(), "cpu", **changes)


def test_models_that_cannot_be_streamed_are_refused() -> None:
    with pytest.raises(InputError, match=r"training mode; expected eval mode; call model\.eval\(\)"):
        TensorSegmenter(tiny.cffm().train(), "cpu")
    bare = tiny.cffm()
    bare.preprocessing = None
    with pytest.raises(InputError, match="without preprocessing"):
        TensorSegmenter(bare, "cpu")
    with pytest.raises(InputError, match=r"needs flow; expected a model without; use vidseg\.Segmenter"):
        TensorSegmenter(toys.toy("grfp"), "cpu")


def test_frames_that_do_not_fit_are_refused() -> None:
    segmenter = TensorSegmenter(tiny.cffm(), "cpu")
    memory = segmenter.start((40, 56))
    with pytest.raises(
        InputError, match=r"got frames of shape \(1, 3, 40, 56\) and dtype torch.float32; expected uint8"
    ):
        segmenter.step(memory, torch.zeros(1, 3, 40, 56))
    with pytest.raises(InputError, match=r"got frames of shape \(3, 40, 56\)"):
        segmenter.step(memory, torch.zeros(3, 40, 56, dtype=torch.uint8))
    with pytest.raises(InputError, match="got frames on meta; expected them on cpu"):
        segmenter.step(memory, torch.zeros(1, 3, 40, 56, dtype=torch.uint8, device="meta"))
    with pytest.raises(StateError, match="start a new stream for another size"):
        segmenter.step(memory, torch.zeros(1, 3, 40, 57, dtype=torch.uint8))


@pytest.mark.gpu
@pytest.mark.parametrize("runtime", ["torch", "cuda-graphs", "compiled-graphs"])
def test_a_gpus_labels_are_the_cpus_and_it_never_waits(runtime: str) -> None:
    model, frames = tiny.cffm(), tensors(tiny.video(14))
    expected = list(TensorSegmenter(model, "cpu").segment(frames))
    segmenter = TensorSegmenter(model, "cuda", runtime)
    on_gpu = [frame.cuda() for frame in frames]
    list(segmenter.segment(on_gpu))  # compiled, recorded
    memory, got = segmenter.start((40, 56)), []
    torch.cuda.set_sync_debug_mode("error")
    try:
        for frame in on_gpu:
            memory, labels = segmenter.step(memory, frame[None])
            got.append(labels[0])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # Resizing in floats may be a level off, and near a border that decides.
    agreed = [(labels.cpu() == wanted).float().mean() for labels, wanted in zip(got, expected, strict=True)]
    assert min(agreed) > 0.98


@pytest.mark.gpu
def test_a_recording_outlives_its_tables() -> None:
    model, frames = tiny.cffm(), tensors(tiny.video(14))
    segmenter = TensorSegmenter(model, "cuda", "cuda-graphs")
    on_gpu = [frame.cuda() for frame in frames]
    expected = list(segmenter.segment(on_gpu))
    # So many other sizes that every table of the first is dropped, and its place taken.
    others = TensorSegmenter(model, "cuda")
    for width in range(64, 64 + 32 * 12, 32):
        others.step(others.start((64, width)), torch.zeros(1, 3, 64, width, dtype=torch.uint8, device="cuda"))
    for got, wanted in zip(segmenter.segment(on_gpu), expected, strict=True):
        assert torch.equal(got, wanted)


def test_a_device_without_a_number_is_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert with_index(torch.device("cuda")) == torch.device("cuda:1")
    for name in ("cuda:0", "cpu"):
        assert with_index(torch.device(name)) == torch.device(name)
