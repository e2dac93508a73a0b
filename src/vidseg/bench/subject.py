"""The model that is timed, and others that are made from it: more classes, another size."""

from dataclasses import replace

import torch
from torch import Tensor

from vidseg.bench.sizes import Size, for_frames_of
from vidseg.errors import InputError
from vidseg.models import ModelConfig, VideoModel, build_model
from vidseg.types import ClassMap, Preprocessing, default_ignore

# Far below any logit, and still a number in half precision.
NEVER = -1e4


def subject(model: VideoModel, size: Size, num_classes: int | None = None) -> VideoModel:
    """A model prepared for frames of a size, maybe with classes that never win.

    Args:
        model: as `vidseg.load` returns it; it is not changed.
        size: (height, width) of the frames; its preprocessing is bounded by them.
        num_classes: how many classes to compute; None for the model's own.

    Raises:
        InputError: for fewer classes than the model has, or for more of one that merges masks or fuses scores.
    """
    wanted = model.num_classes if num_classes is None else num_classes
    if wanted < model.num_classes:
        raise InputError(f"got {wanted} classes for a model with {model.num_classes}; expected as many or more")
    if wanted > model.num_classes and model.score_kind == "mass":
        raise InputError(f"got {wanted} classes for a model that merges masks; expected its own {model.num_classes}")
    result = build_model(replace(model.config, num_classes=wanted))
    known = model.state_dict()
    widened = {name for name, new in result.state_dict().items() if known[name].shape[1:] != new.shape[1:]}
    if widened:
        raise InputError(
            f"got {wanted} classes for a {type(model).__name__}, whose {min(widened)} sees every class; "
            f"expected its own {model.num_classes}"
        )
    result.load_state_dict({name: _padded(known[name], new, name) for name, new in result.state_dict().items()})
    return furnished(result, size, model.preprocessing)


def untrained(config: ModelConfig, size: Size) -> VideoModel:
    """A model with random weights, always the same ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return furnished(build_model(config), size)


def furnished(model: VideoModel, size: Size, preprocessing: Preprocessing | None = None) -> VideoModel:
    """Sets what a segmenter asks of a model: names for its classes and preprocessing for frames of a size."""
    count = model.num_classes
    model.class_map = ClassMap(
        names=tuple(f"class {index}" for index in range(count)),
        palette=((0, 0, 0),) * count,
        ignore=default_ignore(count),
    )
    model.preprocessing = for_frames_of(size, preprocessing or Preprocessing())
    return model.eval()


def _padded(tensor: Tensor, wanted: Tensor, name: str) -> Tensor:
    """A tensor with rows for more classes, whose bias keeps them from winning."""
    if tensor.shape == wanted.shape:
        return tensor
    value = NEVER if name.endswith("bias") else 0
    extra = tensor.new_full((len(wanted) - len(tensor), *tensor.shape[1:]), value)
    return torch.cat([tensor, extra])
