"""What a CFFM's context is worth: its prediction beside those of the very same features without context.

    python tools/context_gain.py MODEL data/freedoom --layout freedoom --split train --json gain.json

Predictions: single frames at stride 4, single frames at stride 8 as CFFM decodes, and with context. Of every N-th frame
that is labelled and has all its references: the mean of frames' cross-entropy per labelled pixel (nats), and mIoU. On
training frames it tells whether context has been learned at all, on others whether it carries over. It takes a minute.
"""

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vidseg.checkpoints import load
from vidseg.data import ClipConfig, ClipDataset, VideoDataset, open_dataset
from vidseg.errors import InputError
from vidseg.evaluate.model import weights_sha256
from vidseg.files import write_json
from vidseg.metrics import SegmentationScores
from vidseg.models import CFFM
from vidseg.models.layers import resize_bilinear


def main() -> None:
    """Reads the command line, prints the rows and writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a CFFM, as for vidseg evaluate --model")
    parser.add_argument("data", type=Path, help="the folder of a data set whose frames have the model's input size")
    parser.add_argument("--layout", default="freedoom", help="of the data set (default: freedoom)")
    parser.add_argument("--split", default="val", help="which part (default: val)")
    parser.add_argument("--every", metavar="N", type=int, default=8, help="every N-th frame (default: 8)")
    parser.add_argument("--json", metavar="F", help="write the rows")
    args = parser.parse_args()
    model = load(args.model)
    if not isinstance(model, CFFM):
        raise InputError(f"got {args.model}, which has no context; expected a CFFM")
    found = context_gain(model, open_dataset(args.data, args.layout, args.split), every=args.every)
    print(json.dumps(found, indent=2))
    if args.json:
        how = {"model": args.model, "weights_sha256": weights_sha256(args.model)}
        how |= {"data": str(args.data), "layout": args.layout, "split": args.split}
        write_json(args.json, how | {"every": args.every} | found)


def context_gain(model: CFFM, dataset: VideoDataset, *, every: int) -> dict[str, Any]:
    """The number of "targets", and for each prediction its "cross_entropy" and "mIoU"."""
    clips = ClipDataset(dataset, ClipConfig(reference_offsets=model.reference_offsets, per="frame"))
    ignore = dataset.spec.class_map.ignore
    entropies: dict[str, list[float]] = {}
    scores: dict[str, SegmentationScores] = {}
    chosen = range(0, len(clips), every)
    for sample in map(clips.__getitem__, chosen):
        labels_1HW = sample.labels[-1:]
        if (labels_1HW == ignore).all():
            continue
        with torch.no_grad():
            predictions = _predictions(model, sample.clip)
        for name, logits in predictions.items():
            logits_1KHW = F.interpolate(logits, labels_1HW.shape[-2:], mode="bilinear", align_corners=False)
            entropies.setdefault(name, []).append(F.cross_entropy(logits_1KHW, labels_1HW, ignore_index=ignore).item())
            scores.setdefault(name, SegmentationScores(model.num_classes)).update(logits_1KHW.argmax(1), labels_1HW)
    rows = {
        name: {"cross_entropy": round(fmean(values), 4), "mIoU": round(float(scores[name].compute()["mIoU"]), 4)}
        for name, values in entropies.items()
    }
    return {"targets": len(next(iter(entropies.values()), [])), "predictions": rows}


def _predictions(model: CFFM, clip_T3HW: Tensor) -> dict[str, Tensor]:
    logits = model(clip_T3HW[None])
    coarse = model.classifier(model.encode(clip_T3HW[-1:]).coarse)
    return {
        "stride 4": logits.frames[:, -1],
        "stride 8": resize_bilinear(coarse, (logits.final.shape[-2], logits.final.shape[-1])),
        "context": logits.final,
    }


if __name__ == "__main__":
    main()
