"""Frames in, label maps out: the engine that `segment`, `evaluate` and the benchmarks all run.

Shape letters: H, W the frame's own size.
"""

import itertools
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import torch
from torch import Tensor

from vidseg.acceleration import frame_labels
from vidseg.errors import InputError, StateError, VidsegWarning
from vidseg.flow import DISFlow, FlowEstimator
from vidseg.models import State, VideoModel
from vidseg.runtime import EXACT, BatchedRuntime, Runtime, build_runtime, guarantee_of
from vidseg.runtime.arithmetic import computing_in
from vidseg.steady import Steadier, Steady, SteadyMemory
from vidseg.stream.cuts import CutDetector, Thumbnail
from vidseg.stream.policy import Policy, default_policy
from vidseg.stream.preprocess import network_input
from vidseg.stream.stepper import Memory, Stepper
from vidseg.types import RGB, Frame, Segmentation
from vidseg.video import VideoReader

_numbers = itertools.count()

# Beyond this factor between a video's frame rate and the training videos', the references lie at times the model
# never saw.
_RATE_TOLERANCE = 1.5


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamState:
    """What a stream carries from frame to frame; made by `Segmenter.start` and `Segmenter.step` only.

    A state is used up by the step that takes it: going on from an old one by mistake would repeat the past unseen.
    `copy` allows it on purpose.

    Attributes:
        segmenter_id: whose state it is.
        frames_seen: how many frames went in.
        memory: the model's memory; None before the first frame.
        frame_size: (H, W) of the stream's frames; None before the first.
        thumbnail: of the last frame, if scene cuts are looked for.
        last_input: the network's input of the last frame, if the model needs flow.
        steady: the memory of class scores, if they are steadied.
        time: of the last frame, seconds, if it has one.
        prior: what is known of the whole video; every memory starts with it.
    """

    segmenter_id: int
    frames_seen: int = 0
    memory: Memory | None = None
    frame_size: tuple[int, int] | None = None
    thumbnail: Thumbnail | None = None
    last_input: Tensor | None = None
    steady: SteadyMemory | None = None
    time: float | None = None
    prior: Tensor | State | None = None
    _used: list[bool] = field(default_factory=list, repr=False)

    @property
    def nbytes(self) -> int:
        """Bytes of the memories' tensors."""
        return sum(memory.nbytes for memory in (self.memory, self.steady) if memory)

    def copy(self) -> "StreamState":
        """The same state, to be stepped from once more. Tensors are shared: they are never written to."""
        return replace(self, _used=[])


class Segmenter:
    """Segments streams of frames with a model.

    One segmenter serves any number of streams, each with a state of its own; it holds none itself. Threads may share
    it: their frames take turns in the network, or go through it together. `StreamPool` brings the threads along.

    Args:
        model: as `vidseg.load` returns it: in eval mode, with class map and preprocessing.
        device: "auto", "cpu", "cuda", "cuda:1", …
        runtime: what computes the network: a name of `vidseg.runtime.RUNTIMES`, or "auto" for the fastest that is
            installed and exact; the attribute `runtime_name` says which. The model is copied: later changes of its
            weights have no effect. Or a runtime that was made of the model already.
        policy: which past frames serve as references; None for the one the model was trained for.
        precision: "exact", or "int8=FOLDER" or "bf16=FOLDER" with an export of the model that keeps a guarantee; the
            attribute `guarantee` says which.
        size: another short side of the network's input, pixels; the long side scales along.
        threads: CPU threads of the runtime; None leaves its own choice. Torch has one setting for the whole process.
        confidence: whether segmentations carry the winner's probability.
        cut_detector: start the memory anew where this sees a scene cut; None for never.
        flow: estimates the motion between frames for models that need it, and for steadying; None for DIS, or the one
            that `steady` names.
        steady: blend each frame's class scores with those of the frame before, brought along the motion; None, or a
            strength of 0, for not at all.
        background: where OpenVINO would have to compile first, have another process do that, and label frames in torch
            until it is done: for live sources. Without effect where compiled graphs are not kept.
        max_batch: how many frames of several threads' streams, of one size, may go through the network together; None
            for what suits the runtime: some on GPUs, one on CPUs. Together they are labelled as alone but for float
            rounding.
        max_wait: seconds that a frame waits at most for such partners; alone it never waits.

    Raises:
        InputError: for a model in training mode or without class map, an unknown device or runtime, a policy that
            does not fit the model, an estimator that nothing uses, batches in a runtime that compiles for one size.
        MissingExtraError: if flow is needed and OpenCV is not installed.
    """

    def __init__(
        self,
        model: VideoModel,
        device: str = "auto",
        runtime: str | Runtime = "auto",
        policy: Policy | None = None,
        *,
        precision: str = EXACT,
        size: int | None = None,
        threads: int | None = None,
        confidence: bool = False,
        cut_detector: CutDetector | None = None,
        flow: FlowEstimator | None = None,
        steady: Steady | None = None,
        background: bool = False,
        max_batch: int | None = 1,
        max_wait: float = 0.005,
    ) -> None:
        # A number of its own, not id(): that may come again when a segmenter is gone.
        self._id = next(_numbers)
        self._model = model
        self._check_mode()
        if model.class_map is None or model.preprocessing is None:
            raise InputError(
                "got a model without class map or preprocessing; expected one from vidseg.load, or set "
                "model.class_map and model.preprocessing"
            )
        self.class_map = model.class_map
        self.preprocessing = model.preprocessing if size is None else model.preprocessing.with_short_side(size)
        self.confidence = confidence
        self.cut_detector = cut_detector
        self._steadier = Steadier(steady, flow) if steady is not None and steady.strength else None
        if flow is not None and not model.needs_flow and self._steadier is None:
            raise InputError(f"got flow for a {type(model).__name__}; expected None: it has no use for it")
        self._flow = (flow or DISFlow()) if model.needs_flow else None
        self._turn = threading.Lock()  # for what keeps buffers of its own from one call to the next
        self.guarantee = guarantee_of(precision)
        computing = (
            build_runtime(runtime, model, device, threads, precision=precision, background=background)
            if isinstance(runtime, str)
            else runtime
        )
        self.runtime_name = computing.name
        self._computing = BatchedRuntime(computing, max_batch, max_wait)
        self._device = computing.device
        self._labels = frame_labels(self._device)
        model.to(self._device)  # test-time augmentation, which runs it unaccelerated, looks for it there
        self._follows_model = policy is None
        self._stepper = Stepper(
            model,
            self._computing,
            default_policy(model.reference_offsets) if policy is None else policy,
        )

    @property
    def flow_name(self) -> str | None:
        """What estimates motion; None where nothing needs it."""
        estimator = self._flow if self._steadier is None else self._steadier.flow
        return None if estimator is None else estimator.name

    @property
    def policy(self) -> Policy:
        """The reference policy in force."""
        return self._stepper.policy

    @property
    def max_batch(self) -> int:
        """How many frames may go through the network together."""
        return self._computing.max_batch

    @property
    def compile_seconds(self) -> float:
        """Seconds spent so far on compiling for the sizes that came along; 0 where the runtime compiles nothing."""
        return self._computing.compile_seconds

    @property
    def prior_frames(self) -> int:
        """Of how many frames of a video `make_prior` makes a prior; 0 for models that make none."""
        return self._model.prior_frames

    @torch.inference_mode()
    def make_prior(self, images: Iterable[RGB]) -> State | None:
        """What the model wants to know of a video beforehand; `vidseg.stream.video_prior` chooses the images.

        Args:
            images: HxWx3 uint8 RGB, of frames spread over the video.

        Returns:
            Tensors by name, with a batch of one; None for a model that makes no prior, or without images.
        """
        if not self.prior_frames:
            return None
        inputs = [network_input(image, self.preprocessing)[0].to(self._device) for image in images]
        with self._turn, computing_in("fp32", self._device):
            return self._model.make_prior(inputs) if inputs else None

    def start(self, prior: Tensor | State | None = None) -> StreamState:
        """The state of a stream that has seen nothing.

        Args:
            prior: what is known of the whole video, for models that use such; see `VideoModel.prior_names`. After a
                scene cut the stream goes on with the same.

        Raises:
            InputError: for a prior of a model that has no use for one.
        """
        if prior is not None and not self._model.prior_names:
            raise InputError(f"got a prior for a {type(self._model).__name__}; expected None: it has no use for one")
        return StreamState(segmenter_id=self._id, prior=prior)

    def step(self, state: StreamState, frame: Frame | RGB) -> tuple[StreamState, Segmentation]:
        """Segments one frame and moves the stream on: ``state, seg = segmenter.step(state, frame)``.

        Args:
            state: what `start` or the step before returned; used up by this call.
            frame: a frame, or its HxWx3 uint8 RGB image.

        Returns:
            (the new state, the frame's segmentation).

        Raises:
            StateError: for a state of another segmenter, one used up, or a frame of another size than the stream's.
            InputError: if the model was put into training mode meanwhile.
        """
        self._check_mode()
        self._check_state(state)
        if not isinstance(frame, Frame):
            frame = Frame(image=frame, index=state.frames_seen)
        if state.frame_size not in (None, frame.size):
            raise StateError(
                f"got a frame of {frame.size[0]}x{frame.size[1]} in a stream of "
                f"{state.frame_size[0]}x{state.frame_size[1]} (height x width); "
                "expected one size a stream; start a new one: state = segmenter.start()"
            )
        thumbnail = self.cut_detector.thumbnail(frame.image) if self.cut_detector else None
        is_cut = self._is_cut(state.thumbnail, thumbnail)
        memory, steady = (None, None) if is_cut else (state.memory, state.steady)
        with self._computing.frame():
            input_13HW = network_input(frame.image, self.preprocessing).to(self._device)
            network_size = (input_13HW.shape[-2], input_13HW.shape[-1])
            memory = memory or self._stepper.start(1, network_size, state.prior)
            flow_12HW = self._motion(state, memory, input_13HW)
            memory, scores_1Khw = self._stepper.step(memory, input_13HW, flow_12HW)
        with self._turn:
            if self._steadier is not None:
                strength = self._steadier.strength(state.time, frame.time)
                steady, scores_1Khw = self._steadier.step(steady, input_13HW, scores_1Khw, strength)
            with computing_in("fp32", self._device):
                labels_1HW, confidence_1HW = self._labels(
                    scores_1Khw,
                    self.preprocessing.logits_via((scores_1Khw.shape[-2], scores_1Khw.shape[-1]), network_size),
                    frame.size,
                    confidence=self.confidence,
                    score_kind=self._model.score_kind,
                )
        segmentation = Segmentation(
            labels=labels_1HW[0].cpu().numpy(),
            class_map=self.class_map,
            frame=frame,
            confidence=None if confidence_1HW is None else confidence_1HW[0].float().cpu().numpy(),
        )
        state._used.append(True)
        successor = StreamState(
            segmenter_id=self._id,
            frames_seen=state.frames_seen + 1,
            memory=memory,
            frame_size=frame.size,
            thumbnail=thumbnail,
            last_input=None if self._flow is None else input_13HW,
            steady=steady,
            time=frame.time,
            prior=state.prior,
        )
        return successor, segmentation

    def segment(
        self, frames: Iterable[Frame | RGB], *, fps: Fraction | None = None, prior: Tensor | State | None = None
    ) -> Iterator[Segmentation]:
        """Segments a video from its first frame to its last, as a generator.

        Args:
            frames: a video reader, or any frames of one size in order of time.
            fps: frames a second; a video reader knows its own.
            prior: see `start`.

        Warns:
            VidsegWarning: if a video's frame rate is far from that of the training videos and no policy was chosen.
        """
        if isinstance(frames, VideoReader):
            fps = frames.info.fps
        self._warn_of_rate(fps)
        state = self.start(prior)
        for frame in frames:
            state, segmentation = self.step(state, frame)
            yield segmentation

    def _check_mode(self) -> None:
        if self._model.training:
            raise InputError("got a model in training mode; expected eval mode; call model.eval()")

    def _check_state(self, state: StreamState) -> None:
        if state.segmenter_id != self._id:
            raise StateError("got a state of another segmenter; expected one of this; start with segmenter.start()")
        if state._used:
            raise StateError(
                "got a state that was stepped from before; expected the newest one; write "
                "`state, seg = segmenter.step(state, frame)`, or step from state.copy() on purpose"
            )

    def _motion(self, state: StreamState, memory: Memory, input_13HW: Tensor) -> Tensor | None:
        """The flow to the frame before, if there is one that the memory knows of."""
        if self._flow is None or state.last_input is None or not memory.frames_seen:
            return None
        with self._turn:
            return self._flow(input_13HW, state.last_input)

    def _is_cut(self, before: Thumbnail | None, after: Thumbnail | None) -> bool:
        if self.cut_detector is None or before is None or after is None:
            return False
        return self.cut_detector.is_cut(before, after)

    def _warn_of_rate(self, fps: Fraction | None) -> None:
        trained = (self._model.training_record or {}).get("fps")
        if not self._follows_model or not self.policy.num_references or fps is None or trained is None:
            return
        factor = float(fps) / trained
        if not 1 / _RATE_TOLERANCE <= factor <= _RATE_TOLERANCE:
            spans = ", ".join(f"{offset / trained:.3g}" for offset in self._model.reference_offsets)
            warnings.warn(
                f"got {float(fps):.4g} frames/s for a model trained at {trained:.4g}: its references lie at other "
                f"times than it knows; consider the policy seconds({spans}, fps={float(fps):.4g})",
                VidsegWarning,
                stacklevel=3,
            )


__all__ = ["Segmenter", "StreamState"]
