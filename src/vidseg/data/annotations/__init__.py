"""Annotations of other tools, brought into the plain folder layout (see `vidseg.data.folder`).

One small file a format reads an export into the value of `records`; `importing` paints its shapes and writes the masks.
"""

from vidseg.data.annotations.formats import FORMATS, read_annotations
from vidseg.data.annotations.importing import ImportReport, import_annotations
from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo, Annotations, Label

__all__ = [
    "FORMATS",
    "AnnotatedFrame",
    "AnnotatedVideo",
    "Annotations",
    "ImportReport",
    "Label",
    "import_annotations",
    "read_annotations",
]
