"""Where segmentations go: overlays, masks, arrays, class shares, several at once."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from vidseg.types import RGB, ClassMap, Segmentation
from vidseg.video import OverlayWriter, VideoInfo, open_writer
from vidseg.video.outputs import AnyWriter, OutputKind
from vidseg.viz import overlay

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class OverlayStyle:
    """How overlay videos look.

    Attributes:
        opacity: 0 (the frame) to 1 (the classes' colours).
        outlines: draw the borders of regions.
        legend: name the classes present.
        classes: colour these ids only; None for all.
    """

    opacity: float = 0.5
    outlines: bool = False
    legend: bool = False
    classes: frozenset[int] | None = None


class Outputs:
    """Writes each segmentation to every output.

    Made by `open_outputs`; not for use after its block.
    """

    def __init__(self, writers: Sequence[AnyWriter], style: OverlayStyle) -> None:
        self._writers = writers
        self._style = style

    def write(self, segmentation: Segmentation) -> None:
        """Appends one frame to every output."""
        for writer in self._writers:
            if isinstance(writer, OverlayWriter):
                writer.write(self._picture(segmentation), segmentation.frame)
            else:
                writer.write(segmentation)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was amiss in outputs that are complete all the same; one line each."""
        overlays = (writer for writer in self._writers if isinstance(writer, OverlayWriter))
        return tuple(problem for writer in overlays for problem in writer.problems)

    def _picture(self, segmentation: Segmentation) -> RGB:
        style = self._style
        return overlay(
            segmentation.frame.image,
            segmentation.labels,
            segmentation.class_map,
            opacity=style.opacity,
            outlines=style.outlines,
            legend=style.legend,
            classes=style.classes,
        )


@contextmanager
def open_outputs(
    paths: Sequence[PathLike],
    info: VideoInfo,
    class_map: ClassMap,
    style: OverlayStyle,
    kinds: Sequence[OutputKind] | None = None,
) -> Iterator[Outputs]:
    """Opens an output for each path, of the kind given for it, or else by its suffix.

    At the end of the block all are completed; an exception in it leaves none.

    Raises:
        InputError: for an unknown suffix.
        MediaError: if an output cannot be created or completed.
    """
    with ExitStack() as stack:
        writers = []
        asked: Sequence[OutputKind | None] = kinds or [None] * len(paths)
        for path, kind in zip(paths, asked, strict=True):
            writer = open_writer(path, info, class_map, kind)
            stack.enter_context(writer)
            writers.append(writer)
        yield Outputs(writers, style)
