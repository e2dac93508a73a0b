"""The engine that is evaluated: the segmenter of `vidseg segment`, or the mean of several of its streams."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

from vidseg.checkpoints.processors import PreprocessingChoice
from vidseg.data import VideoRecord
from vidseg.data.reading import read_frames
from vidseg.errors import InputError
from vidseg.evaluate.augmentation import AugmentedSegmenter
from vidseg.models import State, VideoModel
from vidseg.runtime import EXACT
from vidseg.steady import Steady
from vidseg.stream import Policy, Segmenter, Segmenters
from vidseg.stream.policy import VSPW, NoReferences, Offsets
from vidseg.stream.prior import spread
from vidseg.types import Frame, Segmentation


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How a model is run.

    Attributes:
        device: "auto", "cpu", "cuda", …
        runtime: see `vidseg.Segmenter`; test-time augmentation has torch only.
        precision: see `vidseg.Segmenter`; test-time augmentation has exact only.
        policy: which past frames serve as references, in the words of the command line (`parse_policy`). They are
            looked up among all frames of a video, with ground truth or without.
        size: another short side of the network's input, pixels.
        threads: CPU threads, shared by all processes; None leaves the runtime's own choice.
        flip: average with the flipped video.
        scales: average over these factors on the network's input size.
        steady: blend class scores along the motion; None for not at all.
        flow: what estimates motion, a name that `vidseg.flow.flow_estimator` knows; None for DIS.
        preprocessing: of a model that is still to be loaded, see `vidseg.load`.
    """

    device: str = "auto"
    runtime: str = "auto"
    precision: str = EXACT
    policy: str = "auto"
    size: int | None = None
    threads: int | None = None
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    steady: Steady | None = None
    flow: str | None = None
    preprocessing: PreprocessingChoice | None = None

    def __post_init__(self) -> None:
        if not self.scales or any(not 0 < scale < math.inf for scale in self.scales):
            raise InputError(f"got scales {list(self.scales)}; expected positive factors, e.g. 0.75,1,1.25")
        if len(set(self.scales)) < len(self.scales):
            raise InputError(f"got scales {list(self.scales)}; expected every factor once")
        if self.augmented and self.runtime not in ("auto", "torch"):
            raise InputError(
                f"got runtime {self.runtime!r} with test-time augmentation; expected torch; leave --runtime out"
            )

        if self.augmented and self.precision != EXACT:
            raise InputError(f"got precision {self.precision!r} with test-time augmentation; expected exact")
        if self.augmented and (self.steady is not None or self.flow is not None):
            raise InputError(
                "got --steady or --flow with test-time augmentation; expected one of the two; leave one out"
            )

    @property
    def augmented(self) -> bool:
        """Whether more than the one, plain stream is run."""
        return self.flip or self.scales != (1.0,)


class Engine(Protocol):
    """What turns a video into label maps."""

    def segment(
        self, frames: Iterable[Frame], *, fps: Fraction | None = None, prior: State | None = None
    ) -> Iterator[Segmentation]:
        """The segmentation of each frame, in order."""


class Engines:
    """Makes the engine of each video: only policies in seconds differ from video to video.

    Args:
        model: in eval mode, with class map and preprocessing.
        config: how it is run.
    """

    def __init__(self, model: VideoModel, config: EngineConfig) -> None:
        self._model = model
        self._config = config = replace(config, runtime="torch") if config.augmented else config
        self._segmenters = Segmenters(
            model,
            config.policy,
            device=config.device,
            runtime=config.runtime,
            precision=config.precision,
            size=config.size,
            threads=config.threads,
            flow=config.flow,
            steady=config.steady,
        )

    def segmenter(self, video: VideoRecord) -> Segmenter:
        """The segmenter of a video's plain stream.

        Raises:
            InputError: for a model or an option that cannot be used, or a policy in seconds without a frame rate.
        """
        return self._segmenters.at(listed_rate(video))

    def engine(self, video: VideoRecord) -> Engine:
        """What segments a video."""
        base = self.segmenter(video)
        if not self._config.augmented:
            return base
        return AugmentedSegmenter(self._model, base, flip=self._config.flip, scales=self._config.scales)

    def prior(self, video: VideoRecord) -> State | None:
        """What the model wants to know of a whole video beforehand; None for most models.

        Raises:
            DataError: if a frame of it is missing or damaged.
        """
        segmenter = self.segmenter(video)
        if not segmenter.prior_frames:
            return None
        return segmenter.make_prior(read_frames(video, spread(len(video.frames), segmenter.prior_frames)))


def listed_rate(video: VideoRecord) -> Fraction | None:
    """Frames a second in a video's list, which need not hold every frame number; None where it is not known."""
    if video.rate is None or len(video.frames) < 2:
        return None
    numbers = video.frames[-1].number - video.frames[0].number
    return Fraction(video.rate * (len(video.frames) - 1) / numbers).limit_denominator(1001)


def policy_text(policy: Policy) -> str:
    """A policy in the words that `parse_policy` reads."""
    match policy:
        case NoReferences():
            return "none"
        case VSPW():
            return "vspw"
        case Offsets(offsets=offsets, start=start):
            return f"offsets:{','.join(map(str, offsets))}" + (":replicate" if start == "replicate" else "")
    raise AssertionError(f"{policy} has no words")
