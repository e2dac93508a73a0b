"""Published figures of the systems, for the columns *theirs*, as Sun et al. (CVPR 2022) and MRCFA's authors print them.

Scores are percent, parameters millions, frames a second those of the authors' GPUs.
"""

from collections.abc import Mapping

FIGURES = ("parameters", "mIoU", "wIoU", "mVC8", "mVC16", "mTC", "fps")
"""What can be published of a system, in the order of the columns."""


def _vspw(miou: float, wiou: float, vc8: float, vc16: float, **more: float) -> Mapping[str, float]:
    return {"mIoU": miou, "wIoU": wiou, "mVC8": vc8, "mVC16": vc16, **more}


PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "vspw/deeplabv3plus": _vspw(34.7, 58.8, 83.2, 78.2, parameters=62.7),
    "vspw/upernet": _vspw(36.5, 58.6, 82.6, 76.1, parameters=83.2),
    "vspw/pspnet": _vspw(36.5, 58.1, 84.2, 79.6, parameters=70.5, fps=13.9),
    "vspw/ocrnet": _vspw(36.7, 59.2, 84.0, 79.0, parameters=58.1, fps=14.3),
    "vspw/etc_psp": _vspw(36.6, 58.3, 84.1, 79.2, parameters=89.4),
    "vspw/etc_ocr": _vspw(37.5, 59.1, 84.1, 79.1, parameters=58.1),
    "vspw/netwarp_psp": _vspw(37.0, 57.9, 84.4, 79.4, parameters=89.4),
    "vspw/netwarp_ocr": _vspw(37.5, 58.9, 84.0, 79.0, parameters=58.1),
    "vspw/tcb_ppm": _vspw(37.5, 58.6, 87.0, 82.1, parameters=70.5, fps=10.0),
    "vspw/tcb_ocr": _vspw(37.4, 59.3, 86.9, 82.0, parameters=58.1, fps=5.5),
    "vspw/tcb_ocr_mem": _vspw(37.8, 59.5, 87.9, 84.0, parameters=58.1, fps=5.5),
    "vspw/segformer_b0": _vspw(32.9, 56.8, 82.7, 77.3, fps=73.4),
    "vspw/segformer_b1": _vspw(36.5, 58.8, 84.7, 79.9, fps=58.7),
    "vspw/segformer_b2": _vspw(43.9, 63.7, 86.0, 81.2, fps=39.2),
    "vspw/segformer_b5": _vspw(48.2, 65.1, 87.8, 83.7, fps=17.2),
    "vspw/cffm_b0": _vspw(35.4, 58.5, 87.7, 82.9, fps=43.1),
    "vspw/cffm_b1": _vspw(38.5, 60.0, 88.6, 84.1, fps=29.8),
    "vspw/cffm_b2": _vspw(44.9, 64.9, 89.8, 85.8, fps=23.8),
    "vspw/cffm_b5": _vspw(49.3, 65.8, 90.8, 87.1, fps=11.3),
    "vspw/mrcfa_b0": _vspw(35.2, 57.9, 88.0, 83.2, parameters=5.2),
    "vspw/mrcfa_b1": _vspw(38.9, 60.0, 88.8, 84.4, parameters=16.2),
    "vspw/mrcfa_b2": _vspw(45.3, 64.7, 90.3, 86.2, parameters=27.3),
    "vspw/mrcfa_b5": _vspw(49.9, 66.0, 90.9, 87.4, parameters=84.5),
    "cityscapes/fcn_mobilenetv2": {"mIoU": 61.5, "parameters": 9.8, "fps": 14.2},
    "cityscapes/clockwork": {"mIoU": 67.7, "fps": 16.5},
    "cityscapes/dff": {"mIoU": 68.7, "fps": 9.7},
    "cityscapes/grfp": {"mIoU": 69.4, "fps": 3.2},
    "cityscapes/pspnet_mobilenetv2": {"mIoU": 70.2, "parameters": 13.7, "fps": 11.2},
    "cityscapes/dvsnet": {"mIoU": 70.3, "fps": 19.8},
    "cityscapes/etc_r18": {"mIoU": 71.1, "parameters": 13.2, "fps": 9.5},
    "cityscapes/accel_r18": {"mIoU": 72.1, "fps": 3.6},
    "cityscapes/segformer_b0": {"mIoU": 71.9, "fps": 58.5},
    "cityscapes/segformer_b1": {"mIoU": 74.1, "fps": 46.8},
    "cityscapes/cffm_b0": {"mIoU": 74.0, "fps": 34.2},
    "cityscapes/cffm_b1": {"mIoU": 75.1, "fps": 23.6},
}
"""By data set and system; a plan may name a row in place of figures."""
