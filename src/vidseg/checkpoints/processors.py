"""The image processors of ``transformers`` as ours: how their files say that a picture is brought to a network.

Read from their JSON without ``transformers``: all that they need is there, or is a default of the processor's class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vidseg.checkpoints.fields import read_dataclass
from vidseg.checkpoints.folder import read_json
from vidseg.errors import CheckpointError
from vidseg.geometry import ProcessorGeometry, Size
from vidseg.types import Preprocessing

PREPROCESSOR = "preprocessor_config.json"
VIDEO_PREPROCESSOR = "video_preprocessor_config.json"
PROCESSOR = "processor_config.json"

PreprocessingChoice = Literal["processor"]
"""A processor's own geometry, in place of one that keeps the ratio."""

Triple = tuple[float, float, float]

# PIL's numbers of resampling filters.
INTERPOLATIONS = {0: "nearest", 2: "bilinear", 3: "bicubic"}

_IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_EDGES = {"shortest_edge": 800, "longest_edge": 1333}

# What the processors of each kind take for what their files leave out, by their classes' names without the ending.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "Segformer": {"size": 512, "resample": 2, **_IMAGENET},
    "Beit": {"size": 224, "crop_size": 224, "resample": 3, **_HALF},
    "DPT": {"size": 384, "resample": 3, **_HALF},
    "MobileViT": {
        "size": {"shortest_edge": 224},
        "crop_size": 256,
        "do_center_crop": True,
        "do_normalize": False,
        "do_flip_channel_order": True,
        "resample": 3,
    },
    "MobileNetV2": {
        "size": {"shortest_edge": 256},
        "crop_size": 224,
        "do_center_crop": True,
        "resample": 2,
        **_HALF,
    },
    "Mask2Former": {"size": _EDGES, "size_divisor": 32, "resample": 2, **_IMAGENET},
    "MaskFormer": {"size": _EDGES, "size_divisor": 32, "resample": 2, **_IMAGENET},
    "OneFormer": {"size": _EDGES, "resample": 2, **_IMAGENET},
    "Eomt": {"size": {"shortest_edge": 640, "longest_edge": 640}, "resample": 2, **_IMAGENET},
    "Videomt": {"size": 640, "resample": 2, **_IMAGENET},
}
# Where one number as `size` is the shorter edge.
_SHORT_EDGE = frozenset({"MobileViT", "MobileNetV2", "Mask2Former", "MaskFormer", "OneFormer", "Eomt"})

_ENDINGS = ("ImageProcessorFast", "ImageProcessorPil", "ImageProcessor", "FeatureExtractor", "VideoProcessor")


@dataclass(frozen=True, kw_only=True)
class Processor:
    """What a processor does with a picture.

    Attributes:
        kind: a key of `_DEFAULTS`, e.g. "Segformer".
        path: the file that says so.
        geometry: sizes.
        interpolation: of the resize.
        mean: by channel in the network's order, 0–255.
        std: the same for what is divided by.
        flip_channels: whether red and blue change places.
        window: side of the windows that a picture is split into; None for none.
        edges: the numbers of its `size`, (shorter, longer or 0), where it gives edges; else None.
    """

    kind: str
    path: Path
    geometry: ProcessorGeometry
    interpolation: str
    mean: Triple
    std: Triple
    flip_channels: bool
    window: int | None
    edges: Size | None

    def exact(self) -> Preprocessing:
        """Just as the processor does it."""
        sides = self.geometry.crop or self.geometry.size
        fields = {
            "short": max(1, min(side for side in sides if side or not any(sides))),
            "long": max(1, *sides),
            "multiple": self.geometry.multiple,
            "interpolation": self.interpolation,
            "antialias": self.interpolation != "nearest",
        }
        return replace(read_dataclass(Preprocessing, fields, str(self.path)), geometry=self.geometry)

    def keeping_ratio(self) -> Preprocessing:
        """With the ratio kept, for networks that were trained and tested so and whose processor squeezes or crops.

        The smaller side of its size, or of its crop, becomes the short side; the long one may be up to four times that,
        as in the usual protocol for ADE20K (2048 x 512).
        """
        geometry = self.geometry
        if geometry.rule == "none" or (geometry.rule in ("edges", "least") and geometry.crop is None):
            return self.exact()
        short = min(geometry.crop or geometry.size)
        return replace(self.exact(), short=short, long=4 * short, multiple=32 if short % 32 == 0 else 1, geometry=None)


def read_processor(directory: Path) -> Processor:
    """Reads the processor that lies beside a network.

    Raises:
        CheckpointError: if there is none, it is damaged, of an unknown kind, or asks for what is not supported.
    """
    value, path = _fields(directory)
    name = str(value.get("image_processor_type") or value.get("video_processor_type") or _legacy_name(value))
    kind = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    if kind not in _DEFAULTS:
        raise CheckpointError(f"got a processor {name!r} in {path}; expected one of {', '.join(_DEFAULTS)}")
    value = _DEFAULTS[kind] | {key: item for key, item in value.items() if item is not None}
    resample = value["resample"]
    if type(resample) is not int or resample not in INTERPOLATIONS:
        raise CheckpointError(f"got resample {resample!r} in {path}; expected 0 (nearest), 2 (bilinear) or 3 (bicubic)")
    mean, std = _statistics(value, path)
    sides = _sides(value.get("size"), "size", path, short_edge=kind in _SHORT_EDGE, long=value.get("max_size"))
    edges = sides[1] if sides[0] == "edges" else None
    window = None
    if value.get("do_split_image"):
        if edges is None:
            raise CheckpointError(f"got do_split_image without a shortest_edge in {path}; expected one")
        window = edges[0]
    return Processor(
        kind=kind,
        path=path,
        geometry=_geometry(value, sides, kind, path),
        interpolation=INTERPOLATIONS[resample],
        mean=mean,
        std=std,
        flip_channels=bool(value.get("do_flip_channel_order")),
        window=window,
        edges=edges,
    )


def _fields(directory: Path) -> tuple[dict[str, Any], Path]:
    """What the processor's file says, whichever of their files it is."""
    for name in (PREPROCESSOR, VIDEO_PREPROCESSOR):
        if (directory / name).is_file():
            return read_json(directory / name), directory / name
    path = directory / PROCESSOR
    if path.is_file():
        inner = read_json(path).get("image_processor")
        if isinstance(inner, dict):
            return inner, path
    raise CheckpointError(
        f"got no {PREPROCESSOR} in {directory}; expected the processor beside the network; "
        "do: save it there with its save_pretrained"
    )


def _legacy_name(value: Mapping[str, Any]) -> Any:
    return value.get("feature_extractor_type") or "of no name"


def _geometry(value: Mapping[str, Any], sides: tuple[str, Size], kind: str, path: Path) -> ProcessorGeometry:
    rule, size = sides
    if not value.get("do_resize", True):
        rule, size = "none", (0, 0)
    multiple = (
        value.get("size_divisor", 0) if kind in ("Mask2Former", "MaskFormer") else value.get("ensure_multiple_of", 1)
    )
    multiple = multiple if rule != "none" else 1
    crop, pad = None, None
    if value.get("do_center_crop"):
        crop = _sides(value.get("crop_size"), "crop_size", path, short_edge=False)[1]
    if value.get("do_pad") and kind == "Eomt":
        pad = (size[0], size[1] or size[0])
    elif value.get("do_pad") and kind == "DPT":
        raise CheckpointError(f"got do_pad in {path}; expected none: that border is not supported; set it to false")
    if value.get("pad_size") is not None:
        raise CheckpointError(f"got pad_size in {path}; expected none: that border is not supported; set it to null")
    if kind == "DPT" and rule == "exact":
        # They round to the nearest multiple, everyone else up.
        if value.get("keep_aspect_ratio"):
            rule = "least"
        elif type(multiple) is int and multiple > 0:
            size, multiple = (round(size[0] / multiple) * multiple, round(size[1] / multiple) * multiple), 1
    fields = {"rule": rule, "size": size, "multiple": multiple or 1, "crop": crop, "pad": pad}
    return read_dataclass(ProcessorGeometry, fields, str(path))


def _sides(value: Any, name: str, path: Path, *, short_edge: bool, long: Any = None) -> tuple[str, Size]:
    """Their many ways to say a size, as a rule and its two numbers."""
    rule, numbers = "exact", value
    if isinstance(value, dict):
        given = {key: item for key, item in value.items() if item is not None}
        if set(given) == {"height", "width"}:
            numbers = [given["height"], given["width"]]
        elif "shortest_edge" in given and set(given) <= {"shortest_edge", "longest_edge"}:
            rule, numbers = "edges", [given["shortest_edge"], given.get("longest_edge", long or 0)]
        else:
            numbers = None
    elif type(value) is int:
        rule, numbers = ("edges", [value, long or 0]) if short_edge else ("exact", [value, value])
    whole = isinstance(numbers, list) and len(numbers) == 2 and all(type(side) is int for side in numbers)
    if not whole or numbers[0] < 1 or numbers[1] < (0 if rule == "edges" else 1):
        raise CheckpointError(
            f"got {name} {str(value)[:80]!r} in {path}; expected positive whole numbers: one, height and width, or "
            "shortest_edge and perhaps longest_edge"
        )
    return rule, (numbers[0], numbers[1])


def _statistics(value: Mapping[str, Any], path: Path) -> tuple[Triple, Triple]:
    """Mean and deviation for values 0–255, rescaling included."""
    scale = value.get("rescale_factor", 1 / 255) if value.get("do_rescale", True) else 1.0
    numbers: dict[str, list[float]] = {"image_mean": [0.0] * 3, "image_std": [1.0] * 3}
    if value.get("do_normalize", True):
        numbers = {key: value.get(key, default) for key, default in numbers.items()}
    parts = [part for item in numbers.values() for part in (item if isinstance(item, list) else [None])]
    if len(parts) != 6 or not all(type(part) in (int, float) for part in [*parts, scale]) or scale <= 0:
        raise CheckpointError(
            f"got image_mean, image_std, rescale_factor {str([*numbers.values(), scale])[:120]} in {path}; "
            "expected three numbers each, and one more than 0"
        )
    mean, std = (tuple(float(part / scale) for part in numbers[key]) for key in ("image_mean", "image_std"))
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
