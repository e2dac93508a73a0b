"""Label maps as colours, alone or blended over the frame.

A frame of 853x480 takes a few milliseconds, as a viewer of live video needs: one table look-up and one
integer blend.

Shape letters: H, W the frame's height and width.
"""

from collections.abc import Collection
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vidseg.errors import InputError
from vidseg.types import RGB, ClassMap, Labels
from vidseg.viz.legend import draw_legend

# Blending weights are fractions of this, so that a product with a byte still fits 16 bits.
_ONE = 256

BACKGROUND = "background"
"""The name of a class that stands for everything else."""


def overlay(
    image_HW3: RGB,
    labels_HW: Labels,
    class_map: ClassMap,
    *,
    opacity: float = 0.5,
    outlines: bool = False,
    legend: bool = False,
    classes: Collection[int] | None = None,
) -> RGB:
    """The frame with its classes' colours over it.

    Pixels of the ignore value show the frame untouched; so do those of a class named "background", unless asked for.

    Args:
        image_HW3: uint8 RGB.
        labels_HW: integer class ids or the ignore value.
        class_map: what the ids mean.
        opacity: 0 (the frame) to 1 (the colours).
        outlines: draw every region's border opaque in the region's colour.
        legend: name the classes present, in the upper left corner.
        classes: colour these ids only; None for all but the background.

    Returns:
        HxWx3 uint8, a new array.

    Raises:
        InputError: if sizes differ, a label or one of `classes` is no class, or opacity is outside 0–1.
    """
    labels_HW = checked_labels(labels_HW, class_map)
    if image_HW3.shape != (*labels_HW.shape, 3) or image_HW3.dtype != np.uint8:
        raise InputError(
            f"got an image of shape {image_HW3.shape} and dtype {image_HW3.dtype} for labels of shape "
            f"{labels_HW.shape}; expected HxWx3 uint8 of the labels' size; resize one of them"
        )
    if not 0 <= opacity <= 1:
        raise InputError(f"got opacity={opacity}; expected 0 to 1")
    everything = (index for index, name in enumerate(class_map.names) if name != BACKGROUND)
    shown = frozenset(everything if classes is None else classes)
    if unknown := sorted(shown - set(range(class_map.num_classes))):
        raise InputError(f"got classes {unknown}; expected ids 0 to {class_map.num_classes - 1}")

    weight = round(opacity * _ONE)
    is_shown, colours, remainders = _blend_tables(class_map, weight, shown)
    blended_HW3 = np.take(remainders, labels_HW, axis=0)
    blended_HW3 *= image_HW3
    blended_HW3 += np.take(colours, labels_HW, axis=0)
    blended_HW3 >>= 8
    result_HW3 = blended_HW3.astype(np.uint8)

    if outlines:
        border_HW = region_borders(labels_HW) & is_shown[labels_HW]
        result_HW3[border_HW] = _colour_table(class_map)[labels_HW[border_HW]]
    if legend:
        result_HW3 = draw_legend(result_HW3, labels_HW, class_map, classes=shown)
    return result_HW3


def colourise(labels_HW: Labels, class_map: ClassMap) -> RGB:
    """A label map in its classes' colours, black where it has the ignore value.

    Args:
        labels_HW: integer class ids or the ignore value.
        class_map: what the ids mean.

    Returns:
        HxWx3 uint8.

    Raises:
        InputError: if a label is no class.
    """
    return np.take(_colour_table(class_map), checked_labels(labels_HW, class_map), axis=0)


def checked_labels(labels_HW: NDArray[np.integer], class_map: ClassMap) -> Labels:
    """The labels in the class map's dtype, after a check that all of them are classes or the ignore value.

    Raises:
        InputError: if they are not, or if the array is not HxW integers.
    """
    if labels_HW.ndim != 2 or not np.issubdtype(labels_HW.dtype, np.integer) or not labels_HW.size:
        raise InputError(
            f"got labels of shape {labels_HW.shape} and dtype {labels_HW.dtype}; expected HxW integers; "
            "convert them first"
        )
    # Two reductions are all that a clean map without ignored pixels costs.
    if labels_HW.min() < 0 or labels_HW.max() >= class_map.num_classes:
        known_HW = (labels_HW >= 0) & (labels_HW < class_map.num_classes) | (labels_HW == class_map.ignore)
        if not known_HW.all():
            raise InputError(
                f"got label {labels_HW[~known_HW][0]}; expected 0 to {class_map.num_classes - 1} or "
                f"{class_map.ignore} (ignore); use the class map that these labels were made with"
            )
    if class_map.dtype is np.uint8:
        return labels_HW.astype(np.uint8, copy=False)
    return labels_HW.astype(np.uint16, copy=False)


def region_borders(labels_HW: Labels) -> NDArray[np.bool_]:
    """HxW bool: pixels next to another label, on both sides of a border; wider in larger frames."""
    border_HW = np.zeros(labels_HW.shape, dtype=np.bool_)
    for reach in range(1, max(1, round(min(labels_HW.shape) / 480)) + 1):
        across = labels_HW[:, reach:] != labels_HW[:, :-reach]
        border_HW[:, reach:] |= across
        border_HW[:, :-reach] |= across
        down = labels_HW[reach:] != labels_HW[:-reach]
        border_HW[reach:] |= down
        border_HW[:-reach] |= down
    return border_HW


@lru_cache(maxsize=8)
def _colour_table(class_map: ClassMap) -> RGB:
    """One colour for every value of the label dtype; black where it is no class."""
    table = np.zeros((np.iinfo(class_map.dtype).max + 1, 3), dtype=np.uint8)
    table[: class_map.num_classes] = class_map.palette
    return table


@lru_cache(maxsize=32)
def _blend_tables(
    class_map: ClassMap, weight: int, shown: frozenset[int]
) -> tuple[NDArray[np.bool_], NDArray[np.uint16], NDArray[np.uint16]]:
    """For every label value: is it shown, weight·colour + rounding, and the weight of the frame."""
    ids = sorted(shown)
    is_shown = np.zeros(np.iinfo(class_map.dtype).max + 1, dtype=np.bool_)
    is_shown[ids] = True
    colours = np.full((len(is_shown), 3), _ONE // 2, dtype=np.uint16)
    colours[ids] += _colour_table(class_map)[ids].astype(np.uint16) * np.uint16(weight)
    remainders = np.full_like(colours, _ONE)
    remainders[ids] = _ONE - weight
    return is_shown, colours, remainders
