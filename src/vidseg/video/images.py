"""Folders, globs and single files of images, read as a video."""

import glob
import re
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vidseg.errors import InputError, MediaError
from vidseg.types import RGB, Frame
from vidseg.video.content import Source
from vidseg.video.info import VideoInfo
from vidseg.video.limits import DEFAULT_LIMITS, Limits
from vidseg.video.pillow import UNREADABLE, open_image, require_checksums
from vidseg.video.pulse import beat
from vidseg.video.sources import IMAGE_SUFFIXES
from vidseg.video.span import Span


class ImageSource:
    """The images at `paths`, in this order; a frame is named after its file's stem.

    Args:
        paths: as `images_in` or `images_like` found them.
        name: what to call the whole.
        span: which frames; seconds need `fps`.
        fps: the clock that single images lack; None for frames without time.
        limits: what is larger is not read.

    Raises:
        InputError: if two images have the same stem, or `span` needs `fps`.
        MediaError: if no image can be read.
    """

    def __init__(
        self, paths: list[Path], name: str, span: Span, fps: Fraction | None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        _require_unique_stems(paths)
        self._limits = limits
        self._paths = paths
        self._span = span
        if fps is None:
            span.require_clock(name)
        reasons: list[str] = []
        first = next(self._readable(reasons.append), None)
        if first is None and len(paths) == 1:
            raise MediaError(reasons[0])
        if first is None:
            raise MediaError(f"got {name}, of whose {len(paths)} images none can be read; the first: {reasons[0]}")
        height, width = first[1].shape[:2]
        self.info = VideoInfo(
            name=name,
            width=width,
            height=height,
            fps=fps,
            frame_count=len(paths),
            duration=None if fps is None else float(len(paths) / fps),
            time_base=None if fps is None else 1 / fps,
        )

    def frames(self, report: Callable[[str], None]) -> Generator[Frame]:
        """Yields the frames of the span; `report` is told of every image that cannot be read.

        Raises:
            MediaError: if the span holds no image that can be read.
        """
        fps, total = self.info.fps, self.info.duration
        indices = [
            index
            for index in range(len(self._paths))
            if fps is None or not (self._span.begins_after(index / fps) or self._span.ended_by(index / fps))
        ]
        delivered = 0
        for index, image in self._readable(report, indices[:: self._span.every]):
            time = None if fps is None else index / fps
            yield Frame(
                image=image,
                index=index,
                time=None if time is None else float(time),
                duration=self._span.shown_for(time, None if fps is None else 1 / fps, total),
                name=self._paths[index].stem,
            )
            delivered += 1
        if not delivered:
            raise self._span.nothing_in(self.info.name, total)
        if len(self._paths) == 1 and (pictures := _pictures_in(self._paths[0], self._limits)) > 1:
            report(
                f"{self.info.name} holds {pictures} pictures, of which only the first was read; "
                "do: give an animation by its own path, split pages into files"
            )

    def close(self) -> None:
        """Nothing is held between readings."""

    def _readable(self, report: Callable[[str], None], indices: list[int] | None = None) -> Iterator[tuple[int, RGB]]:
        for index in range(len(self._paths)) if indices is None else indices:
            beat()
            try:
                image = read_image(self._paths[index], self._limits)
            except MediaError as error:
                report(str(error))
                continue
            yield index, image


def images_in(folder: Path) -> list[Path]:
    """The images of a folder in natural order (2 before 10); hidden files are none.

    Raises:
        InputError: if there are none.
    """
    paths = [path for path in folder.iterdir() if _is_image(path)]
    if not paths:
        nested = any(path.is_dir() for path in folder.iterdir())
        hint = "give one of its subfolders" if nested else f"known are {', '.join(sorted(IMAGE_SUFFIXES))}"
        raise InputError(f"got folder {folder}, which has no images in it; expected one frame a file; do: {hint}")
    return sorted(paths, key=_natural)


def images_like(pattern: str) -> list[Path]:
    """The images that a glob pattern matches (``**`` for any depth), in natural order.

    Raises:
        InputError: if there are none.
    """
    paths = [path for path in map(Path, glob.glob(pattern, recursive=True)) if _is_image(path)]
    if not paths:
        raise InputError(f"got pattern {pattern!r}, which matches no image; expected at least one; do: quote it")
    return sorted(paths, key=_natural)


def read_image(source: Source, limits: Limits = DEFAULT_LIMITS) -> RGB:
    """Reads an image as HxWx3 uint8 RGB, upright.

    EXIF orientation is applied; 16-bit grey is scaled by its full range; transparent parts become black.

    Raises:
        MediaError: if it is no image, is damaged or larger than allowed, or holds floating-point or 32-bit values.
    """
    try:
        require_checksums(source, limits)
        with open_image(source, limits) as opened:
            return upright_rgb(opened, source)
    except UNREADABLE as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"got {source}, which cannot be read as an image ({error})") from error


def upright_rgb(opened: Image.Image, source: Source) -> RGB:
    """The current picture of an open image, see `read_image`."""
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        return _from_16_bit(np.asarray(image), source)
    if image.mode == "F":
        raise MediaError(f"got {source} of floating-point values; expected 8 or 16 bits; do: convert it")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.array(image.convert("RGB"))


def _pictures_in(path: Path, limits: Limits) -> int:
    """How many pictures an animation or a stack of pages has; what a camera adds to a photo does not count."""
    try:
        with open_image(path, limits) as image:
            return getattr(image, "n_frames", 1) if image.format in ("PNG", "TIFF", "WEBP") else 1
    except UNREADABLE:
        return 2  # of which the second cannot even be counted


def _from_16_bit(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], path: object) -> RGB:
    wide = values.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise MediaError(f"got {path} of 32-bit values; expected 8 or 16 bits; do: convert it")
    grey = ((wide + 128) // 257).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", str(path))
    # Text and numbers alternate, so position for position like is compared with like; the text settles 1 and 01.
    return [(int(part), part) if position % 2 else (0, part) for position, part in enumerate(parts)]


def _require_unique_stems(paths: list[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(path.stem, path)
        if other is not path:
            raise InputError(
                f"got images {other} and {path}, whose results would both be named {path.stem!r}; "
                "expected unique names; do: read them one folder or type at a time"
            )
