"""Systems of key frames: DFF, Accel and DVSNet follow the optical flow, Clockwork needs none.

Those that need it learn on clips of five frames, a key frame and four more, of which the last one counts, with RAFT's
flow; the small ones with DIS's. DVSNet's decision net learns from all five. Clockwork learns on single frames, where it
is an image model; `vidseg.models.clockwork` gives a trained one the same clock. Scores on Cityscapes are mIoU on the
validation split.
"""

from dataclasses import replace

from vidseg.data import ClipConfig
from vidseg.models import AccelConfig, ClockworkConfig, DFFConfig, DVSNetConfig, ModelConfig, TimmConfig
from vidseg.models.heads import FCNConfig, UPerConfig, auxiliary_fcn
from vidseg.recipes.cityscapes import NUM_CLASSES, per_frame_cityscapes
from vidseg.recipes.image_models import pspnet_r18_small
from vidseg.train import LossConfig, TrainConfig

_KEY_INTERVAL = 5
# Of a clip whose first frame is a key frame all others are between.
_CLIPS = ClipConfig(reference_offsets=tuple(range(_KEY_INTERVAL - 1, 0, -1)), reverse_probability=0.0)
_TARGET_LOSS = LossConfig(frame_weight=0.0)


def dff_r101_cityscapes() -> TrainConfig:
    """DFF-R101 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe dff_r101_cityscapes.

    Published: 68.7.
    """
    model = DFFConfig(encoder=_resnet(101), head=_one_by_one(1024), num_classes=NUM_CLASSES, key_interval=_KEY_INTERVAL)
    return _flowing(per_frame_cityscapes(model, "dff_r101_cityscapes"), model, "dff_r101_cityscapes", flow="raft-large")


def accel_r18_cityscapes() -> TrainConfig:
    """Accel-18 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe accel_r18_cityscapes.

    Published: 72.1. Its reference branch starts from dff_r101_cityscapes, trained before it.
    """
    return _accel(18)


def accel_r34_cityscapes() -> TrainConfig:
    """Accel-34 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe accel_r34_cityscapes."""
    return _accel(34)


def accel_r50_cityscapes() -> TrainConfig:
    """Accel-50 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe accel_r50_cityscapes."""
    return _accel(50)


def accel_r101_cityscapes() -> TrainConfig:
    """Accel-101 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe accel_r101_cityscapes."""
    return _accel(101)


def clockwork_r101_cityscapes() -> TrainConfig:
    """Clockwork-R101, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe clockwork_r101_cityscapes.

    Published: 67.7. It alternates; with --model.rate null --model.threshold 0.25 its clock is adaptive.
    """
    model = ClockworkConfig(
        encoder=TimmConfig(name="resnet101c"),
        head=UPerConfig(),
        num_classes=NUM_CLASSES,
        auxiliary=auxiliary_fcn(256),
        rate=2,
    )
    return per_frame_cityscapes(model, "clockwork_r101_cityscapes")


def dvsnet_r101_cityscapes() -> TrainConfig:
    """DVSNet-R101 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe dvsnet_r101_cityscapes.

    Published: 70.3. It segments a region anew where less than 90 % of the labels are expected to agree; a trained one
    takes another --model.threshold as it is.
    """
    model = DVSNetConfig(encoder=_resnet(101), head=_one_by_one(1024), num_classes=NUM_CLASSES)
    name = "dvsnet_r101_cityscapes"
    return _flowing(per_frame_cityscapes(model, name), model, name, flow="raft-large")


def dff_r18_small() -> TrainConfig:
    """DFF-R18 on your own video: vidseg train --recipe dff_r18_small --data.root DIR --model.num_classes K.

    Needs OpenCV for its flow.
    """
    model = DFFConfig(encoder=_resnet(18), head=_one_by_one(128), num_classes=2, key_interval=_KEY_INTERVAL)
    return _flowing(pspnet_r18_small(), model, "dff_r18_small", flow="dis")


def accel_r18_small() -> TrainConfig:
    """Accel of two ResNet-18s on your own video: vidseg train --recipe accel_r18_small --data.root DIR.

    Add --model.num_classes K. After dff_r18_small, from whose weights its reference branch starts. Needs OpenCV.
    """
    model = AccelConfig(
        encoder=_resnet(18),
        head=_one_by_one(128),
        update_encoder=TimmConfig(name="resnet18"),
        update_head=_one_by_one(128),
        num_classes=2,
        key_interval=_KEY_INTERVAL,
    )
    config = _flowing(pspnet_r18_small(), model, "accel_r18_small", flow="dis")
    return replace(config, initial_weights="runs/dff_r18_small/last")


def clockwork_r18_small() -> TrainConfig:
    """Clockwork-R18 on your own video: vidseg train --recipe clockwork_r18_small --data.root DIR --model.num_classes K.

    It alternates; with --model.rate null --model.threshold 0.25 its clock is adaptive.
    """
    model = ClockworkConfig(
        encoder=TimmConfig(name="resnet18"),
        head=UPerConfig(channels=128),
        num_classes=2,
        auxiliary=auxiliary_fcn(64),
        rate=2,
    )
    config = pspnet_r18_small()
    return replace(config, model=model, output=replace(config.output, folder="runs/clockwork_r18_small"))


def dvsnet_r18_small() -> TrainConfig:
    """DVSNet-R18 on your own video: vidseg train --recipe dvsnet_r18_small --data.root DIR --model.num_classes K.

    Needs OpenCV for its flow.
    """
    model = DVSNetConfig(encoder=_resnet(18), head=_one_by_one(128), num_classes=2)
    return _flowing(pspnet_r18_small(), model, "dvsnet_r18_small", flow="dis")


def _accel(depth: int) -> TrainConfig:
    name = f"accel_r{depth}_cityscapes"
    model = AccelConfig(
        encoder=_resnet(101),
        head=_one_by_one(1024),
        update_encoder=_resnet(depth),
        update_head=_one_by_one(1024),
        num_classes=NUM_CLASSES,
        key_interval=_KEY_INTERVAL,
    )
    config = _flowing(per_frame_cityscapes(model, name), model, name, flow="raft-large")
    return replace(config, initial_weights="runs/dff_r101_cityscapes/last")


def _flowing(config: TrainConfig, model: ModelConfig, name: str, *, flow: str) -> TrainConfig:
    clips = replace(_CLIPS, per=config.data.clips.per)
    return replace(
        config,
        model=model,
        data=replace(config.data, clips=clips, flow=flow),
        # Flow wants a thing to look the same twice.
        augmentation=replace(config.augmentation, photometric="clip"),
        loss=_TARGET_LOSS,
        runtime=replace(config.runtime, batch_size=2),
        output=replace(config.output, folder=f"runs/{name}"),
    )


def _resnet(depth: int) -> TimmConfig:
    """At stride 16, as the papers have it."""
    return TimmConfig(name="resnet101c" if depth == 101 else f"resnet{depth}", output_stride=16)


def _one_by_one(channels: int) -> FCNConfig:
    """The papers' head: the last stage, projected."""
    return FCNConfig(channels=channels, convolutions=1, concatenate=False, kernel=1)
