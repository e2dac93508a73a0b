"""NetWarp: what is blended, what follows the flow, and what the released form does otherwise."""

import pytest
import torch
from torch import Tensor

import tiny
import toys
from vidseg.errors import InputError
from vidseg.flow import resize_flow, warp
from vidseg.models import NetWarp, NetWarpConfig, PerFrame, PerFrameConfig
from vidseg.models.heads import FCNConfig, OCRConfig, PSPConfig
from vidseg.models.netwarp import FlowCNN

KINDS = pytest.mark.parametrize("kind", ["netwarp psp", "netwarp ocr", "netwarp mlp"])


def clip(frames: int, height: int = 64, width: int = 96) -> Tensor:
    return torch.rand(1, frames, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255


def flow_of(images: Tensor, scale: float = 4) -> Tensor:
    B, T, _, H, W = images.shape
    return scale * torch.randn(B, T, 2, H, W, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 96), (65, 99)])
@KINDS
def test_at_first_it_is_the_image_model(kind: str, size: tuple[int, int]) -> None:
    """The vectors are one and zero; so PSPNet's weights are a start that predicts as they do."""
    torch.manual_seed(0)
    model = toys.KINDS[kind]().eval()
    config = model.config
    plain = PerFrame(
        PerFrameConfig(encoder=config.encoder, head=config.head, num_classes=5, auxiliary=config.auxiliary)
    ).eval()
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if key in plain.state_dict()})
    images = clip(3, *size)
    torch.testing.assert_close(model(images, flow=flow_of(images)).frames, plain(images).frames, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_both_maps_are_blended_with_the_previous_frames_own() -> None:
    """Written out, step by step, as the paper's figure has it."""
    model, images = toys.toy("netwarp psp"), clip(3)
    flow = flow_of(images)
    stages = [model.encoder(model.normalization(images[:, t]))[-1] for t in range(3)]
    refined = model.flow_cnn(flow[:, 2], images[:, 2], images[:, 1])
    small = resize_flow(refined, (2, 3))

    def blend(vectors: torch.nn.Module, present: Tensor, previous: Tensor) -> Tensor:
        out = present.clone()
        for channel in range(present.shape[1]):
            out[:, channel] = (
                vectors.present[channel] * present[:, channel]
                + vectors.previous[channel] * warp(previous, small)[:, channel]
            )
        return out

    stage = blend(model.stage_blend, stages[2], stages[1])
    pyramid = blend(model.feature_blend, model.head.pyramid(stage), model.head.pyramid(stages[1]))
    expected = model.classifier(model.head.fusion(pyramid))
    torch.testing.assert_close(model(images, flow=flow).frames[:, 2], expected, rtol=0, atol=1e-5)


@torch.inference_mode()
@KINDS
def test_only_the_frame_before_counts(kind: str) -> None:
    model, images = toys.toy(kind), clip(4)
    flow, changed = flow_of(images), images.clone()
    changed[:, 1] = 255 - changed[:, 1]
    before, after = model(images, flow=flow).frames, model(changed, flow=flow).frames
    differs = [bool((after[:, t] - before[:, t]).abs().max() > 1e-5) for t in range(4)]
    assert differs == [False, True, True, False]


@torch.inference_mode()
def test_flow_cnn_starts_with_the_flow_it_is_given_and_the_released_one_never_points_left() -> None:
    images = clip(2)
    flow = flow_of(images)[:, 1]
    torch.testing.assert_close(FlowCNN(released=False).eval()(flow, images[:, 1], images[:, 0]), flow)
    assert FlowCNN(released=True).eval()(flow, images[:, 1], images[:, 0]).min() >= 0


def test_every_part_learns() -> None:
    torch.manual_seed(0)
    model = toys.toy("netwarp psp").train()
    images = clip(2).repeat(2, 1, 1, 1, 1)
    logits = model(images, flow=flow_of(images))
    (auxiliary,) = logits.auxiliary
    assert auxiliary.shape == (2, 2, 5, 4, 6)
    (logits.final.square().mean() + auxiliary.square().mean()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_unsuitable_configurations_and_clips_are_refused() -> None:
    with pytest.raises(InputError, match="OCR head without"):
        NetWarpConfig(encoder=tiny.ENCODER, head=OCRConfig(), num_classes=5)
    with pytest.raises(InputError, match="num_classes=0"):
        NetWarpConfig(encoder=tiny.ENCODER, head=PSPConfig(), num_classes=0)
    model = NetWarp(NetWarpConfig(encoder=tiny.ENCODER, head=FCNConfig(channels=8), num_classes=5))
    with pytest.raises(InputError, match="got no flow for a NetWarp"):
        model(clip(2))
    assert model.eval()(clip(1)).auxiliary == ()
