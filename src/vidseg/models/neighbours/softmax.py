"""Softmax attention over keys that come in parts, so that the scores of all of them never exist at once.

After every part there are the largest score so far and the sums under it (Milakov & Gimelshein, "Online normalizer
calculation for softmax", 2018).

Shape letters: Q queries, S keys of a part, V channels of their values.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Attended(NamedTuple):
    """What queries have of the parts so far.

    Attributes:
        peak: float [...,Q,1], the largest score.
        weight: float [...,Q,1], the sum of exp(score - peak).
        weighted: float [...,Q,V], the sum of the values weighed so.
    """

    peak: Tensor
    weight: Tensor
    weighted: Tensor

    def mean(self) -> Tensor:
        """The values weighed by the softmax over all parts, [...,Q,V]."""
        return self.weighted / self.weight


def attend(so_far: Attended | None, scores_QS: Tensor, values_SV: Tensor) -> Attended:
    """Takes one part more.

    Args:
        so_far: None before the first part.
        scores_QS: float [...,Q,S]; -inf for a key that does not count. Of the first part at least one key counts.
        values_SV: float [...,S,V].
    """
    # A constant of the gradient: the softmax is the same whatever is subtracted.
    peak = scores_QS.detach().amax(dim=-1, keepdim=True)
    if so_far is not None:
        peak = torch.maximum(peak, so_far.peak)
    weights_QS = (scores_QS - peak).exp()
    weight, weighted = weights_QS.sum(dim=-1, keepdim=True), weights_QS @ values_SV
    if so_far is not None:
        fading = (so_far.peak - peak).exp()
        weight, weighted = weight + fading * so_far.weight, weighted + fading * so_far.weighted
    return Attended(peak, weight, weighted)
