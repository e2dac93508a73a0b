"""Labels at the size of the frame with every pixel computed, in steps that never depend on what a tensor holds.

`vidseg.acceleration.labels` computes only what lies near borders, and has to ask how much that is; a GPU would have to
stop for the answer each frame, and could not record the step. Here the widths are resized first and then bands of rows,
each by a product with a few rows of a resize's matrix, so that no more than a band has the size of the frame.

Shape letters: B batch, K classes, h, w size of the logits, H, W size of the frame, R rows of a band.
"""

import torch
from torch import Tensor

from vidseg.acceleration.interpolation import resize_band
from vidseg.acceleration.labels import FastLabels
from vidseg.models.labels import LabelMap, ScoreKind, Size
from vidseg.models.layers import resize_bilinear
from vidseg.types import IGNORE_8BIT


class DenseLabels:
    """As `label_map` without a size on the way, equal to it but for ties and float rounding.

    Args:
        band_elements: logits of a band, which bounds the working memory (4 bytes each); 32 MiB are within the
            second-level cache of a large GPU.
    """

    def __init__(self, band_elements: int = 2**23) -> None:
        self.band_elements = band_elements

    @torch.no_grad()
    def __call__(
        self,
        logits_BKhw: Tensor,
        network_size: Size,
        frame_size: Size,
        *,
        confidence: bool = False,
        score_kind: ScoreKind = "logits",
    ) -> LabelMap:
        """Labels at the size of the frame; arguments as in `label_map`.

        Returns:
            Labels as uint8 (uint16 for more than 255 classes), and the confidence if asked for.
        """
        B, K, h, _ = logits_BKhw.shape
        H, W = frame_size
        wide_BKhW = logits_BKhw.float()
        for width in (network_size[1], W):
            wide_BKhW = resize_bilinear(wide_BKhW, (h, width))
        dtype = torch.uint8 if K <= IGNORE_8BIT else torch.uint16
        if torch.compiler.is_compiling():
            # A compiler makes one kernel of all that follows, and needs no bands.
            whole_BKHW = wide_BKhW
            for height in (network_size[0], H):
                whole_BKHW = resize_bilinear(whole_BKHW, (height, W))
            winners, certainty = _winner(whole_BKHW, 1, score_kind, confidence)
            return LabelMap(winners.to(dtype), certainty)
        rows_BhX = wide_BKhW.permute(0, 2, 3, 1).flatten(2)
        step = max(1, self.band_elements // (B * W * K))
        labels, certainties = [], []
        for start in range(0, H, step):
            matrix, first, last = resize_band(
                (h, network_size[0], H), start, min(start + step, H), rows_BhX.device, rows_BhX.dtype
            )
            band_BRWK = torch.matmul(matrix, rows_BhX[:, first:last]).unflatten(2, (W, K))
            winners, certainty = _winner(band_BRWK, 3, score_kind, confidence)
            labels.append(winners.to(dtype))
            certainties.append(certainty)
        return LabelMap(
            torch.cat(labels, dim=1),
            torch.cat([part for part in certainties if part is not None], dim=1) if confidence else None,
        )


def frame_labels(device: torch.device) -> FastLabels | DenseLabels:
    """What makes labels fastest on a device."""
    return FastLabels() if device.type == "cpu" else DenseLabels()


def _winner(scores: Tensor, dim: int, score_kind: ScoreKind, confidence: bool) -> tuple[Tensor, Tensor | None]:
    """Winners int64 and, if asked for, their probabilities, over an axis of classes."""
    if not confidence:
        return scores.argmax(dim), None
    top, winners = scores.max(dim)
    if score_kind == "mass":
        return winners, top / scores.sum(dim).clamp(min=torch.finfo(top.dtype).tiny)
    # The winner's own exponential is 1.
    return winners, (scores - top.unsqueeze(dim)).exp().sum(dim).reciprocal()
