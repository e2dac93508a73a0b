"""Scores of classes from masks and their classes, and from windows.

Shape letters: B batch, Q queries, K classes, H, W image size, h, w size of the masks, S side of a window.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vidseg.models.contract import Size
from vidseg.models.layers import resize_bilinear


def merged_masks(class_logits: Tensor, mask_logits: Tensor, size: Size | None) -> Tensor:
    """The mass of every class at every position: over all queries, the class's probability times the mask's.

    Cheng et al., NeurIPS 2021 (MaskFormer), §3.4, semantic inference.

    Args:
        class_logits: [B,Q,K+1]; the last is that of no object.
        mask_logits: [B,Q,h,w].
        size: to which masks are resized first; None for none.

    Returns:
        Float [B,K,h,w], 0 or more.
    """
    if size is not None:
        mask_logits = resize_bilinear(mask_logits, size)
    classes_BQK = class_logits.softmax(dim=-1)[..., :-1]
    return torch.einsum("bqk,bqhw->bkhw", classes_BQK, mask_logits.sigmoid())


def window_starts(length: int, side: int) -> list[int]:
    """Where windows begin that cover a length with as little overlap as can be; cut to whole pixels, as theirs are."""
    count = -(-length // side)
    overlap = (count * side - length) / (count - 1) if count > 1 else 0
    return [int(index * (side - overlap)) for index in range(count)]


def split_windows(image_B3HW: Tensor, side: int) -> Tensor:
    """Square windows [B·n,3,S,S] along the longer side of an image whose shorter side is S; an image's one by one."""
    H, W = image_B3HW.shape[-2:]
    axis = 2 if H > W else 3
    windows = [image_B3HW.narrow(axis, start, side) for start in window_starts(max(H, W), side)]
    return torch.stack(windows, dim=1).flatten(0, 1)


def joined_windows(scores_NKSS: Tensor, image_size: Size) -> Tensor:
    """The mean [B,K,H,W] of windows' scores: the inverse of `split_windows`."""
    side, axis, length = scores_NKSS.shape[-1], 2 if image_size[0] > image_size[1] else 3, max(image_size)
    starts = window_starts(length, side)
    parts = scores_NKSS.unflatten(0, (-1, len(starts))).unbind(dim=1)
    total = sum(_placed(part, axis, start, length) for part, start in zip(parts, starts, strict=True))
    assert isinstance(total, Tensor)
    counts = _counts(starts, side, length, total)
    return total / (counts[:, None] if axis == 2 else counts)


def _placed(part_BKSS: Tensor, axis: int, start: int, length: int) -> Tensor:
    """A window's scores among zeros."""
    behind = length - start - part_BKSS.shape[axis]
    border = (start, behind) if axis == 3 else (0, 0, start, behind)
    return torch.nn.functional.pad(part_BKSS, border)


def _counts(starts: Sequence[int], side: int, length: int, like: Tensor) -> Tensor:
    """How many windows lie over each position of the longer side."""
    positions = torch.arange(length, device=like.device)
    covered = [(positions >= start) & (positions < start + side) for start in starts]
    return torch.stack(covered).sum(dim=0).to(like.dtype)
