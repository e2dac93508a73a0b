"""A video through a model, for lowering its precision: some of it is calibrated on, the rest is kept aside to judge by.

A few stretches are taken from all over the video, in turns for the one and the other, each a stream of its own: what a
step is given then holds the memory of real frames, and no frame that judges was calibrated on.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from vidseg.errors import InputError
from vidseg.models import FrameInputs, FrameOutputs, VideoModel
from vidseg.models.contract import Size
from vidseg.runtime import Runtime, build_runtime
from vidseg.runtime.graph import StepGraph
from vidseg.runtime.guarantee import Judgement
from vidseg.stream.prior import spread
from vidseg.stream.segmenter import Segmenter
from vidseg.types import RGB, Frame
from vidseg.video import VideoReader

STRETCHES = 6
# Frames of a stretch after the first that has all its references.
FRAMES = 8
# Samples of a step. Each holds the inputs of a frame in float32.
MOST_SAMPLES = 16
# Frames of a video that is not read twice to count them.
_LONG = 5000


@dataclass(frozen=True)
class Stretch:
    """Consecutive frames.

    Attributes:
        start: number of the first.
        length: how many.
        is_aside: whether they are kept aside.
    """

    start: int
    length: int
    is_aside: bool


def stretches(num_frames: int, capacity: int) -> list[Stretch]:
    """Stretches spread over a video, for calibration and for judging in turns.

    Args:
        num_frames: of the video.
        capacity: how far a frame's references lie back, frames.

    Raises:
        InputError: for a video too short for one of each.
    """
    shortest, length = capacity + 2, capacity + FRAMES
    count = min(STRETCHES, num_frames // length // 2 * 2) or 2
    length = min(length, num_frames // count)
    if length < shortest:
        raise InputError(
            f"got a video of {num_frames} frames to calibrate on; expected {2 * shortest} or more, {shortest} of them "
            "to be kept aside"
        )
    step = num_frames // count
    return [Stretch(k * step, length, k % 2 == 1) for k in range(count)]


class VideoTrial:
    """See `vidseg.runtime.lowering.Trial`. What is exact here is the model in torch, in float32.

    Args:
        model: as for `Segmenter`.
        frames: all frames of a video, in order.
        num_frames: how many there are.
        video: its name.
        network_size: (height, width) that the network's input shall have; None for what the model makes of the frames.

    Attributes:
        aside: each stretch that is kept aside: its images and their labels, exact.

    Raises:
        InputError: for a video too short, or frames that do not make such an input.
    """

    def __init__(
        self,
        model: VideoModel,
        frames: Iterable[Frame | RGB],
        num_frames: int,
        video: str,
        network_size: Size | None = None,
    ) -> None:
        capacity = max(model.reference_offsets, default=0)
        chosen = stretches(num_frames, capacity)
        clips = _cut(frames, chosen)
        recorder = _Recorder(build_runtime("torch", model, "cpu"), model)
        self._short = None if network_size is None else min(network_size)
        self._model = model
        exact = self._segmenter(recorder)
        self.network_size = exact.preprocessing.network_size(*clips[0][0].shape[:2])
        if network_size not in (None, self.network_size):
            raise InputError(
                f"got frames of {video} that make a network's input of {_text(self.network_size)}; expected "
                f"{_text(network_size)}, as --size says; leave it out, or calibrate on another video"
            )
        images = [image for clip in clips for image in clip]
        count = exact.prior_frames
        self._prior = exact.make_prior([images[index] for index in spread(len(images), count)]) if count else None
        self._recorder = recorder
        self._all_references_from = capacity
        self.aside: list[tuple[list[RGB], list[NDArray[Any]]]] = []
        self.video = video
        self.calibrated_on = 0
        for stretch, clip in zip(chosen, clips, strict=True):
            recorder.is_on = not stretch.is_aside
            labels = [segmentation.labels for segmentation in exact.segment(clip, prior=self._prior)]
            if stretch.is_aside:
                self.aside.append((clip, labels))
            else:
                self.calibrated_on += len(clip)

    def samples(self, step: str) -> Sequence[Sequence[Tensor]]:
        """See `Trial.samples`."""
        return self._recorder.samples(step)

    def judge(self, exact: Runtime, lowered: Runtime) -> Judgement:
        """See `Trial.judge`. Times are of whole frames, from RGB to labels, without compilation."""
        sides = [(runtime, self._segmenter(runtime)) for runtime in (exact, lowered)]
        seconds: list[list[float]] = [[] for _ in sides]
        equal = pixels = frames = 0
        for clip, expected in self.aside:
            states = [segmenter.start(self._prior) for _, segmenter in sides]
            for index, (image, labels) in enumerate(zip(clip, expected, strict=True)):
                for side, (runtime, segmenter) in enumerate(sides):
                    began = time.perf_counter() - runtime.compile_seconds
                    states[side], segmentation = segmenter.step(states[side], image)
                    if index > self._all_references_from:
                        seconds[side].append(time.perf_counter() - runtime.compile_seconds - began)
                equal += int((segmentation.labels == labels).sum())  # of the lowered side, the last
                pixels += labels.size
                frames += 1
        return Judgement(
            agreement=equal / pixels,
            frames=frames,
            exact_seconds=median(seconds[0]),
            lowered_seconds=median(seconds[1]),
        )

    def _segmenter(self, runtime: Runtime) -> Segmenter:
        return Segmenter(self._model, "cpu", runtime, size=self._short)


def count_frames(reader: VideoReader) -> int:
    """How many frames a video has, surely: by reading it, but for long ones, of whose last part nothing is taken."""
    expected = reader.expected_frames
    return int(0.95 * expected) if expected is not None and expected > _LONG else sum(1 for _ in reader)


class _Recorder:
    """A runtime that keeps what it is given while it is on."""

    def __init__(self, runtime: Runtime, model: VideoModel) -> None:
        self.name, self.device, self.compile_seconds = runtime.name, runtime.device, 0.0
        self.is_on = False
        self._runtime = runtime
        self._graphs = {step: StepGraph(model, step, channels_last=False) for step in model.steps()}
        self._kept: dict[str, list[list[Tensor]]] = {step: [] for step in self._graphs}

    def run(self, step: str, inputs: FrameInputs) -> FrameOutputs:
        """See `Runtime.run`."""
        if self.is_on:
            self._kept[step].append(self._graphs[step].flatten(inputs))
        return self._runtime.run(step, inputs)

    def samples(self, step: str) -> list[list[Tensor]]:
        kept = self._kept[step]
        return [kept[index] for index in spread(len(kept), MOST_SAMPLES)]


def _cut(frames: Iterable[Frame | RGB], chosen: Sequence[Stretch]) -> list[list[RGB]]:
    """The images of each stretch.

    Raises:
        InputError: if there are fewer frames than was said, or of several sizes.
    """
    clips: list[list[RGB]] = [[] for _ in chosen]
    for number, frame in enumerate(islice(frames, chosen[-1].start + chosen[-1].length)):
        for stretch, clip in zip(chosen, clips, strict=True):
            if stretch.start <= number < stretch.start + stretch.length:
                clip.append(frame.image if isinstance(frame, Frame) else frame)
    if any(len(clip) < stretch.length for stretch, clip in zip(chosen, clips, strict=True)):
        raise InputError("got a video that ended before its time; expected one that can be read to its end")
    if len({image.shape for clip in clips for image in clip}) > 1:
        raise InputError("got a video whose frames change their size; expected one size to calibrate on")
    return clips


def _text(size: Size | None) -> str:
    return "any" if size is None else f"{size[0]}x{size[1]}"
