"""A mining block with each key and value computed once; fast twin of `vidseg.models.cffm.model.MiningBlock`.

All tokens that any window looks at go through one projection to keys and values; windows then gather theirs by
precomputed indices. On a CPU this is done for a few windows at a time, so that what is gathered stays in the cache.

Shape letters: B batch, h', w' map, P = h'·w' positions, N windows, Q = 49 queries of a window, M its keys, C channels,
A heads, D = C/A, T tokens in the table, b = B·n for the n windows at hand.
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
        thirds = zip(weight.split(channels), bias.split(channels), strict=True)
        self.query, self.key, self.value = (frozen_linear(*third) for third in thirds)
        self.register_buffer("bias", key_bias(mining))
        self.output = copy.deepcopy(mining.output)
        self.norm2 = copy.deepcopy(block.norm2)
        self.expand = copy.deepcopy(block.mlp.expand)
        self.contract = copy.deepcopy(block.mlp.contract)
        self.skip: nn.Module = nn.Identity()

    @torch.no_grad()
    def read_out(self, readout: nn.Linear) -> None:
        """From now on a linear map of the result is returned instead: it merges with the last of the block's own."""
        self.skip = readout
        weight = readout.weight.double()
        self.contract = frozen_linear(weight @ self.contract.weight.double(), weight @ self.contract.bias.double())

    def context(self, coarse_BhwC: Tensor) -> Tensor:
        """What a frame leaves for this block, [B,nh,nw,Σg²,C]."""
        normed_BPC = self.norm1(coarse_BhwC.flatten(1, 2))
        return self.context_rows(normed_BPC.unflatten(1, coarse_BhwC.shape[1:3]))

    def forward(self, target_BhwC: Tensor, references: Sequence[Tensor]) -> Tensor:
        """Updates the target [B,h',w',C], given what each reference left for this block, oldest first.

        See `read_out` for another result.
        """
        h, w = target_BhwC.shape[1:3]
        x_BPC = target_BhwC.flatten(1, 2)
        x_BPC = x_BPC + self.output(self._mine(self.norm1(x_BPC), (h, w), references))
        return self.feed_forward(x_BPC).unflatten(1, (h, w))

    def feed_forward(self, x_BPC: Tensor) -> Tensor:
        """The block after its attention, [B,P,C] or what is read out of it."""
        if not works_in_parts(x_BPC):
            return self._feed_forward(x_BPC)
        parts = x_BPC.flatten(0, 1).split(POSITIONS_AT_ONCE)
        return torch.cat([self._feed_forward(part) for part in parts]).unflatten(0, x_BPC.shape[:2])

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.contract(F.gelu(self.expand(self.norm2(x))))

    def _mine(self, normed_BPC: Tensor, size: tuple[int, int], references: Sequence[Tensor]) -> Tensor:
        """Merged heads [B,P,C]."""
        tables = window_tables(*size, self.patches, normed_BPC.device)
        # One zero token stands for all padding: its key and value are the projection's bias, as for the twin.
        positions_BPC = F.pad(normed_BPC, (0, 0, 0, 1))
        tokens_BTC = torch.cat([positions_BPC, *self._pooled(normed_BPC.unflatten(1, size), references)], dim=1)
        projected = self.query(positions_BPC), self.key(tokens_BTC), self.value(tokens_BTC)
        # A compiler gets all windows at once, whose number it may leave open: no len() or range() over them.
        parts = _in_parts(tables) if works_in_parts(normed_BPC) else [tables]
        mined_BXC = torch.cat([self._attend(*projected, part) for part in parts], dim=1)
        return mined_BXC.index_select(1, tables.positions)

    def _pooled(self, normed_BhwC: Tensor, references: Sequence[Tensor]) -> list[Tensor]:
        """Pooled tokens [B,N·g²,C] of each group: the target's, then each reference's of its own slot."""
        groups = [self.target_row(normed_BhwC)]
        start = 0
        for context, (_, g) in zip(references, self.patches[1:], strict=True):
            groups.append(context[..., start : start + g * g, :])
            start += g * g
        return [group.flatten(1, 3) for group in groups]

    def _attend(self, queries_BPC: Tensor, keys_BTC: Tensor, values_BTC: Tensor, tables: WindowTables) -> Tensor:
        """Attention of the tables' windows, their places in a row: merged heads [B,n·49,C]."""
        batch = len(queries_BPC)
        # Added for the windows at hand only: for all of a map it would be tens of megabytes.
        bias_nAQM = self.bias + tables.mask.to(self.bias.dtype)
        mined_bAQD = F.scaled_dot_product_attention(
            self._gather(queries_BPC, tables.queries),
            self._gather(keys_BTC, tables.keys),
            self._gather(values_BTC, tables.keys),
            attn_mask=bias_nAQM.expand(batch, -1, -1, -1, -1).flatten(0, 1),
        )
        return mined_bAQD.transpose(1, 2).flatten(2).unflatten(0, (batch, -1)).flatten(1, 2)

    def _gather(self, tokens_BTC: Tensor, index_nM: Tensor) -> Tensor:
        """[B,T,C] and [n,M] to [B·n,A,M,D]."""
        gathered = tokens_BTC.index_select(1, index_nM.flatten())
        return gathered.unflatten(1, index_nM.shape).flatten(0, 1).unflatten(2, (self.heads, -1)).transpose(1, 2)


def _in_parts(tables: WindowTables) -> list[WindowTables]:
    """The same for a few windows at a time."""
    columns = (column.split(WINDOWS_AT_ONCE) for column in (tables.queries, tables.keys, tables.mask))
    return [WindowTables(queries, keys, mask, tables.positions) for queries, keys, mask in zip(*columns, strict=True)]
