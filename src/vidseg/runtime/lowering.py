"""A model's steps in int8 or bf16: lowering them under a guarantee, and running what was lowered.

A lowered export is for one size of the network's input, that of the video it was calibrated on.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from vidseg.errors import InputError, VidsegWarning, extra
from vidseg.models import VideoModel
from vidseg.models.contract import Size
from vidseg.runtime.compiling import Compiled, GraphRuntime
from vidseg.runtime.contract import Runtime
from vidseg.runtime.graph import StepGraph
from vidseg.runtime.guarantee import (
    EXACT,
    LOWERED,
    PRECISIONS,
    Guarantee,
    Judgement,
    digest_of,
    read_export,
    read_guarantee,
)
from vidseg.runtime.openvino import Floats, cpu_abilities, cpu_name, openvino_request, read_openvino, to_openvino
from vidseg.runtime.quantising import CONVOLUTIONS, PRODUCTS, products, quantised

# What int8 is tried with, in order: which products, and of the disagreement allowed the share that one graph may cause
# on what it was calibrated on, None for whatever it causes. Linear layers have outliers, and gain nothing without VNNI.
# A stream adds up what all its graphs do to frames that they never saw, so the last try allows less. The tries with a
# share take many compilations each; they come when no other is good enough.
_TRIES: tuple[tuple[tuple[str, ...], float | None], ...] = (
    (PRODUCTS, None),
    (CONVOLUTIONS, None),
    (PRODUCTS, 1.0),
    (PRODUCTS, 0.5),
)

_FLOATS: dict[str, Floats] = {"int8": "f32", "bf16": "bf16"}


class Trial(Protocol):
    """A video through a model, as streams see it: some of it for calibration, some kept aside.

    Attributes:
        video: its name.
        network_size: (height, width) of the network's input.
        calibrated_on: of how many frames there are samples.
    """

    video: str
    network_size: Size
    calibrated_on: int

    def samples(self, step: str) -> Sequence[Sequence[Tensor]]:
        """What a step was given on the way, in the order of its graph's arguments."""

    def judge(self, exact: Runtime, lowered: Runtime) -> Judgement:
        """Runs both over what was kept aside, in turns, each from what its own frames left."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowering:
    """How an export is to be lowered.

    Attributes:
        precision: one of `LOWERED`.
        trial: what it is calibrated and judged by; of the model that is exported.
        threshold: the least share of pixels, 0–1, whose label must be exact's.
        progress: told of what is being done.

    Raises:
        InputError: for another precision, or one that this processor has no instructions for, or a threshold that is
            no share.
    """

    precision: str
    trial: Trial
    threshold: float = 0.99
    progress: Callable[[str], None] = lambda what: None

    def __post_init__(self) -> None:
        require_precision(self.precision)
        if not 0 <= self.threshold <= 1:
            raise InputError(f"got a threshold of {self.threshold:.2%}; expected 0 to 100 % of the pixels")

    def lower(self, model: VideoModel, graphs: Mapping[str, StepGraph]) -> tuple[dict[str, Any], Guarantee]:
        """The graphs as ``openvino.Model``, lowered, and what they were found to change.

        Args:
            model: unaccelerated.
            graphs: all its steps, from the accelerated one.

        Raises:
            InputError: if the labels agree on less than the threshold even with what harms them most left exact.
            MissingExtraError: if NNCF, for int8, is not installed.
        """
        self.progress("translating")
        size = self.trial.network_size
        exact = {name: to_openvino(graph, graph.example(1, size)) for name, graph in graphs.items()}
        # Ready once: a trial after another compares with the same.
        ready = {name: openvino_request(translated) for name, translated in exact.items()}
        reference = _runtime(model, exact.__getitem__, None, "f32")
        passed: list[tuple[Judgement, dict[str, Any]]] = []
        best = 0.0
        for kinds, share in _TRIES if self.precision == "int8" else _TRIES[:1]:
            if passed and share is not None:
                break
            most_changed = None if share is None else share * (1 - self.threshold)
            models = {
                name: self._lowered(graphs[name], exact[name], ready[name], kinds, most_changed) for name in graphs
            }
            self.progress("comparing with exact")
            runtime = _runtime(model, models.__getitem__, None, _FLOATS[self.precision])
            judgement = self.trial.judge(reference, runtime)
            best = max(best, judgement.agreement)
            if judgement.agreement >= self.threshold:
                passed.append((judgement, models))
                if judgement.speedup >= 1:
                    break
        if not passed:
            raise InputError(
                f"got {self.precision} with {best:.2%} of pixels labelled as exact at best, on {judgement.frames} "
                f"frames of {self.trial.video} that were kept aside; expected {self.threshold:.2%} or more, so nothing "
                "was written; do: calibrate on more of a video like yours, lower --min-agreement, or stay with exact"
            )
        judgement, models = max(passed, key=lambda one: one[0].speedup)
        return models, self._guarantee(model, models, judgement)

    def _lowered(
        self, graph: StepGraph, exact: Any, ready: Compiled, kinds: tuple[str, ...], most_changed: float | None
    ) -> Any:
        # What decides about the schedule is cheap, and has no labels to be judged by.
        samples = [] if self.precision != "int8" or graph.spec.probe else self.trial.samples(graph.name)
        if not samples:
            return exact
        finding = "" if most_changed is None else ", finding out which products must stay exact: this takes minutes"
        what = "convolutions of " if kinds == CONVOLUTIONS else ""
        self.progress(f"calibrating {what}{graph.name} on {len(samples)} frames{finding}")
        return quantised(exact, samples, ready, kinds=kinds, most_changed=most_changed)

    def _guarantee(self, model: VideoModel, models: Mapping[str, Any], judgement: Judgement) -> Guarantee:
        found = {name: products(lowered) for name, lowered in models.items()}
        count = sum(len(lowered) for lowered, _ in found.values())
        is_int8 = self.precision == "int8"
        if is_int8 and not count:
            raise InputError(
                f"got no product that int8 leaves {self.threshold:.2%} of the labels; expected some, so nothing was "
                "written; do: calibrate on more of a video like yours, lower --min-agreement, or stay with exact"
            )
        return Guarantee(
            agreement=judgement.agreement,
            frames=judgement.frames,
            exact_seconds=judgement.exact_seconds,
            lowered_seconds=judgement.lowered_seconds,
            precision=self.precision,
            threshold=self.threshold,
            video=self.trial.video,
            calibrated_on=self.trial.calibrated_on if is_int8 else 0,
            products=count,
            left_exact=tuple(f"{name}: {one}" for name, (_, left) in found.items() for one in left) if is_int8 else (),
            cpu=cpu_name(),
            weights_sha256=digest_of(model),
        )


def require_precision(precision: str) -> None:
    """Checks that there is such a precision below float32, here.

    Raises:
        InputError: if there is not.
        MissingExtraError: if OpenVINO is not installed.
    """
    if precision not in LOWERED:
        raise InputError(f"got precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
    with extra("openvino"):
        import openvino  # noqa: F401
    if precision == "bf16" and "BF16" not in cpu_abilities():
        raise InputError(
            f"got precision bf16 on a processor without bf16 instructions ({cpu_name()}: "
            f"{', '.join(cpu_abilities())}); expected one with avx512_bf16 or AMX; do: --precision exact or int8"
        )


def parse_precision(text: str) -> tuple[str, Path] | None:
    """(precision, folder of its export) of "int8=FOLDER"; None for "exact".

    Raises:
        InputError: for anything else.
    """
    if text == EXACT:
        return None
    precision, _, folder = text.partition("=")
    if precision not in LOWERED:
        raise InputError(f"got precision {text!r}; expected exact, bf16=FOLDER or int8=FOLDER")
    if not folder:
        raise InputError(
            f"got precision {precision} without the export that vouches for it; expected {precision}=FOLDER; do first: "
            f"vidseg export M FOLDER --precision {precision} --calibrate VIDEO"
        )
    return precision, Path(folder)


def guarantee_of(text: str) -> Guarantee | None:
    """What stands behind a precision in the words of `parse_precision`; None for exact.

    Raises:
        InputError: if there is no such export.
    """
    chosen = parse_precision(text)
    if chosen is None:
        return None
    precision, folder = chosen
    guarantee = read_guarantee(folder)
    if guarantee.precision != precision:
        raise InputError(f"got {precision}={folder}, an export in {guarantee.precision}; expected one in {precision}")
    return guarantee


def lowered_runtime(text: str, model: VideoModel, threads: int | None = None) -> GraphRuntime:
    """Runs a lowered export in place of the model that it was made of.

    Args:
        text: in the words of `parse_precision`, not "exact".
        model: whose weights it must be of; unaccelerated.
        threads: CPU threads; None for OpenVINO's own choice.

    Raises:
        InputError: if there is no such export, it is of other weights, or needs other instructions.
    """
    guarantee, chosen = guarantee_of(text), parse_precision(text)
    assert guarantee is not None
    assert chosen is not None
    precision, folder = chosen
    require_precision(precision)
    if guarantee.weights_sha256 != digest_of(model):
        raise InputError(f"got {text}, an export of other weights; expected one of this model; do: export it anew")
    if guarantee.cpu != cpu_name():
        warnings.warn(
            f"got {text}, whose labels were compared on {guarantee.cpu}; here is {cpu_name()}, which may round "
            "otherwise; export anew to be sure",
            VidsegWarning,
            stacklevel=2,
        )
    files = {name: folder / entry["file"] for name, entry in read_export(folder)["graphs"].items()}
    return _runtime(model, lambda step: read_openvino(files[step]), threads, _FLOATS[precision])


def _runtime(model: VideoModel, step_model: Callable[[str], Any], threads: int | None, floats: Floats) -> GraphRuntime:
    """Runs graphs of one size that give their logits as exports do, [B,K,h,w]."""

    def compile_graph(graph: StepGraph, example: Sequence[Tensor]) -> Compiled:
        lowered = step_model(graph.name)
        got, expected = list(example[0].shape), list(lowered.inputs[0].shape)
        if got != expected:
            raise InputError(
                f"got {got[0]} frame(s) of {got[2]}x{got[3]} for graphs of {expected[0]} of {expected[2]}x"
                f"{expected[3]}, the network's input that they were calibrated for; do: --precision exact, or export "
                f"with --size {got[2]}x{got[3]}"
            )
        ready = lowered if graph.spec.probe else _channels_last(lowered)
        return openvino_request(ready, threads, floats=floats)

    return GraphRuntime("openvino", model, torch.device("cpu"), compile_graph)


def _channels_last(model: Any) -> Any:
    """A copy of a graph whose logits are [B,h,w,K]: two transpositions that undo each other cost nothing."""
    from openvino import opset13 as ops

    copy = model.clone()
    result = copy.output(0).get_node()
    transposed = ops.transpose(result.input_value(0), ops.constant([0, 2, 3, 1]))
    result.input(0).replace_source_output(transposed.output(0))
    copy.validate_nodes_and_infer_types()
    return copy
