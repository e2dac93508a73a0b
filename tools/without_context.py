"""Stores the SegFormer inside a trained CFFM: its encoder, head and classifier of single frames, without any context.

    python tools/without_context.py runs/cffm_b0_freedoom-s0/last runs/cffm_b0_freedoom-s0/without-context

Scored beside the CFFM itself, it tells what context adds to the very same features. With --coarse the result is a CFFM
that predicts what those features say at stride 8, as CFFM does, whatever it mines; the model may then be a SegFormer,
too. It tells what decoding at stride 8 does by itself.
"""

import argparse
from pathlib import Path

from vidseg.bench.methods import without_context
from vidseg.checkpoints import load, load_initial_weights, save_checkpoint
from vidseg.models import CFFM, CFFMConfig, VideoModel


def main() -> None:
    """Reads the command line and stores the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a CFFM, as for vidseg evaluate --model")
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--coarse", action="store_true", help="decode at stride 8")
    args = parser.parse_args()
    model = load(args.model)
    plain = blind(model, args.model) if args.coarse else without_context(model)
    save_checkpoint(args.out, plain, class_map=model.class_map, preprocessing=model.preprocessing)


def blind(model: VideoModel, source: str) -> CFFM:
    """A CFFM with this model's features that makes nothing of what it mines."""
    if isinstance(model, CFFM):
        model.predict_as_single_frames()
        return model
    size = model.config
    config = CFFMConfig(encoder=size.encoder, num_classes=size.num_classes, depth=1, head_channels=size.head_channels)
    coarse = CFFM(config)
    load_initial_weights(coarse, source)
    return coarse


if __name__ == "__main__":
    main()
