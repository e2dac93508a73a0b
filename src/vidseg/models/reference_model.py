"""Models whose frames look back at chosen earlier frames; a model that sees one frame only is one of them.

A frame's contribution to later frames depends on that frame alone. Hence three small functions say all: `encode` (once
per frame, expensive), `context` (what the frame leaves behind, small) and `decode` (the logits of a frame, given the
contexts of some earlier frames). Streaming calls them frame by frame, `forward` calls the same three on a whole clip:
stream equals clip by construction.

Shape letters: B batch, T frames, K classes, H, W image size, h, w size of the logits.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor

from vidseg.errors import InputError
from vidseg.models.contract import ClipLogits, Context, FrameInputs, FrameOutputs, State, Step, VideoModel

Features = TypeVar("Features", bound=tuple[Any, ...])


def check_offsets(offsets: Sequence[int]) -> None:
    """Checks how many frames back each reference lies.

    Raises:
        InputError: for none, one below 1, or another order than oldest (largest) first.
    """
    if not offsets or min(offsets) < 1 or list(offsets) != sorted(set(offsets), reverse=True):
        raise InputError(f"got offsets {list(offsets)}; expected one or more, oldest (largest) first, each 1 or more")


class ReferenceModel(VideoModel):
    """A model given by `encode`, `context` and `decode`. Without `reference_offsets` the last two are trivial."""

    @abstractmethod
    def encode(self, frame_B3HW: Tensor) -> Any:
        """The features of single frames: a NamedTuple of tensors whose first axis is B."""

    def context(self, features: Any) -> Context:
        """What these frames leave for later ones."""
        return ()

    @abstractmethod
    def decode(self, features: Any, references: Sequence[Context] = ()) -> Tensor:
        """Logits [B,K,h,w], given the contexts of the reference frames, oldest first, or of none.

        Raises:
            InputError: if the number of references is neither zero nor that of `reference_offsets`.
        """

    def decode_target(self, features: Any, references: Sequence[Context]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `decode` for a frame with references, and further logits [B,K,·,·] of it for a training loss, if any."""
        return self.decode(features, references), ()

    def auxiliary(self, features: Any) -> tuple[Tensor, ...]:
        """Further logits [B,K,·,·] of single frames for a training loss; none for most models."""
        return ()

    def steps(self) -> Mapping[str, Step]:
        """A "start" for a frame by itself and, for a model with references, a "step"."""
        alone = {"start": Step(self._step)}
        return alone | {"step": Step(self._step, references=True)} if self.reference_offsets else alone

    def _step(self, inputs: FrameInputs) -> FrameOutputs:
        features = self.encode(inputs.frame)
        return FrameOutputs(
            self.decode(features, inputs.references), self.context(features), auxiliary=self.training_extras(features)
        )

    def training_extras(self, features: Any) -> tuple[Tensor, ...]:
        """`auxiliary` in training mode, else nothing."""
        return self.auxiliary(features) if self.training else ()

    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """Logits of clips of 1 or references + 1 frames, of any number without references; see `VideoModel.forward`."""
        if flow is not None or prior is not None:
            raise InputError(f"got flow or a prior for a {type(self).__name__}; expected None: it has no use for them")
        return forward_clip(self, clip_BT3HW)


def check_references(model: VideoModel, references: Sequence[Context]) -> None:
    """Checks how many references a decoder was given.

    Raises:
        InputError: if it is not zero and not that of the model's offsets.
    """
    offsets = list(model.reference_offsets)
    if references and len(references) != len(offsets):
        wanted = f"none or {len(offsets)} ({offsets} frames back), oldest first"
        raise InputError(
            f"got {len(references)} references; expected "
            + (wanted if offsets else f"none: {type(model).__name__.removeprefix('Fast')} sees one frame only")
        )


def frame_of_clip(features: Features, index: int, num_frames: int) -> Features:
    """Picks frame `index` from features whose first axis holds B clips of `num_frames` frames each."""

    def pick(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(pick(inner) for inner in part)
        return part.unflatten(0, (-1, num_frames))[:, index]

    return type(features)(*(pick(part) for part in features))


def forward_clip(model: ReferenceModel, clip_BT3HW: Tensor) -> ClipLogits:
    """Runs whole clips, as training does; their last frame is the target.

    Args:
        model: any reference model.
        clip_BT3HW: float RGB, 0–255, in order of time; T is 1 or the number of references + 1. A model without
            references takes any T: it predicts every frame by itself.

    Raises:
        InputError: for another number of frames or dimensions.
    """
    offsets = list(model.reference_offsets)
    wrong_count = bool(offsets) and clip_BT3HW.shape[1] not in (1, len(offsets) + 1)
    if clip_BT3HW.ndim != 5 or clip_BT3HW.shape[2] != 3 or wrong_count:
        counts = f"T = 1 or {len(offsets) + 1} (references at {offsets} frames back, then the target)"
        raise InputError(
            f"got a clip of shape {tuple(clip_BT3HW.shape)}; expected [B,T,3,H,W]"
            + (f" with {counts}" if offsets else "")
        )
    B, T = clip_BT3HW.shape[:2]
    # One fold for encoder and head, so that BatchNorm sees all frames of all clips in one statistic.
    features = model.encode(clip_BT3HW.flatten(0, 1))
    frames = model.decode(features, ()).unflatten(0, (B, T))
    auxiliary = tuple(logits.unflatten(0, (B, T)) for logits in model.auxiliary(features))
    if T == 1 or not model.reference_offsets:
        return ClipLogits(final=frames[:, -1], frames=frames, auxiliary=auxiliary)
    references = [model.context(frame_of_clip(features, t, T)) for t in range(T - 1)]
    final, of_target = model.decode_target(frame_of_clip(features, T - 1, T), references)
    return ClipLogits(
        final=final, frames=frames, auxiliary=(*auxiliary, *(logits.unsqueeze(1) for logits in of_target))
    )
