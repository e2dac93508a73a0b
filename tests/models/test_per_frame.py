"""Any encoder with any head: sizes, auxiliary logits, slow and obvious forms of the heads' mathematics."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import image_models
import tiny
from vidseg.errors import InputError
from vidseg.models import HeadConfig, PerFrame, PerFrameConfig, build_encoder, build_head, head_config
from vidseg.models.heads import (
    AllMLPConfig,
    ASPPConfig,
    FCNConfig,
    MMSegMLPConfig,
    OCRConfig,
    PSPConfig,
    PyramidPooling,
    UPerConfig,
    auxiliary_fcn,
    gather_regions,
)

HEADS: list[tuple[HeadConfig, int]] = [
    (AllMLPConfig(channels=16), 4),
    (ASPPConfig(channels=16, detail_channels=4), 4),
    (ASPPConfig(channels=16, detail_channels=4, form="vspw"), 4),
    (FCNConfig(channels=16), 32),
    (FCNConfig(channels=16, convolutions=1, concatenate=False, stage=2, bias=True), 8),
    (MMSegMLPConfig(channels=16), 4),
    (OCRConfig(channels=16, key_channels=8), 32),
    (OCRConfig(channels=16, key_channels=8, form="vspw"), 32),
    (PSPConfig(channels=16, bins=(1, 2)), 32),
    (UPerConfig(channels=16), 4),
    (UPerConfig(channels=16, form="vspw"), 4),
]


@pytest.mark.parametrize(("head", "stride"), HEADS, ids=lambda value: getattr(value, "kind", ""))
def test_every_head_on_any_size_learns_everywhere(head: HeadConfig, stride: int) -> None:
    config = PerFrameConfig(encoder=tiny.ENCODER, head=head, num_classes=3, auxiliary=auxiliary_fcn(8))
    torch.manual_seed(0)
    model = PerFrame(config)
    assert (model.head.channels, model.head.stride) == (16, stride)
    clip = torch.rand(2, 2, 3, 75, 130) * 255
    logits = model(clip)
    size = (-(-75 // stride), -(-130 // stride))
    assert logits.final.shape == (2, 3, *size)
    assert logits.frames.shape == (2, 2, 3, *size)
    (auxiliary,) = logits.auxiliary
    assert auxiliary.shape == (2, 2, 3, 5, 9)
    (logits.frames.square().mean() + auxiliary.square().mean()).backward()
    # A head on an early stage leaves the later ones alone.
    idle = "encoder.stages.3" if isinstance(head, FCNConfig) and head.stage == 2 else "nothing"
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert [name for name in without if not name.startswith(idle)] == []
    with torch.inference_mode():
        model.eval()
        alone = model(clip[:, 1:])
    torch.testing.assert_close(alone.final, model(clip).final, rtol=0, atol=1e-4)


def test_without_an_auxiliary_head_there_are_no_such_logits() -> None:
    config = PerFrameConfig(encoder=tiny.ENCODER, head=PSPConfig(channels=8), num_classes=3)
    assert PerFrame(config).eval()(torch.rand(1, 1, 3, 64, 64)).auxiliary == ()


def test_regions_are_means_of_features_where_a_class_is_likely() -> None:
    feature, logits = torch.randn(2, 4, 3, 5), torch.randn(2, 6, 3, 5)
    expected = torch.zeros(2, 6, 4)
    for b in range(2):
        for k in range(6):
            shares = (logits[b, k] - logits[b, k].max()).exp()
            expected[b, k] = (feature[b] * shares).sum((1, 2)) / shares.sum()
    torch.testing.assert_close(gather_regions(feature, logits), expected)


@torch.inference_mode()
def test_a_pixel_attends_to_the_regions_that_it_resembles() -> None:
    encoder = build_encoder(tiny.ENCODER)
    head = build_head(OCRConfig(channels=8, key_channels=4), encoder).eval()
    feature, regions = torch.randn(1, 8, 2, 3), torch.randn(1, 5, 8)
    q, k, v = (part(x) for part, x in ((head.query, feature), (head.key, _map(regions)), (head.value, _map(regions))))
    context = torch.zeros(1, 4, 2, 3)
    for y in range(2):
        for x in range(3):
            weights = torch.tensor([(q[0, :, y, x] @ k[0, :, r, 0]) / 2 for r in range(5)]).softmax(0)
            context[0, :, y, x] = sum(weights[r] * v[0, :, r, 0] for r in range(5))
    expected = head.fusion(torch.cat([head.output(context), feature], dim=1))
    torch.testing.assert_close(head.attend(feature, regions), expected)


def _map(regions_BKC: Tensor) -> Tensor:
    return regions_BKC.transpose(1, 2).unsqueeze(3)


@torch.inference_mode()
def test_a_pyramid_takes_others_pooled_maps_and_the_order_of_resizing_matters() -> None:
    stage = torch.randn(1, 6, 7, 9)
    first = PyramidPooling(6, 4, (1, 2), resize_first=True).eval()
    last = PyramidPooling(6, 4, (1, 2)).eval()
    last.load_state_dict(first.state_dict())
    pooled = last.pool(stage)
    assert [tuple(means.shape) for means in pooled] == [(1, 6, 1, 1), (1, 6, 2, 2)]
    assert torch.equal(last(stage), last.assemble(stage, pooled))
    assert not torch.allclose(first(stage), last(stage))
    other = last.assemble(stage, [2 * means for means in pooled])
    assert torch.equal(other[:, :6], stage)
    assert not torch.allclose(other, last(stage))
    mean = F.relu(last.projections[0].norm(last.projections[0].convolution(stage.mean((2, 3), keepdim=True))))
    torch.testing.assert_close(last(stage)[:, 6:10], mean.expand(-1, -1, 7, 9))


@torch.inference_mode()
def test_a_frame_is_a_clip_is_a_batch() -> None:
    model = image_models.built(image_models.PSPNET_R18)
    clip = torch.rand(2, 3, 3, 65, 97) * 255
    whole = model(clip).frames
    for b in range(2):
        for t in range(3):
            alone = model(clip[b : b + 1, t : t + 1]).final
            torch.testing.assert_close(whole[b, t], alone[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PerFrameConfig(encoder=tiny.ENCODER, head=OCRConfig(), num_classes=3), "OCR head without"),
        (lambda: PerFrameConfig(encoder=tiny.ENCODER, head=PSPConfig(), num_classes=0), "num_classes=0"),
        (lambda: PSPConfig(bins=()), r"bins=\[\]"),
        (lambda: UPerConfig(form="other"), "form='other'"),
        (lambda: OCRConfig(form="other"), "form='other'"),
        (lambda: ASPPConfig(form="other"), "form='other'"),
        (lambda: ASPPConfig(dilations=(0,)), r"dilations=\[0\]"),
        (lambda: FCNConfig(stage=5), "stage=5"),
        (lambda: MMSegMLPConfig(channels=0), "channels=0"),
        (lambda: OCRConfig(key_channels=0), "key_channels=0"),
        (lambda: head_config("pspp"), "got head 'pspp'; expected one of allmlp.*did you mean 'psp'"),
    ],
)
def test_wrong_configurations_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_cffm_refuses_a_head_of_another_stride() -> None:
    with pytest.raises(InputError, match=r"at stride 32; expected 16 .* at stride 4"):
        image_models.built(image_models.cffm_over("mit_b0", head=PSPConfig(channels=16)))
