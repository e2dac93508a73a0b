"""Directories of ``transformers`` whose networks are taken as they are: everything but SegFormer, which we have."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidseg.checkpoints.classes import names_of_ids
from vidseg.checkpoints.fields import read_dataclass
from vidseg.checkpoints.folder import CONFIG, KNOWN_KINDS, WEIGHTS, read_json
from vidseg.checkpoints.processors import PreprocessingChoice, Processor, read_processor
from vidseg.checkpoints.store import Record
from vidseg.checkpoints.tensors import sha256_of
from vidseg.errors import CheckpointError, InputError
from vidseg.geometry import ProcessorGeometry
from vidseg.models import ForeignConfig, VideoModel
from vidseg.models.foreign import wrap_network
from vidseg.models.foreign.config import KINDS
from vidseg.models.foreign.networks import network_class, quiet_transformers, their_config, their_packages
from vidseg.types import Preprocessing

# Of their configuration; nothing of it sets the network's size, or it may lead to a download.
_DROPPED = frozenset(
    {"architectures", "transformers_version", "_name_or_path", "torch_dtype", "dtype", "id2label", "label2id"}
    | {"auto_map", "num_labels", "use_pretrained_backbone"}
)
# To which Mask2Former's processor brings the masks before it merges them, whatever the image.
_MASK2FORMER_MASKS = (384, 384)


def read_foreign(directory: Path, choice: PreprocessingChoice | None = None) -> Record:
    """All of a directory but its weights.

    Args:
        directory: written by ``save_pretrained`` of the network and of its processor.
        choice: "processor" for the processor's geometry; None keeps the ratio where the network was trained so.

    Raises:
        CheckpointError: for a file that is missing or damaged, or a network or processor that is not known.
        MissingExtraError: for OneFormer, whose tokenizer is asked, if a package of the extra "hf" is missing.
    """
    path = directory / CONFIG
    settings = read_json(path)
    model_type = settings.get("model_type")
    if not isinstance(model_type, str) or model_type not in KINDS:
        raise CheckpointError(
            f"got model_type {model_type!r} in {path}, which vidseg has no network for; {KNOWN_KINDS}"
        )
    if isinstance(settings.get("backbone"), str) and not settings.get("use_timm_backbone"):
        raise CheckpointError(
            f"got a backbone by name, {settings['backbone']!r}, in {path}; expected its 'backbone_config' there; do: "
            "load and save it once with transformers"
        )
    class_map = names_of_ids(settings.get("id2label"), path)
    processor = read_processor(directory)
    config = _config(directory, model_type, settings, class_map.num_classes, processor)
    preprocessing = _preprocessing(config, processor, path) if choice is None else processor.exact()
    weights = directory / WEIGHTS
    return Record(
        config=config if choice == "processor" or preprocessing.geometry else replace(config, masks_size=None),
        class_map=class_map,
        preprocessing=preprocessing,
        source_sha256=sha256_of(weights) if weights.is_file() else None,
    )


def load_foreign(directory: Path, choice: PreprocessingChoice | None = None) -> VideoModel:
    """The model of a directory, in eval mode, float32, on the CPU; see `read_foreign`.

    Weights are read by ``transformers``, from safetensors where there are some, else from a ``.bin`` without running
    code. No code of the directory is run, and nothing is downloaded.

    Raises:
        CheckpointError: as `read_foreign`, and for weights that are missing, damaged or of another network.
        MissingExtraError: if a package of the extra "hf" is missing.
    """
    record = read_foreign(directory, choice)
    config = record.config
    assert isinstance(config, ForeignConfig)
    with quiet_transformers():
        import torch

        try:
            network, report = network_class(config.model_type).from_pretrained(
                directory,
                config=their_config(config),
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are in the report, which `_require_all` reads
            )
        except (ImportError, InputError):
            raise
        # A damaged file is answered with whatever the reader of its format happens to raise.
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CheckpointError(
                f"got weights in {directory} that cannot be read ({reason}); expected those of a {config.model_type}; "
                "get them anew"
            ) from error
    _require_all(report, directory)
    model = wrap_network(config, network)
    model.class_map = record.class_map
    model.preprocessing = record.preprocessing
    return model.eval()


def _config(
    directory: Path, model_type: str, settings: Mapping[str, Any], num_classes: int, processor: Processor
) -> ForeignConfig:
    masks_size = None
    if model_type == "mask2former":
        masks_size = _MASK2FORMER_MASKS
    elif model_type in ("eomt", "eomt_dinov3") and processor.edges is not None:
        masks_size = (processor.edges[0], processor.edges[1] or processor.edges[0])
    fields = {
        "model_type": model_type,
        "num_classes": num_classes,
        "mean": processor.mean,
        "std": processor.std,
        "flip_channels": processor.flip_channels,
        "masks_size": masks_size,
        "window": processor.window,
        "task": _task(directory, settings) if model_type == "oneformer" else (),
        "settings": _sizes(settings),
    }
    return read_dataclass(ForeignConfig, fields, f"the model of {directory}")


def _sizes(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What sets the network's size, without the parts that only training looks at."""
    kept = {
        key: _sizes(item) if isinstance(item, dict) else item for key, item in settings.items() if key not in _DROPPED
    }
    return kept | {key: False for key in ("is_training", "use_auxiliary_head") if key in settings}


def _preprocessing(config: ForeignConfig, processor: Processor, path: Path) -> Preprocessing:
    """The ratio kept where the network takes any size; else its one size, as the processor makes it."""
    if config.image_size is None:
        return processor.keeping_ratio()
    geometry = processor.geometry
    if config.window is not None:
        plain, size = True, (config.window, config.window)
    else:
        plain = geometry.rule == "exact" and geometry.crop is None
        size = geometry.final(1, 1)
    if not plain:
        # Their own way would stretch labels of a crop, or of a border, over the frame, or make images of other sizes.
        squeezed = ProcessorGeometry(rule="exact", size=config.image_size)
        return replace(processor.exact(), geometry=squeezed)
    if size != config.image_size:
        raise CheckpointError(_other_size(path, config, geometry))
    return processor.exact()


def _other_size(path: Path, config: ForeignConfig, geometry: ProcessorGeometry) -> str:
    height, width = config.image_size or (0, 0)
    return (
        f"got a processor that makes other images ({geometry}) than the one size that the {config.model_type} in "
        f"{path} takes; expected {height}x{width}"
    )


def _task(directory: Path, settings: Mapping[str, Any]) -> tuple[int, ...]:
    """The tokens of "the task is semantic", zero where there is no text."""
    with their_packages():
        from transformers import AutoTokenizer
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        found = tokenizer(
            "the task is semantic",
            padding="max_length",
            max_length=settings.get("task_seq_len", 77),
            truncation=True,
        )
    except ImportError:
        raise
    # No files, damaged ones, or ones of another kind: each raises something else.
    except Exception as error:
        raise CheckpointError(
            f"got no tokenizer in {directory} ({' '.join(str(error).split())[:120]}); expected OneFormer's beside the "
            "network; do: save its whole processor there with save_pretrained"
        ) from error
    return tuple(mask * token for mask, token in zip(found["attention_mask"], found["input_ids"], strict=True))


def _require_all(report: Mapping[str, Any], directory: Path) -> None:
    """Their loader fills what is missing with random numbers and says so; here it is an error."""
    # Old files lack this count, which nothing reads in inference.
    found = (str(key) for key in report.get("missing_keys", ()))
    missing = sorted(key for key in found if not key.endswith("num_batches_tracked"))
    mismatched = sorted(str(entry[0]) for entry in report.get("mismatched_keys", ()))
    for what, keys in (("no", missing), ("another shape of", mismatched)):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise CheckpointError(
                f"got {what} weights '{keys[0]}'{more} in {directory}; expected all of the network's, as its "
                f"{CONFIG} describes it; get them anew"
            )
