"""What every video model of the house offers: the contract that streaming, evaluation, export and benchmarks know.

A video model is a step over a value that it carries from frame to frame. Some steps are alike for every frame, some
models choose one of several: so a model names its *steps*, functions of named tensors, and its *schedule* says which of
them run at a frame. What a frame leaves for later ones is of two kinds, and a model may use both:

- its *context*: it depends on that frame alone, and a reference policy decides which frames' contexts a later frame
  gets (CFFM, MRCFA, TCB);
- the *state*: named tensors of fixed size that the next frame gets, whatever made them (recurrent models, key frames).

A *prior*, known before the first frame, is a part of the state that no step changes.

Shape letters: B batch, T frames, K classes, H, W image size, h, w size of the logits.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.labels import ScoreKind
from vidseg.models.schedules import ByReferences, Schedule
from vidseg.types import ClassMap, Preprocessing

Context = tuple[Tensor, ...]
"""What a frame leaves for later ones: small tensors whose size depends on the image's only."""

State = Mapping[str, Tensor]
"""Named tensors that one frame hands to the next."""

Size = tuple[int, int]

NO_STATE: State = MappingProxyType({})


class ModelConfig(Protocol):
    """What all configurations of models have in common; each is a frozen dataclass of its own."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def num_classes(self) -> int:
        """K."""

    @property
    def encoder(self) -> Any:
        """Of frames; one of `vidseg.models.encoders.EncoderConfig`."""

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """How many frames back each reference lies, oldest first; empty for a model without references."""


class Decisions(NamedTuple):
    """What a decision net expected in training, and what it should have: float [B,N] each, 0–1."""

    expected: Tensor
    true: Tensor


class ClipLogits(NamedTuple):
    """The result of a clip.

    Attributes:
        final: float [B,K,h,w], logits of the last frame with the context of the frames before it.
        frames: float [B,T,K,h,w], logits of every frame: of a model with references each by itself, of another one as
            a stream gives them.
        auxiliary: further logits that a training loss may use, float [B,T,K,·,·] of all frames or [B,1,K,·,·] of the
            last; empty for most models.
        decisions: what a model that decides learns it from, in training mode; None for most models.
    """

    final: Tensor
    frames: Tensor
    auxiliary: tuple[Tensor, ...] = ()
    decisions: Decisions | None = None


class FrameInputs(NamedTuple):
    """What a step is given.

    Attributes:
        frame: float [B,3,H,W] RGB, 0–255.
        flow: float [B,2,H,W], where each pixel of this frame was in the frame before: offsets in pixels, x then y.
            None for a step that takes none.
        references: contexts of earlier frames, oldest first; empty for a step that takes none.
        state: what the frame before left.
    """

    frame: Tensor
    flow: Tensor | None = None
    references: Sequence[Context] = ()
    state: State = NO_STATE


class FrameOutputs(NamedTuple):
    """What a step gives.

    Attributes:
        logits: float [B,K,h,w]; None for a step that another one follows.
        context: what the frame leaves for frames that will refer to it.
        state: the tensors of the state that the step writes.
        decision: float [B], what an adaptive schedule compares with its threshold; None for other steps.
        auxiliary: as in `ClipLogits`, of this frame; made in training mode only.
    """

    logits: Tensor | None
    context: Context = ()
    state: State = NO_STATE
    decision: Tensor | None = None
    auxiliary: Context = ()


@dataclass(frozen=True)
class Step:
    """One of a model's steps.

    Attributes:
        function: what it computes; in pure torch, with the same shapes for the same image size.
        references: whether it takes the contexts of the model's references.
        flow: whether it takes the flow to the frame before.
        reads: names of the tensors of the state that it looks at.
        writes: names of those that it gives anew; the others stay as they were.
        probe: whether it gives a decision in place of logits, and another step follows.
        frame: whether it looks at the frame; a step that follows another may have no need to.
    """

    function: Callable[[FrameInputs], FrameOutputs]
    references: bool = False
    flow: bool = False
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    probe: bool = False
    frame: bool = True


class VideoModel(nn.Module, ABC):
    """The contract. Models take RGB floats 0–255 and normalise inside; they touch no files or devices.

    Most models are a `ReferenceModel` or a `StatefulModel`.

    Attributes:
        config: its size.
        encoder: the part that sees single frames; it learns at a rate of its own and may start from other weights.
        num_classes: K.
        reference_offsets: how many frames back each reference lies, oldest first, e.g. (9, 6, 3); empty for none.
        lookahead: how many future frames a target needs.
        needs_flow: whether optical flow to the frame before must be given.
        prior_names: the tensors of the state that may be given before the first frame.
        prior_frames: of how many frames, spread over a video, `make_prior` makes them; 0 if it does not.
        prior_parts: the parts whose weights a prior depends on.
        schedule: which steps run at a frame.
        score_kind: what the scores that stand in the place of logits are; see `vidseg.models.labels.probabilities`.
        always_traceable: whether torch can trace its steps for sure; where not, runtime "auto" is torch.
        any_size: whether a graph of a step can be traced that takes images of any size; where not, exports are for one.
        class_map: what the class ids mean. This and the next two are set by whoever loads or trains weights; the
            computation does not look at them. None: not known.
        preprocessing: how a frame is brought to the size that the weights were trained for.
        training_record: how the weights came to be; the key "fps", where present, is the frame rate that
            `reference_offsets` count in.
    """

    config: Any
    encoder: Any
    num_classes: int
    reference_offsets: tuple[int, ...] = ()
    lookahead: int = 0
    needs_flow: bool = False
    prior_names: tuple[str, ...] = ()
    prior_frames: int = 0
    prior_parts: tuple[str, ...] = ()
    schedule: Schedule = ByReferences()
    score_kind: ScoreKind = "logits"
    always_traceable: bool = True
    any_size: bool = True
    class_map: ClassMap | None = None
    preprocessing: Preprocessing | None = None
    training_record: Mapping[str, Any] | None = None

    @abstractmethod
    def steps(self) -> Mapping[str, Step]:
        """The model's steps by name; the same names whatever the weights."""

    def blank_context(self, batch_size: int, image_size: Size) -> Context:
        """Zeros in place of the context of a frame that was never seen, for images of (height, width)."""
        return ()

    def blank_state(self, batch_size: int, image_size: Size) -> dict[str, Tensor]:
        """The state before the first frame, for images of (height, width): zeros of the state's full, final size."""
        return {}

    def make_prior(self, frames: Sequence[Tensor]) -> State:
        """The tensors of `prior_names`, with a batch of one, from frames spread over a video; none for most models.

        Args:
            frames: float [3,H,W] RGB, 0–255, each; `prior_frames` of them, or all of a shorter video.
        """
        return {}

    @abstractmethod
    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """Runs whole clips, as training does; their last frame is the target.

        Args:
            clip_BT3HW: float RGB, 0–255, in order of time.
            flow: float [B,T,2,H,W], frame t's flow to frame t - 1 in pixels, x then y; the first frame's is ignored.
            prior: see `prior_names`; a tensor for a model with one name.

        Raises:
            InputError: for another number of frames or dimensions, or a flow or prior that the model does not take.
        """

    def recompute_in_backward(self) -> None:
        """Makes the backward pass compute the encoder's activations anew: less memory, about a third more time."""
        self.encoder.recompute_in_backward()

    def adapt_part(self, part: str, theirs: Mapping[str, Tensor]) -> str | None:
        """Fills a part from a trained one of other shapes, where most of it means the same.

        Args:
            part: its name.
            theirs: the trained part's state dict.

        Returns:
            What was done, in words; None if nothing was, and the part is unchanged.
        """
        return None

    def derive_parts(self, copied: Collection[str]) -> dict[str, str]:
        """Sets parts that would start blindly from parts whose weights were copied from a per-frame model.

        Args:
            copied: names of the parts that have trained weights now, adapted ones among them.

        Returns:
            What was done to which part, in words; empty if nothing.
        """
        return {}


def prepare_state(model: VideoModel, state: dict[str, Tensor], prior: Tensor | State | None) -> dict[str, Tensor]:
    """A blank state with a prior put in.

    Raises:
        InputError: for a prior that the model does not take, or of another rank or batch.
    """
    if prior is None:
        return state
    if isinstance(prior, Tensor):
        prior = dict.fromkeys(model.prior_names[:1], prior) or {"": prior}
    for name, tensor in prior.items():
        if name not in model.prior_names:
            known = ", ".join(model.prior_names) or "None: this model has no use for one"
            raise InputError(f"got a prior {name!r}; expected {known}")
        blank = state[name]
        if (tensor.ndim, tensor.shape[0], tensor.shape[-1]) != (blank.ndim, blank.shape[0], blank.shape[-1]):
            raise InputError(f"got a prior {name!r} of shape {tuple(tensor.shape)}; expected {tuple(blank.shape)}")
    return state | dict(prior)


def example_inputs(model: VideoModel, step: str, batch_size: int, image_size: Size) -> FrameInputs:
    """Inputs of the right shapes for a step, all zero, where the model's weights lie."""
    chosen, state = model.steps()[step], model.blank_state(batch_size, image_size)
    count = len(model.reference_offsets) if chosen.references else 0
    weight = next(model.parameters())
    return FrameInputs(
        frame=weight.new_zeros(batch_size, 3, *image_size),
        flow=weight.new_zeros(batch_size, 2, *image_size) if chosen.flow else None,
        # Each of its own memory: tracers take the same tensor for the same input.
        references=[model.blank_context(batch_size, image_size) for _ in range(count)],
        state={name: state[name] for name in chosen.reads},
    )
