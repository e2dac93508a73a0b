"""What an export below float32 changes, as it was measured and as its ``config.json`` keeps it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from vidseg.errors import InputError
from vidseg.files import read_json
from vidseg.models import VideoModel

EXACT = "exact"
LOWERED = ("bf16", "int8")
PRECISIONS = (EXACT, *LOWERED)

CONFIG = "config.json"
KIND = "vidseg-export"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A lowered stream beside an exact one, on the same frames.

    Attributes:
        agreement: share of pixels, 0–1, with the label that the model has in torch, in float32.
        frames: on how many frames; none of them was calibrated on.
        exact_seconds: median of a frame from RGB to labels, exact in OpenVINO.
        lowered_seconds: the same, lowered; the two took turns.
    """

    agreement: float
    frames: int
    exact_seconds: float
    lowered_seconds: float

    @property
    def speedup(self) -> float:
        """How many times exact's rate."""
        return self.exact_seconds / self.lowered_seconds


@dataclass(frozen=True, kw_only=True)
class Guarantee(Judgement):
    """What stands behind a lowered export.

    Attributes:
        precision: one of `LOWERED`.
        threshold: the least `agreement` that was asked for, 0–1.
        video: name of what it was calibrated and judged on.
        calibrated_on: how many of its frames ranges were taken from; 0 where none are needed.
        products: how many products with fixed weights are lowered; 0 where that is up to the processor.
        left_exact: names of those that are not, graph first.
        cpu: where it was judged.
        weights_sha256: of the model's parameters and buffers, see `digest_of`.
    """

    precision: str
    threshold: float
    video: str
    calibrated_on: int
    products: int
    left_exact: tuple[str, ...]
    cpu: str
    weights_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able description."""
        return asdict(self) | {"left_exact": list(self.left_exact), "speedup": self.speedup}

    def __str__(self) -> str:
        return (
            f"{self.precision}: {self.agreement:.2%} of pixels labelled as exact on {self.frames} frames of "
            f"{self.video} that were kept aside, {self.speedup:.2f} times its rate on {self.cpu}"
        )


def describe_precision(guarantee: Guarantee | None) -> dict[str, Any]:
    """What records say of a precision: the guarantee behind it, or that it is exact."""
    return {"precision": EXACT} if guarantee is None else guarantee.to_dict()


def read_export(folder: Path) -> Mapping[str, Any]:
    """The description of an export.

    Raises:
        InputError: if the folder holds none.
    """
    try:
        config = read_json(folder / CONFIG)
        if config["kind"] == KIND:
            return config
    except (OSError, ValueError, KeyError, TypeError):
        pass  # whatever it is, it is no export
    raise InputError(f"got {folder}, which is no export; expected the folder that vidseg export wrote")


def read_guarantee(folder: Path) -> Guarantee:
    """What stands behind an export.

    Raises:
        InputError: if the folder holds no export, or one that is exact or damaged.
    """
    kept = read_export(folder).get("precision")
    names = {field.name for field in fields(Guarantee)}
    if not isinstance(kept, dict) or not names <= set(kept):
        raise InputError(
            f"got {folder}, an export without a lower precision; expected one of vidseg export --precision int8|bf16"
        )
    return Guarantee(**{name: kept[name] for name in names} | {"left_exact": tuple(kept["left_exact"])})


def digest_of(model: VideoModel) -> str:
    """A hash of a model's parameters and buffers, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(repr((name, tuple(tensor.shape), str(tensor.dtype))).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
