"""Checkpoints of mmsegmentation (Apache-2.0), 1.x and 0.x: which head and encoder they hold is told by their keys."""

from collections.abc import Callable, Mapping
from typing import Any

from vidseg.checkpoints.mmseg_encoders import move_encoder
from vidseg.checkpoints.renaming import Converted, Renaming
from vidseg.models import HeadConfig, PerFrameConfig
from vidseg.models.heads import (
    ASPPConfig,
    FCNConfig,
    MMSegMLPConfig,
    OCRConfig,
    PSPConfig,
    UPerConfig,
)

_HEAD = "decode_head"
_AUXILIARY = "auxiliary_head"


def convert_mmseg(tensors: Mapping[str, Any], name: str) -> Converted:
    """PSPNet, UPerNet, OCRNet, DeepLabV3+, FCN or SegFormer in mmsegmentation's form, over any encoder known.

    Raises:
        CheckpointError: naming the first key that is missing or unknown.
    """
    source = Renaming(tensors, name)
    # The normalisation, which is ImageNet's in all of these; most checkpoints do not store it.
    source.drop("data_preprocessor.mean", "data_preprocessor.std")
    sign = source.first(*_HEADS)
    if sign is None:
        raise source.unknown("a decode head", "PSPNet, UPerNet, OCRNet, DeepLabV3+, FCN or SegFormer")
    move, dilated = _HEADS[sign]
    cascade = sign == _OCR
    classifier = f"{_HEAD}.1" if cascade else _HEAD
    num_classes = source.size(f"{classifier}.conv_seg.bias")
    encoder = move_encoder(source, dilated=dilated)
    head = move(source)
    source.move_layer(f"{classifier}.conv_seg", "classifier")
    auxiliary = _move_auxiliary(source, f"{_HEAD}.0" if cascade else _AUXILIARY)
    return source.finish(
        source.config(PerFrameConfig, encoder=encoder, head=head, num_classes=num_classes, auxiliary=auxiliary)
    )


def move_conv_bn(source: Renaming, theirs: str, ours: str) -> None:
    """Moves a convolution, which has no bias, and its BatchNorm."""
    source.move_layer(f"{theirs}.conv", f"{ours}.convolution", bias=False)
    source.move_batch_norm(f"{theirs}.bn", f"{ours}.norm")


def _move_auxiliary(source: Renaming, theirs: str) -> FCNConfig | None:
    if source.first(f"{theirs}.") is None:
        return None
    config = _move_convolutions(source, theirs, "auxiliary_head.head", stage=3)
    source.move_layer(f"{theirs}.conv_seg", "auxiliary_head.classifier")
    return config


def _move_convolutions(source: Renaming, theirs: str, ours: str, *, stage: int) -> FCNConfig:
    count = source.count(f"{theirs}.convs")
    channels = source.size(f"{theirs}.convs.0.bn.bias")
    for index in range(count):
        move_conv_bn(source, f"{theirs}.convs.{index}", f"{ours}.convolutions.{index}")
    concatenate = source.first(f"{theirs}.conv_cat.") is not None
    if concatenate:
        move_conv_bn(source, f"{theirs}.conv_cat", f"{ours}.fusion")
    return FCNConfig(channels=channels, convolutions=count, concatenate=concatenate, stage=stage)


def _move_fcn(source: Renaming) -> HeadConfig:
    return _move_convolutions(source, _HEAD, "head", stage=4)


def _move_psp(source: Renaming) -> HeadConfig:
    channels = source.size(f"{_HEAD}.bottleneck.bn.bias")
    _move_pyramid(source)
    move_conv_bn(source, f"{_HEAD}.bottleneck", "head.fusion")
    return PSPConfig(channels=channels)


def _move_pyramid(source: Renaming) -> None:
    for index in range(len(PSPConfig().bins)):
        move_conv_bn(source, f"{_HEAD}.psp_modules.{index}.1", f"head.pyramid.projections.{index}")


def _move_uper(source: Renaming) -> HeadConfig:
    channels = source.size(f"{_HEAD}.fpn_bottleneck.bn.bias")
    _move_pyramid(source)
    move_conv_bn(source, f"{_HEAD}.bottleneck", "head.top")
    for index in range(3):
        move_conv_bn(source, f"{_HEAD}.lateral_convs.{index}", f"head.laterals.{index}")
        move_conv_bn(source, f"{_HEAD}.fpn_convs.{index}", f"head.smoothings.{index}")
    move_conv_bn(source, f"{_HEAD}.fpn_bottleneck", "head.fusion")
    return UPerConfig(channels=channels)


def _move_aspp(source: Renaming) -> HeadConfig:
    channels = source.size(f"{_HEAD}.bottleneck.bn.bias")
    detail = source.size(f"{_HEAD}.c1_bottleneck.bn.bias")
    move_conv_bn(source, f"{_HEAD}.image_pool.1", "head.image")
    move_conv_bn(source, f"{_HEAD}.aspp_modules.0", "head.branches.0")
    for index in (1, 2, 3):
        _move_separable(source, f"{_HEAD}.aspp_modules.{index}", f"head.branches.{index}")
    move_conv_bn(source, f"{_HEAD}.bottleneck", "head.fusion")
    move_conv_bn(source, f"{_HEAD}.c1_bottleneck", "head.detail")
    for index in (0, 1):
        _move_separable(source, f"{_HEAD}.sep_bottleneck.{index}", f"head.decoder.{index}")
    return ASPPConfig(channels=channels, detail_channels=detail)


def _move_separable(source: Renaming, theirs: str, ours: str) -> None:
    move_conv_bn(source, f"{theirs}.depthwise_conv", f"{ours}.0")
    move_conv_bn(source, f"{theirs}.pointwise_conv", f"{ours}.1")


def _move_ocr(source: Renaming) -> HeadConfig:
    head = f"{_HEAD}.1"
    context = f"{head}.object_context_block"
    channels = source.size(f"{head}.bottleneck.bn.bias")
    key_channels = source.size(f"{context}.value_project.bn.bias")
    move_conv_bn(source, f"{head}.bottleneck", "head.reduction")
    for theirs, ours in (("query_project", "query"), ("key_project", "key")):
        for index in (0, 1):
            move_conv_bn(source, f"{context}.{theirs}.{index}", f"head.{ours}.{index}")
    for theirs, ours in (("value_project", "value"), ("out_project", "output"), ("bottleneck", "fusion")):
        move_conv_bn(source, f"{context}.{theirs}", f"head.{ours}")
    return OCRConfig(channels=channels, key_channels=key_channels)


def _move_mlp(source: Renaming) -> HeadConfig:
    channels = source.size(f"{_HEAD}.fusion_conv.bn.bias")
    for stage in range(4):
        move_conv_bn(source, f"{_HEAD}.convs.{stage}", f"head.projections.{stage}")
    move_conv_bn(source, f"{_HEAD}.fusion_conv", "head.fusion")
    return MMSegMLPConfig(channels=channels)


_OCR = f"{_HEAD}.1.object_context_block."

# By a prefix that only its keys have, in this order: what moves it, and whether its encoders are dilated to stride 8.
_HEADS: dict[str, tuple[Callable[[Renaming], HeadConfig], bool]] = {
    _OCR: (_move_ocr, True),
    f"{_HEAD}.lateral_convs.": (_move_uper, False),
    f"{_HEAD}.psp_modules.": (_move_psp, True),
    f"{_HEAD}.c1_bottleneck.": (_move_aspp, True),
    f"{_HEAD}.fusion_conv.": (_move_mlp, False),
    f"{_HEAD}.convs.": (_move_fcn, True),
}
