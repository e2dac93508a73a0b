"""A per-frame network of ``transformers`` as a video model without references.

Shape letters: B batch, K classes, H, W image size, h, w size of the scores.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.contract import Context
from vidseg.models.foreign.config import KINDS, ForeignConfig
from vidseg.models.foreign.scores import joined_windows, merged_masks, split_windows
from vidseg.models.layers import Normalization
from vidseg.models.reference_model import ReferenceModel, check_references


class ForeignInput(nn.Module):
    """RGB floats 0–255 [B,3,H,W] as a network wants them.

    Raises:
        InputError: for images of a size that the network does not take.
    """

    def __init__(self, config: ForeignConfig) -> None:
        super().__init__()
        self.config = config
        self.normalization = Normalization(config.mean, config.std)

    def forward(self, image_B3HW: Tensor) -> Tensor:
        H, W = image_B3HW.shape[-2:]
        window, expected = self.config.window, self.config.image_size
        if window is not None and min(H, W) != window:
            raise InputError(f"got an image of {H}x{W}; expected a shorter side of {window}; resize it first")
        if window is None and expected is not None and expected != (H, W):
            raise InputError(
                f"got an image of {H}x{W}; expected {expected[0]}x{expected[1]}, the one size that this "
                f"{self.config.model_type} takes; do: --size {expected[0]}x{expected[1]} for an export, else resize it"
            )
        image_B3HW = image_B3HW.flip(1) if self.config.flip_channels else image_B3HW
        return self.normalization(image_B3HW)


class ForeignFeatures(NamedTuple):
    """Of single frames: float [B,K,h,w], logits or masses."""

    scores: Tensor


class Foreign(ReferenceModel):
    """A class for every pixel of a single frame, by someone else's network.

    Args:
        config: what the network is and how it is fed.
        network: a module of ``transformers`` for semantic or universal segmentation.
    """

    always_traceable = False
    task: Tensor

    def __init__(self, config: ForeignConfig, network: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.num_classes = config.num_classes
        self.score_kind = "mass" if KINDS[config.model_type] == "masks" else "logits"
        self.prepare = ForeignInput(config)
        self.network: Any = network
        self.register_buffer("task", torch.tensor([config.task], dtype=torch.long), persistent=False)

    @property
    def encoder(self) -> Any:  # the whole network: which part sees frames, they do not say
        """The network."""
        return self.network

    def encode(self, frame_B3HW: Tensor) -> ForeignFeatures:
        """Scores of RGB frames, float 0–255."""
        image = self.prepare(frame_B3HW)
        if self.config.window is None:
            return ForeignFeatures(self._scores(image))
        H, W = image.shape[-2:]
        return ForeignFeatures(joined_windows(self._scores(split_windows(image, self.config.window)), (H, W)))

    def decode(self, features: ForeignFeatures, references: Sequence[Context] = ()) -> Tensor:
        """Scores [B,K,h,w]; see `score_kind`."""
        check_references(self, references)
        return features.scores

    def recompute_in_backward(self) -> None:
        """See `VideoModel.recompute_in_backward`."""
        self.network.gradient_checkpointing_enable()

    def _scores(self, image_B3HW: Tensor) -> Tensor:
        given = {"task_inputs": self.task.expand(len(image_B3HW), -1)} if self.config.task else {}
        outputs = self.network(pixel_values=image_B3HW, **given)
        if self.score_kind == "logits":
            return outputs.logits
        return merged_masks(outputs.class_queries_logits, outputs.masks_queries_logits, self.config.masks_size)
