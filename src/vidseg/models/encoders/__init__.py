"""Frame encoders: from a normalised image to features at several strides, finest first."""

from collections.abc import Callable
from typing import Any, Protocol, cast

from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders.mit import MIT_SIZES, MiTConfig, MixTransformer

EncoderConfig = MiTConfig
"""Which encoder, and its size. A configuration's field `kind` tells one from another."""


class Encoder(Protocol):
    """What every encoder offers; an ``nn.Module``.

    Attributes:
        widths: channels of the stages, finest first.
        strides: by how much smaller than the image the stages are.
        min_size: the smallest side of an image that it takes, pixels.
        mean: by channel, 0–255, of the images that its weights were trained on.
        std: the same for their standard deviation.
    """

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    min_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def recompute_in_backward(self) -> None:
        """Recomputes activations in the backward pass: less memory, about a third more time."""

    def __call__(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        """The stages' features [B,C,⌈H/s⌉,⌈W/s⌉] of a normalised image."""


class EncoderModule(nn.Module, Encoder):
    """For type checkers: an encoder and a module in one. Encoders need not inherit from it."""


# By the configuration's `kind`.
_BUILDERS: dict[str, Callable[[Any], nn.Module]] = {
    "mit": MixTransformer,
}


def build_encoder(config: EncoderConfig) -> EncoderModule:
    """A freshly initialised encoder for a configuration."""
    return cast(EncoderModule, _BUILDERS[config.kind](config))


def encoder_config(name: str) -> EncoderConfig:
    """An encoder by name: "mit_b0" to "mit_b5".

    Raises:
        InputError: for another name.
    """
    if name.startswith("mit_") and name.removeprefix("mit_") in MIT_SIZES:
        return MIT_SIZES[name.removeprefix("mit_")]
    known = ", ".join(f"mit_{size}" for size in MIT_SIZES)
    raise InputError(f"got encoder {name!r}; expected one of {known}")


__all__ = [
    "MIT_SIZES",
    "Encoder",
    "EncoderConfig",
    "MiTConfig",
    "MixTransformer",
    "build_encoder",
    "encoder_config",
]
