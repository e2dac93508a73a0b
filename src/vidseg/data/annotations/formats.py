"""The formats that are read, by name, and the one door to all of them."""

import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vidseg.data.annotations import coco, cvat, labelme, mask_folders, supervisely
from vidseg.data.annotations.records import Annotations
from vidseg.errors import DataError, InputError


@dataclass(frozen=True, kw_only=True)
class Format:
    """How the exports of a tool are read; a new one is one small file with these two functions.

    Attributes:
        recognises: whether an unpacked export is one.
        read: reads it.
    """

    recognises: Callable[[Path], bool]
    read: Callable[[Path], Annotations]


# The more particular ones first: what recognises an export decides.
FORMATS: dict[str, Format] = {
    "cvat": Format(recognises=cvat.recognises, read=cvat.read),
    "voc": Format(recognises=mask_folders.recognises_voc, read=mask_folders.read_voc),
    "kitti": Format(recognises=mask_folders.recognises_kitti, read=mask_folders.read_kitti),
    "camvid": Format(recognises=mask_folders.recognises_camvid, read=mask_folders.read_camvid),
    "fiftyone": Format(recognises=mask_folders.recognises_fiftyone, read=mask_folders.read_fiftyone),
    "supervisely": Format(recognises=supervisely.recognises, read=supervisely.read),
    "labelme": Format(recognises=labelme.recognises, read=labelme.read),
    "coco": Format(recognises=coco.recognises, read=coco.read),
}


def read_annotations(folder: Path, name: str | None = None) -> tuple[str, Annotations]:
    """Reads an unpacked export.

    Args:
        folder: see `unpacked`.
        name: of the format; None for the one that it looks like.

    Returns:
        The name of the format, and what the export says.

    Raises:
        InputError: if there is no such format, or it looks like none.
        DataError: if it is damaged, or nothing is drawn in it.
    """
    if name is not None and name not in FORMATS:
        raise InputError(f"got format {name!r}; expected one of {', '.join(FORMATS)}")
    found = [one for one, form in FORMATS.items() if name in (None, one) and form.recognises(folder)]
    if not found:
        raise InputError(f"got an export that does not look like {name or ', '.join(FORMATS)}; expected one of these")
    annotations = FORMATS[found[0]].read(folder)
    if not annotations.videos:
        others = ", ".join(f"{count} {kind}" for kind, count in annotations.left_out.items())
        raise DataError(f"got an export without areas ({others or 'nothing is drawn'}); expected masks or polygons")
    return found[0], annotations


@contextmanager
def unpacked(export: Path) -> Iterator[Path]:
    """Yields the folder of an export: itself, what its archive holds, or a folder with its one file.

    Raises:
        InputError: if there is nothing at `export`, or no room to unpack it.
        DataError: if the archive is damaged.
    """
    if export.is_dir():
        yield export
        return
    if not export.is_file():
        raise InputError(f"got no file or folder {export}; expected an export of an annotation tool")
    with tempfile.TemporaryDirectory(prefix="vidseg-import-") as place:
        # Its name is what data sets are called whose export names none.
        folder = Path(place) / export.stem
        folder.mkdir()
        if zipfile.is_zipfile(export):
            _unpack(export, folder)
        else:
            shutil.copy(export, folder)
        yield folder


def _unpack(export: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(export) as archive:
            # An archive of a few kilobytes can hold more than any disk does.
            size, room = sum(member.file_size for member in archive.infolist()), shutil.disk_usage(folder).free
            if size > room:
                raise InputError(
                    f"got {export}, which unpacks to {size} bytes; expected at most the {room} that are free"
                )
            archive.extractall(folder)
    except InputError:
        raise
    # RuntimeError: encrypted, or compressed in a way that Python does not know; ValueError: offsets outside the file.
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError) as error:
        raise DataError(f"got {export}, which cannot be unpacked ({error}); get the export again") from error
