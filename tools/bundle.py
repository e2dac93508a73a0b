"""Makes what the package bundles from a finished training run: the model in half precision, scored, and the sample.

    vidseg render data/freedoom
    python tools/bundle.py runs/NAME/last data/freedoom cffm-b0-freedoom --note "…"

Run from the root of a checkout. The benchmark's pairs start from the bundled models: with new ones they are to be run
again (a test compares the hashes). The scores in the model's config.json are those of the bundled file itself: on the
clean validation frames under their own names, on the damaged ones and on the bundled sample with a prefix.
"""

import argparse
import json
import shutil
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from vidseg.checkpoints import load, save_checkpoint
from vidseg.data import VideoDataset, frames_with_labels, open_dataset
from vidseg.evaluate import EngineConfig, evaluate_model
from vidseg.metrics import SegmentationScores
from vidseg.video import write_labels

ASSETS = Path("src/vidseg/assets")
# Walks on three maps that no model was trained on: a landscape, a base, a fortress.
SAMPLE = ("e1m3_00", "map10_00", "map24_00")
SAMPLE_FRAMES = 30
SCORES = ("mIoU", "wIoU", "pixel_accuracy", "mean_accuracy", "mVC8", "mVC16", "mCC8", "mCC16")

CARD = """# {name}

{architecture}, trained from scratch on `freedoom-video`: video of walks through the maps of the free game data Freedoom
(BSD-3-Clause, see NOTICE), rendered with exact labels by `vidseg render`. A model to try the library with, and nothing
else: it knows the textures of one game.

| | |
|-|-|
| classes | {classes} |
| input | RGB, short side {short}, {fps:.4g} frames a second |
| data | {train} videos of {length} frames on {maps} maps, clean or damaged (dark, blurred, noisy, partly covered) |
| budget | {note} |
| stored as | float16 safetensors |
| licence | Apache-2.0 |

Scores of this very file on the {videos} validation videos ({frames} frames, maps that training has not seen), protocol
`vspw`, through the stream engine in torch:

| frames | {heads} |
|-|{rules}|
{rows}

Predicting each pixel's most frequent training label scores mIoU {majority:.3f} there. How it compares with other models
of equal budget: docs/results.md.

IoU by class on clean frames: {per_class}.

Limits: weapons that lie about, ammunition and other things of a few pixels are often missed; maps with textures unlike
those of the training maps are labelled worse; nothing of it carries over to photographs.
"""


def main() -> None:
    """Reads the command line and makes everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder 'last' of the training run")
    parser.add_argument("data", type=Path, help="the folder that vidseg render made")
    parser.add_argument("name", help="what the bundled model is called")
    parser.add_argument("--note", required=True, help="how it was trained, for its card")
    parser.add_argument("--processes", type=int, default=2, help="for scoring")
    parser.add_argument("--sample", action="store_true", help="make the sample anew, too")
    args = parser.parse_args()
    if args.sample:
        make_sample(open_dataset(args.data, "camvid", "val"), args.data)
    bundle_model(args.run, args.data, args.name, note=args.note, processes=args.processes)


def bundle_model(run: Path, data: Path, name: str, *, note: str, processes: int) -> None:
    """Stores the model in half precision, scores what was stored, and writes its card."""
    model, folder = load(run), ASSETS / "models" / name
    clean = open_dataset(data, "camvid", "val")
    manifest = json.loads((data / "manifest.json").read_text())
    fixed: dict[str, Any] = {
        "class_map": clean.class_map,
        "preprocessing": model.preprocessing,
        "training": {
            "dataset": "freedoom-video",
            "fps": clean.spec.frame_rate,
            "note": note,
            "rendered_with": manifest["versions"] | {"seed": manifest["config"]["seed"]},
        },
        "license": "Apache-2.0",
        "dtype": "float16",
    }
    shutil.rmtree(folder, ignore_errors=True)
    save_checkpoint(folder, model, **fixed)
    # Other runtimes agree to rounding only, and the scores are to be found again to the last digits.
    engine = EngineConfig(runtime="torch")
    sets = {"": clean, "damaged_": open_dataset(data, "freedoom", "val"), "sample_": bundled_sample()}
    results = {
        prefix: evaluate_model(folder, dataset, engine, processes=processes).to_dict()
        for prefix, dataset in sets.items()
    }
    metrics = {"protocol": "vspw", "videos": len(clean.videos)}
    for prefix, result in results.items():
        metrics |= {prefix + score: result["protocols"]["vspw"][score] for score in SCORES}
    metrics["majority_label_mIoU"] = majority_score(open_dataset(data, "camvid", "train"), clean)
    save_checkpoint(folder, model, **fixed, metrics=metrics)
    text = card(name, model.preprocessing.short, clean, note, metrics, results[""], manifest)
    (folder / "README.md").write_text(text, encoding="utf-8")
    print(text)


def card(
    name: str,
    short: int,
    val: VideoDataset,
    note: str,
    metrics: dict[str, Any],
    result: dict[str, Any],
    manifest: dict[str, Any],
) -> str:
    """The model's README."""
    train = [video for video in manifest["videos"].values() if video["split"] == "train"]
    labels = {"": "clean", "damaged_": "damaged", "sample_": "the bundled sample, clean"}
    rows = (
        f"| {label} | " + " | ".join(f"{metrics[prefix + score]:.3f}" for score in SCORES) + " |"
        for prefix, label in labels.items()
    )
    return CARD.format(
        name=name,
        architecture={"cffm": "CFFM-B0", "segformer": "SegFormer-B0, frame by frame"}[result["model"]["architecture"]],
        classes=", ".join(val.class_map.names),
        short=short,
        fps=val.spec.frame_rate,
        train=len(train),
        length=manifest["config"]["frames"],
        maps=len({video["map"] for video in train}),
        note=note,
        videos=len(val.videos),
        frames=result["frames"],
        heads=" | ".join(SCORES),
        rules="|".join("-" for _ in SCORES),
        rows="\n".join(rows),
        majority=metrics["majority_label_mIoU"],
        per_class=", ".join(f"{row['name']} {row['vspw']['IoU'] or 0:.2f}" for row in result["per_class"]),
    )


def bundled_sample() -> VideoDataset:
    """The short videos that the package brings along."""
    return open_dataset(ASSETS / "sample", "folder", "all")


def majority_score(train: VideoDataset, val: VideoDataset) -> float:
    """The mIoU of predicting, at each position, the label that is most frequent there in the training videos."""
    counts = None
    for video in train.videos:
        for _, labels in frames_with_labels(video, train.spec):
            hot = np.stack([labels == label for label in range(train.class_map.num_classes)])
            counts = hot.astype(np.int64) if counts is None else counts + hot
    prediction = counts.argmax(axis=0)
    scores = SegmentationScores(train.class_map.num_classes)
    for video in val.videos:
        for _, labels in frames_with_labels(video, val.spec):
            scores.update(prediction, labels)
    return float(scores.compute()["mIoU"])


def make_sample(val: VideoDataset, data: Path) -> None:
    """A few short videos with all their masks, small enough to ship."""
    folder = ASSETS / "sample"
    shutil.rmtree(folder, ignore_errors=True)
    rate = Fraction(val.spec.frame_rate).limit_denominator(1000)
    for video in val.videos:
        if video.name not in SAMPLE:
            continue
        (folder / "images").mkdir(parents=True, exist_ok=True)
        masks = folder / "masks" / video.name
        masks.mkdir(parents=True)
        height, width = Image.open(video.frames[0].image).size[::-1]
        with av.open(str(folder / "images" / f"{video.name}.mp4"), "w") as container:
            # Smaller and less exact than vidseg's own writer: the sample is to fit into a megabyte.
            options = {"crf": "30", "preset": "veryslow", "bf": "0"}
            stream = container.add_stream("libx264", rate=rate, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for index, (frame, labels) in enumerate(islice(frames_with_labels(video, val.spec), SAMPLE_FRAMES)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image)))
                write_labels(masks / f"{index:04d}.png", labels, val.class_map)
            container.mux(stream.encode())
    (folder / "classes.json").write_text(json.dumps(val.class_map.to_dict() | {"fps": val.spec.frame_rate}))
    shutil.copy(data / "NOTICE", folder / "NOTICE")


if __name__ == "__main__":
    main()
