"""The subject in less than float32: calibrated for the run on frames of a video, whatever that does to its labels."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from vidseg.bench.contenders import Setup
from vidseg.bench.frames import Footage
from vidseg.runtime import Guarantee, Lowering, export_model
from vidseg.stream.trial import VideoTrial


@contextmanager
def lowered(setup: Setup, precision: str, footage: Footage) -> Iterator[tuple[Setup, Guarantee]]:
    """The same setup with a lowered export of its model, for as long as the context lasts, and what that changes.

    Args:
        setup: exact.
        precision: one of `vidseg.runtime.guarantee.LOWERED`.
        footage: what is calibrated on, and in part judged by.

    Raises:
        InputError: if the precision cannot be had here, or the footage is too short.
        MissingExtraError: if a package that it needs is not installed.
    """
    images = footage.images
    trial = VideoTrial(setup.model, images, len(images), footage.source)
    lowering = Lowering(precision=precision, trial=trial, threshold=0)  # a measurement refuses nothing
    with TemporaryDirectory() as folder:
        guarantee = export_model(setup.model, folder, "openvino", start_rule=[], lowering=lowering).guarantee
        assert guarantee is not None
        yield replace(setup, precision=f"{precision}={Path(folder)}"), guarantee
