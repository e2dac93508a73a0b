"""Checkpoints of the VSPW authors' code (Miao et al., CVPR 2021), from the names of their tensors alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from vidseg.checkpoints.renaming import Converted, Renaming
from vidseg.checkpoints.resnet import imagenet_encoder, move_resnet_stages, resnet_depth
from vidseg.errors import CheckpointError
from vidseg.models import EncoderConfig, ModelConfig, NetWarpConfig, PerFrameConfig, TCBConfig
from vidseg.models.heads import ASPPConfig, OCRConfig, PSPConfig, UPerConfig, auxiliary_fcn

_THEIRS = "encoder."
_TIMM = "encoder.network."
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
# Parts of RAFT (Teed and Deng, ECCV 2020), whatever it is called as a whole.
_RAFT = r"(.*\.)?(fnet|cnet|update_block)\..*"


def convert_vspw(tensors: Mapping[str, Any], name: str, system: str | None = None) -> Converted:
    """One of the systems of `VSPW_SYSTEMS`.

    Args:
        tensors: the state dict.
        name: what the source is called in errors.
        system: which one, where keys cannot tell; None to go by the keys, and for the first of several that fit.

    Raises:
        CheckpointError: for another system, or naming the first key that is missing or unknown.
    """
    source = Renaming(tensors, name)
    fitting = [
        key for key, entry in VSPW_SYSTEMS.items() if all(source.first(sign) is not None for sign in entry.signs)
    ]
    if system is not None and system not in VSPW_SYSTEMS:
        raise CheckpointError(f"got system {system!r}; expected one of {', '.join(VSPW_SYSTEMS)}")
    if not fitting:
        raise source.unknown("a system", f"one of {', '.join(VSPW_SYSTEMS)}")
    if system is not None and system not in fitting:
        raise CheckpointError(f"got system {system!r} for {name}, whose keys are of {', '.join(fitting)}; leave it out")
    return source.finish(VSPW_SYSTEMS[system or fitting[0]].move(source))


def move_vspw_encoder(source: Renaming, *, dilated: bool) -> EncoderConfig:
    """Moves their ResNet with a stem of three convolutions.

    Raises:
        CheckpointError: naming the first key that is missing.
    """
    depth = resnet_depth(source, _THEIRS)
    for theirs, ours in ((1, 0), (2, 3), (3, 6)):
        source.move_layer(f"{_THEIRS}conv{theirs}", f"{_TIMM}conv1.{ours}", bias=False)
    for theirs, layer in ((1, "conv1.1"), (2, "conv1.4"), (3, "bn1")):
        source.move_batch_norm(f"{_THEIRS}bn{theirs}", f"{_TIMM}{layer}")
    move_resnet_stages(source, _THEIRS, _TIMM)
    # ImageNet's classifier, where an encoder still has it.
    source.drop(f"{_THEIRS}fc.weight", f"{_THEIRS}fc.bias")
    return imagenet_encoder(f"resnet{depth}s", dilated=dilated)


def move_sequence(source: Renaming, theirs: str, ours: str, *, first: int = 0, bias: bool = False) -> None:
    """Moves a convolution and its BatchNorm that follow each other in a sequence, `first` being the convolution."""
    source.move_layer(f"{theirs}.{first}", f"{ours}.convolution", bias=bias)
    source.move_batch_norm(f"{theirs}.{first + 1}", f"{ours}.norm")


def move_ocr_head(source: Renaming, theirs: str, ours: str) -> OCRConfig:
    """Moves an OCR head without its classifier; `theirs` ends in a dot, or is empty."""
    block = f"{theirs}spatial_ocr_head.object_context_block"
    channels = source.size(f"{theirs}conv_3x3.1.bias")
    key_channels = source.size(f"{block}.f_down.1.bias")
    move_sequence(source, f"{theirs}conv_3x3", f"{ours}.reduction", bias=True)
    for part, name in (("f_pixel", "query"), ("f_object", "key")):
        for index in (0, 1):
            move_sequence(source, f"{block}.{part}", f"{ours}.{name}.{index}", first=3 * index, bias=True)
    move_sequence(source, f"{block}.f_down", f"{ours}.value", bias=True)
    move_sequence(source, f"{block}.f_up", f"{ours}.output", bias=True)
    move_sequence(source, f"{theirs}spatial_ocr_head.conv_bn_dropout", f"{ours}.fusion", bias=True)
    return OCRConfig(channels=channels, key_channels=key_channels, form="vspw")


def _move_psp(source: Renaming, last: str) -> dict[str, Any]:
    """Moves a PSPNet but for its encoder; `last` is the sequence of its final convolutions."""
    num_classes, channels = source.size(f"{last}.4.bias"), source.size(f"{last}.1.bias")
    auxiliary = source.size("decoder.cbr_deepsup.1.bias")
    for index in range(len(PSPConfig().bins)):
        move_sequence(source, f"decoder.ppm.{index}", f"head.pyramid.projections.{index}", first=1)
    move_sequence(source, last, "head.fusion")
    source.move_layer(f"{last}.4", "classifier")
    move_sequence(source, "decoder.cbr_deepsup", "auxiliary_head.head.convolutions.0")
    source.move_layer("decoder.conv_last_deepsup_", "auxiliary_head.classifier")
    return {"head": PSPConfig(channels=channels), "num_classes": num_classes, "auxiliary": auxiliary_fcn(auxiliary)}


def _move_ocr(source: Renaming, classifier: str) -> dict[str, Any]:
    """Moves an OCRNet but for its encoder."""
    num_classes, auxiliary = source.size(f"{classifier}.bias"), source.size("decoder.dsn_head.1.bias")
    head = move_ocr_head(source, "decoder.", "head")
    source.move_layer(classifier, "classifier")
    move_sequence(source, "decoder.dsn_head", "auxiliary_head.head.convolutions.0", bias=True)
    source.move_layer("decoder.dsn_head.4", "auxiliary_head.classifier")
    return {
        "head": head,
        "num_classes": num_classes,
        "dropout": 0.05,
        "auxiliary": auxiliary_fcn(auxiliary, bias=True),
    }


def _move_pspnet(source: Renaming, last: str = "decoder.conv_last_") -> ModelConfig:
    parts = _move_psp(source, last)
    return source.config(PerFrameConfig, encoder=move_vspw_encoder(source, dilated=True), **parts)


def _move_ocrnet(source: Renaming, classifier: str = "decoder.head") -> ModelConfig:
    parts = _move_ocr(source, classifier)
    return source.config(PerFrameConfig, encoder=move_vspw_encoder(source, dilated=True), **parts)


def _move_etc_psp(source: Renaming) -> ModelConfig:
    _drop_unused(source)
    return _move_pspnet(source, "conv_last_")


def _move_etc_ocr(source: Renaming) -> ModelConfig:
    _drop_unused(source)
    return _move_ocrnet(source, "conv_last_")


def _move_netwarp_psp(source: Renaming) -> ModelConfig:
    _drop_unused(source)
    return _move_netwarp(source, _move_psp(source, "conv_last_"))


def _move_netwarp_ocr(source: Renaming) -> ModelConfig:
    _drop_unused(source)
    return _move_netwarp(source, _move_ocr(source, "head"))


def _drop_unused(source: Renaming) -> None:
    """Drops what the authors' ETC and NetWarp hold and never use for a result.

    That is the last convolution of a PSP decoder, 18.9 million weights, beside the one that stands in for it, and, in
    files that were saved whole, the network that estimated flow in training.
    """
    for part in ("0.weight", *(f"1.{name}" for name in _BATCH_NORM)):
        source.drop(f"decoder.conv_last_.{part}")
    source.drop_matching(_RAFT)


def _move_netwarp(source: Renaming, parts: Mapping[str, Any]) -> ModelConfig:
    for theirs, ours in (("1", "convolutions.0"), ("2", "convolutions.1"), ("3", "convolutions.2"), ("4", "output")):
        move_sequence(source, f"flowcnn.conv{theirs}", f"flow_cnn.{ours}")
    for index, blend in enumerate(("stage_blend", "feature_blend")):
        source.move(f"w{index}_0", f"{blend}.present")
        source.move(f"w{index}_1", f"{blend}.previous")
    encoder = move_vspw_encoder(source, dilated=True)
    return source.config(NetWarpConfig, encoder=encoder, compat=True, **parts)


def _move_tcb_ppm(source: Renaming) -> ModelConfig:
    num_classes = source.size("ppm_conv.conv_last_.4.bias")
    channels, auxiliary = source.size("ppm_conv.conv_last_.1.bias"), source.size("deepsup.1.bias")
    for index in range(len(PSPConfig().bins)):
        move_sequence(source, f"ppm_conv.ppm.{index}", f"head.pyramid.projections.{index}")
    move_sequence(source, "ppm_conv.conv_last_", "head.fusion")
    source.move_layer("ppm_conv.conv_last_.4", "classifier")
    move_sequence(source, "deepsup", "auxiliary_head.head.convolutions.0")
    source.move_layer("deepsup.4", "auxiliary_head.classifier")
    return source.config(
        TCBConfig,
        encoder=move_vspw_encoder(source, dilated=True),
        head=PSPConfig(channels=channels),
        num_classes=num_classes,
        auxiliary=auxiliary_fcn(auxiliary),
    )


def _move_tcb_ocr(source: Renaming, memory: str = "none") -> ModelConfig:
    num_classes, auxiliary = source.size("head.bias"), source.size("dsn_head.1.bias")
    head = move_ocr_head(source, "", "head")
    source.move_layer("head", "classifier")
    move_sequence(source, "dsn_head", "auxiliary_head.head.convolutions.0", bias=True)
    source.move_layer("dsn_head.4", "auxiliary_head.classifier")
    return source.config(
        TCBConfig,
        encoder=move_vspw_encoder(source, dilated=True),
        head=head,
        num_classes=num_classes,
        auxiliary=auxiliary_fcn(auxiliary, bias=True),
        dropout=0.05,
        memory=memory,
    )


def _move_upernet(source: Renaming) -> ModelConfig:
    num_classes = source.size("decoder.conv_last_.1.bias")
    channels = source.size("decoder.conv_last_.0.1.bias")
    for index in range(len(UPerConfig().bins)):
        move_sequence(source, f"decoder.ppm_conv.{index}", f"head.pyramid.projections.{index}")
    move_sequence(source, "decoder.ppm_last_conv", "head.top")
    for index in range(3):
        move_sequence(source, f"decoder.fpn_in.{index}", f"head.laterals.{index}")
        move_sequence(source, f"decoder.fpn_out.{index}.0", f"head.smoothings.{index}")
    move_sequence(source, "decoder.conv_last_.0", "head.fusion")
    source.move_layer("decoder.conv_last_.1", "classifier")
    return source.config(
        PerFrameConfig,
        encoder=move_vspw_encoder(source, dilated=False),
        head=UPerConfig(channels=channels, form="vspw"),
        num_classes=num_classes,
        dropout=0.0,
    )


def _move_deeplab(source: Renaming) -> ModelConfig:
    num_classes = source.size("decoder.decoder.lastlast_conv.1.bias")
    channels = source.size("decoder.aspp.bn1.bias")
    detail = source.size("decoder.decoder.bn1.bias")
    for index in range(4):
        theirs = f"decoder.aspp.aspp{index + 1}"
        source.move_layer(f"{theirs}.atrous_conv", f"head.branches.{index}.convolution", bias=False)
        source.move_batch_norm(f"{theirs}.bn", f"head.branches.{index}.norm")
    move_sequence(source, "decoder.aspp.global_avg_pool", "head.image", first=1)
    for theirs, ours in (("aspp", "fusion"), ("decoder", "detail")):
        source.move_layer(f"decoder.{theirs}.conv1", f"head.{ours}.convolution", bias=False)
        source.move_batch_norm(f"decoder.{theirs}.bn1", f"head.{ours}.norm")
    for index, first in enumerate((0, 4)):
        move_sequence(source, "decoder.decoder.last_conv", f"head.decoder.{index}", first=first)
    source.move_layer("decoder.decoder.lastlast_conv.1", "classifier")
    return source.config(
        PerFrameConfig,
        encoder=move_vspw_encoder(source, dilated=True),
        head=ASPPConfig(channels=channels, detail_channels=detail, form="vspw"),
        num_classes=num_classes,
    )


@dataclass(frozen=True)
class System:
    """One of the systems.

    Attributes:
        signs: what its keys begin with; of several systems whose signs are there the first is meant unless told.
        move: moves all of it and says what it is.
    """

    signs: tuple[str, ...]
    move: Callable[[Renaming], ModelConfig]


VSPW_SYSTEMS: dict[str, System] = {
    "pspnet": System(("decoder.ppm.", "decoder.conv_last_.4."), _move_pspnet),
    "ocrnet": System(("decoder.spatial_ocr_head.", "decoder.head."), _move_ocrnet),
    "upernet": System(("decoder.fpn_in.",), _move_upernet),
    "deeplab": System(("decoder.aspp.",), _move_deeplab),
    "tcb_ppm": System(("ppm_conv.",), _move_tcb_ppm),
    "tcb_ocr": System(("spatial_ocr_head.",), _move_tcb_ocr),
    "tcb_ocr_mem": System(("spatial_ocr_head.",), partial(_move_tcb_ocr, memory="released")),
    # Before ETC, which has no key that they lack.
    "netwarp_psp": System(("flowcnn.", "decoder.ppm."), _move_netwarp_psp),
    "netwarp_ocr": System(("flowcnn.", "decoder.spatial_ocr_head."), _move_netwarp_ocr),
    "etc_psp": System(("decoder.ppm.", "conv_last_.4."), _move_etc_psp),
    "etc_ocr": System(("decoder.spatial_ocr_head.", "conv_last_."), _move_etc_ocr),
}
"""By what `--system` calls them."""
