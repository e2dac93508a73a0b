"""GRFP: the unit written out, and what it is with its gates open or shut."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import toys
from vidseg.flow import resize_flow, warp
from vidseg.models import GRFP, PerFrame, PerFrameConfig
from vidseg.models.grfp import GatedFlowUnit

SIZE = (64, 96)


def clip(frames: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, frames, 3, *SIZE, generator=torch.Generator().manual_seed(0)) * 255


def flow_of(images: Tensor, scale: float = 4) -> Tensor:
    B, T, _, H, W = images.shape
    return scale * torch.randn(B, T, 2, H, W, generator=torch.Generator().manual_seed(1))


def fresh() -> GRFP:
    """With the weights that it starts with."""
    torch.manual_seed(0)
    model = toys.grfp()
    with torch.no_grad():
        model.classifier.weight.mul_(20)  # some classes win clearly
    return model.eval()


def image_model(model: GRFP) -> PerFrame:
    """The one inside."""
    config = model.config
    plain = PerFrame(
        PerFrameConfig(encoder=config.encoder, head=config.head, num_classes=5, auxiliary=config.auxiliary)
    ).eval()
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if key in plain.state_dict()})
    return plain


def less_mean(logits: Tensor) -> Tensor:
    return logits.softmax(dim=2) - 1 / 5


def test_it_starts_as_the_paper_has_it() -> None:
    unit = GatedFlowUnit(3)
    scores = torch.rand(1, 3, 9, 9)
    torch.testing.assert_close(unit.first(scores), 6 * scores)
    assert unit.scale.item() == 2
    assert (unit.reset.weight.shape, unit.update.weight.shape) == ((1, 3, 7, 7), (1, 6, 7, 7))
    assert (unit.reset.bias.item(), unit.update.bias.item()) == (0, 0)
    assert unit.past.weight.abs().max() == 0


@torch.inference_mode()
def test_the_first_frame_has_the_image_models_labels() -> None:
    model, images = fresh(), clip(1)
    own = image_model(model)(images).frames
    torch.testing.assert_close(model(images).frames, 6 * less_mean(own), rtol=0, atol=1e-4)


@torch.inference_mode()
def test_with_an_open_update_gate_every_frame_is_by_itself() -> None:
    model, images = fresh(), clip(4)
    model.unit.update.bias.fill_(1e3)
    own = image_model(model)(images).frames
    got = model(images, flow=flow_of(images)).frames
    torch.testing.assert_close(got, 6 * less_mean(own), rtol=0, atol=1e-4)
    assert torch.equal(got.argmax(dim=2), own.argmax(dim=2))


@torch.inference_mode()
def test_with_a_shut_update_gate_the_first_frame_stays() -> None:
    model, images = fresh(), clip(4)
    model.unit.update.bias.fill_(-1e3)
    model.unit.reset.weight.zero_()
    got = model(images, flow=torch.zeros(1, 4, 2, *SIZE)).frames
    for t in (1, 2, 3):
        torch.testing.assert_close(got[:, t], 2 * less_mean(got[:, t - 1 : t])[:, 0], rtol=0, atol=1e-5)
        assert torch.equal(got[:, t].argmax(dim=1), got[:, 0].argmax(dim=1))


@torch.inference_mode()
def test_what_does_not_look_the_same_is_forgotten() -> None:
    model, images = fresh(), clip(2)
    model.unit.reset.bias.fill_(1e3)
    own = image_model(model)(images).frames
    update = torch.cat(
        [less_mean(own)[:, 1], warp(less_mean(model(images[:, :1]).frames)[:, 0], torch.zeros(1, 2, 16, 24))], 1
    )
    expected = model.unit.update(update).sigmoid() * 6 * less_mean(own)[:, 1]
    got = model(images, flow=torch.zeros(1, 2, 2, *SIZE)).final
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_the_unit_written_out() -> None:
    model, images = toys.toy("grfp"), clip(3, batch=2)
    flow, unit = flow_of(images), model.unit
    own = less_mean(image_model(model)(images).frames)
    small = torch.stack(
        [F.interpolate(model.normalization(images[:, t]), (16, 24), mode="bilinear") for t in range(3)], 1
    )
    h = F.conv2d(own[:, 0], unit.present.weight, padding=3)
    got = model(images, flow=flow).frames
    torch.testing.assert_close(got[:, 0], h, rtol=0, atol=1e-5)
    for t in (1, 2):
        way = resize_flow(flow[:, t], (16, 24))
        past = warp(h.softmax(dim=1) - 0.2, way)
        look = F.conv2d(small[:, t] - warp(small[:, t - 1], way), unit.reset.weight, unit.reset.bias, padding=3)
        r = 1 - torch.tanh(look.abs())
        z = torch.sigmoid(F.conv2d(torch.cat([own[:, t], past], 1), unit.update.weight, unit.update.bias, padding=3))
        c = F.conv2d(
            torch.cat([own[:, t], r * past], 1), torch.cat([unit.present.weight, unit.past.weight], 1), padding=3
        )
        h = unit.scale * (1 - z) * r * past + z * c
        torch.testing.assert_close(got[:, t], h, rtol=0, atol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_unit_learns_over_a_frozen_image_model_and_with_it(frozen: bool) -> None:
    model, images = fresh().train(), clip(3, batch=2)
    parts = [part for name, part in model.named_children() if name != "unit"]
    for part in parts if frozen else []:
        part.eval().requires_grad_(False)
    logits = model(images, flow=flow_of(images))
    (logits.final.square().mean() + logits.auxiliary[0].square().mean()).backward()
    still = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is None}
    assert still == ({"encoder", "head", "classifier", "auxiliary_head"} if frozen else set())
