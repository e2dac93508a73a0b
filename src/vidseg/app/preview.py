"""What a client sees while a job runs: the overlay as a JPEG, with figures about it.

A message is the length of its head (4 bytes, big-endian), the head (JSON) and the picture (JPEG).
"""

import io
import json
import struct
import time
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from vidseg.stream import OverlayStyle
from vidseg.types import Segmentation
from vidseg.viz import overlay

_LONGEST_SIDE = 960  # pixels; more would cost bandwidth that nobody sees on a page
_RECENT = 30  # frames


class Pace:
    """Frames a second and latency, as medians over the last frames.

    Args:
        is_live: whether waiting before the network counts as latency. A file's frames wait for nobody.
    """

    def __init__(self, *, is_live: bool) -> None:
        self._is_live = is_live
        self._last: float | None = None
        self._intervals: deque[float] = deque(maxlen=_RECENT)
        self._latencies: deque[float] = deque(maxlen=_RECENT)

    def finished(self, arrival: float, now: float | None = None) -> None:
        """Notes that a frame is done.

        Args:
            arrival: when it came, by the monotonic clock.
            now: the same clock; read when None.
        """
        now = time.monotonic() if now is None else now
        begun = arrival if self._is_live or self._last is None else max(arrival, self._last)
        self._latencies.append(now - begun)
        if self._last is not None:
            self._intervals.append(now - self._last)
        self._last = now

    @property
    def frames_per_second(self) -> float | None:
        """None before the second frame."""
        if not self._intervals:
            return None
        return 1 / max(median(self._intervals), 1e-6)

    @property
    def latency(self) -> float | None:
        """Seconds from a live frame's arrival, or from the beginning of work on a file's frame, to its labels."""
        return median(self._latencies) if self._latencies else None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
        done: frames.
        total: frames expected; None where nobody knows.
        pace: how fast.
    """

    done: int
    total: int | None
    pace: Pace

    def to_dict(self) -> dict[str, Any]:
        """For the head of a preview; times in seconds."""
        rate = self.pace.frames_per_second
        left = None if self.total is None or rate is None else max(0, self.total - self.done) / rate
        return {"done": self.done, "total": self.total, "fps": rate, "latency": self.pace.latency, "left": left}


def preview(segmentation: Segmentation, style: OverlayStyle, progress: Progress) -> bytes:
    """The message for one frame.

    The head tells the frame's index, time and size, the `Progress`, and of each class present its id and its share of
    all pixels.
    """
    labels, frame = segmentation.labels, segmentation.frame
    counts = np.bincount(labels.ravel(), minlength=segmentation.class_map.num_classes)
    counts = counts[: segmentation.class_map.num_classes]
    head = {
        "index": frame.index,
        "time": frame.time,
        "width": frame.size[1],
        "height": frame.size[0],
        "classes": [[int(c), round(float(counts[c]) / labels.size, 5)] for c in np.flatnonzero(counts)],
        **progress.to_dict(),
    }
    shown = overlay(frame.image, labels, segmentation.class_map, opacity=style.opacity, outlines=style.outlines)
    picture = Image.fromarray(shown)
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.BILINEAR)
    encoded = io.BytesIO()
    picture.save(encoded, format="JPEG", quality=82)
    text = json.dumps(head, allow_nan=False).encode()
    return struct.pack(">I", len(text)) + text + encoded.getvalue()
