"""Frame encoders: from a normalised image to features at several strides, finest first."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.models.encoders.mit import MIT_SIZES, MiTConfig, MixTransformer
from vidseg.models.encoders.timm import TimmConfig, TimmEncoder, check_name
from vidseg.models.encoders.vit import PlainViT, ViTConfig, is_plain_vit

EncoderConfig = MiTConfig | TimmConfig | ViTConfig
"""Which encoder, and its size. A configuration's field `kind` tells one from another."""

TIMM_PREFIX = "timm:"


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

    def run_stages(self, x_BCHW: Tensor, first: int, stop: int) -> tuple[Tensor, ...]:
        """The features of some stages alone; encoders that cannot be run so raise an `InputError`."""

    def __call__(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        """The stages' features [B,C,⌈H/s⌉,⌈W/s⌉] of a normalised image."""


class EncoderModule(nn.Module, Encoder):
    """For type checkers: an encoder and a module in one. Encoders need not inherit from it."""


LITE_SIZES: dict[str, TimmConfig] = {size: TimmConfig(name=f"tf_efficientnet_{size}") for size in ("lite0", "lite2")}
"""EfficientNet-Lite by size: convolutions only, faster on CPUs than a Mix Transformer of as good features."""

# By the configuration's `kind`.
_BUILDERS: dict[str, Callable[[Any], nn.Module]] = {
    "mit": MixTransformer,
    "timm": TimmEncoder,
    "vit": PlainViT,
}


def build_encoder(config: EncoderConfig) -> EncoderModule:
    """A freshly initialised encoder for a configuration."""
    return cast(EncoderModule, _BUILDERS[config.kind](config))


@torch.no_grad()
def require_staged(encoder: Encoder) -> None:
    """Checks that an encoder can run stage by stage.

    Raises:
        InputError: if it cannot.
    """
    # No stage at all: it still says whether it could.
    encoder.run_stages(torch.empty(0), 0, 0)


def encoder_config(name: str) -> EncoderConfig:
    """An encoder by name: "mit_b0" to "mit_b5", or "timm:NAME", plain transformers among them.

    Raises:
        InputError: for another name.
        MissingExtraError: for a model of timm where timm is not installed.
    """
    if name.startswith(TIMM_PREFIX):
        inner = name.removeprefix(TIMM_PREFIX)
        check_name(inner)
        return ViTConfig(name=inner) if is_plain_vit(inner) else TimmConfig(name=inner)
    known = [f"mit_{size}" for size in MIT_SIZES]
    if name in known:
        return MIT_SIZES[name.removeprefix("mit_")]
    nearest = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = nearest[0] if nearest else TIMM_PREFIX + name
    raise InputError(f"got encoder {name!r}; expected one of {', '.join(known)}, or timm:NAME; did you mean {hint!r}?")


def encoder_name(config: Any) -> str:
    """What people call an encoder, of an `EncoderConfig` or of the network of someone else.

    `encoder_config` turns most of these names back.
    """
    if isinstance(config, MiTConfig):
        sizes = (
            name for name, size in MIT_SIZES.items() if (size.widths, size.depths) == (config.widths, config.depths)
        )
        return f"mit_{next(sizes, 'of other size')}"
    return f"{config.kind}:{config.name}" if config.kind == "transformers" else TIMM_PREFIX + config.name


__all__ = [
    "LITE_SIZES",
    "MIT_SIZES",
    "Encoder",
    "EncoderConfig",
    "EncoderModule",
    "MiTConfig",
    "MixTransformer",
    "PlainViT",
    "TimmConfig",
    "TimmEncoder",
    "ViTConfig",
    "build_encoder",
    "encoder_config",
    "encoder_name",
    "require_staged",
]
