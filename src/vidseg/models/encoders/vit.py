"""Plain Vision Transformers (DINOv2, DINOv3, …, through timm) as encoders of four features of falling size.

The last map of a plain transformer, at stride 16, becomes all four by up- and downsampling: the simple feature pyramid
of ViTDet (Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection", ECCV 2022, §3).

Images of any size: they are padded with zeros, at the right and the bottom, to a multiple of 16, and, for patches of
other than 16 pixels, resized (bilinear) so that a patch covers 16 of the image's pixels. Position embeddings are
resized to the map, as timm does.

Shape letters: B batch, D width of the transformer, C of the pyramid, h, w size of the map at stride 16.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.errors import InputError, extra
from vidseg.models.encoders.timm import Triple, check_name, create_network, keep_normalisation
from vidseg.models.layers import resize_bilinear

# Modules of timm whose models are plain transformers.
FAMILIES = ("vision_transformer", "eva", "deit")
_CELL = 16


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """A plain transformer of timm as an encoder.

    Attributes:
        name: in timm, with its tag if it has one.
        channels: width of all four features.
        mean: by channel, 0–255, of the images that the weights were trained on; None takes timm's, which is then kept.
        std: the same for their standard deviation.
        kind: tells this configuration from those of other encoders.
    """

    name: str
    channels: int = 256
    mean: Triple | None = None
    std: Triple | None = None
    kind: Literal["vit"] = "vit"

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"got channels={self.channels}; expected a positive number")
        keep_normalisation(self)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of [B,C,h,w]."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return super().forward(x_BCHW.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class PlainViT(nn.Module):
    """The encoder; see `Encoder` for its attributes.

    Takes a normalised image [B,3,H,W] and returns four features [B,C,⌈H/s⌉,⌈W/s⌉], s = 4, 8, 16, 32.

    Args:
        config: which model.

    Raises:
        InputError: if timm has no such model, or it is no plain transformer.
        MissingExtraError: if timm is not installed.
    """

    min_size = 1
    strides = (4, 8, 16, 32)

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        assert config.mean is not None
        assert config.std is not None
        self.config = config
        self.mean, self.std = config.mean, config.std
        self.widths = (config.channels,) * 4
        self.arguments = {"num_classes": 0, "dynamic_img_size": True}
        self.network = _create(config.name, self.arguments)
        self.patch = int(self.network.patch_embed.patch_size[0])
        D, C = int(self.network.embed_dim), config.channels
        scalings: tuple[nn.Module, ...] = (
            nn.Sequential(
                nn.ConvTranspose2d(D, D // 2, 2, stride=2),
                ChannelNorm(D // 2),
                nn.GELU(),
                nn.ConvTranspose2d(D // 2, D // 4, 2, stride=2),
            ),
            nn.ConvTranspose2d(D, D // 2, 2, stride=2),
            nn.Identity(),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        self.levels = nn.ModuleList(
            nn.Sequential(
                scaling,
                nn.Conv2d(width, C, 1, bias=False),
                ChannelNorm(C),
                nn.Conv2d(C, C, 3, padding=1, bias=False),
                ChannelNorm(C),
            )
            for scaling, width in zip(scalings, (D // 4, D // 2, D, D), strict=True)
        )

    def forward(self, image_B3HW: Tensor) -> tuple[Tensor, ...]:
        H, W = image_B3HW.shape[-2:]
        h, w = -(-H // _CELL), -(-W // _CELL)
        image_B3HW = F.pad(image_B3HW, (0, w * _CELL - W, 0, h * _CELL - H))
        image_B3HW = resize_bilinear(image_B3HW, (h * self.patch, w * self.patch))
        (map_BDhw,) = self.network.forward_intermediates(
            image_B3HW, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
        )
        return tuple(
            level(map_BDhw)[:, :, : -(-H // stride), : -(-W // stride)]
            for level, stride in zip(self.levels, self.strides, strict=True)
        )

    def run_stages(self, x_BCHW: Tensor, first: int, stop: int) -> tuple[Tensor, ...]:
        """Refused: its four features are all made of the last layer's.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"got a plain ViT ({self.config.name}), which has no stages to run one by one; expected mit_b0 or "
            "timm:resnet50, say"
        )

    def recompute_in_backward(self) -> None:
        """Recomputes the transformer's activations in the backward pass: less memory, about a third more time."""
        self.network.set_grad_checkpointing(True)


def is_plain_vit(name: str) -> bool:
    """Whether a model of timm is a plain transformer."""
    with extra("timm"):
        import timm
    return bool(timm.models.is_model_in_modules(name, FAMILIES))


def _create(name: str, arguments: dict[str, Any]) -> Any:
    check_name(name)
    if not is_plain_vit(name):
        raise InputError(f"got {name!r}, which is no plain transformer; expected one, such as 'vit_small_patch16_224'")
    network = create_network(name, arguments)
    patch = network.patch_embed.patch_size[0]
    try:
        with torch.no_grad():
            network.eval().forward_intermediates(torch.zeros(1, 3, 2 * patch, 3 * patch), indices=1)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise InputError(
            f"got timm's {name!r}, which does not take images of any size ({reason}); choose another"
        ) from error
    return network.train()
