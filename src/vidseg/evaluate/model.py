"""Evaluating a model: data set -> stream -> metrics, with the engine that `vidseg segment` runs."""

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Literal

import torch

from vidseg.checkpoints import find_checkpoint
from vidseg.checkpoints.tensors import sha256_of
from vidseg.data import VideoDataset
from vidseg.evaluate.engines import EngineConfig, listed_rate, policy_text
from vidseg.evaluate.result import Evaluation
from vidseg.evaluate.running import Progress, evaluate_with, limited_processes, score_together
from vidseg.evaluate.scoring import ModelScorer
from vidseg.evaluate.videos import labelled_videos, require_references
from vidseg.models import VideoModel, architecture_of
from vidseg.runtime import describe_precision, resolve_device
from vidseg.stream import Segmenter

WINDOWS = (8, 16)


def evaluate_model(
    model: VideoModel | str | os.PathLike[str],
    dataset: VideoDataset,
    config: EngineConfig | None = None,
    *,
    windows: Sequence[int] = WINDOWS,
    flow: str | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Scores a model on a data set's split.

    Only frames with ground truth count for mIoU and accuracy; the others are streamed, because later frames look back
    at them. VC_n is taken over windows of n consecutive frames that all have ground truth, and is None where there is
    no such window.

    Args:
        model: what `vidseg.load` finds, or a model in eval mode with class map and preprocessing.
        dataset: from `vidseg.data.open_dataset`.
        config: how the model is run; by default as it was trained.
        windows: the values of n of VC_n.
        flow: the name of what estimates the motion for TC, temporal consistency (`vidseg.flow.ESTIMATORS`); None leaves
            TC out, which is not free (see `vidseg.metrics.TemporalConsistency`).
        processes: how many share the videos. They share the CPU threads, too, and are dealt out over the CUDA devices
            if the device is "auto" or "cuda".
        progress: called with (frames done, frames in all).

    Raises:
        InputError: for classes other than the data set's, or an option that cannot be used.
        MissingExtraError: if a package that the flow needs is not installed.
        DataError: if the data set has no ground truth, or a file of it is missing or damaged.
        CheckpointError: if the model cannot be loaded.
    """
    config = config or EngineConfig()
    dataset = labelled_videos(dataset)
    scorer, segmenter = _make_scorer(model, dataset, config, windows, flow)
    source = {"model": _describe_model(model, scorer.model), "engine": _describe_engine(config, segmenter)}
    shares = _shares(config, limited_processes(processes, dataset))
    make_scorers = [partial(ModelScorer, model, share, dataset.spec, tuple(windows), flow) for share in shares]
    return evaluate_with(scorer, make_scorers, dataset, windows=windows, flow=flow, source=source, progress=progress)


def validate(
    model: VideoModel,
    dataset: VideoDataset,
    *,
    config: EngineConfig | None = None,
    protocol: Literal["vspw", "exact"] = "exact",
    windows: Sequence[int] = WINDOWS,
    together: bool = False,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Scores a model in the midst of its training.

    The model is brought into eval mode and back into the mode it was in.

    Args:
        model: with class map and preprocessing.
        dataset: as for `evaluate_model`.
        config: how the model is run.
        protocol: whose scores are given. `vspw` has none for videos of up to 16 frames.
        windows: the values of n of VC_n.
        together: all processes of the default process group call this with the same weights, share the videos, and
            get the scores that one alone would have got.
        progress: called with (frames done, frames in all), of this process.

    Returns:
        mIoU, wIoU, pixel_accuracy, mean_accuracy, mVC8, mCC8, … as fractions; those that are undefined are left out.

    Raises:
        Error: as `evaluate_model`.
    """
    was_training = model.training
    model.eval()
    try:
        if together:
            labelled = labelled_videos(dataset)
            scorer, _ = _make_scorer(model, labelled, config or EngineConfig(), windows)
            measured = score_together(scorer, labelled, windows=windows, progress=progress)
        else:
            measured = evaluate_model(model, dataset, config, windows=windows, progress=progress).scores
    finally:
        model.train(was_training)
    scores = measured["protocols"][protocol]
    return {name: value for name, value in scores.items() if value is not None and name not in ("videos", "frames")}


def _make_scorer(
    model: VideoModel | str | os.PathLike[str],
    dataset: VideoDataset,
    config: EngineConfig,
    windows: Sequence[int],
    flow: str | None = None,
) -> tuple[ModelScorer, Segmenter]:
    """What scores a model, and its segmenter of the first video; all that does not fit is said here."""
    scorer = ModelScorer(model, config, dataset.spec, windows, flow)
    segmenter = scorer.engines.segmenter(dataset.videos[0])
    require_references(dataset, segmenter.policy)
    for rate in sorted({rate for video in dataset.videos if (rate := listed_rate(video)) is not None}):
        list(segmenter.segment((), fps=rate))  # streams nothing: here it warns of unsuitable rates, once each
    return scorer, segmenter


def _shares(config: EngineConfig, processes: int) -> list[EngineConfig]:
    """The configuration of each process: the threads divided, the CUDA devices dealt out."""
    threads = max(1, (config.threads or torch.get_num_threads()) // processes)
    devices = [config.device]
    if config.device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [replace(config, threads=threads, device=devices[k % len(devices)]) for k in range(processes)]


def _describe_engine(config: EngineConfig, segmenter: Segmenter) -> dict[str, Any]:
    return {
        # Seconds are other offsets in every video; everything else is one policy.
        "policy": config.policy if config.policy.startswith("seconds") else policy_text(segmenter.policy),
        "preprocessing": segmenter.preprocessing.to_dict(),
        "device": str(resolve_device(config.device)),
        "runtime": segmenter.runtime_name,  # "auto" is another one on another machine
        "precision": describe_precision(segmenter.guarantee),
        "threads": torch.get_num_threads(),
        "flip": config.flip,
        "scales": list(config.scales),
        "steady": None if config.steady is None else asdict(config.steady) | {"flow": segmenter.flow_name},
        "flow": segmenter.flow_name,
    }


def _describe_model(given: VideoModel | str | os.PathLike[str], model: VideoModel) -> dict[str, Any]:
    description = {"architecture": architecture_of(model.config), "config": asdict(model.config)}
    if not isinstance(given, str | os.PathLike):
        return {"name": None, "weights_sha256": None, **description}
    return {"name": os.fspath(given), "weights_sha256": weights_sha256(given), **description}


def weights_sha256(model: str | os.PathLike[str]) -> str:
    """Of the file of weights of what `vidseg.load` finds."""
    directory = find_checkpoint(model)
    # model.safetensors comes before the pytorch_model.bin that old directories have, as in loading.
    weights = sorted(path for path in directory.iterdir() if path.suffix in (".safetensors", ".bin"))
    return sha256_of(weights[0])
