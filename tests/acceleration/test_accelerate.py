"""The accelerated models against their twins: the whole and each part, on odd sizes and other configurations."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny
from official_weights import cffm_shapes, make_weights
from tiny import cffm, segformer
from vidseg.acceleration import FastCFFM, accelerate
from vidseg.acceleration.allmlp import FoldedHead
from vidseg.acceleration.encoders import fast_encoder
from vidseg.checkpoints import convert, load
from vidseg.errors import InputError
from vidseg.models import (
    CFFM,
    MIT_SIZES,
    FrameInputs,
    PerFrame,
    PerFrameConfig,
    ReferenceConfig,
    VideoModel,
)
from vidseg.models.advance import own_steps
from vidseg.models.heads import AllMLPConfig
from vidseg.models.layers import resize_bilinear
from vidseg.models.reference_model import forward_clip
from vidseg.runtime.graph import StepGraph

# Rounding of float32 through a handful of layers whose values are of order 1.
CLOSE = {"rtol": 0, "atol": 1e-5}

REFERENCES = {
    "3": (ReferenceConfig(offset=3, tokens_per_side=3, kernel=3),),
    "9, 6, 3": (
        ReferenceConfig(offset=9, tokens_per_side=1, kernel=7),
        ReferenceConfig(offset=6, tokens_per_side=2, kernel=5),
        ReferenceConfig(offset=3, tokens_per_side=3, kernel=3),
    ),
    "other tokens": (
        ReferenceConfig(offset=5, tokens_per_side=7, kernel=9),
        ReferenceConfig(offset=2, tokens_per_side=4, kernel=1),
    ),
}
# Whole windows; leftovers of one pixel at stride 4, at stride 8 and in the last window; less than one window.
SIZES = [(56, 112), (64, 116), (61, 125), (29, 37), (120, 31)]


def clip(model: VideoModel, size: tuple[int, int], batch: int = 1, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, len(model.reference_offsets) + 1, 3, *size, generator=generator) * 255


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_cffm_on_any_size(size: tuple[int, int], depth: int) -> None:
    model = cffm(depth=depth)
    frames = clip(model, size)
    expected, got = model(frames), forward_clip(accelerate(model), frames)
    torch.testing.assert_close(got.final, expected.final, **CLOSE)
    torch.testing.assert_close(got.frames, expected.frames, **CLOSE)


@pytest.mark.parametrize("references", REFERENCES.values(), ids=REFERENCES)
@pytest.mark.parametrize("num_classes", [1, 300])
def test_cffm_of_any_configuration_in_a_batch(references: tuple[ReferenceConfig, ...], num_classes: int) -> None:
    model = cffm(num_classes, references=references)
    frames = clip(model, (61, 125), batch=3)
    got = forward_clip(accelerate(model), frames)
    torch.testing.assert_close(got.final, model(frames).final, **CLOSE)


@pytest.mark.parametrize("size", SIZES)
def test_segformer(size: tuple[int, int]) -> None:
    model = segformer()
    frames = clip(model, size, batch=2)
    torch.testing.assert_close(forward_clip(accelerate(model), frames).final, model(frames).final, **CLOSE)


@pytest.mark.parametrize("band_elements", [1, 10**4])
def test_head_in_bands(band_elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidseg.acceleration.allmlp.BAND_ELEMENTS", band_elements)
    model = cffm()
    fast = accelerate(model)
    stages = model.encoder(torch.randn(2, 3, 97, 131, generator=torch.Generator().manual_seed(0)))
    fused = model.head(stages)
    torch.testing.assert_close(
        fast.head.classified(stages, fast.classifier).permute(0, 3, 1, 2), model.classifier(fused), **CLOSE
    )
    halved = resize_bilinear(fused, (fused.shape[2] // 2, fused.shape[3] // 2))
    torch.testing.assert_close(fast.head.halved(stages).permute(0, 3, 1, 2), halved, **CLOSE)


@pytest.mark.parametrize("band_elements", [1, 2 * 10**4])
@pytest.mark.parametrize("batch", [1, 2])
def test_encoder_in_bands(band_elements: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidseg.acceleration.mit.BAND_ELEMENTS", band_elements)
    encoder = cffm().encoder
    image = torch.randn(batch, 3, 197, 131, generator=torch.Generator().manual_seed(0))
    for got, expected in zip(fast_encoder(encoder)(image), encoder(image), strict=True):
        torch.testing.assert_close(got, expected, **CLOSE)


@pytest.mark.parametrize("windows_at_once", [1, 4])
def test_mining_a_few_windows_at_a_time(windows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidseg.acceleration.mining.WINDOWS_AT_ONCE", windows_at_once)
    model = cffm()
    frames = clip(model, (125, 117), batch=2)
    torch.testing.assert_close(forward_clip(accelerate(model), frames).final, model(frames).final, **CLOSE)


def test_states_interchange_with_the_twins() -> None:
    model = cffm(depth=2)
    fast = accelerate(model)
    frame = clip(model, (61, 125))[:, 0]
    expected, got = model.context(model.encode(frame)), fast.context(fast.encode(frame))
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, **CLOSE)
    for ours, theirs in zip(fast.blank_context(2, (61, 125)), model.blank_context(2, (61, 125)), strict=True):
        assert torch.equal(ours, theirs)


def test_a_step_is_encode_decode_and_context() -> None:
    model = cffm()
    fast = accelerate(model)
    frames = clip(model, (61, 125))
    run = own_steps(fast)
    references = [run("start", FrameInputs(frames[:, t])).context for t in range(3)]
    got = run("step", FrameInputs(frames[:, 3], references=references))
    torch.testing.assert_close(got.logits, model(frames).final, **CLOSE)


@pytest.mark.parametrize("make", [cffm, segformer])
def test_the_model_stays_as_it_was(make: type[VideoModel]) -> None:
    model = make()
    before = copy.deepcopy(model.state_dict())
    fast = accelerate(model)
    assert not fast.training
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    ours = {tensor.data_ptr() for tensor in (*fast.parameters(), *fast.buffers())}
    assert not ours & {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert (fast.num_classes, fast.reference_offsets, fast.config) == (5, model.reference_offsets, model.config)
    assert (fast.class_map, fast.preprocessing) == (model.class_map, model.preprocessing)


def test_training_mode_of_the_model_does_not_matter() -> None:
    model = cffm()
    frames = clip(model, (56, 112))
    expected = model(frames).final
    torch.testing.assert_close(forward_clip(accelerate(model.train()), frames).final, expected, **CLOSE)


def test_wrong_number_of_references() -> None:
    fast = accelerate(cffm())
    features = fast.encode(torch.zeros(1, 3, 56, 56))
    with pytest.raises(InputError, match="got 1 references; expected none or 3"):
        fast.decode(features, [fast.context(features)])


def test_other_modules_are_refused() -> None:
    with pytest.raises(InputError, match="got a Linear; expected a video model"):
        accelerate(torch.nn.Linear(1, 1))  # type: ignore[arg-type]


def test_whole_maps_as_a_compiler_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("allmlp", "mining", "mit"):
        monkeypatch.setattr(f"vidseg.acceleration.{room}.works_in_parts", lambda x: False)
    model = cffm(depth=2)
    frames = clip(model, (125, 117), batch=2)
    expected, got = model(frames), forward_clip(accelerate(model), frames)
    torch.testing.assert_close(got.final, expected.final, **CLOSE)
    torch.testing.assert_close(got.frames, expected.frames, **CLOSE)


@pytest.mark.slow
def test_the_step_exports_to_one_graph_for_all_sizes() -> None:
    model = cffm()
    fast = accelerate(model)

    run = own_steps(fast)
    graph = StepGraph(fast, "step", channels_last=False)
    exported = graph.traced(graph.example(1, (160, 224)), dynamic=True)
    frames = clip(model, (97, 131))
    references = [run("start", FrameInputs(frames[:, t])).context for t in range(3)]
    inputs = FrameInputs(frames[:, 3], references=references)
    logits, context = exported.module()(*graph.flatten(inputs))
    expected = run("step", inputs)
    torch.testing.assert_close(logits, expected.logits, **CLOSE)
    torch.testing.assert_close(context, expected.context[0], **CLOSE)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("size", "depth", "height", "width", "seed"),
    [("b0", 1, 96, 160, 1), ("b0", 1, 100, 164, 8), ("b1", 2, 128, 192, 2)],
)
def test_logits_are_the_authors(
    size: str, depth: int, height: int, width: int, seed: int, goldens: Path, tmp_path: Path
) -> None:
    encoder = MIT_SIZES[size]
    shapes = cffm_shapes(encoder.widths, encoder.depths, mining_depth=depth)
    torch.save({"state_dict": make_weights(shapes), "meta": {}, "optimizer": {}}, tmp_path / "F.pth")
    convert(tmp_path / "F.pth", tmp_path / "DIR", "cffm")
    model = load(tmp_path / "DIR")
    assert isinstance(model, CFFM)
    expected = np.load(goldens / f"cffm_{size}_{height}x{width}_seed{seed}.npz")
    images = torch.from_numpy(np.random.default_rng(seed).standard_normal((1, 4, 3, height, width), dtype=np.float32))
    fast = accelerate(model)
    assert isinstance(fast, FastCFFM)
    logits = forward_clip(fast, images * model.normalization.std + model.normalization.mean)
    np.testing.assert_allclose(logits.final[0], expected["logits_video"], rtol=0, atol=1.5e-5)
    np.testing.assert_allclose(logits.frames[0, 3], expected["logits_single"], rtol=0, atol=1.5e-5)


@pytest.mark.parametrize("size", SIZES)
def test_the_all_mlp_head_of_any_model_is_folded(size: tuple[int, int]) -> None:
    config = PerFrameConfig(encoder=tiny.ENCODER, num_classes=5, head=AllMLPConfig(channels=16))
    torch.manual_seed(3)
    model = PerFrame(config).eval()
    norm = model.head.norm
    with torch.no_grad():  # else its statistics are those of no batch: nothing to fold
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    fast = accelerate(model)
    assert isinstance(fast.head, FoldedHead)
    frame = torch.rand(2, 3, *size) * 255
    expected, got = (one.decode(one.encode(frame)) for one in (model, fast))
    torch.testing.assert_close(got, expected, **CLOSE)
