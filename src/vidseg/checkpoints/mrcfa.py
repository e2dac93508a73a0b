"""The authors' released MRCFA checkpoints."""

from collections.abc import Mapping
from typing import Any

from vidseg.checkpoints.official import head_sizes, move_frame_model
from vidseg.checkpoints.renaming import Converted, Renaming
from vidseg.models import MIT_SIZES, MRCFAConfig

_HEAD = "decode_head"
_MINING = f"{_HEAD}.hypercorre_module"

# Theirs -> ours.
_LAYERS = {
    **{f"{_MINING}.q{level + 1}": f"queries.{level}" for level in range(3)},
    **{f"{_MINING}.k{level + 1}": f"keys.{level}" for level in range(3)},
    f"{_HEAD}.sr2": "reductions.0",
    f"{_HEAD}.sr3": "reductions.1",
    f"{_HEAD}.sr1_feat": "value",
    **{f"{_HEAD}.deco{index + 1}.smalldecoder.1": f"context_classifiers.{index}" for index in range(4)},
}
# Each holds convolution, norm and ReLU once or twice.
_STACKS = {
    "encoder_layer2": "refinement.levels.0",
    "encoder_layer3": "refinement.levels.1",
    "encoder_layer4": "refinement.levels.2",
    "encoder_layer3to2": "refinement.mixing.0",
    "encoder_layer4to3": "refinement.mixing.1",
}


def convert_mrcfa(tensors: Mapping[str, Any], name: str) -> Converted:
    """An MRCFA of any size.

    The share of tokens that stay is not among the weights: it is the published one, 0.8 over an encoder of B0's widths
    and else 0.5.

    Raises:
        CheckpointError: naming the first key that is missing or unknown.
    """
    source = Renaming(tensors, name)
    sizes = head_sizes(source)
    encoder = move_frame_model(source)
    for theirs, ours in _LAYERS.items():
        source.move_layer(theirs, ours)
    convs = 2 if source.first(f"{_MINING}.hpn.encoder_layer4.3.") is not None else 1
    for theirs, ours in _STACKS.items():
        for first in range(0, 3 * convs, 3):
            source.move_layer(f"{_MINING}.hpn.{theirs}.{first}.conv2", f"{ours}.{first}")
            source.move_layer(f"{_MINING}.hpn.{theirs}.{first + 1}", f"{ours}.{first + 1}")
    share = 0.8 if encoder.widths == MIT_SIZES["b0"].widths else 0.5
    return source.finish(source.config(MRCFAConfig, encoder=encoder, share=share, refining_convs=convs, **sizes))
