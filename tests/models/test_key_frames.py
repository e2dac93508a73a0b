"""DFF, Accel and Clockwork: what a key frame leaves, what is computed between, and how often."""

from collections import Counter

import pytest
import torch
from torch import Tensor

import image_models
import tiny
import toys
from vidseg.errors import InputError
from vidseg.flow import warp
from vidseg.models import (
    DFF,
    ClockworkConfig,
    DFFConfig,
    FrameInputs,
    FrameOutputs,
    PerFrame,
    PerFrameConfig,
    TimmConfig,
    VideoModel,
    build_encoder,
    clockwork,
    encoder_config,
)
from vidseg.models.advance import advance, own_steps
from vidseg.models.heads import FCNConfig, OCRConfig, PSPConfig, UPerConfig, auxiliary_fcn

SIZE = (64, 96)


def clip(frames: int, height: int = 64, width: int = 96) -> Tensor:
    return torch.rand(1, frames, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255


def fresh(kind: str) -> VideoModel:
    """With the weights that it starts with."""
    torch.manual_seed(0)
    return toys.KINDS[kind]().eval()


@torch.inference_mode()
def test_dff_without_motion_and_scaling_repeats_the_key_frame() -> None:
    model, images = fresh("dff"), clip(4)
    logits = model(images, flow=torch.zeros(1, 4, 2, *SIZE)).frames
    for t in (1, 2):
        torch.testing.assert_close(logits[:, t], logits[:, 0], rtol=0, atol=1e-5)
    assert (logits[:, 3] - logits[:, 0]).abs().max() > 1e-3


@torch.inference_mode()
def test_dff_puts_flows_together_to_the_one_that_leads_to_the_key_frame() -> None:
    """Steps of whole cells, to the right and down: the feature is as far away as both lead."""
    model, images = fresh("dff"), clip(3)
    flow = torch.zeros(1, 3, 2, *SIZE)
    flow[:, 1, 0], flow[:, 2, 0], flow[:, 2, 1] = 4, 8, 4
    logits = model(images, flow=flow).frames
    for t, (x, y) in ((1, (1, 0)), (2, (3, 1))):
        expected = logits[:, 0, :, y:, x:]
        torch.testing.assert_close(logits[:, t, :, : 16 - y, : 24 - x], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["dff", "accel"])
def test_they_learn_from_the_key_frame_and_from_those_between(kind: str) -> None:
    model = toys.toy(kind).train()
    images = clip(3).repeat(2, 1, 1, 1, 1)
    flow = torch.randn(2, 3, 2, *SIZE, generator=torch.Generator().manual_seed(1))
    model(images, flow=flow).final.square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@torch.inference_mode()
def test_accel_starts_as_the_reference_branch_and_its_correction_sees_both() -> None:
    model, images = fresh("accel"), clip(4)
    logits = model(images, flow=torch.zeros(1, 4, 2, *SIZE)).frames
    update = torch.nn.functional.interpolate(
        model.update(images[:, 1:2]).final, size=logits.shape[-2:], mode="bilinear"
    )
    correction = model.correction(torch.cat([logits[:, 0], update], dim=1))
    torch.testing.assert_close(logits[:, 1], logits[:, 0] + correction, rtol=0, atol=1e-5)
    assert model.correction.weight.shape == (5, 10, 1, 1)
    assert 0 < model.correction.weight.std() < 0.02
    assert correction.abs().max() < 0.1 * (logits[:, 0].abs().max() + update.abs().max())
    # A key frame is the reference branch's alone.
    feature = model.head(model.encoder(model.normalization(images[:, 3])))
    torch.testing.assert_close(logits[:, 3], model.classifier(feature), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_accel_warps_one_frame_at_a_time() -> None:
    model, images = fresh("accel"), clip(3)
    model.correction.weight.zero_()
    flow = 20 * torch.randn(1, 3, 2, *SIZE, generator=torch.Generator().manual_seed(1))
    logits = model(images, flow=flow).frames
    feature = model.head(model.encoder(model.normalization(images[:, 0])))
    for t in (1, 2):
        small = torch.nn.functional.interpolate(flow[:, t], size=(2, 3), mode="bilinear") / 32
        feature = warp(feature, small)
        torch.testing.assert_close(logits[:, t], model.classifier(feature), rtol=0, atol=1e-4)


def image_model(encoder: str = "mit_b0", stride: int | None = None) -> PerFrame:
    chosen = TimmConfig(name=encoder.removeprefix("timm:"), output_stride=stride) if stride else encoder_config(encoder)
    model = image_models.built(
        PerFrameConfig(encoder=chosen, head=UPerConfig(channels=8), num_classes=5, auxiliary=auxiliary_fcn(8))
    )
    assert isinstance(model, PerFrame)
    return model


@torch.inference_mode()
@pytest.mark.parametrize("shallow", [1, 3])
def test_clockwork_at_rate_1_is_the_image_model_to_the_bit(shallow: int) -> None:
    plain, images = image_model(), clip(3, 65, 99)
    wound = clockwork(plain, rate=1, shallow_stages=shallow)
    # One frame at a time, as a stream has them.
    expected = torch.stack([plain(images[:, t : t + 1]).final for t in range(3)], dim=1)
    assert torch.equal(wound(images).frames, expected)
    assert wound.class_map == plain.class_map


@torch.inference_mode()
@pytest.mark.parametrize(
    ("encoder", "stride"),
    [("mit_b0", None), ("timm:resnet18", None), ("timm:resnet18", 8), ("timm:tf_efficientnet_lite0", None)],
)
def test_stages_one_by_one_are_the_encoder(encoder: str, stride: int | None) -> None:
    network, image = image_model(encoder, stride).encoder, torch.randn(1, 3, 65, 99)
    whole = network(image)
    for count in (1, 2, 3):
        shallow = network.run_stages(image, 0, count)
        parts = (*shallow, *network.run_stages(shallow[-1], count, 4))
        assert [torch.equal(part, stage) for part, stage in zip(parts, whole, strict=True)] == [True] * 4


def runs(model: VideoModel, images: Tensor) -> Counter[str]:
    """How often each step runs."""
    own, seen, state = own_steps(model), Counter(), model.blank_state(1, SIZE)

    def run(name: str, inputs: FrameInputs) -> FrameOutputs:
        seen[name] += 1
        return own(name, inputs)

    for t in range(images.shape[1]):
        _, state = advance(model, run, FrameInputs(images[:, t], state=state), t)
    return seen


@torch.inference_mode()
def test_the_deep_part_runs_as_often_as_its_clock_ticks() -> None:
    plain, images = image_model(), clip(7)
    assert runs(clockwork(plain, rate=3), images) == {"tick": 3, "stale": 4}
    still = images[:, :1].expand(-1, 7, -1, -1, -1)
    assert runs(clockwork(plain, threshold=0.0), still) == {"shallow": 7, "deep": 1, "head": 6}
    # Of other frames some labels differ, never all of them.
    assert runs(clockwork(plain, threshold=0.0), images)["deep"] > 1
    assert runs(clockwork(plain, threshold=1.0), images) == {"shallow": 7, "deep": 1, "head": 6}


@torch.inference_mode()
@pytest.mark.parametrize("clock", [{"rate": 2}, {"threshold": 1.0}])
def test_stale_frames_have_fresh_shallow_stages_and_old_deep_ones(clock: dict[str, float]) -> None:
    plain, images = image_model(), clip(2)
    logits = clockwork(plain, shallow_stages=3, **clock)(images).frames
    first, second = (plain.encoder(plain.normalization(images[:, t])) for t in (0, 1))
    expected = plain.classifier(plain.head((*second[:3], first[3])))
    torch.testing.assert_close(logits[:, 1], expected, rtol=0, atol=1e-5)


def test_unsuitable_configurations_are_refused() -> None:
    sizes = {"encoder": tiny.ENCODER, "num_classes": 5}
    with pytest.raises(InputError, match="got an OCR head"):
        DFFConfig(head=OCRConfig(), **sizes)
    with pytest.raises(InputError, match="key_interval=0"):
        DFFConfig(head=PSPConfig(), key_interval=0, **sizes)
    with pytest.raises(InputError, match="expected one of them"):
        ClockworkConfig(head=PSPConfig(), **sizes)
    with pytest.raises(InputError, match="threshold without shallow labels"):
        ClockworkConfig(head=PSPConfig(), threshold=0.25, **sizes)
    with pytest.raises(InputError, match="share of labels, 0 to 1"):
        ClockworkConfig(head=PSPConfig(), threshold=2, **sizes)
    with pytest.raises(InputError, match="shallow_stages=4"):
        ClockworkConfig(head=PSPConfig(), rate=2, shallow_stages=4, **sizes)
    with pytest.raises(InputError, match="kernel=2"):
        FCNConfig(kernel=2)
    swin = PerFrameConfig(encoder=encoder_config("timm:swin_tiny_patch4_window7_224"), head=PSPConfig(), num_classes=5)
    with pytest.raises(InputError, match="does not run stage by stage"):
        clockwork(PerFrame(swin), rate=2)
    assert DFF(DFFConfig(head=PSPConfig(), key_interval=1, **sizes)).schedule.steps == ("key",)
    assert build_encoder(tiny.ENCODER).run_stages(torch.zeros(1, 3, *SIZE), 0, 0) == ()
