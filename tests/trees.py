"""Miniature data sets of every layout, for the tests of all rooms: `from trees import vspw_tree`.

Frames show coloured stripes that move by one pixel a frame; the label of a pixel is the number of its stripe,
so a model can learn them. All builders return the root.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (24, 32)
COLOURS = np.array([[220, 40, 40], [40, 200, 60], [50, 80, 220], [230, 220, 60]], dtype=np.uint8)
SPLITS = {"train": ("video_a", "video_b"), "val": ("video_c",)}


def stripes(index: int, *, num_classes: int = 3, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """(HxWx3 uint8 image, HxW uint8 class ids) of frame `index`."""
    height, width = size
    columns = (np.arange(width) + index) * num_classes // width % num_classes
    labels = np.broadcast_to(columns, (height, width)).astype(np.uint8)
    return COLOURS[labels], labels


def write_image(path: Path, image: np.ndarray) -> None:
    """Saves an image or a grey mask, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def camvid_tree(
    root: Path,
    *,
    splits: Mapping[str, tuple[str, ...]] = SPLITS,
    frames: int = 12,
    size: tuple[int, int] = SIZE,
    step: int = 1,
    fps: float | None = None,
    num_classes: int = 3,
) -> Path:
    """Our own simplest layout: VSPW's tree, masks of class ids as they are, and classes.json."""
    _listed_tree(root, splits, frames, size, step, num_classes, offset=0)
    classes = {
        "classes": ["red", "green", "blue", "yellow"][:num_classes],
        "palette": COLOURS[:num_classes].tolist(),
        "ignore": 255,
    }
    (root / "classes.json").write_text(json.dumps(classes if fps is None else {**classes, "fps": fps}))
    return root


def freedoom_tree(root: Path) -> Path:
    """Our own layout with damaged frames beside the clean ones, which here are all black."""
    camvid_tree(root)
    for clean in sorted((root / "data").glob("*/origin")):
        damaged = clean.rename(clean.with_name("degraded"))
        for path in damaged.iterdir():
            write_image(clean / path.name, np.zeros((*SIZE, 3), np.uint8))
    return root


def vspw_tree(
    root: Path,
    *,
    splits: Mapping[str, tuple[str, ...]] = SPLITS,
    frames: int = 12,
    size: tuple[int, int] = SIZE,
    num_classes: int = 3,
) -> Path:
    """VSPW: masks hold 1–124 (here the first `num_classes` of them), 0 is void."""
    return _listed_tree(root, splits, frames, size, 1, num_classes, offset=1)


def _listed_tree(
    root: Path,
    splits: Mapping[str, tuple[str, ...]],
    frames: int,
    size: tuple[int, int],
    step: int,
    num_classes: int,
    *,
    offset: int,
) -> Path:
    for split, videos in splits.items():
        root.mkdir(parents=True, exist_ok=True)
        (root / f"{split}.txt").write_text("\n".join(videos))  # no final newline, as VSPW's own lists
        for start, video in enumerate(videos):
            for index in range(frames):
                image, labels = stripes(start + index, num_classes=num_classes, size=size)
                name = f"{100 + index * step:08d}"
                write_image(root / "data" / video / "origin" / f"{name}.jpg", image)
                write_image(root / "data" / video / "mask" / f"{name}.png", labels + np.uint8(offset))
    return root


def cityscapes_tree(
    root: Path,
    *,
    splits: Mapping[str, tuple[str, ...]] | None = None,
    sequences: int = 2,
    size: tuple[int, int] = SIZE,
    train_ids: bool = True,
) -> Path:
    """Cityscapes with the sequence set: 30-frame snippets whose 20th frame is labelled, one city a split."""
    for split, cities in (splits or {"train": ("aachen",), "val": ("ulm",)}).items():
        for city in cities:
            for sequence in range(sequences):
                for number in range(30):
                    image, labels = stripes(number + sequence, size=size)
                    stem = f"{city}_{sequence:06d}_{number:06d}"
                    name = f"{split}/{city}/{stem}_leftImg8bit.png"
                    write_image(root / "leftImg8bit_sequence" / name, image)
                    if number != 19:
                        continue
                    write_image(root / "leftImg8bit" / name, image)
                    kind = "labelTrainIds" if train_ids else "labelIds"
                    values = labels if train_ids else np.array([7, 8, 11], dtype=np.uint8)[labels]
                    write_image(root / "gtFine" / split / city / f"{stem}_gtFine_{kind}.png", values)
    return root


def kitti_step_tree(root: Path, *, frames: int = 12, size: tuple[int, int] = SIZE) -> Path:
    """KITTI-STEP: colour PNGs whose red channel is the class; green and blue hold the instance."""
    for split, videos in {"train": ("0000", "0001"), "val": ("0002",)}.items():
        for start, video in enumerate(videos):
            for index in range(frames):
                image, labels = stripes(start + index, size=size)
                panoptic = np.stack([labels, np.full_like(labels, 3), np.full_like(labels, 200)], axis=-1)
                write_image(root / "images" / split / video / f"{index:06d}.png", image)
                write_image(root / "panoptic_maps" / split / video / f"{index:06d}.png", panoptic)
    return root


def folder_tree(root: Path, *, videos: tuple[str, ...] = ("one", "two"), frames: int = 12) -> Path:
    """A plain folder: images/<video>/<name>.jpg, masks/<video>/<name>.png and classes.json; no lists."""
    for start, video in enumerate(videos):
        for index in range(frames):
            image, labels = stripes(start + index)
            write_image(root / "images" / video / f"frame_{index}.jpg", image)
            write_image(root / "masks" / video / f"frame_{index}.png", labels)
    root.mkdir(parents=True, exist_ok=True)
    (root / "classes.json").write_text(json.dumps({"classes": ["red", "green", "blue"]}))
    return root
