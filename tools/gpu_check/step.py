"""One step, in a process of its own: ``python -m gpu_check.step STEP OUT --seconds N [--dry]``."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType

import torch

from gpu_check.environment import described
from gpu_check.plan import DRY, Plan
from gpu_check.record import Record, one_line
from vidseg.errors import VidsegError
from vidseg.runtime import resolve_device

Do = Callable[[Record, Plan, torch.device, float], None]
"""Does a step: fills its record, by a plan, on a device, until a moment on the clock of `time.perf_counter`."""

# By its name a step's module, of this package, and function. What one needs may be missing where another runs.
DO = {
    "tests": ("suite", "run_tests"),
    "agreement": ("agreement", "compare"),
    "bench": ("bench", "bench"),
    "video": ("video", "decode"),
    "training": ("training", "train"),
}
# For what is under way when the time is over.
_MARGIN = 6


def main(words: Sequence[str] | None = None) -> int:
    """1 if the step failed; the record says why."""
    began = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=DO)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--dry", action="store_true")
    args = parser.parse_args(words)
    signal.signal(signal.SIGTERM, _end)
    record = Record(args.out, args.step)
    plan = DRY if args.dry else Plan()
    try:
        device = resolve_device(plan.device)
        record.set(dry=args.dry, environment=described(device))
        module, function = DO[args.step]
        do: Do = getattr(import_module(f"gpu_check.{module}"), function)
        do(record, plan, device, began + args.seconds - _MARGIN)
    # Whatever it is, the steps after this one go on, and the record says what it was.
    except Exception as error:
        record.set(error=one_line(error))
        if isinstance(error, VidsegError):
            print(error, file=sys.stderr)
            return 1
        raise
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
