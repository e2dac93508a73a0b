"""One rendered video on disk, in the layout of VSPW.

data/<video>/origin/<frame:08d>.jpg     the clean frames
data/<video>/degraded/<frame:08d>.jpg   the same frames damaged (see `degrade`); same masks
data/<video>/mask/<frame:08d>.png       palette PNGs of class ids
data/<video>/video.json                 its record; its presence says that the video is complete
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidseg.files import atomic_folder, write_json
from vidseg.render import degrade
from vidseg.render.classes import CLASS_MAP
from vidseg.render.director import Shot, film
from vidseg.render.maps import ClipPlan

_JPEG_QUALITY = 92
# Of 256 colours: Pillow takes as few bits as the palette needs, and would cut the ignore value with them.
_FLAT_PALETTE = [part for colour in CLASS_MAP.palette for part in colour] + [255] * 3 * (256 - CLASS_MAP.num_classes)


def write_clip(
    folder: Path, plan: ClipPlan, shot: Shot, *, degraded: bool, settings: str, check: Callable[[], None]
) -> None:
    """Films a clip and writes it; the folder appears complete or not at all.

    Args:
        folder: of the video; replaced if it exists.
        plan: what to film.
        shot: how.
        degraded: also write the damaged frames.
        settings: stored in the record, to tell whether a finished video belongs to another rendering.
        check: called once a frame; may raise to stop.
    """
    clip = film(plan, shot, check)
    with atomic_folder(folder) as temporary:
        pictures = {"origin": [seen.image for seen in clip]}
        kinds: list[list[degrade.Kind]] = []
        if degraded:
            pictures["degraded"] = []
            for number, seen in enumerate(clip):
                check()
                # One generator a frame: what befalls a frame does not depend on how many there are.
                random = np.random.default_rng((plan.seed, 1, number))
                drawn = degrade.draw(random)
                kinds.append(list(drawn.kinds))
                pictures["degraded"].append(degrade.apply(seen.image, drawn, random))
        for kind, images in pictures.items():
            _write_pictures(temporary / kind, images)
        _write_masks(temporary / "mask", [seen.classes for seen in clip])
        pixels = np.bincount(np.stack([seen.classes for seen in clip]).ravel(), minlength=256)
        write_json(
            temporary / "video.json",
            {
                "name": plan.name,
                "split": plan.split,
                "map": plan.map_name,
                "seed": plan.seed,
                "settings": settings,
                "frames": len(clip),
                "sha256": decoded_hashes(temporary),
                "class_pixels": [int(count) for count in pixels[: CLASS_MAP.num_classes]],
                "ignored_pixels": int(pixels[CLASS_MAP.ignore]),
                "degradations": kinds,
            },
        )


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a finished video; None if there is none."""
    try:
        record: dict[str, Any] = json.loads((folder / "video.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return record


def decoded_hashes(folder: Path) -> dict[str, str]:
    """sha256 over the decoded arrays of each kind of picture of a video, in the order of frames."""
    kinds = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return {kind: _hash(sorted((folder / kind).iterdir())) for kind in kinds}


def _hash(files: Iterable[str | os.PathLike[str]]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with Image.open(file) as image:
            array = np.asarray(image)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _write_pictures(folder: Path, images: list[NDArray[np.uint8]]) -> None:
    folder.mkdir()
    for number, image in enumerate(images):
        # 4:4:4: colours end where the objects do.
        Image.fromarray(image).save(folder / f"{number:08d}.jpg", quality=_JPEG_QUALITY, subsampling=0)


def _write_masks(folder: Path, masks: list[NDArray[np.uint8]]) -> None:
    folder.mkdir()
    for number, mask in enumerate(masks):
        picture = Image.fromarray(mask).convert("P")
        picture.putpalette(_FLAT_PALETTE)
        picture.save(folder / f"{number:08d}.png", optimize=True)
