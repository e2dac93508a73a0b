"""From a file to labels on the device: decoding, network and labels together, and decoding alone."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gpu_check.plan import Plan
from gpu_check.record import Record, one_line
from vidseg.bench.device import subject_of
from vidseg.bench.device_timing import synchronise
from vidseg.bench.end_to_end import write_video
from vidseg.bench.frames import open_footage
from vidseg.stream import TensorSegmenter
from vidseg.video import decode_on_device


def decode(record: Record, plan: Plan, device: torch.device, until: float) -> None:
    """Frames a second of each, the file being opened anew for every measurement.

    Raises:
        RuntimeError: if no runtime ran.
    """
    size = plan.sizes[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.mp4"
        write_video(open_footage(None, size), path, plan.video_frames)
        frames = decode_on_device(path, device)
        record.set(
            size=f"{size[0]}x{size[1]}", frames=plan.video_frames, decoder=frames.decoder, decoder_remark=frames.remark
        )
        record.set(decoding=_rate(lambda: sum(1 for _ in decode_on_device(path, device)), device))
        record.set(failed=[])
        for runtime in plan.video_runtimes:
            if until < time.perf_counter():
                break
            try:
                segmenter = TensorSegmenter(subject_of(plan.backbone, size), str(device), runtime)
                _through(segmenter, path, device)  # compiles and records
                rate = _rate(lambda at=segmenter: _through(at, path, device), device)
                record.add("to_labels", {"runtime": runtime, "backbone": plan.backbone} | rate)
            # A slower runtime's figure stands already.
            except Exception as error:
                record.add("failed", {"runtime": runtime, "error": one_line(error)})
    if "to_labels" not in record.values:
        raise RuntimeError(f"no runtime ran: {record.values['failed'] or 'no time was left'}")


def _through(segmenter: TensorSegmenter, path: Path, device: torch.device) -> int:
    """Decodes and segments; how many frames it were."""
    return sum(1 for _ in segmenter.segment(decode_on_device(path, device)))


def _rate(run: Callable[[], int], device: torch.device) -> dict[str, Any]:
    """By the wall clock, from before the file is opened to after the device is done."""
    synchronise(device)
    began = time.perf_counter()
    count = run()
    synchronise(device)
    seconds = time.perf_counter() - began
    return {"frames": count, "seconds": seconds, "frames_per_second": count / seconds}
