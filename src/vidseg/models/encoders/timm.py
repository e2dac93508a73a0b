"""Encoders of the package timm (PyTorch Image Models, Apache-2.0): all that give four features of falling size.

Names are timm's: "resnet101c", "tf_efficientnet_lite0", "convnext_tiny", "swin_tiny_patch4_window7_224", … Nothing is
downloaded here: a model starts from random weights, and training's initial weights, or a checkpoint, fill it.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError, extra
from vidseg.models.encoders.timm_variants import MMSEG, find_variant

Triple = tuple[float, float, float]

# The weights' authors fed these; timm's configuration says 127.5 for both.
_NORMALISED_OTHERWISE: dict[str, tuple[Triple, Triple]] = {
    "tf_efficientnet_lite": ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
}

# Families that take images of any size only if told so, by the module of timm that defines them.
_ANY_SIZE = {"strict_img_size": False, "always_partition": True}
_FAMILIES: dict[str, dict[str, Any]] = {"swin_transformer": _ANY_SIZE, "swin_transformer_v2": _ANY_SIZE}


@dataclass(frozen=True, kw_only=True)
class TimmConfig:
    """A model of timm as an encoder.

    Attributes:
        name: in timm, with its tag if it has one.
        output_stride: of the coarsest stage: 8 or 16 dilate the last stages instead of shrinking them; None leaves the
            model as it is, at 32.
        variant: "mmseg" for the two families that mmsegmentation builds otherwise (its ResNet-18 and -34 dilate the
            first convolution of a block only and have a deep stem; its MobileNetV2 dilates the first block of a stage
            only) and for its Swin Transformer, which normalises every output.
        mean: by channel, 0–255, of the images that the weights were trained on; None takes timm's, which is then kept.
        std: the same for their standard deviation.
        kind: tells this configuration from those of other encoders.
    """

    name: str
    output_stride: Literal[8, 16] | None = None
    variant: Literal["mmseg"] | None = None
    mean: Triple | None = None
    std: Triple | None = None
    kind: Literal["timm"] = "timm"

    def __post_init__(self) -> None:
        if self.output_stride not in (None, 8, 16):
            raise InputError(f"got output_stride={self.output_stride}; expected 8, 16 or None for the model's own")
        if self.variant is not None and find_variant(self.name) is None:
            raise InputError(
                f"got variant={self.variant!r} of {self.name!r}; expected None: there are variants of "
                f"{', '.join(MMSEG)} only"
            )
        keep_normalisation(self)


def keep_normalisation(config: Any) -> None:
    """Fills in the `mean` and `std` of a frozen configuration that gives none.

    Raises:
        InputError: for a name that timm does not know.
    """
    if config.mean is not None and config.std is not None:
        return
    mean, std = next(
        (values for prefix, values in _NORMALISED_OTHERWISE.items() if config.name.startswith(prefix)), (None, None)
    )
    if mean is None or std is None:
        with extra("timm"):
            import timm
        check_name(config.name)
        found = timm.get_pretrained_cfg(config.name)
        mean, std = (tuple(round(255 * part, 4) for part in values) for values in (found.mean, found.std))
    # Frozen for everyone else: the value that is stored must not depend on the version of timm that reads it.
    object.__setattr__(config, "mean", config.mean or mean)
    object.__setattr__(config, "std", config.std or std)


def check_name(name: str) -> None:
    """Checks that timm has a model.

    Raises:
        InputError: naming the nearest if it has not.
    """
    with extra("timm"):
        import timm
    if not timm.is_model(name):
        nearest = get_close_matches(name.partition(".")[0], timm.list_models(), n=1, cutoff=0.0)
        raise InputError(f"got {name!r}, which timm does not have; did you mean {nearest[0]!r}?")


class TimmEncoder(nn.Module):
    """The encoder; see `Encoder` for its attributes.

    Takes a normalised image [B,3,H,W] and returns four features [B,C,⌈H/s⌉,⌈W/s⌉], finest first. Models that would
    round down get an image padded with zeros, at its right and bottom, to a multiple of the coarsest stride.

    Args:
        config: which model.

    Raises:
        InputError: if timm has no such model, or it does not give four features at strides 4, 8, 16, 32 (or less, with
            `output_stride`) of images of any size.
        MissingExtraError: if timm is not installed.
    """

    def __init__(self, config: TimmConfig) -> None:
        super().__init__()
        assert config.mean is not None
        assert config.std is not None
        self.config = config
        self.mean, self.std = config.mean, config.std
        self.arguments = _arguments(config)
        self.network = create_network(config.name, self.arguments)
        for module in self.network.modules():
            if type(module).__name__ == "PatchEmbed":
                module.dynamic_img_pad = True
        variant = None if config.variant is None else find_variant(config.name)
        if variant is not None:
            variant.change(self.network, config.output_stride or 32)
        self.widths: tuple[int, ...] = tuple(self.network.feature_info.channels()[-4:])
        self.strides: tuple[int, ...] = tuple(self.network.feature_info.reduction()[-4:])
        expected = tuple(min(stride, config.output_stride or 32) for stride in (4, 8, 16, 32))
        if self.strides != expected:
            raise InputError(
                f"got features of timm's {config.name!r} at strides {list(self.strides)}; expected {list(expected)}; "
                "choose another model"
            )
        self.norms: nn.ModuleList | None = None
        if variant is not None and variant.norms:
            self.norms = nn.ModuleList(nn.LayerNorm(width) for width in self.widths)
        found = _probe(self.network, self.widths, self.strides, config.name)
        self._channels_last, self._padded, self.min_size = found

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        H, W = image_B3HW.shape[-2:]
        if min(H, W) < self.min_size:
            raise InputError(f"got an image of {H}x{W}; expected sides of {self.min_size} or more; resize it first")
        features = self.network(_pad(image_B3HW, self.strides[-1]) if self._padded else image_B3HW)[-4:]
        if self.norms is not None:
            features = [norm(feature) for norm, feature in zip(self.norms, features, strict=True)]
        if self._channels_last:
            features = [feature.permute(0, 3, 1, 2) for feature in features]
        if not self._padded:
            return tuple(features)
        return tuple(
            feature[:, :, : -(-H // stride), : -(-W // stride)]
            for feature, stride in zip(features, self.strides, strict=True)
        )

    def run_stages(self, x_BCHW: Tensor, first: int, stop: int) -> tuple[Tensor, ...]:
        """The features of some stages alone; see `MixTransformer.run_stages`.

        Raises:
            InputError: for a model that does not run stage by stage.
        """
        features = []
        for layers in self._staged_layers()[first:stop]:
            for layer in layers:
                x_BCHW = layer(x_BCHW)
            features.append(x_BCHW)
        return tuple(features)

    def _staged_layers(self) -> list[list[nn.Module]]:
        """The layers of each of the four stages, in order."""
        network, kind = self.network, type(self.network).__name__
        layers: list[nn.Module] = []
        if kind == "FeatureListNet":
            layers = list(network.values())
            ends = [index for index, name in enumerate(network) if name in network.return_layers]
        elif kind == "EfficientNetFeatures" and network.feature_hooks is None:
            layers = [network.conv_stem, network.bn1, *network.blocks]
            ends = [index + 2 for index in range(len(network.blocks)) if index + 1 in network._stage_out_idx]
        if not layers or self._padded or self._channels_last or self.norms is not None:
            raise InputError(
                f"got timm's {self.config.name!r}, which does not run stage by stage; expected a Mix Transformer, or a "
                "ResNet or EfficientNet of timm"
            )
        ends = ends[-4:]
        starts = [0, *(end + 1 for end in ends[:-1])]
        return [layers[start : end + 1] for start, end in zip(starts, ends, strict=True)]

    def recompute_in_backward(self) -> None:
        """Recomputes activations in the backward pass: less memory, about a third more time."""
        switch = getattr(self.network, "set_grad_checkpointing", None)
        if switch is None:
            raise InputError(
                f"got activation checkpointing for timm's {self.config.name!r}; expected an encoder that offers it; "
                "turn it off"
            )
        switch(True)


def _arguments(config: TimmConfig) -> dict[str, Any]:
    with extra("timm"):
        import timm
    check_name(config.name)
    arguments: dict[str, Any] = {"features_only": True}
    for family, additional in _FAMILIES.items():
        if timm.models.is_model_in_modules(config.name, [family]):
            arguments |= additional
    if config.variant is not None and (variant := find_variant(config.name)) is not None:
        arguments |= variant.arguments
    if config.output_stride is not None:
        arguments["output_stride"] = config.output_stride
    return arguments


def create_network(name: str, arguments: dict[str, Any]) -> Any:
    """A model of timm, freshly initialised.

    Raises:
        InputError: if timm's model does not take these arguments.
    """
    with extra("timm"):
        import timm
    try:
        return timm.create_model(name, pretrained=False, **arguments)
    # timm answers what a family does not offer with whatever its constructor happens to raise.
    except (RuntimeError, TypeError, AssertionError, AttributeError, ValueError) as error:
        told = ", ".join(f"{key}={value}" for key, value in arguments.items())
        reason = next(iter(str(error).splitlines()), "")
        raise InputError(
            f"got timm's {name!r}, which cannot be built with {told} ({reason}); choose another"
        ) from error


class _Behaviour(NamedTuple):
    """Found by trying: timm's models do not say it."""

    channels_last: bool
    padded: bool
    min_size: int


@torch.no_grad()
def _probe(network: nn.Module, widths: tuple[int, ...], strides: tuple[int, ...], name: str) -> _Behaviour:
    """Whether features have their channels last, images must be padded for sizes rounded up, and how small they may be.

    Raises:
        InputError: if the model takes images of certain sizes only.
    """
    training = network.training
    network.eval()
    reason = ""
    # Sides that are not multiples of anything, then some that are.
    for H, W, padded in ((97, 65, False), (128, 96, True)):
        expected = [(C, -(-H // stride), -(-W // stride)) for C, stride in zip(widths, strides, strict=True)]
        try:
            shapes = [tuple(feature.shape[1:]) for feature in network(torch.zeros(1, 3, H, W))[-4:]]
        except (RuntimeError, AssertionError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), "")
            continue
        last = shapes == [(h, w, C) for C, h, w in expected]
        if shapes == expected or last:
            side = strides[-1] if padded else 1
            min_size = next((size for size in (1, 33) if _takes(network, -(-size // side) * side)), min(H, W))
            network.train(training)
            return _Behaviour(last, padded, min_size)
        reason = f"features {shapes} of an image of {H}x{W}"
    raise InputError(f"got timm's {name!r}, which does not take images of any size ({reason}); choose another model")


def _takes(network: nn.Module, side: int) -> bool:
    try:
        network(torch.zeros(1, 3, side, side))
    except (RuntimeError, AssertionError, ValueError):
        return False
    return True


def _pad(image_B3HW: Tensor, multiple: int) -> Tensor:
    H, W = image_B3HW.shape[-2:]
    return F.pad(image_B3HW, (0, -W % multiple, 0, -H % multiple))
