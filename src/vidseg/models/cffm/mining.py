"""Cross-frame feature mining (CFM; Sun et al., CVPR 2022, §3.3): target windows attend to their context tokens.

Shape letters: B batch, H, W size of the padded map, C channels, A heads, D = C/A, N windows, Q = 49 queries of a
window, M its context tokens: 49 own, 132 around it, then pooled ones, 289 with the paper's references.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.models.cffm.windows import (
    NUM_SURROUNDING,
    WINDOW,
    cut_patches,
    cut_surroundings,
    cut_windows,
    join_windows,
    relative_positions,
    relative_table_size,
)


class RelativeBias(nn.Module):
    """A score bias [A,49,k·k] that depends on the offset between query and key only."""

    index: Tensor

    def __init__(self, heads: int, kernel: int, *, std: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(heads, relative_table_size(kernel)))
        if std > 0:
            nn.init.trunc_normal_(self.table, std=std)
        self.register_buffer("index", relative_positions(kernel), persistent=False)

    def forward(self) -> Tensor:
        return self.table[:, self.index]


class CrossFrameMining(nn.Module):
    """Cross-attention from the positions of each target window to its context tokens; updates the target only.

    Args:
        channels: C.
        heads: A.
        patches: (kernel, tokens per window side) of each group of pooled tokens: the target's, then the references'.
    """

    def __init__(self, channels: int, heads: int, patches: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.heads = heads
        self.patches = tuple(patches)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.output = nn.Linear(channels, channels)
        self.own_bias = RelativeBias(heads, WINDOW, std=0)
        self.surrounding_bias = nn.Parameter(torch.empty(heads, WINDOW * WINDOW, NUM_SURROUNDING))
        self.pooled_biases = nn.ModuleList(RelativeBias(heads, kernel, std=0.02) for kernel, _ in patches)
        nn.init.trunc_normal_(self.surrounding_bias, std=0.02)

    def forward(self, target_BHWC: Tensor, pooled: Sequence[Tensor]) -> Tensor:
        """Mines the context.

        Args:
            target_BHWC: normed and padded target feature.
            pooled: tokens [B,C,nh·g,nw·g] of each group in `patches`.

        Returns:
            [B,H,W,C], to be added to the target.
        """
        _, H, W, _ = target_BHWC.shape
        q_BHWC, k_BHWC, v_BHWC = self.query_key_value(target_BHWC).chunk(3, dim=3)
        keys = [cut_windows(k_BHWC), cut_surroundings(k_BHWC)]
        values = [cut_windows(v_BHWC), cut_surroundings(v_BHWC)]
        for tokens_BCHW, (kernel, stride) in zip(pooled, self.patches, strict=True):
            _, k_grid, v_grid = self.query_key_value(tokens_BCHW.permute(0, 2, 3, 1)).chunk(3, dim=3)
            # Outside the map key and value are zero after projection, without the bias; the mask hides them.
            keys.append(cut_patches(k_grid.permute(0, 3, 1, 2), kernel=kernel, stride=stride))
            values.append(cut_patches(v_grid.permute(0, 3, 1, 2), kernel=kernel, stride=stride))
        bias_ANQM = self._bias() + self._mask(H // WINDOW, W // WINDOW)
        mined_BANQD = F.scaled_dot_product_attention(
            self._split_heads(cut_windows(q_BHWC)),
            self._split_heads(torch.cat(keys, dim=2)),
            self._split_heads(torch.cat(values, dim=2)),
            attn_mask=bias_ANQM.to(q_BHWC.dtype),
        )
        return self.output(join_windows(mined_BANQD.permute(0, 2, 3, 1, 4).flatten(3), H, W))

    def _split_heads(self, tokens_BNMC: Tensor) -> Tensor:
        """To [B,A,N,M,D]."""
        return tokens_BNMC.unflatten(3, (self.heads, -1)).permute(0, 3, 1, 2, 4)

    def _bias(self) -> Tensor:
        """[A,1,49,M]."""
        pooled = [bias() for bias in self.pooled_biases]
        return torch.cat([self.own_bias(), self.surrounding_bias, *pooled], dim=2).unsqueeze(1)

    def _mask(self, rows: int, columns: int) -> Tensor:
        """[N,1,M]: 0 where a pooled token lies inside the map of rows x columns windows, -inf outside."""
        ones = self.surrounding_bias.new_ones
        inside = [ones(rows * columns, WINDOW * WINDOW + NUM_SURROUNDING)]
        for kernel, g in self.patches:
            inside.append(cut_patches(ones(1, 1, rows * g, columns * g), kernel=kernel, stride=g)[0, :, :, 0])
        outside_NM = torch.cat(inside, dim=1) == 0
        return torch.zeros_like(outside_NM, dtype=ones(1).dtype).masked_fill(outside_NM, -torch.inf).unsqueeze(1)
