"""Resize, class-balanced crop and flip, the same for all frames of a clip and their labels (cffm.md §6).

Built on torchvision's transforms v2: the clip is a `Video` and the labels a `Mask`, so one call does the
right thing to each (colours bilinear without antialias, labels nearest). Only its functions are used, never
its random transforms: every draw comes from the given generator.

Shape letters: T frames, H, W height and width.
"""

import torch
from torch import Tensor

from vidseg.errors import extra
from vidseg.transforms.config import AugmentationConfig
from vidseg.transforms.draws import chance, integer, uniform
from vidseg.types import Preprocessing

with extra("train"):
    from torchvision.transforms.v2 import InterpolationMode, functional
    from torchvision.tv_tensors import Mask, Video


def resize_crop_flip(
    clip_T3HW: Tensor, labels_THW: Tensor, config: AugmentationConfig, ignore: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws one geometry and applies it to the whole clip.

    Args:
        clip_T3HW: uint8 RGB, the target frame last.
        labels_THW: uint8 or int32 class ids, `ignore` where there is no label.
        config: bounds of the draws.
        ignore: the label of pixels without a class.
        generator: where every draw comes from.

    Returns:
        The clip and labels, same dtypes, at most `config.crop_size` high and wide.
    """
    parts = Video(clip_T3HW), Mask(labels_THW)
    size = draw_size(clip_T3HW.shape[-2], clip_T3HW.shape[-1], config, generator)
    video, mask = (functional.resize(part, list(size), InterpolationMode.BILINEAR, antialias=False) for part in parts)
    window = draw_window(mask.as_subclass(Tensor)[-1], config, ignore, generator)
    video, mask = (functional.crop(part, *window) for part in (video, mask))
    if chance(generator, config.flip_probability):
        video, mask = (functional.horizontal_flip(part) for part in (video, mask))
    return video.as_subclass(Tensor), mask.as_subclass(Tensor)


def pad_to_crop(
    clip_T3HW: Tensor, labels_THW: Tensor, config: AugmentationConfig, ignore: int
) -> tuple[Tensor, Tensor]:
    """Pads right and below to `config.crop_size`: float clips with the pad colour, labels with `ignore`."""
    height, width = config.crop_size
    padding = [0, 0, width - clip_T3HW.shape[-1], height - clip_T3HW.shape[-2]]
    if not any(padding):
        return clip_T3HW, labels_THW
    clip = functional.pad(Video(clip_T3HW), padding, fill=list(config.pad_colour))
    labels = functional.pad(Mask(labels_THW), padding, fill=ignore)
    return clip.as_subclass(Tensor), labels.as_subclass(Tensor)


def draw_size(height: int, width: int, config: AugmentationConfig, generator: torch.Generator) -> tuple[int, int]:
    """Draws the (height, width) that a clip of the given size is resized to."""
    scale = uniform(generator, *config.scale_range)
    long, short = config.base_size
    bounds = Preprocessing(long=max(1, int(long * scale)), short=max(1, int(short * scale)))
    return bounds.fitted_size(height, width)


def draw_window(
    target_HW: Tensor, config: AugmentationConfig, ignore: int, generator: torch.Generator
) -> tuple[int, int, int, int]:
    """Draws (top, left, height, width) of a crop inside the frame, balanced over the target's classes if it can be."""
    height, width = (min(side, bound) for side, bound in zip(target_HW.shape, config.crop_size, strict=True))
    for _ in range(config.crop_redraws + 1):
        top = integer(generator, 0, target_HW.shape[0] - height)
        left = integer(generator, 0, target_HW.shape[1] - width)
        if _is_balanced(target_HW[top : top + height, left : left + width], config.max_class_share, ignore):
            break
    return top, left, height, width


def _is_balanced(labels_HW: Tensor, max_class_share: float, ignore: int) -> bool:
    if max_class_share == 1:
        return True
    counts = torch.bincount(labels_HW[labels_HW != ignore].long())
    return int((counts > 0).sum()) > 1 and int(counts.max()) <= max_class_share * int(counts.sum())
