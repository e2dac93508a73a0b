"""Clip-consistent augmentation for training: what is drawn once per clip and what may differ per frame.

`AugmentationConfig` needs nothing beyond the core; `vidseg.transforms.pipeline` needs the extra `train`.
"""

from vidseg.transforms.config import AugmentationConfig

__all__ = ["AugmentationConfig"]
