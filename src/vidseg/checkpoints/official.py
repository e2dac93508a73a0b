"""The authors' released CFFM, CFFM++ and SegFormer checkpoints."""

from collections.abc import Mapping
from typing import Any

from vidseg.checkpoints.mit import move_encoder
from vidseg.checkpoints.renaming import Converted, Renaming
from vidseg.models import CFFMConfig, MiTConfig, PriorConfig, SegFormerConfig

_HEAD = "decode_head"
_BLOCKS = f"{_HEAD}.decoder_focal.blocks"
_PRIOR = f"{_HEAD}.decoder_swin.blocks.0"

# Theirs -> ours, in every mining block.
_LAYERS = {
    "norm1": "norm1",
    "pool_layers.0": "assembling.target.weighted_sum",
    "pool_layers_clips.0": "assembling.references.0.weighted_sum",
    "pool_layers_clips.1": "assembling.references.1.weighted_sum",
    "pool_layers_clips.2": "assembling.references.2.weighted_sum",
    "attn.qkv": "mining.query_key_value",
    "attn.proj": "mining.output",
    "norm2": "norm2",
    "mlp.fc1": "mlp.expand",
    "mlp.fc2": "mlp.contract",
}
_POOLED_TABLES = {
    "to_windows.0": 0,
    "to_windows_clips.0": 1,
    "to_windows_clips.1": 2,
    "to_windows_clips.2": 3,
}
# Index buffers follow from the sizes: ours are computed, theirs are not even looked at.
_INDEX_BUFFERS = (
    "relative_position_index",
    "valid_ind_rolled",
    "relative_position_index_0",
    "relative_position_index_clips_0",
    "relative_position_index_clips_1",
    "relative_position_index_clips_2",
)


def convert_segformer(tensors: Mapping[str, Any], name: str) -> Converted:
    """A SegFormer of any size.

    Raises:
        CheckpointError: naming the first key that is missing or unknown.
    """
    source = Renaming(tensors, name)
    sizes = head_sizes(source)
    return source.finish(source.config(SegFormerConfig, encoder=move_frame_model(source), **sizes))


def convert_cffm(tensors: Mapping[str, Any], name: str) -> Converted:
    """A CFFM of any size and depth; a CFFM++ where there is what looks up prototypes.

    Raises:
        CheckpointError: naming the first key that is missing or unknown.
    """
    source = Renaming(tensors, name)
    sizes = head_sizes(source)
    depth = source.count(_BLOCKS)
    encoder = move_frame_model(source)
    source.move_layer(f"{_HEAD}.linear_pred2", "context_classifier")
    for block in range(depth):
        _move_mining_block(source, f"{_BLOCKS}.{block}", f"blocks.{block}")
    prior = None
    if source.first(f"{_PRIOR}.") is not None:
        _move_prior(source)
        prior = PriorConfig()
    return source.finish(source.config(CFFMConfig, encoder=encoder, depth=depth, prior=prior, **sizes))


def head_sizes(source: Renaming) -> dict[str, int]:
    """Number of classes and width of a head that is still to be moved."""
    return {
        "num_classes": source.size(f"{_HEAD}.linear_pred.bias"),
        "head_channels": source.size(f"{_HEAD}.linear_fuse.bn.bias"),
    }


def move_frame_model(source: Renaming) -> MiTConfig:
    """Moves what all of the authors' models have: encoder, head and the classifier of single frames.

    Raises:
        CheckpointError: naming the first key that is missing.
    """
    encoder = move_encoder(source, theirs="backbone.", ours="encoder.")
    for stage in range(4):
        source.move_layer(f"{_HEAD}.linear_c{stage + 1}.proj", f"head.projections.{stage}")
    source.move_layer(f"{_HEAD}.linear_fuse.conv", "head.fusion", bias=False)
    source.move_batch_norm(f"{_HEAD}.linear_fuse.bn", "head.norm")
    source.move_layer(f"{_HEAD}.linear_pred", "classifier")
    # A classifier that the authors' framework makes for every head and that this head never uses.
    source.drop(f"{_HEAD}.conv_seg.weight", f"{_HEAD}.conv_seg.bias")
    return encoder


def _move_mining_block(source: Renaming, theirs: str, ours: str) -> None:
    for their_layer, our_layer in _LAYERS.items():
        source.move_layer(f"{theirs}.{their_layer}", f"{ours}.{our_layer}")
    table = f"{theirs}.attn.relative_position_bias_table"
    source.move(table, f"{ours}.mining.own_bias.table", lambda table_PA: table_PA.transpose(0, 1))
    source.move(f"{table}_to_neighbors", f"{ours}.mining.surrounding_bias", lambda bias_1AQS: bias_1AQS.squeeze(0))
    for suffix, group in _POOLED_TABLES.items():
        source.move(f"{table}_{suffix}", f"{ours}.mining.pooled_biases.{group}.table")
    source.drop(*(f"{theirs}.attn.{buffer}" for buffer in _INDEX_BUFFERS))


def _move_prior(source: Renaming) -> None:
    for theirs, ours in (
        ("norm1", "norm1"),
        ("norm2", "norm2"),
        ("mlp.fc1", "mlp.expand"),
        ("mlp.fc2", "mlp.contract"),
    ):
        source.move_layer(f"{_PRIOR}.{theirs}", f"prior.{ours}")
    # Keys and values of positions are never used.
    for part in ("weight", "bias"):
        source.move(f"{_PRIOR}.attn.qkv.{part}", f"prior.query.{part}", lambda tensor: tensor.chunk(3)[0])
    source.move_layer(f"{_PRIOR}.attn.qkv_cluster", "prior.key_value")
    source.move_layer(f"{_PRIOR}.attn.proj_cluster", "prior.output")
    source.move_layer(f"{_HEAD}.linear_pred3", "prior.classifier")
    unused = ("proj.weight", "proj.bias", "relative_position_bias_table", "relative_position_index")
    source.drop(*(f"{_PRIOR}.attn.{name}" for name in unused))
