"""``vidseg demo --rendered``: the models of rendered video on the labelled sample, scored and side by side."""

from collections.abc import Iterator
from fractions import Fraction
from importlib import resources
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from vidseg.cli.main import DONE
from vidseg.cli.parser import steady_of
from vidseg.cli.progress import Advance, progress_bar
from vidseg.files import write_json

if TYPE_CHECKING:
    from vidseg.data import VideoDataset
    from vidseg.evaluate import EngineConfig
    from vidseg.models import VideoModel
    from vidseg.stream import Segmenter
    from vidseg.types import RGB

_SCORES = ("mIoU", "mVC8", "mVC16")


def run_rendered(args: Any) -> int:
    """Scores first, then the video."""
    from vidseg.checkpoints import bundled_models, describe, load
    from vidseg.data import open_dataset
    from vidseg.evaluate import EngineConfig, evaluate_model

    dataset = open_dataset(Path(str(resources.files("vidseg"))) / "assets" / "sample", "folder", "all")
    names = [name for name in bundled_models() if describe(name).class_map == dataset.class_map]
    config = EngineConfig(steady=steady_of(args), flow=args.flow)
    results = {}
    for name in names:
        with progress_bar(f"scoring {name}", None) as advance:
            results[name] = evaluate_model(name, dataset, config, progress=advance).to_dict()
    with progress_bar(f"writing {args.output}", None) as advance:
        rates = _write_video(args.output, {name: load(name) for name in names}, dataset, config, advance)
    table = Table(
        "model",
        *_SCORES,
        "frames/s",
        box=None,
        pad_edge=False,
        title="Bundled sample, protocol vspw",
        title_justify="left",
        caption="frames/s: of the model's steps, without compilation, reading, scoring and writing",
        caption_justify="left",
    )
    for name, result in results.items():
        scores = result["protocols"]["vspw"]
        table.add_row(name, *(f"{scores[score]:.3f}" for score in _SCORES), f"{rates[name]:.1f}")
    Console().print(table)
    if args.json:
        write_json(args.json, {name: {**results[name], "steps_per_second": rates[name]} for name in names})
    print(f"wrote {args.output}")
    return DONE


def _write_video(
    path: str, models: "dict[str, VideoModel]", dataset: "VideoDataset", config: "EngineConfig", advance: Advance
) -> "dict[str, float]":
    """Writes the video; gives the frames a second of every model's steps, without compilation."""
    from vidseg.flow import flow_estimator
    from vidseg.stream import Segmenter
    from vidseg.types import Frame
    from vidseg.video import OverlayWriter, VideoInfo

    rate = Fraction(dataset.videos[0].rate or 1).limit_denominator(1000)
    segmenters = {
        name: Segmenter(model, flow=None if config.flow is None else flow_estimator(config.flow), steady=config.steady)
        for name, model in models.items()
    }
    seconds = dict.fromkeys(models, 0.0)
    pictures = _pictures(segmenters, seconds, dataset)
    first = next(pictures)
    info = VideoInfo(name=path, width=first.shape[1], height=first.shape[0], fps=rate, time_base=1 / rate)
    with OverlayWriter(path, info) as writer:
        for index, picture in enumerate(chain([first], pictures)):
            frame = Frame(image=picture, index=index, time=float(index / rate), duration=float(1 / rate))
            writer.write(picture, frame)
            advance(index + 1)
    return {name: (index + 1) / (seconds[name] - segmenters[name].compile_seconds) for name in models}


def _pictures(
    segmenters: "dict[str, Segmenter]", seconds: dict[str, float], dataset: "VideoDataset"
) -> "Iterator[RGB]":
    """Of each frame: itself, the ground truth and every model's classes, under captions; adds up the steps' seconds."""
    from vidseg.data import frames_with_labels
    from vidseg.viz import overlay, side_by_side

    captions = ["frame", "ground truth", *segmenters]
    for video in dataset.videos:
        states = {name: segmenter.start() for name, segmenter in segmenters.items()}
        for frame, labels in frames_with_labels(video, dataset.spec):
            assert labels is not None  # every frame of the sample is labelled
            layers = [labels]
            for name, segmenter in segmenters.items():
                began = perf_counter()
                states[name], segmentation = segmenter.step(states[name], frame)
                seconds[name] += perf_counter() - began
                layers.append(segmentation.labels)
            shown = [overlay(frame.image, layer, dataset.class_map, opacity=0.7) for layer in layers]
            pictures = [frame.image, *shown]
            yield side_by_side(pictures, captions=captions, columns=3 if len(pictures) == 3 else 2)
