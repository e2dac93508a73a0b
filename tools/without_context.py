"""Stores the SegFormer inside a trained CFFM: its encoder, head and classifier of single frames, without any context.

    python tools/without_context.py runs/cffm_b0_freedoom-s0/last runs/cffm_b0_freedoom-s0/without-context

Scored beside the CFFM itself, it tells what context adds to the very same features.
"""

import argparse
from pathlib import Path

from vidseg.bench.subject import without_context
from vidseg.checkpoints import load, save_checkpoint


def main() -> None:
    """Reads the command line and stores the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a CFFM, as for vidseg evaluate --model")
    parser.add_argument("out", type=Path, help="the folder to write")
    args = parser.parse_args()
    model = load(args.model)
    plain = without_context(model)
    save_checkpoint(args.out, plain, class_map=model.class_map, preprocessing=model.preprocessing)


if __name__ == "__main__":
    main()
