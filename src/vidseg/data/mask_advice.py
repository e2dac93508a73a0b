"""What to say of masks that hold no class ids: the command that converts them, with the option that a look suggests.

A proposal only: how masks are read is said by the user, never decided by this look.
"""

import shlex
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from vidseg.data.class_files import find_class_file
from vidseg.data.trees import Tree
from vidseg.video.content import Source, open_source
from vidseg.video.masks import GREY_MODES
from vidseg.video.pillow import UNREADABLE

# CVAT, CVAT's CamVid, Supervisely, a customary CSV, Roboflow.
_TABLES = ("labelmap.txt", "label_colors.txt", "obj_class_to_machine_color.json", "class_dict.csv", "_classes.csv")


def foreign_kind(source: Source) -> str | None:
    """The kind of an image that holds no class ids (colours, transparency, floats, not a PNG), e.g. "PNG RGB".

    None where it is a grey or palette PNG, or no image at all.
    """
    try:
        with open_source(source) as file, Image.open(file) as image:
            ids = image.format == "PNG" and image.mode in GREY_MODES
            return None if ids else f"{image.format} {image.mode}"
    except UNREADABLE:
        return None


def find_table(source: Path) -> Path | None:
    """A file in or beside a folder of masks that by its name tells the colours of the classes."""
    places = (source, source.parent)
    return next((place / name for place in places for name in _TABLES if (place / name).is_file()), None)


def conversion_option(source: Source) -> str:
    """How `vidseg masks` would read masks like this one, as far as one look tells; "--guess" where it does not."""
    try:
        with open_source(source) as file, Image.open(file) as image:
            mode = image.mode
            colours_HW3 = np.asarray(image.convert("RGBA"))[..., :3]
    except UNREADABLE:
        return "--guess"
    red_HW1, rest_HW2 = colours_HW3[..., :1], colours_HW3[..., 1:]
    grey = bool((rest_HW2 == red_HW1).all())
    if grey and np.isin(red_HW1, (0, 255)).all() and red_HW1.any():
        return "--binary"
    if mode in (*GREY_MODES, "F"):
        return "--ids"
    if grey or not rest_HW2.any():
        return "--channel L" if mode == "LA" else "--channel R"
    return "--guess"


def conversion_command(tree: Tree, address: str, option: str) -> str:
    """The command for all masks of a data set that are like the one at `address`, and what to do with its result."""
    mask = PurePosixPath(tree.path(address))
    inside = mask.parts
    source = tree.address(inside[0] if len(inside) > 1 else "")
    words = ["vidseg", "masks", source, "NEW", *option.split()]
    # In some trees images lie beside the masks.
    if "mask" in inside[1:-1]:
        words += ["--pattern", f"**/mask/*{mask.suffix}"]
    if option == "--guess":
        words.remove("NEW")
        return f"{shlex.join(words)}, which lists their colours and says how to go on"
    # A table has the names in it.
    if (classes := find_class_file(tree)) is not None and not option.startswith("--table"):
        words += ["--names", tree.address(classes)]
    copied = "" if tree.is_local else "with the original or a copy on this machine: "
    return f"{copied}{shlex.join(words)}, then put NEW in the place of {source}"
