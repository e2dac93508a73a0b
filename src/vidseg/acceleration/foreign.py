"""Networks of ``transformers`` for inference: what does not change any more is made a constant."""

import copy
from typing import Any

from torch import Tensor

from vidseg.models import Foreign


def fast_foreign(model: Foreign) -> Foreign:
    """The same model; weights are copied.

    EoMT looks at a buffer, the probability that a layer masks its attention, to choose its way. As numbers they leave
    one way, which can be traced.
    """
    fast = copy.deepcopy(model)
    network: Any = fast.network
    probabilities = dict(network.named_buffers(recurse=False)).get("attn_mask_probs")
    if isinstance(probabilities, Tensor):
        del network.attn_mask_probs
        network.attn_mask_probs = probabilities.tolist()
    return fast
