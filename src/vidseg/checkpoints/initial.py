"""Initial weights for training: what another checkpoint has in common with a model."""

import os
from dataclasses import dataclass
from pathlib import Path

from vidseg.checkpoints.huggingface import model_type_of, read_huggingface
from vidseg.checkpoints.load import find_checkpoint
from vidseg.checkpoints.pretrained import fill_encoder, is_pretrained_source
from vidseg.checkpoints.store import is_encoder, load_checkpoint, load_encoder, new_encoder, new_model
from vidseg.checkpoints.tensors import Tensors
from vidseg.errors import CheckpointError
from vidseg.models import MiTConfig, MixTransformer, VideoModel

_ENCODER = "encoder"


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """What was copied into a model.

    Attributes:
        source: the directory, file or name, with how it was read.
        copied: parts of the model that have the source's weights now.
        derived: parts that were set from copied ones, with how.
        fresh: parts that keep what they had, with the reason.
    """

    source: Path | str
    copied: tuple[str, ...]
    derived: tuple[tuple[str, str], ...]
    fresh: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """One sentence for a log."""
        derived = "".join(f"; set {part} {how}" for part, how in self.derived)
        fresh = ", ".join(f"{part} ({reason})" for part, reason in self.fresh) or "nothing"
        return f"copied {', '.join(self.copied)} from {self.source}{derived}; freshly initialised: {fresh}"


def load_initial_weights(
    model: VideoModel, source: str | os.PathLike[str], *, warm_start: bool = True
) -> InitialWeights:
    """Copies the encoder, and every other part that fits, from a checkpoint into a model.

    A part is copied as a whole or not at all: the classifiers of another number of classes or a head of another width
    stay as they are; only what a model knows how to adapt, as CFFM its blocks, is taken over in other shapes. Sizes
    decide, so classes of the same number are taken for the same. The LayerNorm eps stay the model's own.

    Args:
        model: changed in place.
        source: as for `load`, and encoder checkpoints; for encoders that timm defines also "timm", which downloads
            timm's own weights, "imagenet", which takes those of an installed package where there is one (extra
            ``lite``), and files of a state dict (see `vidseg.checkpoints.pretrained.fill_encoder`).
        warm_start: whether a model that looks at other frames predicts like the source's single frames at first; see
            `VideoModel.derive_parts`.

    Returns:
        What was copied and what was not.

    Raises:
        CheckpointError: if the source cannot be read, or its encoder is of another size; the model is unchanged.
    """
    if is_pretrained_source(os.fspath(source)):
        return _load_encoder_weights(model, os.fspath(source))
    directory = find_checkpoint(source)
    tensors = _read(directory)
    copied, unfit = {}, []
    for part, module in model.named_children():
        own = module.state_dict()
        if not own:
            continue
        theirs = {key.removeprefix(f"{part}."): value for key, value in tensors.items() if key.startswith(f"{part}.")}
        if misfit := _misfit(own, theirs):
            unfit.append((part, misfit, theirs))
        else:
            copied[part] = theirs
    if _ENCODER not in copied:
        raise CheckpointError(
            f"got another encoder, or one of another size, in {directory} "
            f"({next(misfit for part, misfit, _ in unfit if part == _ENCODER)}); "
            f"expected {model.config.encoder}"
        )
    for part, theirs in copied.items():
        model.get_submodule(part).load_state_dict(theirs)
    derived, fresh = {}, []
    for part, misfit, theirs in unfit:
        if how := model.adapt_part(part, theirs):
            derived[part] = how
        else:
            fresh.append((part, misfit))
    if warm_start:
        derived |= model.derive_parts([*copied, *derived])
    return InitialWeights(
        source=directory,
        copied=tuple(part for part in copied if part not in derived),
        derived=tuple(derived.items()),
        fresh=tuple((part, reason) for part, reason in fresh if part not in derived),
    )


def _load_encoder_weights(model: VideoModel, source: str) -> InitialWeights:
    filled = fill_encoder(model, source)
    fresh = [(part, "the source has none") for part, module in model.named_children() if module.state_dict()]
    return InitialWeights(
        source=filled,
        copied=(_ENCODER,),
        derived=(),
        fresh=tuple((part, reason) for part, reason in fresh if part != _ENCODER),
    )


def _read(directory: Path) -> Tensors:
    """A state dict in the names of a model, every tensor checked."""
    module: VideoModel | MixTransformer
    if model_type_of(directory) is not None:
        found = read_huggingface(directory)
        config = found.weights.config
        module = new_encoder(config) if isinstance(config, MiTConfig) else new_model(found.record())
        found.weights.fill(module)
    else:
        module = load_encoder(directory).encoder if is_encoder(directory) else load_checkpoint(directory).model
    prefix = f"{_ENCODER}." if isinstance(module, MixTransformer) else ""
    return {prefix + key: tensor for key, tensor in module.state_dict().items()}


def _misfit(own: Tensors, theirs: Tensors) -> str | None:
    """Why weights do not fit a module; None if they do."""
    if not theirs:
        return "the source has none"
    for key, tensor in own.items():
        if key not in theirs:
            return f"the source has no '{key}'"
        if tensor.shape != theirs[key].shape:
            return f"'{key}' of shape {list(tensor.shape)}, the source's is {list(theirs[key].shape)}"
    unknown = next((key for key in theirs if key not in own), None)
    return None if unknown is None else f"the source has '{unknown}' besides"
