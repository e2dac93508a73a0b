"""The all-MLP head with its linear maps folded; fast twin of `vidseg.models.heads.AllMLPHead` in evaluation mode.

Projection, fusion and BatchNorm are linear, and resizing acts on each channel alone with weights of sum 1: they
commute. So each stage gets one 1x1 map at its own, mostly coarse, resolution; then resize, sum, ReLU.

On a CPU the sum is made in bands of rows that stay in its cache, and what follows (a classifier, or resizing to
stride 8) consumes a band before the next is made. A compiler or a GPU gets whole maps instead.

Shape letters: B batch, C head channels, h, w size at stride 4, h', w' at stride 8, K classes.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.acceleration.interpolation import resize_band
from vidseg.acceleration.linear import BAND_ELEMENTS, frozen, works_in_parts
from vidseg.models.heads.allmlp import AllMLPHead
from vidseg.models.layers import resize_bilinear


class ChannelMap(nn.Linear):
    """A linear map of the channels [B,h,w,C'], or [B,C',h,w], as a convolution.

    OpenVINO keeps the results of convolutions in channels-last order, in which it resizes three times as fast.
    """

    def forward(self, x: Tensor, *, channels_first: bool = False) -> Tensor:
        """Returns x with C channels, in the order that it came in."""
        return F.conv2d(x, self.weight[:, :, None, None], self.bias) if channels_first else super().forward(x)


class FoldedHead(nn.Module):
    """From the stages' features [B,C',·,·] to what is needed of the fused feature.

    Args:
        head: source of the weights; it is not changed.
    """

    def __init__(self, head: AllMLPHead) -> None:
        super().__init__()
        maps = _fold(head)
        self.maps = nn.ModuleList(maps)
        self.channels = maps[0].out_features
        self.stride = head.stride

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The fused feature [B,C,h,w], as the head makes it."""
        size = (stages[0].shape[-2], stages[0].shape[-1])
        first, *others = self._mapped(stages)
        for other in others:
            first = first + resize_bilinear(other, size)
        return F.relu(first)

    def classified(self, stages: tuple[Tensor, ...], classifier: nn.Linear) -> Tensor:
        """Logits [B,h,w,K] of the fused feature."""
        if not works_in_parts(stages[0]):
            return classifier(self(stages).permute(0, 2, 3, 1))
        fused_rows = self._by_rows(stages)
        h, step = stages[0].shape[-2], self._band_rows(stages)
        bands = [classifier(fused_rows(start, min(start + step, h))) for start in range(0, h, step)]
        return torch.cat(bands, dim=1)

    def halved(self, stages: tuple[Tensor, ...]) -> Tensor:
        """The fused feature resized to stride 8, [B,h',w',C]."""
        h, w = stages[0].shape[-2:]
        size = (h // 2, w // 2)
        if not works_in_parts(stages[0]):
            return resize_bilinear(self(stages), size).permute(0, 2, 3, 1)
        fused_rows = self._by_rows(stages)
        step = max(1, self._band_rows(stages) // 2)
        bands = []
        for start in range(0, size[0], step):
            stop = min(start + step, size[0])
            matrix, first, last = resize_band((h, size[0]), start, stop, stages[0].device, stages[0].dtype)
            halved_BhwC = torch.matmul(matrix, fused_rows(first, last).flatten(2)).unflatten(2, (w, -1))
            bands.append(_resize_columns(halved_BhwC, size[1]))
        return torch.cat(bands, dim=1)

    def size(self, stages: tuple[Tensor, ...]) -> tuple[int, int]:
        """h, w: those of the first stage."""
        return stages[0].shape[-2], stages[0].shape[-1]

    def _mapped(self, stages: tuple[Tensor, ...]) -> list[Tensor]:
        """[B,C,·,·], each stage at its own size."""
        return [linear(stage, channels_first=True) for linear, stage in zip(self.maps, stages, strict=True)]

    def _by_rows(self, stages: tuple[Tensor, ...]) -> Callable[[int, int], Tensor]:
        """A function that computes rows start to stop of the fused feature, [B,stop-start,w,C]."""
        h, w = stages[0].shape[-2:]
        finest = self.maps[0]
        coarser = [
            _resize_columns(linear(stage.permute(0, 2, 3, 1)), w).flatten(2)
            for linear, stage in zip(self.maps[1:], stages[1:], strict=True)
        ]

        def fused_rows(start: int, stop: int) -> Tensor:
            band_BhwC = finest(stages[0][:, :, start:stop].permute(0, 2, 3, 1))
            sum_BhX = band_BhwC.flatten(2)
            for rows in coarser:
                matrix, first, last = resize_band((rows.shape[1], h), start, stop, rows.device, rows.dtype)
                sum_BhX.baddbmm_(matrix.expand(len(rows), -1, -1), rows[:, first:last])
            return band_BhwC.relu_()

        return fused_rows

    def _band_rows(self, stages: tuple[Tensor, ...]) -> int:
        row = stages[0].shape[0] * stages[0].shape[-1] * self.channels
        return max(2, BAND_ELEMENTS // row)


def _resize_columns(x_BhwC: Tensor, width: int) -> Tensor:
    return resize_bilinear(x_BhwC.permute(0, 3, 1, 2), (x_BhwC.shape[1], width)).permute(0, 2, 3, 1).contiguous()


@torch.no_grad()
def _fold(head: AllMLPHead) -> list[ChannelMap]:
    """One map a stage, finest first; the first carries the bias of all."""
    norm = head.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() - scale * norm.running_mean.double()
    # The fusion's weights expect the coarsest stage first.
    fusion = head.fusion.weight.double().flatten(1).chunk(len(head.projections), dim=1)[::-1]
    maps = []
    for part, projection in zip(fusion, head.projections, strict=True):
        assert isinstance(projection, nn.Linear)
        folded = scale[:, None] * part
        bias = bias + folded @ projection.bias.double()
        maps.append(frozen(ChannelMap, folded @ projection.weight.double(), None))
    maps[0] = frozen(ChannelMap, maps[0].weight, bias)
    return maps
