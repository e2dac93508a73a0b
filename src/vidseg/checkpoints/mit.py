"""ImageNet weights of Mix Transformers as the authors of SegFormer released them, ``mit_b0.pth`` to ``mit_b5.pth``."""

from collections.abc import Mapping
from typing import Any

from vidseg.checkpoints.renaming import Converted, Renaming
from vidseg.models import MiTConfig

_STAGES = range(4)

# Theirs -> ours, in every block.
_BLOCK = {
    "norm1": "norm1",
    "attn.q": "attention.query",
    "attn.kv": "attention.key_value",
    "attn.proj": "attention.output",
    "norm2": "norm2",
    "mlp.fc1": "mix_ffn.expand",
    "mlp.dwconv.dwconv": "mix_ffn.depthwise",
    "mlp.fc2": "mix_ffn.contract",
}
# Only in blocks that reduce the map.
_REDUCTION = {"attn.sr": "attention.reduction", "attn.norm": "attention.reduction_norm"}


def convert_mit(tensors: Mapping[str, Any], name: str) -> Converted:
    """An encoder from an ImageNet state dict. The classifier of ImageNet's classes is dropped.

    Raises:
        CheckpointError: naming the first key that is missing or unknown.
    """
    source = Renaming(tensors, name)
    config = move_encoder(source, theirs="", ours="")
    source.drop("head.weight", "head.bias")
    return source.finish(config)


def move_encoder(source: Renaming, *, theirs: str, ours: str) -> MiTConfig:
    """Moves an encoder and tells its size by its keys and shapes.

    Args:
        source: the state dict.
        theirs: prefix of the encoder's keys there, with its dot.
        ours: prefix here, with its dot.

    Raises:
        CheckpointError: naming the first key that is missing.
    """
    # The norm at the end of a stage: one vector that has the stage's width.
    widths = tuple(source.size(f"{theirs}norm{stage + 1}.weight") for stage in _STAGES)
    depths = tuple(source.count(f"{theirs}block{stage + 1}") for stage in _STAGES)
    for stage, depth in enumerate(depths):
        their_stage, our_stage = stage + 1, f"{ours}stages.{stage}"
        source.move_layer(f"{theirs}patch_embed{their_stage}.proj", f"{our_stage}.embedding.projection")
        source.move_layer(f"{theirs}patch_embed{their_stage}.norm", f"{our_stage}.embedding.norm")
        source.move_layer(f"{theirs}norm{their_stage}", f"{our_stage}.norm")
        layers = _BLOCK if stage == _STAGES[-1] else _BLOCK | _REDUCTION
        for block in range(depth):
            for their_layer, our_layer in layers.items():
                source.move_layer(
                    f"{theirs}block{their_stage}.{block}.{their_layer}", f"{our_stage}.blocks.{block}.{our_layer}"
                )
    return source.config(MiTConfig, widths=widths, depths=depths)
