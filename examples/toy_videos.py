"""Makes a small labelled data set in the plain-folder layout: discs and squares that drift over a textured ground.

    python examples/toy_videos.py my-videos

Enough to try every command that wants labelled video; nothing of it is real.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH, FRAMES, FPS = 120, 160, 24, 15
VIDEOS = {"train": ("a", "b", "c", "d", "e", "f"), "val": ("g", "h")}
CLASSES = ("ground", "disc", "square")


def render(seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(HxWx3 uint8 image, HxW uint8 labels) of each frame."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ground = np.kron(rng.integers(60, 110, (HEIGHT // 8, WIDTH // 8, 1)), np.ones((8, 8, 3)))
    things = [
        {
            "label": label,
            "colour": rng.integers(0, 60, 3) + np.array([160, 40, 0] if label == 1 else [0, 60, 160]),
            "radius": rng.integers(10, 22),
            "start": rng.uniform((20, 20), (HEIGHT - 20, WIDTH - 20)),
            "speed": rng.uniform(-2, 2, 2),
        }
        for label in (1, 2, 1, 2)
    ]
    frames = []
    for t in range(FRAMES):
        image, labels = ground + rng.normal(0, 12, ground.shape), np.zeros((HEIGHT, WIDTH), np.uint8)
        for thing in things:
            row, column = (thing["start"] + t * thing["speed"]) % (HEIGHT, WIDTH)
            away = np.stack([abs(y - row), abs(x - column)])
            distance = np.hypot(*away) if thing["label"] == 1 else away.max(axis=0)
            inside = distance < thing["radius"]
            image[inside] = thing["colour"] + rng.normal(0, 12, (inside.sum(), 3))
            labels[inside] = thing["label"]
        frames.append((np.clip(image, 0, 255).astype(np.uint8), labels))
    return frames


def main(root: Path) -> None:
    """Writes the data set to `root`."""
    for split, videos in VIDEOS.items():
        for video in videos:
            for kind in ("images", "masks"):
                (root / kind / video).mkdir(parents=True, exist_ok=True)
            for index, (image, labels) in enumerate(render(ord(video))):
                Image.fromarray(image).save(root / "images" / video / f"{index:04d}.jpg", quality=92)
                Image.fromarray(labels).save(root / "masks" / video / f"{index:04d}.png")
        (root / f"{split}.txt").write_text("\n".join(videos) + "\n")
    (root / "classes.json").write_text(json.dumps({"classes": CLASSES, "fps": FPS}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/toy_videos.py FOLDER")
    main(Path(sys.argv[1]))
