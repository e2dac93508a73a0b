"""One video from its source to its outputs: decoding, network and encoding overlap."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from itertools import groupby

from vidseg.errors import MediaError
from vidseg.flow import FlowEstimator
from vidseg.stream.outputs import OverlayStyle, PathLike, open_outputs
from vidseg.stream.pipeline import Background, prefetch
from vidseg.stream.prior import video_prior
from vidseg.stream.segmenter import Segmenter
from vidseg.stream.steadiness import Steadiness, SteadinessMeter
from vidseg.types import Segmentation
from vidseg.video import VideoReader
from vidseg.video.outputs import OutputKind


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """How a job went.

    Attributes:
        source: the video's name, without credentials.
        frames: how many frames were segmented.
        seconds: how long it took.
        first_frame_after: seconds until the first was segmented; compilation is in them.
        between_seconds: from the first frame's labels to the last's, without compilation.
        compile_seconds: how much of `seconds` went into compiling the network, which happens once a frame size.
        dropped: how many frames a live source lost because they came faster than they were segmented.
        problems: what could not be decoded or kept; one line each. Empty if all is well.
        remarks: what the user should know although nothing is amiss; one line each.
        stopped_by: the interrupt that ended a live source, if one did; its outputs are complete.
        steadiness: how steady the labels were; None unless asked for.
    """

    source: str
    frames: int
    seconds: float
    compile_seconds: float = 0.0
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    first_frame_after: float = 0.0
    between_seconds: float = 0.0
    dropped: int = 0
    stopped_by: BaseException | None = None
    steadiness: Steadiness | None = None

    @property
    def frames_per_second(self) -> float:
        """Frames a second from the first's labels to the last's, without compilation; of one, with all it took."""
        if self.between_seconds > 0:
            return (self.frames - 1) / self.between_seconds
        working = self.seconds - self.compile_seconds
        return self.frames / working if working > 0 else 0.0


def segment_to_files(
    segmenter: Segmenter,
    reader: VideoReader,
    paths: Sequence[PathLike],
    *,
    kinds: Sequence[OutputKind] | None = None,
    style: OverlayStyle | None = None,
    progress: Callable[[int], None] = lambda frames: None,
    watch: Callable[[Segmentation], None] = lambda segmentation: None,
    flow: FlowEstimator | None = None,
) -> JobReport:
    """Segments all of a video into files.

    An interrupt leaves no outputs of a video file; a live source has no other end, so its outputs are completed; an
    error, also one of `progress` or `watch`, leaves none. ``reader.stop()`` from another thread ends a live source in
    good order. Where the frames change their size, a new stream begins (a reader may end there instead, see
    `read_video`): masks and shares take any size, an overlay fits later pictures into its first size. A model with a
    prior gets that of the whole video first, for which it is read once more; a live one's has to come from the past.

    Args:
        segmenter: the engine.
        reader: the video; a live one is closed when this returns.
        paths: outputs.
        kinds: of each output; None for what their suffixes ask for.
        style: of overlay videos.
        progress: told of the number of frames done.
        watch: shown each segmentation.
        flow: estimates the motion by which the report's `steadiness` is measured, in its own thread; None for none.

    Raises:
        MediaError: if nothing could be decoded or an output not be written; an ``.npz`` takes one size only.
    """
    began, compiled_before = time.perf_counter(), segmenter.compile_seconds
    frames = streams = 0
    first = last = compiled_at_first = 0.0
    stopped_by: BaseException | None = None
    meter = None if flow is None else SteadinessMeter(segmenter.class_map.num_classes, flow)
    prior = None if reader.info.is_live else video_prior(segmenter, reader, reader.expected_frames)
    with (
        open_outputs(paths, reader.info, segmenter.class_map, style or OverlayStyle(), kinds) as outputs,
        Background(outputs.write) as background,
        # Frames of a live source are late by what waits here.
        closing(prefetch(reader, depth=1) if reader.info.is_live else prefetch(reader)) as ahead,
        Background(meter.update) if meter is not None else nullcontext() as metering,
    ):
        takers = [background] if metering is None else [background, metering]
        try:
            for _, same_size in groupby(ahead, key=lambda frame: frame.size):
                streams += 1
                for segmentation in segmenter.segment(
                    same_size, fps=reader.info.fps if streams == 1 else None, prior=prior
                ):
                    for taker in takers:
                        taker.put(segmentation)
                    frames += 1
                    last = time.perf_counter() - began
                    if frames == 1:
                        first, compiled_at_first = last, segmenter.compile_seconds
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
    restarted = f"{reader.info.name} has {streams} runs of frames of one size; the memory started anew with each"
    return JobReport(
        source=reader.info.name,
        frames=frames,
        seconds=time.perf_counter() - began,
        compile_seconds=segmenter.compile_seconds - compiled_before,
        problems=reader.problems + outputs.problems,
        remarks=reader.remarks + ((restarted,) if streams > 1 else ()),
        first_frame_after=first,
        between_seconds=last - first - (segmenter.compile_seconds - compiled_at_first),
        dropped=reader.dropped,
        stopped_by=stopped_by,
        steadiness=None if meter is None else meter.result(),
    )
