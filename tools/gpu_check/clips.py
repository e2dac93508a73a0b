"""A made data set to train on for seconds: pictures that drift, and labels of 124 classes in blocks."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from vidseg.bench.device import NUM_CLASSES
from vidseg.bench.frames import drifting
from vidseg.types import ClassMap, default_ignore
from vidseg.video import write_labels

_VIDEOS = 8
_FRAMES = 16
_BLOCK = 40


def write_clips(root: Path, *, crop: int) -> Path:
    """Writes a data set of layout "folder" with JPEGs of `crop` lines, 16:9; returns its root."""
    size = (crop, crop * 16 // 9)
    class_map = ClassMap(
        names=tuple(f"class {index}" for index in range(NUM_CLASSES)),
        palette=tuple((index, 255 - index, index * 2) for index in range(NUM_CLASSES)),
        ignore=default_ignore(NUM_CLASSES),
    )
    root.mkdir(parents=True, exist_ok=True)
    (root / "classes.json").write_text(json.dumps(class_map.to_dict()), encoding="utf-8")
    for number in range(_VIDEOS if crop > _BLOCK * 4 else 1):
        name = f"video{number}"
        (root / "images" / name).mkdir(parents=True)
        (root / "masks" / name).mkdir(parents=True)
        labels = _labels(size, number)
        for index, image in enumerate(drifting(size, seed=number).images[:_FRAMES]):
            Image.fromarray(image).save(root / "images" / name / f"{index:04d}.jpg", quality=90)
            shifted = np.ascontiguousarray(labels[index : index + size[0], 2 * index : 2 * index + size[1]])
            write_labels(root / "masks" / name / f"{index:04d}.png", shifted, class_map)
    return root


def _labels(size: tuple[int, int], seed: int) -> np.ndarray:
    """uint8 ids of a scene that is large enough to drift through."""
    height, width = size[0] + _FRAMES, size[1] + 2 * _FRAMES
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, NUM_CLASSES, (height // _BLOCK + 1, width // _BLOCK + 1), dtype=np.uint8)
    return coarse.repeat(_BLOCK, 0).repeat(_BLOCK, 1)[:height, :width]
