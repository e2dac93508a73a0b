"""Damaged images and masks: segmented, examined by the doctor, and scored as predictions."""

import zlib
from pathlib import Path
from random import Random
from shutil import copytree

import numpy as np
from PIL import Image

from fuzzing.case import DONE, Answer, Case, command
from fuzzing.containers import parts_of
from fuzzing.mutations import mutate
from vidseg.types import Labels

IDS = (0, 1, 2, 255)
_SIZE = (24, 32)


def image_case(rng: Random, material: Path, folder: Path) -> Case:
    """``vidseg segment`` of one damaged image, or of a folder in which one is damaged."""
    files = sorted((material / "images").iterdir())
    chosen = rng.choice(files)
    data, what = mutate(rng, chosen.read_bytes(), [rng.choice(files).read_bytes()])
    path = folder / f"1{chosen.suffix}"
    path.write_bytes(data)
    source, expected = path, 1
    if rng.random() < 0.6:
        for index in (0, 2):
            (folder / f"{index}{chosen.suffix}").write_bytes(chosen.read_bytes())
        source, expected = folder, 3
    outputs = Path("outputs")
    words = ["segment", source, "-o", outputs / "masks", "--model", material / "checkpoints" / "segformer"]

    def lie(answer: Answer) -> str | None:
        if answer.code != DONE:
            return None
        if answer.outputs < expected:
            return f"got {answer.outputs} masks of {expected} images, without a word"
        return png_damage(path)

    return Case(
        what=f"{what} of {chosen.name}",
        call=lambda: command([*words, "--runtime", "torch", "--threads", 1, "--policy", "none"], outputs),
        lie=lie,
        outputs=outputs,
    )


def doctor_case(rng: Random, material: Path, folder: Path) -> Case:
    """``vidseg doctor`` on a data set with one damaged mask or image."""
    layout = rng.choice(("folder", "camvid", "vspw"))
    root = folder / "data"
    copytree(material / layout, root)
    masks = sorted(path for path in root.rglob("*.png"))
    path = rng.choice(masks)
    if rng.random() < 0.2:
        path = rng.choice(sorted(root.rglob("*.jpg")))
        data, what = mutate(rng, path.read_bytes())
        path.write_bytes(data)
        return Case(what=f"{what} of an image", call=lambda: command(["doctor", root, "--layout", layout]))
    what = spoil_mask(rng, path)
    ids = (0, *range(1, 125)) if layout == "vspw" else IDS

    def lie(answer: Answer) -> str | None:
        if answer.code != DONE:
            return None
        if not path.is_file():  # a frame without mask, which the other layouts allow
            return "it is no file" if layout == "vspw" else None
        return mask_damage(path, ids)

    return Case(
        what=f"{what} of a mask in {layout}", call=lambda: command(["doctor", root, "--layout", layout]), lie=lie
    )


def predictions_case(rng: Random, material: Path, folder: Path) -> Case:
    """``vidseg evaluate --predictions`` with one damaged prediction."""
    predictions = folder / "predictions"
    copytree(material / "predictions", predictions)
    path = rng.choice(sorted(predictions.rglob("*.png")))
    what = spoil_mask(rng, path)

    def lie(answer: Answer) -> str | None:
        return mask_damage(path, IDS[:3]) if answer.code == DONE else None

    words = ["evaluate", "--data", material / "folder", "--layout", "folder", "--split", "all"]
    return Case(what=what, call=lambda: command([*words, "--predictions", predictions]), lie=lie)


def spoil_mask(rng: Random, path: Path) -> str:
    """Damages a mask file: its bytes, or what it says."""
    generator = np.random.default_rng(rng.randrange(2**32))
    labels = generator.integers(0, 3, _SIZE).astype(np.uint8)
    if rng.random() < 0.4:
        Image.fromarray(labels).save(path, format="PNG")
        data, what = mutate(rng, path.read_bytes())
        path.write_bytes(data)
        return what
    what = rng.choice(sorted(_SPOILED))
    if what == "folder":
        path.unlink()
        path.mkdir()
    elif what == "link to itself":
        path.unlink()
        path.symlink_to(path.name)
    else:
        _SPOILED[what](labels, generator).save(path, format="JPEG" if what == "jpeg" else "PNG")
    return what


def _with_undefined(labels: Labels, generator: np.random.Generator) -> Image.Image:
    labels[generator.random(labels.shape) < 0.01] = generator.integers(3, 255)
    labels[0, 0] = 200
    return Image.fromarray(labels)


_SPOILED = {
    "undefined ids": _with_undefined,
    "undefined ids in a palette": lambda labels, generator: _palette(_with_undefined(labels, generator)),
    "another size": lambda labels, generator: Image.fromarray(labels[:, : int(generator.integers(1, 31))]),
    "turned": lambda labels, generator: Image.fromarray(np.ascontiguousarray(labels.T)),
    "colours": lambda labels, generator: Image.fromarray(np.stack([labels] * 3, axis=-1)),
    "colours and alpha": lambda labels, generator: Image.fromarray(labels).convert("RGBA"),
    "grey and alpha": lambda labels, generator: Image.fromarray(labels).convert("LA"),
    "one bit": lambda labels, generator: Image.fromarray(labels > 0),
    "sixteen bits": lambda labels, generator: Image.fromarray(labels.astype(np.uint16)),
    "sixteen bits, high ids": lambda labels, generator: Image.fromarray(labels.astype(np.uint16) + 256),
    "jpeg": lambda labels, generator: Image.fromarray(labels * 80),
    "folder": None,
    "link to itself": None,
}


def _palette(image: Image.Image) -> Image.Image:
    image.putpalette(list(range(256)) * 3)
    return image


def mask_damage(path: Path, ids: tuple[int, ...]) -> str | None:
    """What is wrong with a mask, by other means than vidseg's; None if it is one."""
    if damage := png_damage(path):
        return damage
    try:
        with Image.open(path) as image:
            image.load()
            size, mode, values = image.size, image.mode, set(np.unique(np.array(image)).tolist())
    except (OSError, SyntaxError, ValueError) as error:
        return f"Pillow cannot read it ({error})"
    if size != _SIZE[::-1]:
        return f"it is of size {size}"
    if mode not in ("L", "P", "1", "I;16", "I"):
        return f"it is of mode {mode}"
    undefined = values - {*ids}
    return f"it holds the undefined ids {sorted(undefined)[:5]}" if undefined else None


def png_damage(path: Path) -> str | None:
    """Which critical chunk of a PNG has another checksum than it says; None if all are right, or it is no PNG."""
    data = path.read_bytes()
    for level in parts_of(data) if data.startswith(b"\x89PNG") else ():
        for box in level:
            chunk, said = data[box.start + 4 : box.stop - 4], int.from_bytes(data[box.stop - 4 : box.stop])
            # The end's own says nothing about the picture.
            if chunk[:1].isupper() and chunk != b"IEND" and zlib.crc32(chunk) != said:
                return f"its chunk {chunk[:4]!r} has a wrong checksum"
    return None
