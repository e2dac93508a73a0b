"""What every model of the house offers, and how a clip is run through it.

A frame's contribution to later frames depends on that frame alone. Hence three small functions say all about a
*reference model*: `encode` (once per frame, expensive), `context` (what the frame leaves behind, small) and
`decode` (the logits of a frame, given the contexts of some earlier frames). Streaming calls them frame by frame,
`forward_clip` calls the same three on a whole clip: stream equals clip by construction.

Shape letters: B batch, T frames, K classes, H, W image size, h, w size of the logits (a quarter of the image's,
rounded up).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from torch import Tensor

from vidseg.errors import InputError
from vidseg.types import ClassMap, Preprocessing


class ClipLogits(NamedTuple):
    """The result of a clip.

    Attributes:
        final: float [B,K,h,w], logits of the last frame with the context of the frames before it.
        frames: float [B,T,K,h,w], logits of every frame by itself.
        auxiliary: further logits that a training loss may use; empty for most models.
    """

    final: Tensor
    frames: Tensor
    auxiliary: tuple[Tensor, ...] = ()


class ReferenceModel(Protocol):
    """The contract. Models take RGB floats 0–255 and normalise inside; they touch no files or devices.

    Attributes:
        num_classes: K.
        reference_offsets: how many frames back each reference lies, oldest first, e.g. (9, 6, 3); empty for a
            model that sees one frame only.
        lookahead: how many future frames a target needs.
        needs_flow: whether optical flow must be given.
        class_map: what the class ids mean. This and the next two are set by whoever loads or trains weights; the
            computation does not look at them. None: not known.
        preprocessing: how a frame is brought to the size that the weights were trained for.
        training_record: how the weights came to be; the key "fps", where present, is the frame rate that
            `reference_offsets` count in.
    """

    num_classes: int
    reference_offsets: tuple[int, ...]
    lookahead: int
    needs_flow: bool
    class_map: ClassMap | None
    preprocessing: Preprocessing | None
    training_record: Mapping[str, Any] | None

    def encode(self, frame_B3HW: Tensor) -> Any:
        """The features of single frames: a NamedTuple of tensors whose first axis is B."""

    def context(self, features: Any) -> tuple[Tensor, ...]:
        """What these frames leave for later ones: small tensors whose size depends on the image's only."""

    def blank_context(self, batch_size: int, image_size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Zeros in place of the context of a frame that was never seen, for images of (height, width)."""

    def decode(self, features: Any, references: Sequence[tuple[Tensor, ...]]) -> Tensor:
        """Logits [B,K,h,w], given the contexts of the reference frames, oldest first, or of none.

        Raises:
            InputError: if the number of references is neither zero nor that of `reference_offsets`.
        """


Features = TypeVar("Features", bound=tuple[Any, ...])


def frame_of_clip(features: Features, index: int, num_frames: int) -> Features:
    """Picks frame `index` from features whose first axis holds B clips of `num_frames` frames each."""
    return type(features)(*(part.unflatten(0, (-1, num_frames))[:, index] for part in features))


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
    if T == 1 or not model.reference_offsets:
        return ClipLogits(final=frames[:, -1], frames=frames)
    references = [model.context(frame_of_clip(features, t, T)) for t in range(T - 1)]
    return ClipLogits(final=model.decode(frame_of_clip(features, T - 1, T), references), frames=frames)
