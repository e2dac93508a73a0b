"""Where mmsegmentation (Apache-2.0) builds an encoder otherwise than timm: what is changed to load its weights exactly.

ResNets "c" and "s" need nothing: "resnet50c", "resnet101c", "resnet101s" of timm agree to the last bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Variant:
    """How mmsegmentation builds a family.

    Attributes:
        arguments: for timm.
        change: changes timm's model, given the output stride.
        norms: whether a LayerNorm follows every output.
    """

    arguments: dict[str, Any]
    change: Callable[[Any, int], None]
    norms: bool = False


def _dilate_first_convolutions(network: Any, output_stride: int) -> None:
    for module in network.modules():
        if type(module).__name__ == "BasicBlock":
            _set_dilation(module.conv2, 1)


def _dilate_first_blocks(network: Any, output_stride: int) -> None:
    # What MobileNetV2's seven groups of blocks shrink the image by, left to themselves.
    for group, reduction in zip(network.blocks, (2, 4, 8, 16, 16, 32, 32), strict=True):
        for index, block in enumerate(group):
            _set_dilation(block.conv_dw, 1 if index else max(1, reduction // output_stride))


def _pad_before_shifting(network: Any, output_stride: int) -> None:
    """Pads maps to whole windows before they are shifted, as the authors of Swin do for images of any size.

    timm shifts first: with padding, other pixels then share a window.
    """
    for module in network.modules():
        if type(module).__name__ == "SwinTransformerBlock":
            module._attn = partial(_attend_padded, module._attn, module.window_size)


def _attend_padded(attend: Callable[[Tensor], Tensor], window: tuple[int, int], x_BHWC: Tensor) -> Tensor:
    H, W = x_BHWC.shape[1:3]
    padded_BHWC = F.pad(x_BHWC, (0, 0, 0, -W % window[1], 0, -H % window[0]))
    return attend(padded_BHWC)[:, :H, :W]


def _set_dilation(convolution: nn.Conv2d, dilation: int) -> None:
    convolution.dilation = (dilation, dilation)
    rows, columns = convolution.kernel_size
    convolution.padding = (dilation * (rows // 2), dilation * (columns // 2))


MMSEG: dict[str, Variant] = {
    "resnet18": Variant({"stem_width": 32, "stem_type": "deep"}, _dilate_first_convolutions),
    "resnet34": Variant({"stem_width": 32, "stem_type": "deep"}, _dilate_first_convolutions),
    "mobilenetv2": Variant({}, _dilate_first_blocks),
    "swin": Variant({}, _pad_before_shifting, norms=True),
}
"""By the beginning of the name in timm."""


def find_variant(name: str) -> Variant | None:
    """The variant of a model of timm; None where mmsegmentation builds it alike, or not at all."""
    return next((variant for prefix, variant in MMSEG.items() if name.startswith(prefix)), None)
