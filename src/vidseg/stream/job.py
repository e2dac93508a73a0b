"""One video from its source to its outputs: decoding, network and encoding overlap."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from vidseg.errors import MediaError
from vidseg.stream.outputs import OverlayStyle, PathLike, open_outputs
from vidseg.stream.pipeline import Background, prefetch
from vidseg.stream.segmenter import Segmenter
from vidseg.types import Segmentation
from vidseg.video import VideoReader


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """How a job went.

    Attributes:
        source: the video's name, without credentials.
        frames: how many frames were segmented.
        seconds: how long it took.
        compile_seconds: how much of that went into compiling the network, which happens once a frame size.
        problems: what could not be decoded or kept; one line each. Empty if all is well.
        stopped_by: the interrupt that ended a live source, if one did; its outputs are complete.
    """

    source: str
    frames: int
    seconds: float
    compile_seconds: float = 0.0
    problems: tuple[str, ...]
    stopped_by: BaseException | None = None

    @property
    def frames_per_second(self) -> float:
        """Frames segmented in a second of wall time, without compilation."""
        working = self.seconds - self.compile_seconds
        return self.frames / working if working > 0 else 0.0


def segment_to_files(
    segmenter: Segmenter,
    reader: VideoReader,
    paths: Sequence[PathLike],
    *,
    style: OverlayStyle | None = None,
    progress: Callable[[int], None] = lambda frames: None,
    watch: Callable[[Segmentation], None] = lambda segmentation: None,
) -> JobReport:
    """Segments all of a video into files.

    An interrupt leaves no outputs of a video file; a live source has no other end, so its outputs are completed; an
    error, also one of `progress` or `watch`, leaves none. ``reader.stop()`` from another thread ends a live source in
    good order.

    Args:
        segmenter: the engine.
        reader: the video; a live one is closed when this returns.
        paths: outputs, by their suffixes.
        style: of overlay videos.
        progress: told of the number of frames done.
        watch: shown each segmentation.

    Raises:
        MediaError: if nothing could be decoded or an output not be written.
        StateError: if the frames change their size on the way.
    """
    began, compiled = time.perf_counter(), segmenter.compile_seconds
    frames = 0
    stopped_by: BaseException | None = None
    with (
        open_outputs(paths, reader.info, segmenter.class_map, style or OverlayStyle()) as outputs,
        Background(outputs.write) as background,
        # Frames of a live source are late by what waits here.
        closing(prefetch(reader, depth=1) if reader.info.is_live else prefetch(reader)) as ahead,
    ):
        try:
            for segmentation in segmenter.segment(ahead, fps=reader.info.fps):
                background.put(segmentation)
                frames += 1
                watch(segmentation)
                progress(frames)
        except BaseException as stop:
            # The thread that reads ahead may be waiting for a live frame that never comes.
            reader.stop()
            if not isinstance(stop, KeyboardInterrupt | SystemExit) or not reader.info.is_live or not frames:
                raise
            stopped_by = stop
        if not frames:
            raise MediaError(f"got no frame from {reader.info.name}; expected some; check the file and --start, --end")
    if reader.info.is_live:
        reader.close()  # which completes its problems
    return JobReport(
        source=reader.info.name,
        frames=frames,
        seconds=time.perf_counter() - began,
        compile_seconds=segmenter.compile_seconds - compiled,
        problems=reader.problems + outputs.problems,
        stopped_by=stopped_by,
    )
