"""The encoder with its feed-forward parts in bands of rows; fast twin of `vidseg.models.encoders.mit`.

Their widened maps are the largest of all, tens of megabytes at stride 4. In bands they stay in a core's cache; a band
is computed with a row more on each side, because the depthwise convolution looks there.

Shape letters: B batch, H, W size of the stage, C channels.
"""

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.acceleration.linear import BAND_ELEMENTS, works_in_parts
from vidseg.models.encoders.mit import Block, MixFFN, MixTransformer, Stage


class BandedMixFFN(nn.Module):
    """The feed-forward part of a block.

    Args:
        mix_ffn: source of the weights; it is not changed.
    """

    def __init__(self, mix_ffn: MixFFN) -> None:
        super().__init__()
        self.whole = copy.deepcopy(mix_ffn)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """[B,H,W,C] to the same."""
        if not works_in_parts(x_BHWC):
            return self.whole(x_BHWC)
        B, H, W, _ = x_BHWC.shape
        rows = max(1, BAND_ELEMENTS // (B * W * self.whole.expand.out_features))
        # Of less than two bands' worth, the rows that are computed twice cost more than the cache saves.
        if 2 * rows > H:
            return self.whole(x_BHWC)
        return torch.cat([self._band(x_BHWC, start, min(start + rows, H)) for start in range(0, H, rows)], dim=1)

    def _band(self, x_BHWC: Tensor, start: int, stop: int) -> Tensor:
        first = max(start - 1, 0)
        expanded_BHWC = self.whole.expand(x_BHWC[:, first : stop + 1])
        mixed_BHWC = self.whole.depthwise(expanded_BHWC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.whole.contract(F.gelu(mixed_BHWC[:, start - first : stop - first]))


def fast_mix_transformer(encoder: MixTransformer) -> MixTransformer:
    """The same for inference; weights are copied."""
    fast = copy.deepcopy(encoder)
    for stage in fast.stages:
        for block in cast(Stage, stage).blocks:
            block.mix_ffn = BandedMixFFN(cast(Block, block).mix_ffn)
    return fast
