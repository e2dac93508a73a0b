"""The goldens' weights on any clone: official state dicts by the rule of their README, from names and shapes alone."""

import zlib
from collections.abc import Mapping
from math import prod

import numpy as np
import torch

Shapes = dict[str, tuple[int, ...]]
_INDEX_BUFFERS = {
    "relative_position_index": (49, 49),
    "valid_ind_rolled": (132,),
    "relative_position_index_0": (49, 25),
    "relative_position_index_clips_0": (49, 49),
    "relative_position_index_clips_1": (49, 25),
    "relative_position_index_clips_2": (49, 9),
}


def mit_shapes(widths: tuple[int, ...], depths: tuple[int, ...], prefix: str = "") -> Shapes:
    shapes: Shapes = {}
    for stage, (width, depth, reduction) in enumerate(zip(widths, depths, (8, 4, 2, 1), strict=True), start=1):
        kernel, inputs = (7, 3) if stage == 1 else (3, widths[stage - 2])
        shapes |= _layer(f"{prefix}patch_embed{stage}.proj", width, inputs, kernel, kernel)
        shapes |= _layer(f"{prefix}patch_embed{stage}.norm", width)
        shapes |= _layer(f"{prefix}norm{stage}", width)
        for block in (f"{prefix}block{stage}.{index}" for index in range(depth)):
            shapes |= _layer(f"{block}.norm1", width) | _layer(f"{block}.norm2", width)
            shapes |= _layer(f"{block}.attn.q", width, width) | _layer(f"{block}.attn.kv", 2 * width, width)
            shapes |= _layer(f"{block}.attn.proj", width, width)
            shapes |= _layer(f"{block}.mlp.fc1", 4 * width, width) | _layer(f"{block}.mlp.fc2", width, 4 * width)
            shapes |= _layer(f"{block}.mlp.dwconv.dwconv", 4 * width, 1, 3, 3)
            if reduction > 1:
                shapes |= _layer(f"{block}.attn.sr", width, width, reduction, reduction)
                shapes |= _layer(f"{block}.attn.norm", width)
    return shapes


def segformer_shapes(widths: tuple[int, ...], depths: tuple[int, ...], *, num_classes: int, channels: int) -> Shapes:
    shapes = mit_shapes(widths, depths, "backbone.")
    for stage, width in enumerate(widths, start=1):
        shapes |= _layer(f"decode_head.linear_c{stage}.proj", channels, width)
    shapes["decode_head.linear_fuse.conv.weight"] = (channels, 4 * channels, 1, 1)
    shapes |= _layer("decode_head.linear_fuse.bn", channels)
    for statistic in ("running_mean", "running_var"):
        shapes[f"decode_head.linear_fuse.bn.{statistic}"] = (channels,)
    shapes["decode_head.linear_fuse.bn.num_batches_tracked"] = ()
    shapes |= _layer("decode_head.linear_pred", num_classes, channels, 1, 1)
    return shapes | _layer("decode_head.conv_seg", num_classes, 128, 1, 1)


def cffm_shapes(
    widths: tuple[int, ...], depths: tuple[int, ...], *, mining_depth: int, num_classes: int = 124, channels: int = 256
) -> Shapes:
    shapes = segformer_shapes(widths, depths, num_classes=num_classes, channels=channels)
    shapes |= _layer("decode_head.linear_pred2", num_classes, 2 * channels, 1, 1)
    for block in (f"decode_head.decoder_focal.blocks.{index}" for index in range(mining_depth)):
        shapes |= _layer(f"{block}.norm1", channels) | _layer(f"{block}.norm2", channels)
        for name, cell in (("layers.0", 7), ("layers_clips.0", 7), ("layers_clips.1", 3), ("layers_clips.2", 2)):
            shapes |= _layer(f"{block}.pool_{name}", 1, cell * cell)
        shapes |= _layer(f"{block}.attn.qkv", 3 * channels, channels) | _layer(f"{block}.attn.proj", channels, channels)
        shapes |= _layer(f"{block}.mlp.fc1", 4 * channels, channels)
        shapes |= _layer(f"{block}.mlp.fc2", channels, 4 * channels)
        table = f"{block}.attn.relative_position_bias_table"
        shapes |= {table: (169, 8), f"{table}_to_neighbors": (1, 8, 49, 132)}
        for name, kernel in (("windows.0", 5), ("windows_clips.0", 7), ("windows_clips.1", 5), ("windows_clips.2", 3)):
            shapes[f"{table}_to_{name}"] = (8, (6 + kernel) ** 2)
        shapes |= {f"{block}.attn.{name}": shape for name, shape in _INDEX_BUFFERS.items()}
    return shapes


def make_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Integer buffers hold zeros: nothing may depend on them."""
    return {key: _make(key, shape) for key, shape in shapes.items()}


def _layer(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _make(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    if key.endswith("num_batches_tracked") or key.rpartition(".")[2] in _INDEX_BUFFERS:
        return torch.zeros(shape, dtype=torch.int64)
    weights = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape, dtype=np.float32)
    if key.endswith("running_var"):
        weights = 1 + 0.1 * np.abs(weights)
    elif key.endswith("running_mean"):
        weights = 0.1 * weights
    elif "relative_position_bias" in key:
        weights = 0.2 * weights
    elif key.endswith("bias"):
        weights = 0.02 * weights
    elif len(shape) == 1:
        weights = 1 + 0.1 * weights
    else:
        weights = weights / np.sqrt(prod(shape[1:]))
    return torch.tensor(weights.astype(np.float32))
