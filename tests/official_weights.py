"""The goldens' weights on any clone: official state dicts by the rule of their README, from names and shapes alone."""

import json
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path

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


def prior_shapes(*, num_classes: int = 124, channels: int = 256) -> Shapes:
    """What CFFM++ has besides a CFFM."""
    block = "decode_head.decoder_swin.blocks.0"
    shapes = _layer("decode_head.linear_pred3", num_classes, channels, 1, 1)
    shapes |= _layer(f"{block}.norm1", channels) | _layer(f"{block}.norm2", channels)
    shapes |= {
        f"{block}.attn.relative_position_bias_table": (169, 8),
        f"{block}.attn.relative_position_index": (49, 49),
    }
    for name, outputs in (("qkv", 3), ("proj", 1), ("qkv_cluster", 2), ("proj_cluster", 1)):
        shapes |= _layer(f"{block}.attn.{name}", outputs * channels, channels)
    return (
        shapes | _layer(f"{block}.mlp.fc1", 4 * channels, channels) | _layer(f"{block}.mlp.fc2", channels, 4 * channels)
    )


def mrcfa_shapes(
    widths: tuple[int, ...], depths: tuple[int, ...], *, convs: int, num_classes: int = 124, channels: int = 256
) -> Shapes:
    shapes = segformer_shapes(widths, depths, num_classes=num_classes, channels=channels)
    for index in range(1, 5):
        shapes |= _layer(f"decode_head.deco{index}.smalldecoder.1", num_classes, channels, 1, 1)
    module = "decode_head.hypercorre_module"
    for index, width in enumerate(widths[1:], start=1):
        shapes |= _layer(f"{module}.q{index}", width, width) | _layer(f"{module}.k{index}", width, width)
    # (outputs, inputs, kernel) of each convolution.
    double = {
        **{"layer4": ((1, 1, 3), (2, 1, 3)), "layer3": ((1, 1, 3), (2, 1, 3)), "layer2": ((1, 1, 5), (2, 1, 3))},
        **{"layer4to3": ((2, 2, 3), (2, 2, 3)), "layer3to2": ((2, 2, 3), (1, 2, 3))},
    }
    single = {name: ((1, 1, 5 if name in ("layer2", "layer3") else 3),) for name in double}
    for name, stack in (single if convs == 1 else double).items():
        for index, (outputs, inputs, kernel) in enumerate(stack):
            shapes |= _layer(f"{module}.hpn.encoder_{name}.{3 * index}.conv2", outputs, inputs, kernel, kernel)
            shapes |= _layer(f"{module}.hpn.encoder_{name}.{3 * index + 1}", outputs)
    shapes |= _layer("decode_head.sr2", widths[1], widths[1], 4, 4)
    shapes |= _layer("decode_head.sr3", widths[2], widths[2], 2, 2)
    return shapes | _layer("decode_head.sr1_feat", channels, channels, 4, 4)


def mmseg_resnet18_shapes(prefix: str = "backbone.") -> Shapes:
    shapes: Shapes = {}
    for index, (inputs, channels) in enumerate(((3, 32), (32, 32), (32, 64))):
        shapes |= _convolution(f"{prefix}stem.{3 * index}", channels, inputs, 3)
        shapes |= _batch_norm(f"{prefix}stem.{3 * index + 1}", channels)
    inputs = 64
    for stage, channels in enumerate((64, 128, 256, 512), start=1):
        for block in (f"{prefix}layer{stage}.{index}" for index in range(2)):
            shapes |= _convolution(f"{block}.conv1", channels, inputs, 3) | _batch_norm(f"{block}.bn1", channels)
            shapes |= _convolution(f"{block}.conv2", channels, channels, 3) | _batch_norm(f"{block}.bn2", channels)
            if inputs != channels:
                shapes |= _convolution(f"{block}.downsample.0", channels, inputs, 1)
                shapes |= _batch_norm(f"{block}.downsample.1", channels)
            inputs = channels
    return shapes


def mmseg_mobilenet_shapes(prefix: str = "backbone.") -> Shapes:
    shapes = _conv_bn(f"{prefix}conv1", 32, 3, 3)
    inputs = 32
    groups = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
    for group, (expansion, channels, count) in enumerate(groups, start=1):
        for block in (f"{prefix}layer{group}.{index}.conv" for index in range(count)):
            hidden = expansion * inputs
            layers = [(hidden, 1, 3), (channels, hidden, 1)]
            if expansion > 1:
                layers.insert(0, (hidden, inputs, 1))
            for index, (outputs, fan_in, kernel) in enumerate(layers):
                shapes |= _conv_bn(f"{block}.{index}", outputs, fan_in, kernel)
            inputs = channels
    return shapes


def mmseg_mit_shapes(widths: tuple[int, ...], depths: tuple[int, ...], prefix: str = "backbone.") -> Shapes:
    shapes: Shapes = {}
    for stage, (width, depth, reduction) in enumerate(zip(widths, depths, (8, 4, 2, 1), strict=True)):
        kernel, inputs = (7, 3) if stage == 0 else (3, widths[stage - 1])
        layers = f"{prefix}layers.{stage}"
        shapes |= _layer(f"{layers}.0.projection", width, inputs, kernel, kernel) | _layer(f"{layers}.0.norm", width)
        shapes |= _layer(f"{layers}.2", width)
        for block in (f"{layers}.1.{index}" for index in range(depth)):
            shapes |= _layer(f"{block}.norm1", width) | _layer(f"{block}.norm2", width)
            shapes |= {f"{block}.attn.attn.in_proj_weight": (3 * width, width)}
            shapes |= {f"{block}.attn.attn.in_proj_bias": (3 * width,)}
            shapes |= _layer(f"{block}.attn.attn.out_proj", width, width)
            if reduction > 1:
                shapes |= _layer(f"{block}.attn.sr", width, width, reduction, reduction)
                shapes |= _layer(f"{block}.attn.norm", width)
            shapes |= _layer(f"{block}.ffn.layers.0", 4 * width, width, 1, 1)
            shapes |= _layer(f"{block}.ffn.layers.1", 4 * width, 1, 3, 3)
            shapes |= _layer(f"{block}.ffn.layers.4", width, 4 * width, 1, 1)
    return shapes


def mmseg_psp_shapes(width: int, channels: int, *, num_classes: int = 19) -> Shapes:
    shapes = _layer("decode_head.conv_seg", num_classes, channels, 1, 1)
    for index in range(4):
        shapes |= _conv_bn(f"decode_head.psp_modules.{index}.1", channels, width, 1)
    return shapes | _conv_bn("decode_head.bottleneck", channels, width + 4 * channels, 3)


def mmseg_fcn_shapes(width: int, channels: int, *, num_classes: int = 19) -> Shapes:
    shapes = _layer("decode_head.conv_seg", num_classes, channels, 1, 1)
    shapes |= _conv_bn("decode_head.convs.0", channels, width, 3)
    shapes |= _conv_bn("decode_head.convs.1", channels, channels, 3)
    return shapes | _conv_bn("decode_head.conv_cat", channels, width + channels, 3)


def mmseg_mlp_shapes(widths: tuple[int, ...], channels: int, *, num_classes: int = 19) -> Shapes:
    shapes = _layer("decode_head.conv_seg", num_classes, channels, 1, 1)
    for stage, width in enumerate(widths):
        shapes |= _conv_bn(f"decode_head.convs.{stage}", channels, width, 1)
    return shapes | _conv_bn("decode_head.fusion_conv", channels, 4 * channels, 1)


def mmseg_auxiliary_shapes(width: int, channels: int, *, num_classes: int = 19) -> Shapes:
    shapes = _layer("auxiliary_head.conv_seg", num_classes, channels, 1, 1)
    return shapes | _conv_bn("auxiliary_head.convs.0", channels, width, 3)


def read_shapes(keys: Path) -> Shapes:
    """Of a golden's listing."""
    return {key: tuple(entry["shape"]) for key, entry in json.loads(keys.read_text()).items()}


def make_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Integer buffers hold zeros: nothing may depend on them."""
    return {key: _make(key, shape) for key, shape in shapes.items()}


def _layer(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _convolution(name: str, channels: int, inputs: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (channels, inputs, kernel, kernel)}


def _batch_norm(name: str, channels: int) -> Shapes:
    statistics = {f"{name}.running_mean": (channels,), f"{name}.running_var": (channels,)}
    return _layer(name, channels) | statistics | {f"{name}.num_batches_tracked": ()}


def _conv_bn(name: str, channels: int, inputs: int, kernel: int) -> Shapes:
    return _convolution(f"{name}.conv", channels, inputs, kernel) | _batch_norm(f"{name}.bn", channels)


def _make(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    if key.endswith("num_batches_tracked") or key.rpartition(".")[2] in _INDEX_BUFFERS:
        return torch.zeros(shape, dtype=torch.int64)
    weights = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape, dtype=np.float32)
    if key.endswith("running_var"):
        weights = 1 + 0.1 * np.abs(weights)
    elif key.endswith("running_mean"):
        weights = 0.1 * weights
    elif key.endswith("gamma"):
        weights = 0.05 + 0.1 * np.abs(weights)
    elif "relative_position_bias" in key:
        weights = 0.2 * weights
    elif key.endswith("bias"):
        weights = 0.02 * weights
    elif len(shape) == 1:
        weights = 1 + 0.1 * weights
    else:
        weights = weights / np.sqrt(prod(shape[1:]))
    return torch.tensor(weights.astype(np.float32))
