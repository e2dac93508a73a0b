"""The bundled model of everyday video: people, vehicles and animals, from DAVIS-2016 (Perazzi et al., CVPR 2016).

DAVIS is 20 short videos, every frame labelled, under the BSD License. Each video labels its main moving object only;
here with the class of that object, the rest is background. What makes so little enough is where the encoder starts: at
ImageNet weights, which it leaves slowly. The folder is laid out as ``camvid`` is, with ``classes.json`` naming
background, person, vehicle and animal; ``train.txt`` lists all 20 videos.
"""

from dataclasses import replace

from vidseg.recipes import lite
from vidseg.train import OptimizerConfig, ScheduleConfig, TrainConfig
from vidseg.transforms import AugmentationConfig


def segformer_lite0_everyday() -> TrainConfig:
    """SegFormer over Lite0 for everyday video: vidseg train --recipe segformer_lite0_everyday --data.root DIR."""
    config = lite.segformer_lite0_davis()
    return replace(
        config,
        model=replace(config.model, num_classes=4),
        data=replace(config.data, root="data/everyday"),
        # People fill a frame or are a tenth of its height.
        augmentation=AugmentationConfig(crop_size=(256, 256), base_size=(427, 240), scale_range=(0.5, 2.0)),
        optimizer=OptimizerConfig(learning_rate=2e-4, head_factor=5.0),
        schedule=ScheduleConfig(iterations=600, warmup=50),
        runtime=replace(config.runtime, ema_decay=0.99),
        output=replace(config.output, folder="runs/segformer_lite0_everyday"),
    )
