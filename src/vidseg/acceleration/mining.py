"""A mining block with each key and value computed once; fast twin of `vidseg.models.cffm.model.MiningBlock`.

All tokens that any window looks at go through one projection to keys and values; windows then gather theirs by
precomputed indices. On a CPU this is done for a few windows at a time, so that what is gathered stays in the cache.

Shape letters: B batch, h', w' map, N windows, Q = 49 queries of a window, M its keys, C channels, A heads, D = C/A,
T tokens in the table, E = 2C, b = B·n for the n windows at hand.
"""

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.acceleration.assembling import WindowMatrix
from vidseg.acceleration.linear import frozen_linear, works_in_parts
from vidseg.acceleration.windows import WindowTables, key_bias, window_tables
from vidseg.models.cffm.assembling import WindowPooling
from vidseg.models.cffm.mining import CrossFrameMining
from vidseg.models.cffm.model import MiningBlock

# Keys and values of this many windows are 4 MiB in float32 with the paper's references and 256 channels.
WINDOWS_AT_ONCE = 8
# The widened features of this many positions are 2 MiB, about a core's second-level cache.
POSITIONS_AT_ONCE = 512


class FastMiningBlock(nn.Module):
    """Assembles and mines.

    Args:
        block: source of the weights; it is not changed.
    """

    bias: Tensor

    def __init__(self, block: MiningBlock) -> None:
        super().__init__()
        mining = block.mining
        assert isinstance(mining, CrossFrameMining)
        self.heads = mining.heads
        self.patches = mining.patches
        self.norm1 = copy.deepcopy(block.norm1)
        poolings = [cast(WindowPooling, pooling) for pooling in block.assembling.references]
        self.context_rows = WindowMatrix(poolings)
        self.target_row = WindowMatrix([block.assembling.target])
        channels = mining.output.in_features
        weight, bias = mining.query_key_value.weight, mining.query_key_value.bias
        self.query = frozen_linear(weight[:channels], bias[:channels])
        self.key_value = frozen_linear(weight[channels:], bias[channels:])
        self.register_buffer("bias", key_bias(mining))
        self.output = copy.deepcopy(mining.output)
        self.norm2 = copy.deepcopy(block.norm2)
        self.mlp = copy.deepcopy(block.mlp)

    def context(self, coarse_BhwC: Tensor) -> Tensor:
        """What a frame leaves for this block, [B,nh,nw,Σg²,C]."""
        return self.context_rows(self.norm1(coarse_BhwC))

    def forward(self, target_BhwC: Tensor, references: Sequence[Tensor]) -> Tensor:
        """Updates the target [B,h',w',C], given what each reference left for this block, oldest first."""
        target_BhwC = target_BhwC + self.output(self._mine(self.norm1(target_BhwC), references))
        return target_BhwC + self._feed_forward(target_BhwC)

    def _feed_forward(self, x_BhwC: Tensor) -> Tensor:
        if not works_in_parts(x_BhwC):
            return self.mlp(self.norm2(x_BhwC))
        parts = x_BhwC.flatten(0, 2).split(POSITIONS_AT_ONCE)
        return torch.cat([self.mlp(self.norm2(part)) for part in parts]).view_as(x_BhwC)

    def _mine(self, normed_BhwC: Tensor, references: Sequence[Tensor]) -> Tensor:
        """Merged heads [B,h',w',C]."""
        _, h, w, _ = normed_BhwC.shape
        tables = window_tables(h, w, self.patches, normed_BhwC.device)
        # One zero token stands for all padding: its key and value are the projection's bias, as for the twin.
        positions_BPC = F.pad(normed_BhwC.flatten(1, 2), (0, 0, 0, 1))
        tokens_BTC = torch.cat([positions_BPC, *self._pooled(normed_BhwC, references)], dim=1)
        queries_BPC, keys_values_BTE = self.query(positions_BPC), self.key_value(tokens_BTC)
        # A compiler gets all windows at once, whose number it may leave open: no len() or range() over them.
        parts = _in_parts(tables) if works_in_parts(normed_BhwC) else [tables]
        mined_BXC = torch.cat([self._attend(queries_BPC, keys_values_BTE, part) for part in parts], dim=1)
        return mined_BXC.index_select(1, tables.positions).unflatten(1, (h, w))

    def _pooled(self, normed_BhwC: Tensor, references: Sequence[Tensor]) -> list[Tensor]:
        """Pooled tokens [B,N·g²,C] of each group: the target's, then each reference's of its own slot."""
        groups = [self.target_row(normed_BhwC)]
        start = 0
        for context, (_, g) in zip(references, self.patches[1:], strict=True):
            groups.append(context[..., start : start + g * g, :])
            start += g * g
        return [group.flatten(1, 3) for group in groups]

    def _attend(self, queries_BPC: Tensor, keys_values_BTE: Tensor, tables: WindowTables) -> Tensor:
        """Attention of the tables' windows, their places in a row: merged heads [B,n·49,C]."""
        q_bQAD = _gather(queries_BPC, tables.queries).unflatten(2, (self.heads, -1))
        k_bMAD, v_bMAD = _gather(keys_values_BTE, tables.keys).unflatten(2, (2, self.heads, -1)).unbind(2)
        batch = len(queries_BPC)
        # Added for the windows at hand only: for all of a map it would be tens of megabytes.
        bias_nAQM = self.bias + tables.mask.to(self.bias.dtype)
        mined_bAQD = F.scaled_dot_product_attention(
            q_bQAD.transpose(1, 2),
            k_bMAD.transpose(1, 2),
            v_bMAD.transpose(1, 2),
            attn_mask=bias_nAQM.expand(batch, -1, -1, -1, -1).flatten(0, 1),
        )
        return mined_bAQD.transpose(1, 2).flatten(2).unflatten(0, (batch, -1)).flatten(1, 2)


def _in_parts(tables: WindowTables) -> list[WindowTables]:
    """The same for a few windows at a time."""
    columns = (column.split(WINDOWS_AT_ONCE) for column in (tables.queries, tables.keys, tables.mask))
    return [WindowTables(queries, keys, mask, tables.positions) for queries, keys, mask in zip(*columns, strict=True)]


def _gather(tokens_BTE: Tensor, index_nM: Tensor) -> Tensor:
    """[B,T,E] and [n,M] to [B·n,M,E]."""
    gathered = tokens_BTE.index_select(1, index_nM.flatten())
    return gathered.unflatten(1, index_nM.shape).flatten(0, 1)
