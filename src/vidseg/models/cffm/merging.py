"""Feature assembling alone (the ablation of Sun et al., CVPR 2022): context tokens through an MLP, then merged.

The paper says no more of it. Here every context token of a window goes through one MLP, and their mean is added to
all of the window's positions: the same context as mining sees, without attention.

Shape letters: B batch, H, W size of the padded map, C channels, N windows, k kernel, g tokens per window side.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vidseg.models.cffm.windows import (
    NUM_SURROUNDING,
    WINDOW,
    cut_patches,
    cut_surroundings,
    cut_windows,
    join_windows,
)
from vidseg.models.layers import MLP


class ContextMerging(nn.Module):
    """Stands in for `CrossFrameMining`.

    Args:
        channels: C.
        patches: (kernel, tokens per window side) of each group of pooled tokens: the target's, then the references'.
    """

    def __init__(self, channels: int, patches: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.patches = tuple(patches)
        self.mlp = MLP(channels)

    def forward(self, target_BHWC: Tensor, pooled: Sequence[Tensor]) -> Tensor:
        """Merges the context.

        Args:
            target_BHWC: normed and padded target feature.
            pooled: tokens [B,C,nh·g,nw·g] of each group in `patches`.

        Returns:
            [B,H,W,C], to be added to the target; the same at all positions of a window.
        """
        _, H, W, _ = target_BHWC.shape
        own_BHWC = self.mlp(target_BHWC)
        total_BNC = cut_windows(own_BHWC).sum(dim=2) + cut_surroundings(own_BHWC).sum(dim=2)
        count_BN1 = torch.full_like(total_BNC[..., :1], WINDOW * WINDOW + NUM_SURROUNDING)
        for tokens_BCHW, (kernel, stride) in zip(pooled, self.patches, strict=True):
            tokens = self.mlp(tokens_BCHW.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            # Outside the map lie zeros, which do not count.
            total_BNC = total_BNC + cut_patches(tokens, kernel=kernel, stride=stride).sum(dim=2)
            inside = torch.ones_like(tokens[:, :1])
            count_BN1 = count_BN1 + cut_patches(inside, kernel=kernel, stride=stride).sum(dim=2)
        mean_BN1C = (total_BNC / count_BN1).unsqueeze(2)
        return join_windows(mean_BN1C.expand(-1, -1, WINDOW * WINDOW, -1), H, W)
