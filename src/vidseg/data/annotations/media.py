"""Where the frames are that annotations belong to: in the data set already, beside it, or in the export."""

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo
from vidseg.data.annotations.sizes import Size, image_size
from vidseg.data.listing import IMAGE_SUFFIXES
from vidseg.errors import DataError, InputError
from vidseg.files import atomic_file
from vidseg.video import read_video
from vidseg.video.images import images_in
from vidseg.video.sources import VIDEO_SUFFIXES

_IMAGES = "images"


@dataclass(frozen=True, kw_only=True)
class Media:
    """The frames of one video.

    Attributes:
        file: the video file; None where every frame is an image.
        images: by name without suffix, in order of time; {} of a video file.
        size: (height, width) of a video file's frames.
    """

    file: Path | None = None
    images: dict[str, Path]
    size: Size | None = None

    def mask_name(self, frame: AnnotatedFrame) -> str | None:
        """What the mask of a frame is called, without suffix; None if the frame is not there."""
        if self.file is not None:
            return None if frame.number is None else f"{frame.number:08d}"
        if frame.name in self.images:
            return frame.name
        names = list(self.images)
        return names[frame.number] if frame.number is not None and frame.number < len(names) else None

    def frame_size(self, mask_name: str) -> Size:
        """(height, width) of a frame in pixels.

        Raises:
            DataError: if its image cannot be read.
        """
        return self.size or image_size(self.images[mask_name])

    def copy_into(self, root: Path, video: str) -> None:
        """Copies into the data set what it lacks.

        Raises:
            OSError: if it cannot be written.
        """
        if self.file is not None:
            if not self.file.resolve().is_relative_to(root.resolve()):
                _copy(self.file, root / _IMAGES / f"{video}{self.file.suffix}")
            return
        for path in self.images.values():
            if not path.resolve().is_relative_to(root.resolve()):
                _copy(path, root / _IMAGES / video / path.name)


def find_media(video: AnnotatedVideo, root: Path, given: Path | None, *, only: bool) -> Media:
    """The frames of a video: those of the data set, else those that were given, else the export's.

    Args:
        video: what was annotated.
        root: of the data set.
        given: a video file, a folder of images, or a folder of several of these.
        only: the export has no other video, so what was given need not have its name.

    Raises:
        InputError: if there is nothing at `given`.
        DataError: if there are no frames.
    """
    if given is not None and not given.exists():
        raise InputError(f"got no media {given}; expected a video file, a folder of images, or a folder of these")
    places = _candidates(root / _IMAGES, video) + _candidates(root, video, files_only=True)
    if given is not None and given.is_file() and (only or given.stem == video.name):
        places.append(given)
    elif given is not None:
        places += [*_candidates(given, video), *([given] if only else [])]
    places += [] if video.file is None else [video.file]
    for place in places:
        if place.is_file() and place.suffix.lower() in VIDEO_SUFFIXES:
            with read_video(place) as reader:
                return Media(file=place, images={}, size=(reader.info.height, reader.info.width))
        if place.is_dir() and _has_images(place):
            inside = {path.stem: path for path in images_in(place) if path.suffix.lower() in IMAGE_SUFFIXES}
            # An export may hold more frames of it than are there.
            return Media(images=inside | {name: path for name, path in video.images.items() if name not in inside})
    if video.images:
        return Media(images=dict(video.images))
    known_as = f" ({video.source})" if video.source else ""
    raise DataError(
        f"got no frames of {video.name}{known_as}: not in {root / _IMAGES}, nor in the export; expected its video file "
        "or images; do: --media PATH"
    )


def images_under(folder: Path) -> dict[str, Path]:
    """All images of a folder and its subfolders by their relative paths; none where it does not exist."""
    if not folder.is_dir():
        return {}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return {
        path.relative_to(folder).as_posix(): path
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def _candidates(folder: Path, video: AnnotatedVideo, *, files_only: bool = False) -> list[Path]:
    files = [folder / f"{video.name}{suffix}" for suffix in VIDEO_SUFFIXES]
    if video.source:
        files.insert(0, folder / PurePosixPath(video.source).name)
    return files if files_only else [folder / video.name, *files]


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        with atomic_file(target) as temporary:
            shutil.copyfile(source, temporary)
