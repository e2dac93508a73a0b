"""TCB, temporal context blending, on VSPW as its authors trained it (Miao et al., CVPR 2021), and a small one.

As the image models it is built on (see `vidseg.recipes.image_models`), on clips of a frame and three before it. All
four teach the auxiliary head, which finds the regions. Scores on VSPW: mIoU / mVC8 / mVC16.
"""

from dataclasses import replace

from vidseg.data import ClipConfig
from vidseg.models import TCBConfig
from vidseg.models.per_frame import image_model_fields
from vidseg.recipes.image_models import ocrnet_r101_vspw, pspnet_r18_small, pspnet_r101_vspw
from vidseg.train import TrainConfig


def tcb_ppm_vspw() -> TrainConfig:
    """TCB with pooled maps, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe tcb_ppm_vspw.

    Published: 37.5 / 87.0 / 82.1.
    """
    return _tcb(pspnet_r101_vspw(), "tcb_ppm_vspw")


def tcb_ocr_vspw() -> TrainConfig:
    """TCB with regions, 4 GPUs: torchrun --nproc-per-node 4 -m vidseg train --recipe tcb_ocr_vspw.

    Published: 37.4 / 86.9 / 82.0; with --model.memory recent its regions are those of the last ten frames (published
    for a memory: 37.8 / 87.9 / 84.0, by --model.memory released).
    """
    return _tcb(ocrnet_r101_vspw(), "tcb_ocr_vspw")


def tcb_r18_small() -> TrainConfig:
    """TCB-R18 on your own video: vidseg train --recipe tcb_r18_small --data.root DIR --model.num_classes K.

    Best after pspnet_r18_small, from whose weights it starts as the same model:
    --initial_weights runs/pspnet_r18_small/last.
    """
    return _tcb(pspnet_r18_small(), "tcb_r18_small")


def _tcb(config: TrainConfig, name: str) -> TrainConfig:
    model = TCBConfig(**image_model_fields(config.model))
    clips = ClipConfig(reference_offsets=model.offsets, per=config.data.clips.per, reverse_probability=0.0)
    return replace(
        config,
        model=model,
        data=replace(config.data, clips=clips),
        output=replace(config.output, folder=f"runs/{name}"),
    )
