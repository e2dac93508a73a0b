"""Encoders of timm and plain transformers: four features of any image, and what is refused."""

import copy
from dataclasses import replace

import pytest
import torch

from vidseg.errors import InputError
from vidseg.models import PlainViT, TimmConfig, TimmEncoder, ViTConfig, build_encoder, encoder_config, encoder_name

timm = pytest.importorskip("timm")


def stage_shapes(encoder, height: int, width: int) -> list[tuple[int, ...]]:
    return [(1, C, -(-height // s), -(-width // s)) for C, s in zip(encoder.widths, encoder.strides, strict=True)]


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("timm:resnet10t", (4, 8, 16, 32)),
        ("timm:tf_efficientnet_lite0", (4, 8, 16, 32)),
        ("timm:convnext_atto", (4, 8, 16, 32)),
        ("timm:vit_tiny_patch16_224", (4, 8, 16, 32)),
        ("timm:vit_small_patch14_dinov2", (4, 8, 16, 32)),
        pytest.param("timm:swin_tiny_patch4_window7_224", (4, 8, 16, 32), marks=pytest.mark.slow),
        pytest.param("timm:vit_small_patch16_dinov3", (4, 8, 16, 32), marks=pytest.mark.slow),
    ],
)
def test_features_have_sizes_rounded_up(name: str, strides: tuple[int, ...]) -> None:
    config = encoder_config(name)
    encoder = build_encoder(config).eval()
    assert encoder.strides == strides
    for height, width in ((64, 96), (65, 97), (33, 20)):
        image = torch.randn(1, 3, height, width)
        assert [tuple(stage.shape) for stage in encoder(image)] == stage_shapes(encoder, height, width)
    assert encoder_name(config) == name


@torch.inference_mode()
def test_dilated_features_are_timms_own() -> None:
    config = TimmConfig(name="resnet10t", output_stride=8)
    encoder = TimmEncoder(config).eval()
    assert encoder.strides == (4, 8, 8, 8)
    oracle = timm.create_model("resnet10t", features_only=True, out_indices=(1, 2, 3, 4), output_stride=8).eval()
    oracle.load_state_dict(encoder.network.state_dict())
    image = torch.randn(2, 3, 65, 97)
    for ours, theirs in zip(encoder(image), oracle(image), strict=True):
        assert torch.equal(ours, theirs)


def test_the_normalisation_is_that_of_the_weights_and_is_kept() -> None:
    lite = encoder_config("timm:tf_efficientnet_lite0")
    assert isinstance(lite, TimmConfig)
    # Other than timm's 127.5, see systems.md §1.
    assert (lite.mean, lite.std) == ((127.0,) * 3, (128.0,) * 3)
    resnet = TimmConfig(name="resnet101s", output_stride=8)
    assert resnet.mean == pytest.approx((123.675, 116.28, 103.53))
    assert replace(resnet, std=(1.0, 2.0, 3.0)).std == (1.0, 2.0, 3.0)
    assert ViTConfig(name="vit_small_patch16_224.augreg_in1k").mean == pytest.approx((127.5,) * 3)


def test_mmsegs_variants_dilate_otherwise() -> None:
    resnet = TimmEncoder(TimmConfig(name="resnet18", output_stride=8, variant="mmseg"))
    assert [block.conv1.dilation[0] for block in resnet.network.layer4] == [2, 4]
    assert {block.conv2.dilation[0] for stage in (3, 4) for block in resnet.network[f"layer{stage}"]} == {1}
    mobilenet = TimmEncoder(TimmConfig(name="mobilenetv2_100", output_stride=8, variant="mmseg"))
    dilations = [[block.conv_dw.dilation[0] for block in group] for group in mobilenet.network.blocks]
    assert dilations == [[1], [1, 1], [1, 1, 1], [2, 1, 1, 1], [2, 1, 1], [4, 1, 1], [4]]
    plain = TimmEncoder(TimmConfig(name="mobilenetv2_100", variant="mmseg"))
    assert {module.dilation for module in plain.modules() if isinstance(module, torch.nn.Conv2d)} == {(1, 1)}


@torch.inference_mode()
def test_a_padded_image_does_not_change_what_lies_inside() -> None:
    encoder = build_encoder(encoder_config("timm:convnext_atto")).eval()
    assert isinstance(encoder, TimmEncoder)
    image = torch.randn(1, 3, 50, 70)
    padded = torch.nn.functional.pad(image, (0, 26, 0, 14))
    for ours, whole in zip(encoder(image), encoder(padded), strict=True):
        assert torch.equal(ours, whole[:, :, : ours.shape[2], : ours.shape[3]])


@torch.inference_mode()
def test_images_that_patches_of_14_do_not_fit_are_resized_to_cells_of_16() -> None:
    encoder = PlainViT(ViTConfig(name="vit_small_patch14_dinov2", channels=8)).eval()
    seen = []
    encoder.network.patch_embed.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[-2:])))
    encoder(torch.randn(1, 3, 65, 96))
    assert seen == [(5 * 14, 6 * 14)]


@pytest.mark.parametrize("name", ["timm:resnet10t", "timm:tf_efficientnet_lite0", "timm:vit_tiny_patch16_224"])
def test_recomputing_in_the_backward_pass_changes_nothing(name: str) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(encoder_config(name)).eval()
    image = torch.randn(1, 3, 64, 64)
    gradients = []
    for recompute in (False, True):
        if recompute:
            encoder.recompute_in_backward()
        encoder.zero_grad()
        sum(stage.square().mean() for stage in encoder(image)).backward()
        gradients.append([parameter.grad.clone() for parameter in encoder.parameters() if parameter.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 0
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: encoder_config("timm:resnet1000"), "timm does not have; did you mean 'resnet"),
        (lambda: encoder_config("resnet18"), "expected one of mit_b0.*or timm:NAME; did you mean 'timm:resnet18'"),
        (lambda: encoder_config("mit_b9"), "did you mean 'mit_b"),
        (lambda: TimmConfig(name="resnet18", output_stride=4), "output_stride=4"),
        (lambda: TimmConfig(name="convnext_atto", variant="mmseg"), "variant='mmseg'.*resnet18"),
        (lambda: TimmEncoder(TimmConfig(name="inception_v3")), "does not take images of any size"),
        (lambda: TimmEncoder(TimmConfig(name="maxvit_tiny_tf_224")), "does not take images of any size"),
        (lambda: TimmEncoder(TimmConfig(name="efficientformer_l1", output_stride=8)), "output_stride=8"),
        (lambda: TimmEncoder(TimmConfig(name="vit_tiny_patch16_224")), "strides"),
        (lambda: PlainViT(ViTConfig(name="resnet18")), "no plain transformer"),
        (lambda: ViTConfig(name="vit_tiny_patch16_224", channels=0), "channels=0"),
    ],
)
def test_what_cannot_serve_is_refused_in_one_line(make, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_an_encoder_can_be_copied() -> None:
    encoder = TimmEncoder(TimmConfig(name="resnet10t")).eval()
    image = torch.randn(1, 3, 40, 40)
    with torch.inference_mode():
        assert torch.equal(copy.deepcopy(encoder)(image)[-1], encoder(image)[-1])
