"""int8 by NNCF's post-training quantisation, of those operations only that gain by it.

Products with fixed weights (linear layers, convolutions) are quantised. All else stays in float32: attention between
activations, softmax, norms and sums would each lose more than they gain, and OpenVINO computes a whole attention at
once only if nothing lies in between.

Weights take seven of the eight bits. Processors without VNNI add pairs of products in 16 bits, which overflow with
eight: labels then differ where nobody measured.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vidseg.errors import extra
from vidseg.runtime.compiling import Compiled
from vidseg.runtime.graph import quiet

CONVOLUTIONS = ("Convolution", "GroupConvolution")
PRODUCTS = (*CONVOLUTIONS, "MatMul")

# By how many samples an operation's share in the damage is estimated.
_RANKED_BY = 3
# Between a weight and the operation that it belongs to, as OpenVINO lays it out and as NNCF leaves it.
_ON_THE_WAY = ("Convert", "Transpose", "Reshape", "FakeQuantize", "Subtract", "Multiply")

_Sample = tuple[list[NDArray[Any]], NDArray[Any]]


def quantised(
    model: Any,
    samples: Sequence[Sequence[Tensor]],
    exact: Compiled,
    *,
    kinds: Sequence[str] = PRODUCTS,
    most_changed: float | None = None,
) -> Any:
    """An int8 version of a step's graph; operations that harm its labels most stay exact until they are few enough.

    Args:
        model: the ``openvino.Model`` of a step that gives logits [1,K,h,w] first; it is not changed.
        samples: the step's arguments, as a stream had them; ranges of activations are theirs.
        exact: the same graph ready to run.
        kinds: of products that may be int8, some of `PRODUCTS`.
        most_changed: share of a sample's positions, 0–1, whose largest logit may be of another class; None for
            whatever comes of it. Finding out which operations must stay exact compiles the graph once for each.

    Returns:
        Another ``openvino.Model``.

    Raises:
        MissingExtraError: if NNCF is not installed.
    """
    arrays = [[value.contiguous().numpy() for value in sample] for sample in samples]
    left_out = [node.get_friendly_name() for node in model.get_ordered_ops() if not _is_product(node, kinds)]
    with _nncf() as nncf:
        options: dict[str, Any] = {
            "preset": nncf.QuantizationPreset.MIXED,
            "subset_size": len(arrays),
            "ignored_scope": nncf.IgnoredScope(names=left_out, validate=False),
        }
        advanced = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
        if most_changed is None:
            return nncf.quantize(model, nncf.Dataset(arrays), advanced_parameters=advanced, **options)
        labelled = [(values, _winners(exact(sample)[0])) for values, sample in zip(arrays, samples, strict=True)]
        dataset = nncf.Dataset(labelled, lambda sample: sample[0])
        return nncf.quantize_with_accuracy_control(
            model,
            dataset,
            dataset,
            _agreement,
            max_drop=most_changed,
            drop_type=nncf.DropType.ABSOLUTE,
            advanced_quantization_parameters=advanced,
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                ranking_subset_size=min(_RANKED_BY, len(arrays)), num_ranking_workers=1
            ),
            **options,
        )


def products(model: Any) -> tuple[list[str], list[str]]:
    """Names of an ``openvino.Model``'s products with fixed weights: those in int8, those that are exact."""
    found: tuple[list[str], list[str]] = ([], [])
    for node in model.get_ordered_ops():
        if _is_product(node):
            is_int8 = any(_is_fixed(one) and _is_int8(one) for one in _inputs(node))
            found[not is_int8].append(node.get_friendly_name())
    return found


def _is_product(node: Any, kinds: Sequence[str] = PRODUCTS) -> bool:
    return node.get_type_name() in kinds and any(map(_is_fixed, _inputs(node)))


def _is_fixed(node: Any) -> bool:
    """Whether a node's value is a weight, quantised or not."""
    if node.get_type_name() == "Constant":
        return True
    return node.get_type_name() in _ON_THE_WAY and all(map(_is_fixed, _inputs(node)))


def _is_int8(node: Any) -> bool:
    """Whether a weight is quantised: kept so, or still to be."""
    if node.get_type_name() == "Constant":
        return node.get_element_type().get_type_name() in ("i8", "u8")
    return node.get_type_name() == "FakeQuantize" or any(map(_is_int8, _inputs(node)))


def _inputs(node: Any) -> list[Any]:
    return [value.get_node() for value in node.input_values()]


def _agreement(compiled: Any, samples: Iterable[_Sample]) -> tuple[float, list[float]]:
    """Mean share of positions whose winner is exact's, and that of each sample."""
    shares = [float((_winners(compiled(arrays)[0]) == winners).mean()) for arrays, winners in samples]
    return float(np.mean(shares)), shares


def _winners(logits_1Khw: Tensor | NDArray[Any]) -> NDArray[Any]:
    return np.asarray(logits_1Khw).argmax(axis=1)


@contextmanager
def _nncf() -> Iterator[Any]:
    """NNCF, without its bars and remarks."""
    os.environ.setdefault("NNCF_CI", "1")  # else it tells its maker that it is used
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with quiet(), redirect_stdout(StringIO()), extra("int8"):
            import nncf

            yield nncf
    finally:
        logging.disable(before)
