"""Names of the authors' released CFFM and SegFormer state dicts, and of ImageNet MiT files, in ours.

Every key of a source is *taken* or knowingly dropped; what remains is an error that names it.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from vidseg.errors import CheckpointError
from vidseg.models import CFFMConfig, MiTConfig

# Ours -> theirs, per block of the encoder.
_ENCODER_BLOCK = {
    "norm1": "norm1",
    "attention.query": "attn.q",
    "attention.key_value": "attn.kv",
    "attention.reduction": "attn.sr",
    "attention.reduction_norm": "attn.norm",
    "attention.output": "attn.proj",
    "norm2": "norm2",
    "mix_ffn.expand": "mlp.fc1",
    "mix_ffn.depthwise": "mlp.dwconv.dwconv",
    "mix_ffn.contract": "mlp.fc2",
}
_MINING_BLOCK = {
    "norm1": "norm1",
    "assembling.target.weighted_sum": "pool_layers.0",
    "mining.query_key_value": "attn.qkv",
    "mining.output": "attn.proj",
    "norm2": "norm2",
    "mlp.expand": "mlp.fc1",
    "mlp.contract": "mlp.fc2",
}


class Source:
    """A state dict that is emptied key by key.

    Args:
        tensors: the state dict; a copy is taken.
        name: what it is called in errors, usually the file.
    """

    def __init__(self, tensors: Mapping[str, Tensor], name: str) -> None:
        self._rest = dict(tensors)
        self.name = name

    def take(self, key: str) -> Tensor:
        """Removes and returns a tensor.

        Raises:
            CheckpointError: if there is no such key.
        """
        try:
            return self._rest.pop(key)
        except KeyError:
            raise CheckpointError(
                f"got no key '{key}' in {self.name}; expected a complete checkpoint of this kind; "
                "check the kind of checkpoint and its file"
            ) from None

    def take_layer(self, key: str, *, bias: bool = True) -> dict[str, Tensor]:
        """Removes ``key.weight`` and ``key.bias``."""
        layer = {"weight": self.take(f"{key}.weight")}
        if bias:
            layer["bias"] = self.take(f"{key}.bias")
        return layer

    def drop(self, *suffixes: str, prefix: str = "") -> None:
        """Removes every key with one of the suffixes, unread, if there is any."""
        for key in [key for key in self._rest if key.startswith(prefix) and key.endswith(suffixes)]:
            del self._rest[key]

    def finish(self) -> None:
        """Checks that nothing is left.

        Raises:
            CheckpointError: naming the first leftover.
        """
        if self._rest:
            first = next(iter(self._rest))
            raise CheckpointError(
                f"got {len(self._rest)} unknown key(s) in {self.name}, first '{first}'; expected none; "
                "check the kind of checkpoint and its file"
            )
