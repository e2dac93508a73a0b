"""Model cards for the Hugging Face hub, made of what a checkpoint says of itself and of evaluations of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidseg.checkpoints.store import Record
from vidseg.errors import InputError
from vidseg.models import architecture_of, encoder_name

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

# Licences that the hub knows by these names; any other is "other", with its own name beside.
_HUB_LICENSES = frozenset(
    [
        "apache-2.0",
        "mit",
        "bsd-2-clause",
        "bsd-3-clause",
        "mpl-2.0",
        "gpl-3.0",
        "lgpl-3.0",
        "agpl-3.0",
        "openrail",
        "cc0-1.0",
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
    ]
)
# Of a training's configuration what a reader wants to know first; all of it is in config.json.
_FACTS = {
    "data layout": ("data", "layout"),
    "clips a batch": ("runtime", "batch_size"),
    "crop": ("augmentation", "crop_size"),
    "planned iterations": ("schedule", "iterations"),
}


def model_card(
    name: str,
    record: Record,
    scores: Sequence[Mapping[str, Any]] = (),
    license: str | None = None,  # noqa: A002  # the field's name in model cards
) -> str:
    """A ``README.md`` for a repository of the hub.

    Args:
        name: "owner/name" of the repository.
        record: of the checkpoint.
        scores: what ``vidseg evaluate --json`` wrote of these weights, each.
        license: in place of the record's.

    Raises:
        InputError: if scores are something else.
    """
    from huggingface_hub import ModelCardData  # here: no network library is loaded for local checkpoints

    architecture, title = architecture_of(record.config), name.rpartition("/")[2]
    license = license or record.license  # noqa: A001
    try:
        results = [result for one in scores for result in _eval_results(one)]
        tables = [_scores_table(one) for one in scores]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"got scores without {error}; expected what vidseg evaluate --json wrote") from error
    metadata = ModelCardData(
        library_name="vidseg",
        pipeline_tag="image-segmentation",
        tags=["video-semantic-segmentation", "semantic-segmentation", "video", architecture],
        model_name=title if results else None,
        eval_results=results or None,
        license=_hub_license(license),
        license_name=None if _hub_license(license) != "other" else "-".join(str(license).lower().split()),
    )
    kept = record.preprocessing
    rows = {
        "architecture": f"{architecture}, encoder {encoder_name(record.config.encoder)}",
        "classes": f"{record.class_map.num_classes}: {', '.join(record.class_map.names)}",
        "input": f"RGB, within {kept.short}x{kept.long}" if kept.geometry is None else f"RGB, {kept.geometry}",
        **_training_rows(record.training or {}),
        "licence": license or "not stated",
    }
    parts = [
        f"---\n{metadata.to_yaml()}\n---\n",
        f"# {title}\n",
        "Video semantic segmentation: a class for every pixel of every frame. A checkpoint of `vidseg`.\n",
        f"```\nvidseg segment in.mp4 -o overlay.mp4 --model hf://{name}\n```\n",
        f'```python\nmodel = vidseg.load("hf://{name}")  # hf://{name}@REVISION pins it\n```\n',
        _table("", "", rows.items()),
    ]
    if tables:
        parts += ["## Scores\n", *tables]
    if measured := _scalars(record.metrics or {}):
        parts += ["## Stored with the weights\n", _table("score", "", measured.items())]
    return "\n".join(parts)


def _hub_license(license: str | None) -> str | None:  # noqa: A002
    if license is None:
        return None
    return license.lower() if license.lower() in _HUB_LICENSES else "other"


def _training_rows(training: Mapping[str, Any]) -> dict[str, str]:
    rows = {name: str(value) for name, value in training.items() if isinstance(value, str | int | float)}
    config = training.get("config") or {}
    for title, (part, field) in _FACTS.items():
        value = (config.get(part) or {}).get(field)
        if value is not None:
            rows[title] = "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return rows


def _eval_results(scores: Mapping[str, Any]) -> "Iterable[EvalResult]":
    from huggingface_hub import EvalResult

    data = scores["data"]
    for protocol, values in scores["protocols"].items():
        for metric, value in values.items():
            if isinstance(value, float):
                yield EvalResult(
                    task_type="image-segmentation",
                    dataset_type=data["layout"],
                    dataset_name=data["name"],
                    dataset_split=data["split"],
                    metric_type=metric,
                    metric_name=f"{metric} ({protocol})",
                    metric_value=round(value, 4),
                )


def _scores_table(scores: Mapping[str, Any]) -> str:
    data, protocols = scores["data"], scores["protocols"]
    head = f"{data['name']}, {data['split']}: {data['videos']} videos, {data['labelled_frames']} labelled frames\n"
    names = list(dict.fromkeys(name for values in protocols.values() for name in _scalars(values)))
    rows = [(name, " | ".join(_scalars(values).get(name, "") for values in protocols.values())) for name in names]
    return f"{head}\n{_table('score', ' | '.join(protocols), rows, columns=len(protocols))}"


def _scalars(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in values.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    }


def _table(left: str, right: str, rows: Iterable[tuple[str, str]], columns: int = 1) -> str:
    lines = [f"| {left} | {right} |", "|-|" + "-|" * columns]
    lines += [f"| {name} | {' '.join(value.split())} |" for name, value in rows]
    return "\n".join(lines) + "\n"
