"""Image models: the paper's per-frame baselines on VSPW and Cityscapes, and a small one for video of your own.

On VSPW as in the VSPW authors' code (Miao et al., CVPR 2021): SGD, the encoder at a tenth of the head's rate, 120
epochs of batch 8 (here: over the 2,806 training videos), the loss taken of the softmax's logarithm before resizing.
Scores are the CFFM paper's on the validation split: mIoU / mVC8 / mVC16; on Cityscapes mIoU.
"""

from dataclasses import replace

from vidseg.models import HeadConfig, PerFrameConfig, TimmConfig
from vidseg.models.heads import ASPPConfig, FCNConfig, OCRConfig, PSPConfig, UPerConfig, auxiliary_fcn
from vidseg.recipes.building import PER_FRAME_LOSS, single_frames
from vidseg.recipes.cityscapes import NUM_CLASSES as CITYSCAPES_CLASSES
from vidseg.recipes.cityscapes import per_frame_cityscapes
from vidseg.recipes.vspw import NUM_CLASSES
from vidseg.train import DataConfig, OptimizerConfig, OutputConfig, RuntimeConfig, ScheduleConfig, TrainConfig
from vidseg.transforms import AugmentationConfig
from vidseg.types import Preprocessing

_EPOCHS, _BATCH, _VIDEOS = 120, 8, 2806


def pspnet_r101_vspw() -> TrainConfig:
    """PSPNet-R101 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe pspnet_r101_vspw.

    Published: 36.5 / 84.2 / 79.6.
    """
    return _vspw("pspnet", PSPConfig(), auxiliary_fcn(512), dilated=True, dropout=0.1)


def ocrnet_r101_vspw() -> TrainConfig:
    """OCRNet-R101 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe ocrnet_r101_vspw.

    Published: 36.7 / 84.0 / 79.0.
    """
    return _vspw("ocrnet", OCRConfig(form="vspw"), auxiliary_fcn(512, bias=True), dilated=True, dropout=0.05)


def upernet_r101_vspw() -> TrainConfig:
    """UPerNet-R101 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe upernet_r101_vspw.

    Published: 36.5 / 82.6 / 76.1.
    """
    return _vspw("upernet", UPerConfig(form="vspw"), None, dilated=False, dropout=0.0)


def deeplabv3plus_r101_vspw() -> TrainConfig:
    """DeepLabv3+-R101 on VSPW, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe deeplabv3plus_r101_vspw.

    Published: 34.7 / 83.2 / 78.2; of its two forms the paper's has mmsegmentation's number of parameters.
    """
    config = _vspw("deeplabv3plus", ASPPConfig(), auxiliary_fcn(256), dilated=True, dropout=0.1)
    encoder = TimmConfig(name="resnet101c", output_stride=8)
    return replace(config, model=replace(config.model, encoder=encoder))


def fcn_mbv2_cityscapes() -> TrainConfig:
    """FCN over MobileNetV2 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe NAME.

    NAME: fcn_mbv2_cityscapes. Published: 61.5.
    """
    return _mobile("fcn_mbv2_cityscapes", FCNConfig())


def pspnet_mbv2_cityscapes() -> TrainConfig:
    """PSPNet over MobileNetV2 on Cityscapes, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe NAME.

    NAME: pspnet_mbv2_cityscapes. Published: 70.2.
    """
    return _mobile("pspnet_mbv2_cityscapes", PSPConfig())


def pspnet_r18_small() -> TrainConfig:
    """PSPNet-R18 on your own video: vidseg train --recipe pspnet_r18_small --data.root DIR --model.num_classes K.

    From timm's ImageNet weights; offline add --initial_weights null, or a file of them. See docs/your-own-data.md.
    """
    model = PerFrameConfig(
        encoder=TimmConfig(name="resnet18", output_stride=8),
        head=PSPConfig(channels=128),
        num_classes=2,
        auxiliary=auxiliary_fcn(64),
    )
    return TrainConfig(
        model=model,
        data=DataConfig(root="data/small", layout="folder", clips=single_frames(per="frame")),
        augmentation=AugmentationConfig(crop_size=(224, 224), base_size=(320, 240), scale_range=(0.75, 1.5)),
        preprocessing=Preprocessing(short=240, long=427),
        loss=PER_FRAME_LOSS,
        optimizer=OptimizerConfig(learning_rate=2e-4, head_factor=5.0),
        schedule=ScheduleConfig(iterations=3000, warmup=100),
        runtime=RuntimeConfig(batch_size=8, workers=1),
        output=OutputConfig(folder="runs/pspnet_r18_small", log_every=20, save_every=250, validate_every=500),
        initial_weights="timm",
    )


def _mobile(name: str, head: HeadConfig) -> TrainConfig:
    model = PerFrameConfig(
        encoder=TimmConfig(name="mobilenetv2_100", output_stride=8, variant="mmseg"),
        head=head,
        num_classes=CITYSCAPES_CLASSES,
        auxiliary=auxiliary_fcn(256),
    )
    return per_frame_cityscapes(model, name)


def _vspw(name: str, head: HeadConfig, auxiliary: FCNConfig | None, *, dilated: bool, dropout: float) -> TrainConfig:
    model = PerFrameConfig(
        encoder=TimmConfig(name="resnet101s", output_stride=8 if dilated else None),
        head=head,
        num_classes=NUM_CLASSES,
        dropout=dropout,
        auxiliary=auxiliary,
    )
    return TrainConfig(
        model=model,
        data=DataConfig(root="data/VSPW_480p", layout="vspw", clips=single_frames()),
        augmentation=AugmentationConfig(crop_size=(479, 479)),
        loss=replace(PER_FRAME_LOSS, log_softmax_first=True, average="labelled"),
        optimizer=OptimizerConfig(
            kind="sgd", learning_rate=2e-4, head_factor=10.0, weight_decay=1e-4, decay_vectors=False
        ),
        schedule=ScheduleConfig(iterations=_EPOCHS * _VIDEOS // _BATCH, warmup=0, power=0.9),
        output=OutputConfig(folder=f"runs/{name}_r101_vspw"),
        initial_weights="timm",
    )
