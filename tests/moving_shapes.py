"""Made-up videos of any number of classes, and predictions with errors and flicker, for tests and timings of reports.

Every frame is divided among points that drift; a point's cell is of its class. Predictions move the points a little
and give some of them another class for some frames. The tree is our own layout (`camvid`).
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from trees import write_image
from vidseg.types import ClassMap, default_ignore
from vidseg.video import write_labels
from vidseg.viz import generate_palette

POINTS = 40


def class_map(num_classes: int) -> ClassMap:
    """Classes with long and short names."""
    names = tuple(f"class {index}" + " with a longer name" * (index % 7 == 3) for index in range(num_classes))
    return ClassMap(names=names, palette=generate_palette(num_classes), ignore=default_ignore(num_classes))


def shapes_tree(
    root: Path, *, num_classes: int, videos: int, frames: int, size: tuple[int, int], fps: float = 15
) -> Path:
    """The data set: one split, `val`. A corner of every frame has no label."""
    classes = class_map(num_classes)
    names = video_names(videos)
    root.mkdir(parents=True)
    (root / "val.txt").write_text("\n".join(names))
    (root / "classes.json").write_text(json.dumps({**classes.to_dict(), "fps": fps}))
    colours = np.array(classes.palette, dtype=np.float64)
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        scene = _Scene(seed, num_classes, size)
        # In patches: a film compresses better than noise.
        texture = np.kron(rng.normal(0, 14, [-(-side // 4) for side in size]), np.ones((4, 4)))[
            : size[0], : size[1], None
        ]
        for t in range(frames):
            labels = scene.labels(t)
            image = colours[labels] * 0.7 + np.roll(texture, (t, 2 * t), (0, 1)) + rng.normal(0, 2, (*size, 1)) + 30
            write_image(root / "data" / name / "origin" / f"{t:08d}.jpg", image.clip(0, 255).astype(np.uint8))
            target = labels.astype(classes.dtype)
            target[: size[0] // 8, : size[1] // 8] = classes.ignore
            path = root / "data" / name / "mask" / f"{t:08d}.png"
            path.parent.mkdir(exist_ok=True)
            write_labels(path, target, classes)
    return root


def shapes_predictions(
    root: Path, *, num_classes: int, videos: int, frames: int, size: tuple[int, int], seed: int, flicker: float = 0.08
) -> Path:
    """Masks of somebody who saw the same scenes less well; `flicker` is the share of points that are wrong."""
    classes = class_map(num_classes)
    for number, name in enumerate(video_names(videos)):
        rng = np.random.default_rng([seed, number])
        scene = _Scene(number, num_classes, size)
        for t in range(frames):
            labels = scene.labels(t, rng, flicker).astype(classes.dtype)
            path = root / name / f"{t:08d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_labels(path, labels, classes)
    return root


def video_names(videos: int) -> list[str]:
    """Their names."""
    return [f"video_{number:02d}" for number in range(videos)]


def read_ids(path: Path) -> np.ndarray:
    """The class ids in a mask file."""
    return np.array(Image.open(path))


class _Scene:
    def __init__(self, seed: int, num_classes: int, size: tuple[int, int]) -> None:
        rng = np.random.default_rng([7, seed])
        self._size = size
        self._num_classes = num_classes
        self._places = rng.uniform(0, size, (POINTS, 2))
        self._speeds = rng.normal(0, 0.006 * size[0], (POINTS, 2))
        self._classes = rng.integers(0, num_classes, POINTS)

    def labels(self, t: int, rng: np.random.Generator | None = None, flicker: float = 0.0) -> np.ndarray:
        places = (self._places + t * self._speeds) % self._size
        classes = self._classes.copy()
        if rng is not None:
            places += rng.normal(0, 0.008 * self._size[0], places.shape)
            wrong = rng.random(POINTS) < flicker
            classes[wrong] = rng.integers(0, self._num_classes, wrong.sum())
        rows, columns = np.mgrid[: self._size[0], : self._size[1]]
        distances = (rows[..., None] - places[:, 0]) ** 2 + (columns[..., None] - places[:, 1]) ** 2
        return classes[distances.argmin(axis=-1)]
