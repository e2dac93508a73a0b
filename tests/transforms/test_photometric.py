"""The photometric distortion against the standard library's colour conversion and by-hand arithmetic."""

import colorsys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidseg.transforms.photometric import Distortion, distort, draw_distortion, hsv_to_rgb, rgb_to_hsv

grey_value = st.integers(0, 255)


def pixel(red: float, green: float, blue: float) -> torch.Tensor:
    return torch.tensor([red, green, blue], dtype=torch.float64).reshape(1, 3, 1, 1)


@given(grey_value, grey_value, grey_value)
def test_hsv_agrees_with_colorsys_in_opencv_units_and_inverts(red: int, green: int, blue: int) -> None:
    hue, saturation, value = rgb_to_hsv(pixel(red, green, blue))
    expected = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    assert [hue.item() / 180, saturation.item(), value.item() / 255] == pytest.approx(expected, abs=1e-9)
    torch.testing.assert_close(hsv_to_rgb(hue, saturation, value), pixel(red, green, blue))


@given(grey_value, grey_value, grey_value, st.floats(0.5, 1.5), st.floats(-18, 18))
def test_saturation_and_hue_act_in_hsv(red: int, green: int, blue: int, factor: float, shift: float) -> None:
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    expected = colorsys.hsv_to_rgb((hue + shift / 180) % 1, min(1, saturation * factor), value)
    result = distort(pixel(red, green, blue), Distortion(saturation=factor, hue=shift)) / 255
    assert result.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_brightness_adds_contrast_multiplies_and_each_step_clips() -> None:
    distortion = Distortion(brightness=32, contrast=0.5)
    result = distort(pixel(250, 100, 0), distortion)
    assert result.flatten().tolist() == [127.5, 66, 16]  # 250 + 32 was clipped before the halving


def test_contrast_before_or_after_saturation_differ_where_the_first_clips() -> None:
    colour = pixel(200, 150, 100)
    before = distort(colour, Distortion(contrast=1.5, saturation=0.5, contrast_first=True))
    after = distort(colour, Distortion(contrast=1.5, saturation=0.5, contrast_first=False))
    assert before.flatten().tolist() == pytest.approx([255, 240, 202.5])
    assert after.flatten().tolist() == pytest.approx([255, 255, 225])


def test_draws_cover_their_ranges_and_leave_each_part_out_half_the_time() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = [draw_distortion(generator) for _ in range(2000)]
    for part, neutral, low, high in [
        ("brightness", 0, -32, 32),
        ("contrast", 1, 0.5, 1.5),
        ("saturation", 1, 0.5, 1.5),
        ("hue", 0, -18, 18),
    ]:
        values = torch.tensor([getattr(distortion, part) for distortion in drawn])
        assert 0.45 < (values == neutral).float().mean() < 0.55
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high >= values.max() > high - 0.05 * (high - low)
    assert 900 < sum(distortion.contrast_first for distortion in drawn) < 1100
