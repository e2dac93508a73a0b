"""From another code base's state dict to ours: every key is moved or knowingly dropped, and nothing may be left."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from vidseg.checkpoints.tensors import Tensors, fill, require_enough
from vidseg.errors import CheckpointError, InputError
from vidseg.models import MiTConfig, MixTransformer, ModelConfig, build_model

Config = TypeVar("Config", bound=ModelConfig | MiTConfig)


@dataclass(frozen=True, kw_only=True)
class Converted:
    """Weights in our names.

    Attributes:
        config: of the model, or of the encoder, that they are for.
        name: what the source is called in errors.
        tensors: the state dict.
        origins: what each key was called in the source.
    """

    config: ModelConfig | MiTConfig
    name: str
    tensors: Tensors = field(repr=False)
    origins: Mapping[str, str] = field(repr=False)

    def fill(self, module: nn.Module) -> None:
        """Copies the weights into a module made for `config`.

        Raises:
            CheckpointError: naming the source's key, if one has another shape or is not finite.
        """
        fill(module, self.tensors, self.name, self.origins)


class Renaming:
    """A state dict that is emptied key by key into another.

    Args:
        tensors: the source's state dict; a copy is taken. A common prefix ``module.``, which parallel training
            leaves, is cut off.
        name: what the source is called in errors, usually the file.
    """

    def __init__(self, tensors: Mapping[str, Any], name: str) -> None:
        prefix = "module." if all(str(key).startswith("module.") for key in tensors) else ""
        self._rest = {str(key).removeprefix(prefix): value for key, value in tensors.items()}
        self._name = name
        self._tensors: Tensors = {}
        self._origins: dict[str, str] = {}
        self._telling: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._rest

    def size(self, key: str) -> int:
        """Length of a vector that is still to be moved: by it the size of a model is told.

        Raises:
            CheckpointError: if there is no such key, or it is no vector.
        """
        tensor = self._get(key)
        if tensor.ndim != 1:
            raise CheckpointError(
                f"got shape {list(tensor.shape)} for key '{key}' in {self._name}; expected one dimension; get it anew"
            )
        self._telling.append(key)
        return tensor.shape[0]

    def first(self, *prefixes: str) -> str | None:
        """The first of some prefixes that any key that is left begins with; by it the kind of a part is told."""
        return next((prefix for prefix in prefixes if any(key.startswith(prefix) for key in self._rest)), None)

    def unknown(self, what: str, expected: str) -> CheckpointError:
        """The error for a part of no known kind."""
        key = next(iter(self._rest), "none")
        return CheckpointError(
            f"got {what} of an unknown kind in {self._name} (first key '{key}'); expected {expected}"
        )

    def count(self, prefix: str) -> int:
        """How many numbers follow a prefix in the keys that are left: the depth of a stack of blocks.

        Raises:
            CheckpointError: if there are none.
        """
        numbers = {match[1] for key in self._rest if (match := re.match(re.escape(prefix) + r"\.(\d+)\.", key))}
        if not numbers:
            raise self._missing(f"{prefix}.0")
        return len(numbers)

    def move(self, theirs: str, ours: str, change: Callable[[Tensor], Tensor] | None = None) -> None:
        """Moves a tensor, changed if need be.

        Raises:
            CheckpointError: if there is no such key, or its tensor has too few dimensions for the change.
        """
        tensor = self._get(theirs)
        del self._rest[theirs]
        try:
            self._tensors[ours] = tensor if change is None else change(tensor)
        except (IndexError, RuntimeError) as error:
            raise CheckpointError(
                f"got shape {list(tensor.shape)} for key '{theirs}' in {self._name}; expected another; get it anew"
            ) from error
        self._origins[ours] = theirs

    def move_layer(self, theirs: str, ours: str, *, bias: bool = True) -> None:
        """Moves ``weight`` and ``bias`` of a layer."""
        self.move(f"{theirs}.weight", f"{ours}.weight")
        if bias:
            self.move(f"{theirs}.bias", f"{ours}.bias")

    def move_batch_norm(self, theirs: str, ours: str) -> None:
        """Moves weights and statistics of a BatchNorm."""
        self.move_layer(theirs, ours)
        for statistic in ("running_mean", "running_var"):
            self.move(f"{theirs}.{statistic}", f"{ours}.{statistic}")
        # Old versions of torch kept no counter, and nothing depends on it.
        counter = "num_batches_tracked"
        self._rest.setdefault(f"{theirs}.{counter}", torch.tensor(0))
        self.move(f"{theirs}.{counter}", f"{ours}.{counter}")

    def join_layers(self, theirs: tuple[str, ...], ours: str) -> None:
        """Moves several linear layers into one, their outputs one after the other."""
        for part in ("weight", "bias"):
            keys = [f"{layer}.{part}" for layer in theirs]
            tensors = [self._get(key) for key in keys]
            for key, tensor in zip(keys, tensors, strict=True):
                del self._rest[key]
                if tensor.shape != tensors[0].shape:
                    raise CheckpointError(
                        f"got shape {list(tensor.shape)} for key '{key}' in {self._name}; "
                        f"expected {list(tensors[0].shape)}, as '{keys[0]}' has; get it anew"
                    )
            self._tensors[f"{ours}.{part}"] = torch.cat(tensors)
            self._origins[f"{ours}.{part}"] = " + ".join(keys)

    def divide(self, theirs: str, ours: Mapping[str, int]) -> None:
        """Moves the rows of one tensor into several.

        Args:
            theirs: the key.
            ours: the keys here, in the order of the rows, with the share of each.

        Raises:
            CheckpointError: if there is no such key, or its rows cannot be shared out.
        """
        tensor = self._get(theirs)
        shares = list(ours.values())
        if tensor.ndim < 1 or tensor.shape[0] % sum(shares):
            raise CheckpointError(
                f"got shape {list(tensor.shape)} for key '{theirs}' in {self._name}; "
                f"expected a multiple of {sum(shares)} rows; get it anew"
            )
        del self._rest[theirs]
        unit = tensor.shape[0] // sum(shares)
        for key, part in zip(ours, tensor.split([unit * share for share in shares]), strict=True):
            self._tensors[key] = part
            self._origins[key] = theirs

    def drop(self, *keys: str) -> None:
        """Removes keys unread, where they are."""
        for key in keys:
            self._rest.pop(key, None)

    def drop_matching(self, pattern: str) -> None:
        """Removes all keys that match a regular expression as a whole, unread."""
        for key in [key for key in self._rest if re.fullmatch(pattern, key)]:
            del self._rest[key]

    def config(self, cls: type[Config], **sizes: Any) -> Config:
        """A configuration from the sizes that the source tells.

        Raises:
            CheckpointError: if they do not fit each other.
        """
        try:
            return cls(**sizes)
        except InputError as error:
            raise CheckpointError(
                f"{error}; as told by the lengths of {', '.join(self._telling)} in {self._name}"
            ) from error

    def finish(self, config: ModelConfig | MiTConfig) -> Converted:
        """What was moved.

        Raises:
            CheckpointError: naming the first key that was neither moved nor dropped, or if the model would be larger
                than what was moved.
        """
        if self._rest:
            raise CheckpointError(
                f"got {len(self._rest)} unknown key(s) in {self._name}, first '{next(iter(self._rest))}'; "
                "expected none; check the file, and what kind of checkpoint it is"
            )

        def build() -> nn.Module:
            return MixTransformer(config) if isinstance(config, MiTConfig) else build_model(config)

        require_enough(build, sum(tensor.numel() for tensor in self._tensors.values()), self._name)
        return Converted(config=config, name=self._name, tensors=self._tensors, origins=self._origins)

    def _get(self, key: str) -> Tensor:
        if key not in self._rest:
            raise self._missing(key)
        value = self._rest[key]
        if not isinstance(value, Tensor):
            raise CheckpointError(f"got a {type(value).__name__} for key '{key}' in {self._name}; expected a tensor")
        plain = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
        # A view that repeats its few values may claim any size, and by sizes the model is built.
        if not plain or value.untyped_storage().nbytes() < value.numel() * value.element_size():
            raise CheckpointError(
                f"got a tensor without values of its own for key '{key}' in {self._name} (sparse, quantised, repeated "
                "or without data); expected a dense one; get the file anew"
            )
        return value

    def _missing(self, key: str) -> CheckpointError:
        nearest = get_close_matches(key, self._rest, n=1)
        hint = f" (the nearest left is '{nearest[0]}')" if nearest else ""
        return CheckpointError(
            f"got no key '{key}' in {self._name}{hint}; expected it there; "
            "check the file, and what kind of checkpoint it is"
        )
