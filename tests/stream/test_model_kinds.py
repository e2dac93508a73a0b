"""Every kind of model that the contract serves: a stream is its clip, streams do not mix, exports carry their state."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import tiny
import toys
from vidseg.errors import InputError
from vidseg.models import VideoModel
from vidseg.models.stateful_model import loop_clip
from vidseg.runtime import Runtime, build_runtime, export_model
from vidseg.stream import Memory, Segmenter, Stepper
from vidseg.stream.policy import default_policy

SIZE = (64, 96)
CONSUMER = Path(__file__).parents[2] / "examples" / "onnx_consumer.py"
KINDS = pytest.mark.parametrize("kind", toys.KINDS)
# Every kind of state once; the others differ in nothing that a compiler sees.
COMPILED = pytest.mark.parametrize(
    "kind",
    [
        "references",
        "adaptive",
        "flow",
        "tcb recent",
        "netwarp psp",
        "netwarp ocr",
        "dff",
        "clockwork",
        "clockwork adaptive",
        "lmanet",
        "stt",
        "dvsnet",
    ],
)


def clip(frames: int = 8, seed: int = 1) -> Tensor:
    """[1,T,3,H,W]: a still scene whose brightness jumps once, so that an adaptive schedule has something to decide."""
    generator = torch.Generator().manual_seed(seed)
    scene = torch.rand(1, 1, 3, *SIZE, generator=generator) * 40
    images = scene + torch.rand(1, frames, 3, *SIZE, generator=generator) * 4
    images[:, frames // 2 :] += 120
    return images


def extras(model: VideoModel, images: Tensor) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    given = {}
    if model.needs_flow:
        given["flow"] = torch.randn(1, images.shape[1], 2, *SIZE, generator=generator)
    if "colour" in model.prior_names:
        given["prior"] = torch.randn(1, toys.C, generator=generator)
    return given


def stepper(model: VideoModel, runtime: Runtime | None = None) -> Stepper:
    runtime = runtime or build_runtime("torch", model, "cpu")
    return Stepper(model, runtime, default_policy(model.reference_offsets))


def stream(model: VideoModel, images: Tensor, runtime: Runtime | None = None) -> Tensor:
    """Logits [1,T,K,h,w] frame by frame."""
    given, engine = extras(model, images), stepper(model, runtime)
    memory = engine.start(1, SIZE, given.get("prior"))
    logits = []
    for t in range(images.shape[1]):
        flow = given["flow"][:, t] if "flow" in given and t else None
        memory, step = engine.step(memory, images[:, t], flow)
        logits.append(step)
    return torch.stack(logits, dim=1)


@torch.inference_mode()
@KINDS
def test_a_stream_is_its_clip(kind: str) -> None:
    model, images = toys.toy(kind), clip()
    streamed = stream(model, images)
    torch.testing.assert_close(streamed, loop_clip(model, images, **extras(model, images)).frames, rtol=0, atol=1e-5)
    if model.reference_offsets and not model.blank_state(1, SIZE):
        for t in range(2, images.shape[1]):
            final = model(images[:, t - 2 : t + 1]).final
            torch.testing.assert_close(streamed[:, t], final, rtol=0, atol=1e-5)
    else:
        logits = model(images, **extras(model, images))
        torch.testing.assert_close(streamed, logits.frames, rtol=0, atol=1e-5)
        assert torch.equal(logits.final, logits.frames[:, -1])


@torch.inference_mode()
@KINDS
def test_the_past_counts_and_the_future_does_not(kind: str) -> None:
    model, images = toys.toy(kind), clip()
    before = stream(model, images)
    later = images.clone()
    later[:, 6:] = 255 - later[:, 6:]
    torch.testing.assert_close(stream(model, later)[:, :6], before[:, :6], rtol=0, atol=1e-6)
    if kind == "prior":
        return
    earlier = images.clone()
    earlier[:, 3:5] += 3  # too little for an adaptive schedule to choose otherwise
    assert (stream(model, earlier)[:, 5] - before[:, 5]).abs().max() > 1e-5


@torch.inference_mode()
@KINDS
def test_interleaved_streams_do_not_mix_and_memories_keep_their_size(kind: str) -> None:
    model = toys.toy(kind)
    engine, videos = stepper(model), [clip(seed=1), clip(seed=2)]
    memories: list[Memory] = [engine.start(1, SIZE) for _ in videos]
    size = memories[0].nbytes
    alone = [stream(model, images) for images in videos] if not toys.toy(kind).needs_flow and kind != "prior" else None
    for t in range(8):
        for index, images in enumerate(videos):
            flow = torch.zeros(1, 2, *SIZE) if model.needs_flow and t else None
            memories[index], logits = engine.step(memories[index], images[:, t], flow)
            assert memories[index].nbytes == size
            if alone is not None:
                torch.testing.assert_close(logits, alone[index][:, t], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_schedules_choose_the_steps_they_say() -> None:
    class Spy:
        name, device = "spy", torch.device("cpu")

        def __init__(self, model: VideoModel) -> None:
            self.inner, self.steps = build_runtime("torch", model, "cpu"), []

        def run(self, step, inputs):
            self.steps.append(step)
            return self.inner.run(step, inputs)

    ran = {}
    for kind in ("key frames", "adaptive"):
        model = toys.toy(kind)
        spy = Spy(model)
        stream(model, clip(7), spy)
        ran[kind] = spy.steps
    assert ran["key frames"] == ["key", "between", "between", "key", "between", "between", "key"]
    # Noise is stiller than the threshold; the jump is not.
    assert ran["adaptive"] == ["probe", "key", *["probe", "between"] * 2, "probe", "key", *["probe", "between"] * 3]


def test_what_a_model_does_not_take_is_refused() -> None:
    images = clip(3)
    with pytest.raises(InputError, match="got no flow for a Flowing"):
        toys.toy("flow")(images)
    with pytest.raises(InputError, match="got flow for a Recurrent"):
        toys.toy("recurrent")(images, flow=torch.zeros(1, 3, 2, *SIZE))
    with pytest.raises(InputError, match="expected None: this model has no use for one"):
        toys.toy("recurrent")(images, prior=torch.zeros(1, 8))
    with pytest.raises(InputError, match=r"got a prior 'colour' of shape \(1, 3\); expected \(1, 8\)"):
        toys.toy("prior")(images, prior=torch.zeros(1, 3))
    engine = stepper(toys.toy("flow"))
    memory, _ = engine.step(engine.start(1, SIZE), images[:, 0])
    with pytest.raises(InputError, match="got no flow of frame 1"):
        engine.step(memory, images[:, 1])
    with pytest.raises(InputError, match="got flow for a Recurrent"):
        Segmenter(toys.toy("recurrent"), flow=lambda present, previous: present)  # type: ignore[arg-type]


def test_the_segmenter_finds_the_flow_between_the_networks_inputs() -> None:
    model, frames, seen = toys.toy("flow"), tiny.video(4, height=64, width=96), []

    class Estimator:
        name = "test"

        def __call__(self, present: Tensor, previous: Tensor) -> Tensor:
            seen.append((present, previous))
            return (previous - present)[:, :2]

    segmenter = Segmenter(model, runtime="torch", flow=Estimator())
    labels = [segmentation.labels for segmentation in segmenter.segment(frames)]
    inputs = torch.stack([torch.from_numpy(frame.image.copy()).permute(2, 0, 1).float() for frame in frames])
    assert [
        (torch.equal(now[0], inputs[t]), torch.equal(then[0], inputs[t - 1])) for t, (now, then) in enumerate(seen, 1)
    ]
    flow = torch.stack([torch.zeros(2, *SIZE), *((then - now)[0, :2] for now, then in seen)])
    with torch.no_grad():
        logits = model(inputs[None], flow=flow[None]).frames[0]
    expected = torch.nn.functional.interpolate(logits, size=SIZE, mode="bilinear").argmax(dim=1).numpy()
    assert (np.stack(labels) == expected).mean() > 0.999


@COMPILED
@pytest.mark.slow
@torch.inference_mode()
def test_compiled_steps_are_the_models(kind: str) -> None:
    model, images = toys.toy(kind), clip()
    runtime = build_runtime("openvino", model, "cpu", threads=1)
    torch.testing.assert_close(stream(model, images, runtime), stream(model, images), rtol=0, atol=1e-3)


def test_a_model_of_one_size_is_exported_for_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got no size for an export of a DVSNet.* expected --size HxW"):
        export_model(toys.toy("dvsnet"), tmp_path / "out", "onnx", start_rule=[])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "output_format"),
    [
        *((kind, "onnx") for kind in toys.KINDS),
        ("recurrent", "openvino"),
        ("adaptive", "openvino"),
        ("tcb ppm", "openvino"),
        ("netwarp psp", "openvino"),
        ("dff", "openvino"),
        ("lmanet", "openvino"),
        ("stt", "openvino"),
    ],
)
def test_exports_carry_their_state(kind: str, output_format: str, tmp_path: Path) -> None:
    model = toys.toy(kind)
    policy = default_policy(model.reference_offsets)
    start_rule = [policy.references(t) for t in range(policy.capacity)]
    out = tmp_path / "out"
    # Warping has the size it was traced with, in OpenVINO, which knows no maximum of two open sizes either.
    one_size = not model.any_size or (output_format == "openvino" and (model.needs_flow or kind == "stt"))
    size = (64, 96) if one_size else None
    export = export_model(model, out, output_format, start_rule=start_rule, size=size)
    assert export.passed
    assert {entry.graph for entry in export.parity} == set(model.steps())
    if output_format != "onnx" or model.needs_flow or kind == "prior":
        return
    # The same program for all of them.
    frames = tiny.video(8, height=64, width=96)
    (tmp_path / "in").mkdir()
    for frame in frames:
        Image.fromarray(frame.image).save(tmp_path / "in" / f"{frame.name}.png")
    words = [CONSUMER, out, tmp_path / "in", tmp_path / "masks"]
    subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True, timeout=240)
    for expected in Segmenter(model, runtime="torch").segment(frames):
        got = np.asarray(Image.open(tmp_path / "masks" / f"{expected.frame.name}.png"))
        assert (got == expected.labels).mean() > 0.999
