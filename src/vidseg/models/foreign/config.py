"""What a network of ``transformers`` is and how it is fed."""

from dataclasses import dataclass, field
from typing import Any, Literal

from vidseg.errors import InputError
from vidseg.models.contract import Size

Triple = tuple[float, float, float]

KINDS: dict[str, Literal["classes", "masks"]] = {
    "beit": "classes",
    "data2vec-vision": "classes",
    "dpt": "classes",
    "mobilenet_v2": "classes",
    "mobilevit": "classes",
    "mobilevitv2": "classes",
    "upernet": "classes",
    "eomt": "masks",
    "eomt_dinov3": "masks",
    "mask2former": "masks",
    "maskformer": "masks",
    "oneformer": "masks",
    "videomt": "masks",
}
"""By ``model_type``: whether a network gives logits of classes, or of masks and of the classes of the masks."""

FIXED_SIZE = frozenset({"beit", "data2vec-vision", "dpt", "eomt", "eomt_dinov3", "videomt"})
"""Networks that take images of their configuration's ``image_size`` only."""


@dataclass(frozen=True, kw_only=True)
class ForeignEncoder:
    """What `vidseg.models.encoder_name` says of such a model."""

    name: str
    kind: Literal["transformers"] = "transformers"


@dataclass(frozen=True, kw_only=True)
class ForeignConfig:
    """A network of ``transformers``.

    Attributes:
        model_type: their name of the architecture, a key of `KINDS`.
        num_classes: K.
        mean: by channel, 0–255, subtracted from the image (after `flip_channels`).
        std: the same for what it is divided by.
        flip_channels: whether the network wants blue first.
        masks_size: (height, width) that the logits of masks are resized to before they are merged; None for none.
        window: side of the square windows along the longer side that the network sees one by one; their scores are
            averaged where they overlap. None for the whole image at once.
        task: tokens of the task's text, for OneFormer; else empty.
        settings: all of their configuration that sets the network's size, as in their JSON.
    """

    model_type: str
    num_classes: int
    mean: Triple
    std: Triple
    flip_channels: bool = False
    masks_size: tuple[int, int] | None = None
    window: int | None = None
    task: tuple[int, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model_type not in KINDS:
            raise InputError(f"got model_type {self.model_type!r}; expected one of {', '.join(KINDS)}")
        size = self.image_size
        if size is not None and min(size) < 1:
            raise InputError(f"got image_size {size} of a {self.model_type}; expected more than 0")
        if self.num_classes < 1 or min(self.std) <= 0:
            raise InputError(f"got {self.num_classes} classes and std {self.std}; expected more than 0")

    @property
    def encoder(self) -> ForeignEncoder:
        """The network's own, by name."""
        backbone = self.settings.get("backbone_config") or {}
        return ForeignEncoder(name=str(backbone.get("model_type", self.model_type)))

    @property
    def reference_offsets(self) -> tuple[int, ...]:
        """None."""
        return ()

    @property
    def image_size(self) -> Size | None:
        """The one (height, width) that the network takes; None for any.

        Raises:
            InputError: if the settings say none that can be.
        """
        if self.model_type not in FIXED_SIZE:
            return None
        size = self.settings.get("image_size", _IMAGE_SIZES[self.model_type])
        sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
        if len(sides) != 2 or not all(type(side) is int for side in sides):
            raise InputError(f"got image_size {size!r} of a {self.model_type}; expected a whole number of pixels")
        return sides[0], sides[1]


# Their defaults, which their configurations may leave out.
_IMAGE_SIZES = {
    "beit": 224,
    "data2vec-vision": 224,
    "dpt": 384,
    "eomt": 640,
    "eomt_dinov3": 640,
    "videomt": 640,
}
