"""What an export of an annotation tool says, whatever its format."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vidseg.data.annotations.shapes import Shape
from vidseg.viz.palette import Colour


@dataclass(frozen=True, kw_only=True)
class Label:
    """A class.

    Attributes:
        name: as people gave it.
        colour: (red, green, blue), 0–255 each; None where the format has none.
    """

    name: str
    colour: Colour | None = None


@dataclass(kw_only=True)
class AnnotatedFrame:
    """One frame with something drawn on it.

    Attributes:
        shapes: in the order in which they are painted, later ones over earlier ones.
        name: of its image, without folder and suffix; None where only its number is known.
        number: in its video, from 0; None where only its name is known.
        size: (height, width) in pixels; None where the shapes bring their own.
    """

    shapes: list[Shape]
    name: str | None = None
    number: int | None = None
    size: tuple[int, int] | None = None


@dataclass(kw_only=True)
class AnnotatedVideo:
    """Frames that belong together.

    Attributes:
        name: unique within the export; may contain "/".
        split: "train", "val", "test" or another name; None where the format tells none.
        source: the name of the file that the frames are from, as the tool knew it; "" where it tells none.
        frames: those with something drawn on them.
        images: of all frames that the export holds, by name without folder and suffix.
        file: the video file, where the export holds it.
    """

    name: str
    split: str | None = None
    source: str = ""
    frames: list[AnnotatedFrame] = field(default_factory=list)
    images: dict[str, Path] = field(default_factory=dict)
    file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """An export.

    Attributes:
        labels: the classes, in the tool's order.
        videos: what was annotated.
        left_out: how many things there are that are no areas, by what they are: "box", "point", …
        ignored: labels that mean no label; they are painted as such, and are no classes.
    """

    labels: tuple[Label, ...]
    videos: tuple[AnnotatedVideo, ...]
    left_out: Mapping[str, int] = field(default_factory=Counter)
    ignored: frozenset[str] = frozenset()


# As tools write them in folders, lists and fields.
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def split_of(word: str | None) -> str | None:
    """The split that a tool's word means; None for none, and for CVAT's "default"."""
    word = (word or "").strip()
    if word.lower() in ("", "default"):
        return None
    return _SPLITS.get(word.lower(), word)


def is_split(word: str) -> bool:
    """Whether a folder's name is one of the usual words for a split."""
    return word.lower() in _SPLITS
