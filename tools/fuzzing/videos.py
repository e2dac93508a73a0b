"""Damaged video files: read by `vidseg.read_video`, and segmented by the command."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from random import Random

import av

import vidseg
from fuzzing.case import DONE, Answer, Case, command, python_call
from fuzzing.mutations import mutate

# What a header without a count of frames may promise and not keep, seconds: vidseg's own tolerance.
_TOLERANCE = Fraction(1, 2)


def read_case(rng: Random, material: Path, folder: Path) -> Case:
    """`vidseg.read_video`, all of it or a span."""
    path, what = _damaged(rng, material, folder)
    span = rng.choice(({}, {}, {}, {"start": 0.3}, {"start": 0.2, "end": 0.6}, {"every": 3}))

    def read() -> tuple[int, Sequence[str]]:
        with vidseg.read_video(path, **span) as reader:
            frames = sum(frame.image.shape[2] == 3 for frame in reader)
            return frames, reader.problems

    return Case(
        what=f"{what} {span}", call=lambda: python_call(read), lie=_lacking(path) if not span else lambda _: None
    )


def segment_case(rng: Random, material: Path, folder: Path) -> Case:
    """``vidseg segment`` to one kind of output."""
    path, what = _damaged(rng, material, folder)
    outputs = Path("outputs")
    target = rng.choice(("masks", "overlay.mp4", "labels.npz", "shares.csv"))
    model = material / "checkpoints" / rng.choice(("segformer", "cffm"))
    words = ["segment", path, "-o", outputs / target, "--model", model, "--runtime", "torch", "--threads", 1]
    return Case(
        what=f"{what} to {target}",
        call=lambda: command(words, outputs),
        lie=_lacking(path) if target == "masks" else lambda _: None,
        outputs=outputs,
    )


def _damaged(rng: Random, material: Path, folder: Path) -> tuple[Path, str]:
    files = sorted((material / "videos").iterdir())
    chosen = rng.choice(files)
    data, what = mutate(rng, chosen.read_bytes(), [rng.choice(files).read_bytes()])
    path = folder / f"input{chosen.suffix}"
    path.write_bytes(data)
    return path, f"{what} of {chosen.name}"


def _lacking(path: Path):  # type: ignore[no-untyped-def]
    """Says if fewer frames came than the header promises although nothing was reported."""

    def lie(answer: Answer) -> str | None:
        if answer.code != DONE or "warning" in answer.err:
            return None
        promised = promised_frames(path)
        if promised > answer.outputs:
            return f"got {answer.outputs} frames of {promised} that the header promises, without a word"
        return None

    return lie


def promised_frames(path: Path) -> int:
    """How many frames a file's own header promises at least; 0 where it tells nothing."""
    with av.open(str(path), metadata_errors="replace") as container:
        stream = next(iter(container.streams.video))
        if stream.frames:
            return stream.frames
        rate = stream.average_rate
        if stream.duration and stream.time_base and rate:
            return int((stream.duration * stream.time_base - _TOLERANCE) * rate)
    return 0
