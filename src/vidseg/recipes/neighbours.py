"""Systems whose pixels attend to their neighbourhoods in the frames before: LMANet and STT.

Both learn on clips of four frames in a row and look back from the last one. They start as the image model that they are
built on, so a trained one is the best start: ``--initial_weights DIR``. All frames of a clip are distorted alike: what
changed should be the scene.
"""

from dataclasses import replace

from vidseg.data import ClipConfig
from vidseg.models import LMANetConfig, ModelConfig, PerFrameConfig, STTConfig, TimmConfig
from vidseg.models.heads import PSPConfig, auxiliary_fcn
from vidseg.models.per_frame import image_model_fields
from vidseg.recipes.cityscapes import NUM_CLASSES, per_frame_cityscapes
from vidseg.recipes.image_models import pspnet_r18_small
from vidseg.train import LossConfig, TrainConfig

_CLIPS = ClipConfig(reference_offsets=(3, 2, 1), reverse_probability=0.0)
# Of Cityscapes' clips the target alone has a label.
_TARGET_LOSS = LossConfig(frame_weight=0.0, auxiliary_frames="target")


def lmanet_r101_cityscapes() -> TrainConfig:
    """LMANet over PSPNet-R101, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe lmanet_r101_cityscapes.

    Published: 2.1 mIoU above PSPNet, from a trained one: add --initial_weights DIR of one, such as mmsegmentation's,
    converted by vidseg convert X.pth DIR --from mmseg.
    """
    image_model = PerFrameConfig(
        encoder=TimmConfig(name="resnet101c", output_stride=8),
        head=PSPConfig(),
        num_classes=NUM_CLASSES,
        auxiliary=auxiliary_fcn(256),
    )
    name = "lmanet_r101_cityscapes"
    return _on_clips(
        per_frame_cityscapes(image_model, name), LMANetConfig(**image_model_fields(image_model)), name, _TARGET_LOSS
    )


def lmanet_r18_small() -> TrainConfig:
    """LMANet-R18 on your own video: vidseg train --recipe lmanet_r18_small --data.root DIR --model.num_classes K.

    Best after pspnet_r18_small, from whose weights it starts as the same model:
    --initial_weights runs/pspnet_r18_small/last.
    """
    config = pspnet_r18_small()
    model = LMANetConfig(**image_model_fields(config.model), key_channels=32, value_channels=64)
    return _on_clips(config, model, "lmanet_r18_small", LossConfig())


def stt_r18_cityscapes() -> TrainConfig:
    """STT over PSPNet-R18, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe stt_r18_cityscapes."""
    image_model = PerFrameConfig(
        encoder=TimmConfig(name="resnet18", output_stride=8, variant="mmseg"),
        head=PSPConfig(channels=128),
        num_classes=NUM_CLASSES,
        auxiliary=auxiliary_fcn(64),
    )
    name = "stt_r18_cityscapes"
    return _on_clips(
        per_frame_cityscapes(image_model, name), STTConfig(**image_model_fields(image_model)), name, _TARGET_LOSS
    )


def stt_r18_small() -> TrainConfig:
    """STT-R18 on your own video: vidseg train --recipe stt_r18_small --data.root DIR --model.num_classes K.

    Best after pspnet_r18_small, from whose weights it starts as the same model:
    --initial_weights runs/pspnet_r18_small/last.
    """
    config = pspnet_r18_small()
    return _on_clips(config, STTConfig(**image_model_fields(config.model)), "stt_r18_small", LossConfig())


def _on_clips(config: TrainConfig, model: ModelConfig, name: str, loss: LossConfig) -> TrainConfig:
    """The recipe of an image model with one that looks back in its place."""
    return replace(
        config,
        model=model,
        data=replace(config.data, clips=replace(_CLIPS, per=config.data.clips.per)),
        augmentation=replace(config.augmentation, photometric="clip"),
        loss=loss,
        runtime=replace(config.runtime, batch_size=2),
        output=replace(config.output, folder=f"runs/{name}"),
    )
