"""Systems that look along the optical flow: NetWarp warps features, GRFP class scores, ETC in training only.

On VSPW as the image models that they are built on (see `vidseg.recipes.image_models`), on clips of a frame and the one
before it, with RAFT's flow; the small ones with DIS's. All frames of a clip are distorted alike: flow, and a loss that
compares colours along it, want a thing to look the same twice. GRFP learns on clips of five frames, of which the last
counts, with its image model frozen; --frozen '[]' lets that learn, too. Scores on VSPW: mIoU / mVC8 / mVC16.
"""

from dataclasses import replace

from vidseg.data import ClipConfig
from vidseg.models import GRFPConfig, NetWarpConfig, PerFrameConfig, TimmConfig
from vidseg.models.heads import PSPConfig, auxiliary_fcn
from vidseg.models.per_frame import image_model_fields
from vidseg.recipes.cityscapes import NUM_CLASSES as CITYSCAPES_CLASSES
from vidseg.recipes.cityscapes import per_frame_cityscapes
from vidseg.recipes.image_models import ocrnet_r101_vspw, pspnet_r18_small, pspnet_r101_vspw
from vidseg.recipes.key_frames import clockwork_r101_cityscapes
from vidseg.train import TemporalConfig, TrainConfig

_TWO_FRAMES = (1,)
_FIVE_FRAMES = (4, 3, 2, 1)


def netwarp_psp_vspw() -> TrainConfig:
    """NetWarp over PSPNet-R101, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe netwarp_psp_vspw.

    Published: 37.0 / 84.4 / 79.4.
    """
    return _netwarp(pspnet_r101_vspw(), "netwarp_psp_vspw", flow="raft-large")


def netwarp_ocr_vspw() -> TrainConfig:
    """NetWarp over OCRNet-R101, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe netwarp_ocr_vspw.

    Published: 37.5 / 84.0 / 79.0.
    """
    return _netwarp(ocrnet_r101_vspw(), "netwarp_ocr_vspw", flow="raft-large")


def netwarp_r18_small() -> TrainConfig:
    """NetWarp-R18 on your own video: vidseg train --recipe netwarp_r18_small --data.root DIR --model.num_classes K.

    Best after pspnet_r18_small, from whose weights it starts as the same model:
    --initial_weights runs/pspnet_r18_small/last. Needs OpenCV for its flow.
    """
    return _netwarp(pspnet_r18_small(), "netwarp_r18_small", flow="dis")


def etc_psp_vspw() -> TrainConfig:
    """ETC over PSPNet-R101, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe etc_psp_vspw.

    Published: 36.6 / 84.1 / 79.2.
    """
    return _etc(pspnet_r101_vspw(), "etc_psp_vspw", flow="raft-large")


def etc_ocr_vspw() -> TrainConfig:
    """ETC over OCRNet-R101, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe etc_ocr_vspw.

    Published: 37.5 / 84.1 / 79.1.
    """
    return _etc(ocrnet_r101_vspw(), "etc_ocr_vspw", flow="raft-large")


def etc_r18_cityscapes() -> TrainConfig:
    """ETC over PSPNet-R18, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe etc_r18_cityscapes.

    Published: 71.1 mIoU, distilled from a PSPNet-R101: --distillation '{"teacher": "DIR"}'.
    """
    model = PerFrameConfig(
        encoder=TimmConfig(name="resnet18", output_stride=8, variant="mmseg"),
        head=PSPConfig(channels=128),
        num_classes=CITYSCAPES_CLASSES,
        auxiliary=auxiliary_fcn(64),
    )
    return _etc(per_frame_cityscapes(model, "etc_r18_cityscapes"), "etc_r18_cityscapes", flow="raft-large")


def grfp_r101_cityscapes() -> TrainConfig:
    """GRFP over UPerNet-R101, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe grfp_r101_cityscapes.

    Published: 69.4. Its image model is that of clockwork_r101_cityscapes, trained before it.
    """
    config = clockwork_r101_cityscapes()
    return _grfp(config, "grfp_r101_cityscapes", start="clockwork_r101_cityscapes", flow="raft-large")


def grfp_r18_small() -> TrainConfig:
    """GRFP over PSPNet-R18 on your own video: vidseg train --recipe grfp_r18_small --data.root DIR.

    Add --model.num_classes K. After pspnet_r18_small, whose model it takes as it is. Needs OpenCV for its flow.
    """
    return _grfp(pspnet_r18_small(), "grfp_r18_small", start="pspnet_r18_small", flow="dis")


def etc_r18_small() -> TrainConfig:
    """ETC-R18 on your own video: vidseg train --recipe etc_r18_small --data.root DIR --model.num_classes K.

    The model that comes out is one of single frames. Needs OpenCV for its flow.
    """
    return _etc(pspnet_r18_small(), "etc_r18_small", flow="dis")


def _netwarp(config: TrainConfig, name: str, *, flow: str) -> TrainConfig:
    model = NetWarpConfig(**image_model_fields(config.model))
    return replace(_on_clips(config, _TWO_FRAMES, name, flow=flow), model=model)


def _grfp(config: TrainConfig, name: str, *, start: str, flow: str) -> TrainConfig:
    model = GRFPConfig(**image_model_fields(config.model))
    return replace(
        _on_clips(config, _FIVE_FRAMES, name, flow=flow),
        model=model,
        initial_weights=f"runs/{start}/last",
        frozen=("encoder", "head", "dropout", "classifier", "auxiliary_head"),
    )


def _etc(config: TrainConfig, name: str, *, flow: str) -> TrainConfig:
    config = _on_clips(config, _TWO_FRAMES, name, flow=flow)
    return replace(config, loss=replace(config.loss, temporal=TemporalConfig()))


def _on_clips(config: TrainConfig, offsets: tuple[int, ...], name: str, *, flow: str) -> TrainConfig:
    """The same on clips of the target, which counts, and the frames before it."""
    clips = ClipConfig(reference_offsets=offsets, per=config.data.clips.per)
    return replace(
        config,
        data=replace(config.data, clips=clips, flow=flow),
        augmentation=replace(config.augmentation, photometric="clip"),
        loss=replace(config.loss, auxiliary_frames="target"),
        output=replace(config.output, folder=f"runs/{name}"),
    )
