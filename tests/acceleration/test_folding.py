"""Models over encoders of timm, made fast: norms are folded away, and nothing else changes."""

import pytest
import torch
from timm.layers import Conv2dSame
from torch import nn

import image_models
from vidseg.acceleration import accelerate
from vidseg.acceleration.folding import fold_traced
from vidseg.acceleration.pooling import MatrixPool
from vidseg.acceleration.same_padding import replace_same_convolutions
from vidseg.models import ModelConfig, PerFrameConfig, TimmConfig
from vidseg.models.heads import ASPPConfig, OCRConfig, UPerConfig, auxiliary_fcn

pytest.importorskip("timm")
R10 = TimmConfig(name="resnet10t")
CONFIGS: dict[str, ModelConfig] = {
    "cffm over lite0": image_models.cffm_over("timm:tf_efficientnet_lite0"),
    "cffm with uper": image_models.cffm_over("timm:resnet10t", head=UPerConfig(channels=16)),
    "pspnet": image_models.PSPNET_R18,
    "ocrnet": PerFrameConfig(
        encoder=R10, head=OCRConfig(channels=16, key_channels=8, form="vspw"), num_classes=5, auxiliary=auxiliary_fcn(8)
    ),
    "deeplab": PerFrameConfig(encoder=R10, head=ASPPConfig(channels=16, detail_channels=4), num_classes=5),
}


@torch.inference_mode()
@pytest.mark.parametrize("name", CONFIGS)
def test_results_are_the_slow_twins_without_a_norm_left(name: str) -> None:
    model = image_models.built(CONFIGS[name])
    fast = accelerate(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    frames = len(model.reference_offsets) + 1
    for size in ((64, 96), (65, 97)):
        clip = torch.rand(2, frames, 3, *size) * 255
        ours, theirs = fast(clip), model(clip)
        scale = theirs.final.abs().max()
        torch.testing.assert_close(ours.final / scale, theirs.final / scale, rtol=0, atol=1e-5)
        torch.testing.assert_close(ours.frames / scale, theirs.frames / scale, rtol=0, atol=1e-5)


class Shared(nn.Module):
    """Convolutions whose results are read beside the norm, run twice, or not by a norm first."""

    def __init__(self) -> None:
        super().__init__()
        self.read_twice, self.run_twice, self.late = (nn.Conv2d(3, 3, 1) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(3) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.read_twice(x)
        y = y + self.norms[0](y)
        y = self.norms[1](self.run_twice(self.norms[2](self.run_twice(y))))
        return self.norms[3](torch.relu(self.late(y)))


class Untraceable(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if x.mean() > 0 else x


@torch.inference_mode()
@pytest.mark.parametrize("network", [Shared(), Untraceable(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))])
def test_what_may_not_be_folded_is_left_alone(network: nn.Module) -> None:
    network.eval()
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    image = torch.rand(1, 3, 5, 5)
    before = network(image)
    fold_traced(network)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == norms
    assert torch.equal(network(image), before)


@torch.inference_mode()
@pytest.mark.parametrize("side", [1, 2, 3, 6])
def test_pooling_by_matrices_is_torchs(side: int) -> None:
    for size in ((4, 5), (12, 16), (13, 17), (1, 6), (60, 107)):
        image = torch.randn(2, 3, *size)
        torch.testing.assert_close(MatrixPool(side)(image), nn.AdaptiveAvgPool2d(side)(image), rtol=0, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_same_padding_without_arithmetic_is_timms(kernel: int, stride: int, dilation: int) -> None:
    same = Conv2dSame(4, 6, kernel, stride=stride, dilation=dilation, groups=2)
    network = nn.Sequential(same)
    images = [torch.randn(1, 4, *size) for size in ((8, 9), (9, 8), (1, 2), (33, 64))]
    expected = [same(image) for image in images]
    replace_same_convolutions(network)
    assert isinstance(network[0], Conv2dSame) == (stride == 2 and (dilation == 2 or kernel == 1))
    for image, result in zip(images, expected, strict=True):
        torch.testing.assert_close(network(image), result, rtol=0, atol=1e-6)
