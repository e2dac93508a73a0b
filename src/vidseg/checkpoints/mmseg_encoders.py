"""Encoders of mmsegmentation's checkpoints (Apache-2.0): ResNet-v1c, MobileNetV2, MiT, Swin Transformer."""

from collections.abc import Callable

from torch import Tensor

from vidseg.checkpoints.renaming import Renaming
from vidseg.checkpoints.resnet import imagenet_encoder, move_resnet_stages, resnet_depth
from vidseg.models import EncoderConfig, MiTConfig

_THEIRS = "backbone."
_TIMM = "encoder.network."

# Width and depths -> timm's name.
_SWINS: dict[tuple[int, tuple[int, ...]], str] = {
    (96, (2, 2, 6, 2)): "swin_tiny_patch4_window7_224",
    (96, (2, 2, 18, 2)): "swin_small_patch4_window7_224",
    (128, (2, 2, 18, 2)): "swin_base_patch4_window7_224",
}


def move_encoder(source: Renaming, *, dilated: bool) -> EncoderConfig:
    """Moves the encoder and tells which one it is by its keys and shapes.

    Args:
        source: the state dict.
        dilated: whether the last two stages keep stride 8. Nothing in the weights tells: the head that they were
            trained with does.

    Raises:
        CheckpointError: for an encoder of another kind or size.
    """
    sign = source.first(*_ENCODERS)
    if sign is None:
        raise source.unknown("a backbone", "ResNet-v1c, MobileNetV2, MiT or Swin Transformer")
    return _ENCODERS[sign](source, dilated)


def _move_resnet(source: Renaming, dilated: bool) -> EncoderConfig:
    depth = resnet_depth(source, _THEIRS)
    for index in (0, 3, 6):
        source.move_layer(f"{_THEIRS}stem.{index}", f"{_TIMM}conv1.{index}", bias=False)
    for theirs, ours in ((1, "conv1.1"), (4, "conv1.4"), (7, "bn1")):
        source.move_batch_norm(f"{_THEIRS}stem.{theirs}", f"{_TIMM}{ours}")
    move_resnet_stages(source, _THEIRS, _TIMM)
    if depth < 50:
        return imagenet_encoder(f"resnet{depth}", dilated=dilated, mmseg_variant=True)
    return imagenet_encoder(f"resnet{depth}c", dilated=dilated)


def _move_mobilenet(source: Renaming, dilated: bool) -> EncoderConfig:
    _move_conv_bn(source, f"{_THEIRS}conv1", f"{_TIMM}conv_stem", f"{_TIMM}bn1")
    for group in range(7):
        for index in range(source.count(f"{_THEIRS}layer{group + 1}")):
            names = ("conv_pw", "conv_dw", "conv_pwl") if group else ("conv_dw", "conv_pw")
            for layer, name in enumerate(names):
                ours = f"{_TIMM}blocks.{group}.{index}"
                theirs = f"{_THEIRS}layer{group + 1}.{index}.conv.{layer}"
                _move_conv_bn(source, theirs, f"{ours}.{name}", f"{ours}.bn{layer + 1}")
    return imagenet_encoder("mobilenetv2_100", dilated=dilated, mmseg_variant=True)


def _move_conv_bn(source: Renaming, theirs: str, convolution: str, norm: str) -> None:
    source.move_layer(f"{theirs}.conv", convolution, bias=False)
    source.move_batch_norm(f"{theirs}.bn", norm)


def _as_linear(weight: Tensor) -> Tensor:
    return weight.flatten(1)


def _move_mit(source: Renaming, dilated: bool) -> EncoderConfig:
    stages = range(4)
    widths = tuple(source.size(f"{_THEIRS}layers.{stage}.2.weight") for stage in stages)
    depths = tuple(source.count(f"{_THEIRS}layers.{stage}.1") for stage in stages)
    for stage, depth in enumerate(depths):
        theirs, ours = f"{_THEIRS}layers.{stage}", f"encoder.stages.{stage}"
        source.move_layer(f"{theirs}.0.projection", f"{ours}.embedding.projection")
        source.move_layer(f"{theirs}.0.norm", f"{ours}.embedding.norm")
        source.move_layer(f"{theirs}.2", f"{ours}.norm")
        for index in range(depth):
            _move_mit_block(source, f"{theirs}.1.{index}", f"{ours}.blocks.{index}")
    # All of mmsegmentation's norms have this eps.
    return source.config(MiTConfig, widths=widths, depths=depths, block_norm_eps=1e-6, embedding_norm_eps=1e-6)


def _move_mit_block(source: Renaming, theirs: str, ours: str) -> None:
    source.move_layer(f"{theirs}.norm1", f"{ours}.norm1")
    source.move_layer(f"{theirs}.norm2", f"{ours}.norm2")
    attention = f"{ours}.attention"
    for part in ("weight", "bias"):
        shares = {f"{attention}.query.{part}": 1, f"{attention}.key_value.{part}": 2}
        source.divide(f"{theirs}.attn.attn.in_proj_{part}", shares)
    source.move_layer(f"{theirs}.attn.attn.out_proj", f"{attention}.output")
    if f"{theirs}.attn.sr.weight" in source:
        source.move_layer(f"{theirs}.attn.sr", f"{attention}.reduction")
        source.move_layer(f"{theirs}.attn.norm", f"{attention}.reduction_norm")
    for layer, name in ((0, "expand"), (4, "contract")):
        source.move(f"{theirs}.ffn.layers.{layer}.weight", f"{ours}.mix_ffn.{name}.weight", _as_linear)
        source.move(f"{theirs}.ffn.layers.{layer}.bias", f"{ours}.mix_ffn.{name}.bias")
    source.move_layer(f"{theirs}.ffn.layers.1", f"{ours}.mix_ffn.depthwise")


def _move_swin(source: Renaming, dilated: bool) -> EncoderConfig:
    stages = range(4)
    width = source.size(f"{_THEIRS}norm0.weight")
    depths = tuple(source.count(f"{_THEIRS}stages.{stage}.blocks") for stage in stages)
    if (width, depths) not in _SWINS:
        raise source.unknown(f"a Swin Transformer of {list(depths)} blocks, {width} channels", "-T, -S or -B")
    source.move_layer(f"{_THEIRS}patch_embed.projection", f"{_TIMM}patch_embed.proj")
    source.move_layer(f"{_THEIRS}patch_embed.norm", f"{_TIMM}patch_embed.norm")
    for stage, depth in enumerate(depths):
        source.move_layer(f"{_THEIRS}norm{stage}", f"encoder.norms.{stage}")
        for index in range(depth):
            _move_swin_block(source, f"{_THEIRS}stages.{stage}.blocks.{index}", f"{_TIMM}layers_{stage}.blocks.{index}")
        if stage < 3:
            # Theirs ends a stage with it, timm's begins the next.
            theirs, ours = f"{_THEIRS}stages.{stage}.downsample", f"{_TIMM}layers_{stage + 1}.downsample"
            for key in ("norm.weight", "norm.bias", "reduction.weight"):
                source.move(f"{theirs}.{key}", f"{ours}.{key}", _merge_order)
    return imagenet_encoder(_SWINS[width, depths], mmseg_variant=True)


def _move_swin_block(source: Renaming, theirs: str, ours: str) -> None:
    source.drop(f"{theirs}.attn.w_msa.relative_position_index")
    table = "relative_position_bias_table"
    source.move(f"{theirs}.attn.w_msa.{table}", f"{ours}.attn.{table}")
    for their_layer, our_layer in {
        "norm1": "norm1",
        "attn.w_msa.qkv": "attn.qkv",
        "attn.w_msa.proj": "attn.proj",
        "norm2": "norm2",
        "ffn.layers.0.0": "mlp.fc1",
        "ffn.layers.1": "mlp.fc2",
    }.items():
        source.move_layer(f"{theirs}.{their_layer}", f"{ours}.{our_layer}")


def _merge_order(weight: Tensor) -> Tensor:
    """The last axis from (channel, row, column) of the four merged patches to timm's (column, row, channel)."""
    return weight.unflatten(-1, (-1, 2, 2)).movedim((-3, -2, -1), (-1, -2, -3)).flatten(-3)


# By a prefix that only its keys have.
_ENCODERS: dict[str, Callable[[Renaming, bool], EncoderConfig]] = {
    "backbone.stem.": _move_resnet,
    "backbone.layer7.": _move_mobilenet,
    "backbone.layers.0.1.0.attn.": _move_mit,
    "backbone.stages.0.blocks.0.attn.w_msa.": _move_swin,
}
