"""The photometric distortion of the SSD paper (Liu et al. 2016), as CFFM trains with it (cffm.md §6).

torchvision's operations of the same names are others: its brightness multiplies, its contrast and
saturation blend with grey. Here brightness adds, contrast multiplies, saturation and hue act on HSV with
hue in OpenCV's convention, 0–180. Every step's result is clipped to 0–255.

Shape letters: T frames, H, W height and width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vidseg.transforms.draws import chance, uniform

BRIGHTNESS = 32.0
CONTRAST = (0.5, 1.5)
SATURATION = (0.5, 1.5)
HUE = 18.0
HUE_TURN = 180.0


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """One drawn distortion; the defaults change nothing.

    Attributes:
        brightness: added to every channel, in grey values.
        contrast: factor of every channel.
        contrast_first: contrast comes before saturation and hue, not after both.
        saturation: factor of the saturation in HSV.
        hue: added to the hue, in units of which 180 are a full turn.
    """

    brightness: float = 0.0
    contrast: float = 1.0
    contrast_first: bool = True
    saturation: float = 1.0
    hue: float = 0.0


def draw_distortion(generator: torch.Generator) -> Distortion:
    """Draws a distortion; each of the four parts is left out with probability 0.5."""
    return Distortion(
        brightness=uniform(generator, -BRIGHTNESS, BRIGHTNESS) if chance(generator, 0.5) else 0.0,
        contrast_first=chance(generator, 0.5),
        contrast=uniform(generator, *CONTRAST) if chance(generator, 0.5) else 1.0,
        saturation=uniform(generator, *SATURATION) if chance(generator, 0.5) else 1.0,
        hue=uniform(generator, -HUE, HUE) if chance(generator, 0.5) else 0.0,
    )


def distort(image_T3HW: Tensor, distortion: Distortion) -> Tensor:
    """Applies one distortion to all given frames.

    Args:
        image_T3HW: float RGB, 0–255.
        distortion: what to apply.

    Returns:
        float RGB, 0–255, of the same shape.
    """
    image_T3HW = (image_T3HW + distortion.brightness).clamp(0, 255)
    if distortion.contrast_first:
        image_T3HW = (image_T3HW * distortion.contrast).clamp(0, 255)
    if distortion.saturation != 1 or distortion.hue != 0:
        # Both in one trip through HSV: clipping the saturation there is clipping the colours to 0–255.
        hue_THW, saturation_THW, value_THW = rgb_to_hsv(image_T3HW)
        image_T3HW = hsv_to_rgb(
            (hue_THW + distortion.hue) % HUE_TURN,
            (saturation_THW * distortion.saturation).clamp(max=1),
            value_THW,
        )
    if not distortion.contrast_first:
        image_T3HW = (image_T3HW * distortion.contrast).clamp(0, 255)
    return image_T3HW


def rgb_to_hsv(image_T3HW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue in [0, 180), saturation in [0, 1] and value in [0, 255] of float RGB 0–255.

    Grey has hue 0.
    """
    red, green, blue = image_T3HW.unbind(dim=-3)
    value = image_T3HW.amax(dim=-3)
    chroma = value - image_T3HW.amin(dim=-3)
    divisor = chroma.clamp(min=torch.finfo(chroma.dtype).tiny)
    sixth = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = (sixth * (HUE_TURN / 6)) % HUE_TURN
    saturation = chroma / value.clamp(min=torch.finfo(value.dtype).tiny)
    return hue, saturation, value


def hsv_to_rgb(hue_THW: Tensor, saturation_THW: Tensor, value_THW: Tensor) -> Tensor:
    """The inverse of `rgb_to_hsv`: float RGB 0–255, T3HW."""
    sixth = hue_THW * (6 / HUE_TURN)
    chroma = value_THW * saturation_THW

    def channel(start: int) -> Tensor:
        # Every channel is the same trapezoid over the hue circle, turned by a third.
        turned = (sixth + start) % 6
        return value_THW - chroma * torch.minimum(turned, 4 - turned).clamp(0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], dim=-3)
