"""The whole augmentation of a training clip: geometry, colours, padding, in this order.

Shape letters: T frames, H, W the clip's height and width, h, w those of the crop.
"""

import torch
from torch import Tensor

from vidseg.errors import InputError
from vidseg.transforms.config import AugmentationConfig
from vidseg.transforms.geometric import pad_to_crop, resize_crop_flip
from vidseg.transforms.photometric import distort, draw_distortion


class ClipAugmentation:
    """Augments one clip; a function of its arguments alone.

    Args:
        config: what to draw.
        ignore: the label of pixels without a class, also given to padded pixels.
    """

    def __init__(self, config: AugmentationConfig, *, ignore: int) -> None:
        self.config = config
        self.ignore = ignore

    def __call__(self, clip_T3HW: Tensor, labels_THW: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augments a clip with draws from `generator`.

        Args:
            clip_T3HW: uint8 RGB, the target frame last.
            labels_THW: integer class ids; all `ignore` for frames without a label.
            generator: the only source of randomness.

        Returns:
            clip_T3hw: float32 RGB 0–255, and labels_Thw: int64, both of `config.crop_size`.

        Raises:
            InputError: if the shapes or dtypes are others.
        """
        if clip_T3HW.dtype != torch.uint8 or clip_T3HW.ndim != 4 or clip_T3HW.shape[1] != 3:
            raise InputError(
                f"got a clip of shape {tuple(clip_T3HW.shape)} and {clip_T3HW.dtype}; expected T3HW uint8 RGB"
            )
        if labels_THW.shape != (clip_T3HW.shape[0], *clip_T3HW.shape[2:]):
            raise InputError(
                f"got labels of shape {tuple(labels_THW.shape)} for a clip of shape {tuple(clip_T3HW.shape)}; "
                "expected one label map of the same size a frame"
            )
        clip, labels = resize_crop_flip(clip_T3HW, labels_THW, self.config, self.ignore, generator)
        clip = self._distort(clip.float(), generator)
        # Padding comes last so that its colour stays exactly the one the models normalise to 0.
        clip, labels = pad_to_crop(clip, labels, self.config, self.ignore)
        return clip.contiguous(), labels.long().contiguous()

    def _distort(self, clip_T3HW: Tensor, generator: torch.Generator) -> Tensor:
        match self.config.photometric:
            case "frame":
                return torch.stack([distort(frame, draw_distortion(generator)) for frame in clip_T3HW])
            case "clip":
                return distort(clip_T3HW, draw_distortion(generator))
            case "off":
                return clip_T3HW
