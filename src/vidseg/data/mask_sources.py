"""Which mask files there are to convert, and how the pixels of each frame are read from them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import iglob
from pathlib import Path
from typing import Literal

import numpy as np

from vidseg.data.mask_keys import KeyKind
from vidseg.data.mask_pixels import Codes, read_colours, read_values
from vidseg.errors import DataError, InputError

_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".jpg", ".jpeg")

# Folders in exports of tools that hold the masks, beside others that do not.
_MASK_FOLDERS = ("SegmentationClassPNG", "SegmentationClass", "masks_machine", "masks", "gtFine", "panoptic_maps")

OneHot = Literal["folders", "suffixes"]
Overlap = Literal["first", "last", "ignore"]

# Codes of one-hot masks beside the class ids: of pixels in no class, in several, and of grey ones (plus the grey).
UNCLAIMED, OVERLAPPING, GREY = 1 << 20, 2 << 20, 3 << 20


@dataclass(frozen=True, kw_only=True)
class MaskFrame:
    """The mask of one frame.

    Attributes:
        name: of the mask to be written, relative, without suffix.
        files: what it is read from: one file, or of one-hot masks one a class.
        classes: the class ids of the files of one-hot masks; () of others.
    """

    name: str
    files: tuple[str, ...]
    classes: tuple[int, ...] = ()


@dataclass(kw_only=True)
class MaskPixels:
    """What was read of a frame.

    Attributes:
        codes: HxW.
        notes: pixels that need a word: "transparent" ones, and "snapped" greys of one-hot masks.
    """

    codes: Codes
    notes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class MaskSource:
    """Mask files and how they are read.

    Attributes:
        frames: one a mask to be written.
        kind: whether pixels are colours or values.
        channel: see `vidseg.data.mask_pixels.read_values`.
        one_hot: the names of the classes of one-hot masks; None for others.
        overlap: what pixels in several classes of one-hot masks are: of the first or last class, or without label; None
            keeps them apart.
        nearest: how far greys of one-hot masks may be from black or white.
    """

    frames: tuple[MaskFrame, ...]
    kind: KeyKind
    channel: str | None = None
    one_hot: tuple[str, ...] | None = None
    overlap: Overlap | None = None
    nearest: float = 0

    def read(self, frame: MaskFrame) -> MaskPixels:
        """Reads one frame.

        Raises:
            DataError: if a file cannot be read so, or the files of a frame differ in size.
        """
        if self.one_hot is not None:
            return self._one_hot(frame)
        if self.kind == "value":
            return MaskPixels(codes=read_values(frame.files[0], self.channel))
        codes, transparent = read_colours(frame.files[0])
        return MaskPixels(codes=codes, notes=Counter(transparent=transparent))

    def _one_hot(self, frame: MaskFrame) -> MaskPixels:
        codes_HW: Codes | None = None
        notes: Counter[str] = Counter()
        for index, path in zip(frame.classes, frame.files, strict=True):
            grey_HW, snapped = self._on_off(path)
            notes["snapped"] += snapped
            if codes_HW is None:
                codes_HW = np.full(grey_HW.shape, UNCLAIMED, dtype=np.uint32)
            if grey_HW.shape != codes_HW.shape:
                sizes = " and ".join(f"{height}x{width}" for height, width in (codes_HW.shape, grey_HW.shape))
                raise DataError(f"got masks of {sizes} for one frame, e.g. {path}; expected equal sizes")
            on_HW = (grey_HW == 255) & (codes_HW < GREY)
            free_HW = codes_HW == UNCLAIMED
            match self.overlap:
                case "first":
                    on_HW &= free_HW
                case "last":
                    pass
                case _:
                    codes_HW[on_HW & ~free_HW] = OVERLAPPING
                    on_HW &= free_HW
            codes_HW[on_HW] = index
            unsure_HW = (grey_HW != 0) & (grey_HW != 255)
            codes_HW[unsure_HW] = GREY + grey_HW[unsure_HW]
        assert codes_HW is not None
        return MaskPixels(codes=codes_HW, notes=notes)

    def _on_off(self, path: str) -> tuple[Codes, int]:
        """A mask of one class as greys, 0 and 255 where it is sure, and how many pixels `nearest` made so."""
        colours_HW, _ = read_colours(path)
        grey_HW = colours_HW & np.uint32(255)
        if not (colours_HW == grey_HW * np.uint32(0x010101)).all():
            raise DataError(f"got mask {path} in colours; expected black and white, one file a class")
        if grey_HW.max() == 1:
            grey_HW *= np.uint32(255)
        off_HW = (grey_HW <= self.nearest) & (grey_HW < 128)
        on_HW = (255 - grey_HW <= self.nearest) & (grey_HW >= 128)
        snapped = int(((off_HW & (grey_HW > 0)) | (on_HW & (grey_HW < 255))).sum())
        grey_HW[off_HW], grey_HW[on_HW] = 0, 255
        return grey_HW, snapped


def find_masks(source: Path, pattern: str | None = None, strip: str = "") -> dict[str, str]:
    """Paths of the mask files by their relative names without suffix, sorted.

    Args:
        source: a file, or a folder with subfolders; hidden files don't count.
        pattern: a glob, relative to the folder, ``**`` for any depth; by default all images.
        strip: what all names end with, and what the written ones shall not.

    Raises:
        InputError: if there is none, two would have the same name, or a name lacks what is to be stripped.
    """
    if source.is_file():
        paths, folder = [source.name], source.parent
        if source.suffix.lower() not in _SUFFIXES:
            unpack = "; do: unpack it first" if source.suffix.lower() == ".zip" else ""
            raise InputError(f"got {source}; expected a mask image or a folder of them{unpack}")
    else:
        folder = source
        paths = _listed(source, pattern)
    found: dict[str, str] = {}
    for path in paths:
        name = Path(path).with_suffix("").as_posix()
        if not name.endswith(strip) or Path(name).name == strip:
            raise InputError(f"got mask {folder / path}, whose name does not end with {strip!r}; expected all to")
        name = name.removesuffix(strip)
        if name in found:
            raise InputError(f"got masks {found[name]} and {folder / path} for {name}; expected one; do: --pattern")
        found[name] = str(folder / path)
    return found


def plain_frames(masks: dict[str, str]) -> tuple[MaskFrame, ...]:
    """One frame a file."""
    return tuple(MaskFrame(name=name, files=(path,)) for name, path in masks.items())


def one_hot_frames(
    masks: dict[str, str], layout: OneHot, names: Sequence[str] | None
) -> tuple[tuple[MaskFrame, ...], tuple[str, ...]]:
    """Joins the files of the classes of each frame.

    Args:
        masks: paths by relative name.
        layout: whether a folder or the end of the file name (after ``_``, ``-`` or ``.``) tells the class.
        names: of the classes by id; by default the top folders, or what stands after the last such sign, sorted.

    Returns:
        The frames, and the names of the classes.

    Raises:
        InputError: if a file belongs to no class, or a class has no file.
    """
    split = _split_folder if layout == "folders" else _split_suffix
    pairs = {name: split(name, names) for name in masks}
    if orphan := next((name for name, pair in pairs.items() if pair is None), None):
        known = f"one of {', '.join(names)}" if names else "a class"
        raise InputError(f"got mask {masks[orphan]}, whose {layout[:-1]} names no class; expected {known}; do: --names")
    found = {pair[0] for pair in pairs.values() if pair is not None}
    classes = tuple(names) if names else tuple(sorted(found))
    if absent := [name for name in classes if name not in found]:
        raise InputError(f"got no mask of class {absent[0]}; expected {layout} of {', '.join(classes)}")
    by_frame: dict[str, dict[int, str]] = defaultdict(dict)
    for name, pair in pairs.items():
        assert pair is not None
        by_frame[pair[1]][classes.index(pair[0])] = masks[name]
    frames = [(name, sorted(files.items())) for name, files in sorted(by_frame.items())]
    return (
        tuple(
            MaskFrame(name=name, files=tuple(path for _, path in files), classes=tuple(index for index, _ in files))
            for name, files in frames
        ),
        classes,
    )


def _listed(folder: Path, pattern: str | None) -> list[str]:
    if not folder.is_dir():
        raise InputError(f"got no file or folder {folder}; expected masks")
    inner = next((name for name in _MASK_FOLDERS if (folder / name).is_dir()), None)
    if pattern is None and inner is not None and sum(path.is_dir() for path in folder.iterdir()) > 1:
        raise InputError(
            f"got {folder}, in which other folders lie beside {inner}; expected masks only; do: give {folder / inner}, "
            "or say which files with --pattern"
        )
    paths = [path for path in iglob(pattern or "**/*", root_dir=folder, recursive=True) if (folder / path).is_file()]
    images = sorted(path for path in paths if Path(path).suffix.lower() in _SUFFIXES)
    if not images:
        kinds = ", ".join(sorted({Path(path).suffix or "without suffix" for path in paths})) or "none"
        wanted = f"matching {pattern!r} " if pattern else ""
        raise InputError(f"got no image {wanted}in {folder} (files there: {kinds}); expected masks as images")
    return images


def _split_folder(name: str, names: Sequence[str] | None) -> tuple[str, str] | None:
    """(class, frame) of a name with the class as one of its folders."""
    parts = name.split("/")
    places = [place for place, part in enumerate(parts[:-1]) if part in names] if names else [0][: len(parts) - 1]
    if len(places) != 1:
        return None
    return parts.pop(places[0]), "/".join(parts)


def _split_suffix(name: str, names: Sequence[str] | None) -> tuple[str, str] | None:
    """(class, frame) of a name that ends with the class."""
    ends = [place for place, sign in enumerate(name) if sign in "_-." and place > name.rfind("/") + 1]
    if names:
        ends = [place for place in ends if name[place + 1 :] in names]
    place = (ends[0] if names else ends[-1]) if ends else len(name)
    return (name[place + 1 :], name[:place]) if name[place + 1 :] else None
