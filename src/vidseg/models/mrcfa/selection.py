"""Selective token masking (STM; Sun et al., ECCV 2022): which tokens of a reference a target looks at.

Shape letters: B batch, P positions of the target, N tokens of a reference, S tokens that stay, C channels.
"""

from fractions import Fraction
from typing import cast

import torch
from torch import Tensor

STRONGEST = 5
"""A token counts by the sum of so many of its largest affinities."""


def select_tokens(affinity_BPN: Tensor, share: float) -> Tensor:
    """The tokens of a reference that agree best with some positions of the target.

    Args:
        affinity_BPN: of the coarsest level.
        share: of the tokens that stay, above 0, at most 1; see `num_selected`.

    Returns:
        int64 [B,S], ascending: the tokens stay in raster order.
    """
    P, N = affinity_BPN.shape[1:]
    strength_BN = affinity_BPN.topk(torch.sym_min(STRONGEST, P), dim=1).values.sum(dim=1)
    return strength_BN.topk(num_selected(N, share), dim=1).indices.sort(dim=1).values


def num_selected(num_tokens: int, share: float) -> int:
    """S = ⌊N · share⌋, but one at least."""
    # Whole numbers throughout: exporters of graphs with open sizes know N as a symbol.
    exact = Fraction(share).limit_denominator(1000)
    return cast(int, torch.sym_max(1, num_tokens * exact.numerator // exact.denominator))


def pick_tokens(tokens_BNC: Tensor, selected_BS: Tensor) -> Tensor:
    """[B,S,C]: the selected ones."""
    return tokens_BNC.gather(1, selected_BS.unsqueeze(2).expand(-1, -1, tokens_BNC.shape[2]))
