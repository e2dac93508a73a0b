"""Whether two configurations are of one run."""

from collections.abc import Iterator, Mapping
from typing import Any

FREE = (
    "output.",
    "data.root",
    "data.cache",
    "data.val_split",
    "runtime.device",
    "runtime.workers",
    "runtime.timeout_minutes",
    "initial_weights",
    "warm_start",
)
"""What may differ when a run is resumed: nothing here changes what it computes from then on."""

ADDED: dict[str, Any] = {
    "model.encoder.kind": "mit",
    "model.head": None,
    "model.head.kernel": 3,
    "model.auxiliary.kernel": 3,
    "data.flow": "dis",
    "data.shard_by": "clip",
    "data.cache": None,
    "loss.auxiliary_frames": "all",
    "loss.auxiliary_weight": 0.4,
    "loss.log_softmax_first": False,
    "loss.average": "all",
    "loss.decision_weight": 1.0,
    "runtime.timeout_minutes": 720.0,
    "optimizer.kind": "adamw",
    "optimizer.momentum": 0.9,
    "optimizer.decay_vectors": True,
    "frozen": [],
    "runtime.compile": False,
}
"""Fields that configurations of older versions lack, each with the value that those versions computed by."""


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], *, free: tuple[str, ...] = FREE
) -> dict[str, tuple[Any, Any]]:
    """Fields that differ, by their dotted names, as (before, now); None where one side has no such field.

    Args:
        before: a configuration as nested mappings.
        now: another.
        free: beginnings of the names that do not count.
    """
    first, second = ADDED | dict(_leaves(before)), ADDED | dict(_leaves(now))
    return {
        name: (first.get(name), second.get(name))
        for name in sorted(first.keys() | second.keys())
        if not name.startswith(free) and first.get(name) != second.get(name)
    }


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
