"""Looking into folders and list files that people made: dot-files, empty files, odd line ends."""

import posixpath
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from vidseg.data.records import Damage, FrameRecord
from vidseg.data.trees import Tree
from vidseg.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
MASK_SUFFIXES = (".png",)
# Images that tools write masks as, too; not read, because some of them change values.
_OTHER_MASKS = (".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")

_DIGITS_AT_END = re.compile(r"(\d+)$")


@dataclass
class Finder:
    """Lists folders and notes the damage that it meets.

    Attributes:
        tree: what they are folders of.
        damage: everything noted so far.
    """

    tree: Tree
    damage: list[Damage] = field(default_factory=list)

    def note(self, path: str, what: str, remedy: str, *, harmless: bool = False) -> None:
        """Notes one damage."""
        self.damage.append(Damage(path=path, what=what, remedy=remedy, harmless=harmless))

    def files(self, folder: str, suffixes: tuple[str, ...]) -> dict[str, str]:
        """Addresses by name without suffix of the files with one of the suffixes, without hidden and empty ones.

        A folder that does not exist has none.
        """
        found: dict[str, str] = {}
        base = self.tree.address(folder)
        for name, size in self.tree.files(folder, suffixes).items():
            stem = posixpath.splitext(name)[0]
            address = f"{base}/{name}"
            if size == 0:
                self.note(address, "is empty (0 bytes); it is left out", "get the file again")
            elif stem in found:
                self.note(address, f"has the name of {found[stem]}; it is left out", "rename one of them")
            else:
                found[stem] = address
        return found

    def masks(self, folder: str) -> dict[str, str]:
        """The same of mask files; images of other kinds than PNG, which are none, are noted."""
        found = self.files(folder, MASK_SUFFIXES)
        if found:
            return found
        others = list(self.tree.files(folder, _OTHER_MASKS))
        if others:
            more = f"and {len(others) - 1} more beside it are no PNGs" if len(others) > 1 else "is no PNG"
            self.note(
                self.tree.address(f"{folder}/{others[0]}"),
                f"{more}, which masks must be; left out",
                f"convert them: vidseg masks {shlex.quote(self.tree.address(folder))} shows how",
            )
        return found

    def listed(self, place: str) -> tuple[str, ...]:
        """The names in a list file of the root, one a line; blank lines, blanks around and CR LF don't matter.

        Raises:
            DataError: if the file cannot be read.
        """
        path = self.tree.address(place)
        try:
            text = self.tree.read(path).decode("utf-8-sig")
            if "\0" in text:  # no path can hold it
                raise ValueError("a zero byte")
            lines = text.splitlines()
        except (OSError, ValueError) as error:
            others = self.tree.files("", (".txt",))
            raise DataError(
                f"got no readable list {path} ({error.__class__.__name__}); expected one video name a line; "
                f"lists there: {', '.join(others) or 'none'}"
            ) from error
        names = [line.strip() for line in lines if line.strip()]
        for name, times in Counter(names).items():
            if times == 1:
                continue
            self.note(path, f"lists {name} more than once; it counts once", "drop the repetition", harmless=True)
        return tuple(dict.fromkeys(names))

    def frames(self, images: dict[str, str], labels: dict[str, str], *, complete: bool) -> tuple[FrameRecord, ...]:
        """Joins images and masks of the same names to frames in order of their numbers.

        Args:
            images: image paths by name.
            labels: mask paths by name.
            complete: whether a frame without mask is damage, once there is any mask at all.
        """
        for name in sorted(labels.keys() - images.keys()):
            self.note(labels[name], "is the mask of an image that is not there", "get the image or drop the mask")
        if complete and labels:
            for name in sorted(images.keys() - labels.keys()):
                self.note(images[name], "has no mask; it counts as unlabelled", "get its mask")
        return tuple(
            FrameRecord(name=name, number=number, image=images[name], label=labels.get(name))
            for number, name in numbered(images)
        )


def numbered(names: Iterable[str]) -> list[tuple[int, str]]:
    """Names with their frame numbers, in ascending order.

    The number is the one at the end of the name; if a name has none or two have the same, the position in
    alphabetical order.
    """
    ordered = sorted(names)
    numbers = [number for name in ordered if (number := number_at_end(name)) is not None]
    if len(set(numbers)) < len(ordered):
        return list(enumerate(ordered))
    return sorted(zip(numbers, ordered, strict=True))


def number_at_end(name: str) -> int | None:
    """The number that a name ends with; None if it ends otherwise."""
    match = _DIGITS_AT_END.search(name)
    return int(match.group(1)) if match else None


def require_folder(tree: Tree, path: str, layout: str, content: str) -> None:
    """Refuses a root that lacks a folder of its layout.

    Raises:
        DataError: if `path` is no folder.
    """
    if not tree.has_folder(path):
        raise DataError(f"got no folder {tree.address(path)}; expected the {layout} layout, where it holds {content}")
