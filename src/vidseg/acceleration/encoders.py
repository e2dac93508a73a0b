"""Encoders for inference: those with a fast twin get it, of others a copy is taken."""

import copy
from typing import Any

from vidseg.acceleration.mit import fast_mix_transformer
from vidseg.models import MixTransformer

# By the module's type.
_TWINS = {MixTransformer: fast_mix_transformer}


def fast_encoder(encoder: Any) -> Any:
    """The same `Encoder` for inference; weights are copied."""
    twin = _TWINS.get(type(encoder))
    return copy.deepcopy(encoder) if twin is None else twin(encoder)
