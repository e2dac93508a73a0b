"""Labels at the size of the frame without logits of that size: the fast twin of `vidseg.models.labels.label_map`.

All resizes on the way make one separable linear map with few taps, non-negative and of sum 1. Where the logits at all
taps of a pixel agree on the arg max, so does the pixel, exactly. Only the others, near class borders, are computed.

Shape letters: B batch, K classes, h, w size of the logits, H, W size of the frame, P pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.acceleration.interpolation import Taps, resize_taps
from vidseg.models.labels import LabelMap, ScoreKind, Size
from vidseg.models.layers import resize_bilinear
from vidseg.types import IGNORE_8BIT


class FastLabels:
    """A drop-in for `label_map`, equal to it but for ties and float rounding.

    Args:
        chunk_elements: logits that are resized at once; bounds the working memory (4 bytes each).
    """

    def __init__(self, chunk_elements: int = 2**20) -> None:
        self.chunk_elements = chunk_elements

    @torch.no_grad()
    def __call__(
        self,
        logits_BKhw: Tensor,
        network_size: Size,
        frame_size: Size,
        *,
        logits_size: Size | None = None,
        confidence: bool = False,
        score_kind: ScoreKind = "logits",
    ) -> LabelMap:
        """Labels at the size of the frame; arguments as in `label_map`.

        Returns:
            Labels as uint8 (uint16 for more than 255 classes), and the confidence if asked for; that needs every
            pixel and so costs more.
        """
        if logits_size is not None:
            # Small, and cheaper than the many taps and the wider borders of coarse logits.
            logits_BKhw = resize_bilinear(logits_BKhw, logits_size)
        B, K, h, w = logits_BKhw.shape
        rows, columns = (
            resize_taps(lengths, logits_BKhw.device) for lengths in zip((h, w), network_size, frame_size, strict=True)
        )
        # Heads that end in a convolution leave a pixel's logits far apart; together they are read 2 to 3 times faster.
        logits_PK = logits_BKhw.permute(0, 2, 3, 1).reshape(-1, K).float().contiguous()
        resized = _Resized(logits_PK, (h, w), rows, columns)
        H, W = frame_size
        narrow, dtype = (torch.uint8, torch.uint8) if K <= IGNORE_8BIT else (torch.int32, torch.uint16)
        step = max(1, self.chunk_elements // K)
        if confidence:
            pixels = torch.arange(B * H * W, device=logits_BKhw.device)
            winners, certainty = zip(
                *(_winner(resized.at(part), score_kind) for part in pixels.split(step)), strict=True
            )
            return LabelMap(torch.cat(winners).view(B, H, W).to(dtype), torch.cat(certainty).view(B, H, W))
        # `max` is several times faster than `argmax` here.
        winners_Bhw = resized.logits.max(dim=1).indices.to(narrow).view(B, h, w)
        lowest_BHW, highest_BHW = _extremes(winners_Bhw, rows, columns)
        border = (lowest_BHW != highest_BHW).flatten().nonzero().squeeze(1)
        labels = lowest_BHW.flatten()
        for part in border.split(step):
            labels[part] = resized.at(part).max(dim=1).indices.to(narrow)
        return LabelMap(labels.view(B, H, W).to(dtype), None)


class _Resized(NamedTuple):
    """Logits at frame size, computed where asked for.

    Attributes:
        logits: float32 [B·h·w,K].
        size: h, w.
        rows: taps of the H rows.
        columns: taps of the W columns.
    """

    logits: Tensor
    size: Size
    rows: Taps
    columns: Taps

    def at(self, pixels: Tensor) -> Tensor:
        """Logits [P,K] of pixels, numbered row-major through the batch."""
        h, w = self.size
        H, W = len(self.rows.source), len(self.columns.source)
        x = pixels % W
        y = pixels.div(W, rounding_mode="floor") % H
        image = pixels.div(H * W, rounding_mode="floor")
        row_index = (image[:, None] * h + self.rows.source[y])[:, :, None]
        index = row_index * w + self.columns.source[x][:, None, :]
        weight = self.rows.weight[y][:, :, None] * self.columns.weight[x][:, None, :]
        return F.embedding_bag(index.flatten(1), self.logits, mode="sum", per_sample_weights=weight.flatten(1))


def _winner(logits_PK: Tensor, score_kind: ScoreKind) -> tuple[Tensor, Tensor]:
    """Label int64 [P] and its probability [P]."""
    top, labels = logits_PK.max(dim=1)
    if score_kind == "mass":
        return labels, top / logits_PK.sum(dim=1).clamp(min=torch.finfo(top.dtype).tiny)
    # The winner's own exponential is 1.
    return labels, (logits_PK - top[:, None]).exp_().sum(dim=1).reciprocal_()


def _extremes(winners_Bhw: Tensor, rows: Taps, columns: Taps) -> tuple[Tensor, Tensor]:
    """Lowest and highest winner [B,H,W] among the taps of each pixel."""
    lowest = highest = winners_Bhw
    for dim, taps in ((2, columns.source), (1, rows.source)):
        low_parts = [lowest.index_select(dim, index) for index in taps.T]
        high_parts = [highest.index_select(dim, index) for index in taps.T]
        lowest, highest = low_parts[0], high_parts[0]
        for low, high in zip(low_parts[1:], high_parts[1:], strict=True):
            lowest, highest = torch.minimum(lowest, low), torch.maximum(highest, high)
    return lowest, highest
