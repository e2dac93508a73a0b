"""One convention for flow: zero is the identity, a moved picture comes back, vectors scale with the size."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.errors import InputError
from vidseg.flow import DISFlow, resize_flow, warp
from vidseg.flow.dis import Preset


def picture(height: int = 96, width: int = 128) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    blots = torch.rand(1, 3, height // 8, width // 8, generator=generator) * 255
    return F.interpolate(blots, size=(height, width), mode="bicubic").clamp(0, 255)


def test_zero_flow_is_the_identity() -> None:
    features = torch.randn(2, 5, 17, 23)
    torch.testing.assert_close(warp(features, torch.zeros(2, 2, 17, 23)), features, rtol=0, atol=1e-5)


def test_a_moved_picture_comes_back() -> None:
    before = picture()
    now = before.roll((2, 3), dims=(2, 3))  # down by 2, to the right by 3
    flow = torch.tensor([-3.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, *now.shape[-2:])
    inside = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(warp(before, flow)[inside], now[inside], rtol=0, atol=1e-3)


def test_half_pixels_are_interpolated_and_the_border_goes_on() -> None:
    row = torch.tensor([0.0, 1, 2, 3]).view(1, 1, 1, 4)
    flow = torch.zeros(1, 2, 1, 4)
    flow[:, 0] = 0.5
    torch.testing.assert_close(warp(row, flow).flatten(), torch.tensor([0.5, 1.5, 2.5, 3]), rtol=0, atol=1e-6)


def test_vectors_scale_with_the_size() -> None:
    flow = torch.tensor([8.0, -4.0]).view(1, 2, 1, 1).expand(1, 2, 32, 64)
    small = resize_flow(flow, (8, 32))
    assert small.shape == (1, 2, 8, 32)
    torch.testing.assert_close(small[0, :, 3, 5], torch.tensor([4.0, -1.0]))


def test_dis_finds_the_way_back() -> None:
    pytest.importorskip("cv2")
    before = picture()
    now = before.roll((2, 3), dims=(2, 3))
    flow = DISFlow()(now.expand(2, -1, -1, -1), before.expand(2, -1, -1, -1))
    assert flow.shape == (2, 2, 96, 128)
    middle = flow[:, :, 16:-16, 16:-16].median(dim=3).values.median(dim=2).values
    torch.testing.assert_close(middle, torch.tensor([[-3.0, -2.0]] * 2), rtol=0, atol=0.2)


@pytest.mark.parametrize("size", [(16, 80), (24, 400), (5, 7), (1, 64), (80, 16), (32, 640)])
@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_dis_takes_every_size(preset: Preset, size: tuple[int, int]) -> None:
    """OpenCV's own crashes for some of these."""
    pytest.importorskip("cv2")
    flow = DISFlow(preset)(torch.rand(1, 3, *size) * 255, torch.rand(1, 3, *size) * 255)
    assert flow.shape == (1, 2, *size)
    assert flow.isfinite().all()


def test_dis_refuses_what_it_cannot_compare() -> None:
    pytest.importorskip("cv2")
    with pytest.raises(InputError, match="expected the same"):
        DISFlow()(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 40))
    with pytest.raises(InputError, match="expected one of ultrafast"):
        DISFlow("slow")  # type: ignore[arg-type]
