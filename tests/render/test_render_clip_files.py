"""Masks on disk hold what was rendered, the ignore value included."""

from pathlib import Path

import numpy as np

from vidseg.render.classes import CLASS_MAP
from vidseg.render.clip_files import _write_masks
from vidseg.video import read_labels


def test_masks_keep_every_class_and_the_ignore_value(tmp_path: Path) -> None:
    values = np.array([*range(CLASS_MAP.num_classes), CLASS_MAP.ignore], np.uint8)
    masks = [np.tile(values, (4, 1)), np.zeros((4, len(values)), np.uint8)]
    _write_masks(tmp_path / "mask", masks)
    for file, mask in zip(sorted((tmp_path / "mask").iterdir()), masks, strict=True):
        assert (read_labels(file) == mask).all()
