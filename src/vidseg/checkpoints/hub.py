"""Checkpoints from and to the Hugging Face hub."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidseg.checkpoints.card import model_card
from vidseg.checkpoints.folder import CONFIG, WEIGHTS, read_fields, require_intact
from vidseg.checkpoints.huggingface import OLD_WEIGHTS
from vidseg.checkpoints.processors import PREPROCESSOR, PROCESSOR, VIDEO_PREPROCESSOR
from vidseg.checkpoints.store import read_record
from vidseg.checkpoints.tensors import sha256_of
from vidseg.errors import CheckpointError, InputError

HUB_PREFIX = "hf://"
MODEL_CARD = "README.md"

# What says how a network is fed: processors, and the tokenizer of OneFormer.
_BESIDE = (
    *(PREPROCESSOR, VIDEO_PREPROCESSOR, PROCESSOR),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"),
)
# Of large networks: the list of the files, and those.
_SHARDS = ("model.safetensors.index.json", "model-*.safetensors")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# The hub's client names large files of its cache by their hash.
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def fetch(address: str) -> Path:
    """Downloads a repository's checkpoint, or finds it among those downloaded before.

    Args:
        address: ``hf://owner/name`` or ``hf://owner/name@revision``: a branch, a tag or, which alone stays what it is,
            a commit.

    Returns:
        The local directory, whose weights are those that the hub has.

    Raises:
        CheckpointError: if the repository does not exist, holds no checkpoint, or cannot be reached; if what was
            downloaded is damaged or of another commit.
    """
    from huggingface_hub import snapshot_download  # here: no network library is loaded for local checkpoints

    name, _, revision = address.removeprefix(HUB_PREFIX).partition("@")

    def download(*files: str) -> Path:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=list(files)))

    try:
        directory = download(CONFIG, *_BESIDE, WEIGHTS, *_SHARDS)
        if not any((directory / name).is_file() for name in (WEIGHTS, _SHARDS[0])):
            directory = download(CONFIG, *_BESIDE, OLD_WEIGHTS)
    except Exception as error:  # the hub's client raises errors of one or another HTTP library, by its version
        raise _unreachable(address, error) from error
    _require_as_on_hub(directory, address, revision)
    return directory


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What `push` uploads.

    Attributes:
        name: "owner/name".
        revision: the branch; None for the main one.
        files: by their names in the repository: a local file, or the text of one.
    """

    name: str
    revision: str | None
    files: Mapping[str, Path | str]


def plan_push(
    directory: str | os.PathLike[str],
    repository: str,
    *,
    scores: Sequence[Mapping[str, Any]] = (),
    license: str | None = None,  # noqa: A002  # the field's name in model cards
) -> Upload:
    """Settles what is to be uploaded; needs no network.

    The card is the ``README.md`` of the directory, or is made from the checkpoint's record.

    Args:
        directory: written by `save_checkpoint`.
        repository: "owner/name" or ``hf://owner/name``; with ``@branch`` that branch, which must exist.
        scores: for the card: what ``vidseg evaluate --json`` wrote of these weights, each.
        license: of the weights, in place of the one that the checkpoint states.

    Raises:
        CheckpointError: if the directory is no model checkpoint, or its weights are damaged.
        InputError: if the repository's name is none, scores are of other weights, or a card is there that would have to
            take them up.
    """
    directory = Path(directory)
    name, _, revision = repository.removeprefix(HUB_PREFIX).partition("@")
    if not _NAME.fullmatch(name):
        raise InputError(f"got repository {repository!r}; expected hf://owner/name")
    record = read_record(directory)
    fields = read_fields(directory)
    require_intact(directory, fields)
    for one in scores:
        of = (one.get("model") or {}).get("weights_sha256")
        if of != fields["weights_sha256"]:
            raise InputError(
                f"got scores of weights {str(of)[:12]}…, but {directory} holds {fields['weights_sha256'][:12]}…; "
                f"expected scores of these; do: vidseg evaluate --model {directory} --json F"
            )
    card = directory / MODEL_CARD
    if card.is_file() and (scores or license):
        raise InputError(
            f"got scores or a licence for a card that is there already: {card}; expected one of both; write them into "
            "it, or move it away"
        )
    text: Path | str = card if card.is_file() else model_card(name, record, scores, license)
    files = {CONFIG: directory / CONFIG, WEIGHTS: directory / WEIGHTS, MODEL_CARD: text}
    return Upload(name=name, revision=revision or None, files=files)


def push(
    directory: str | os.PathLike[str],
    repository: str,
    *,
    scores: Sequence[Mapping[str, Any]] = (),
    license: str | None = None,  # noqa: A002  # the field's name in model cards
    private: bool = False,
) -> str:
    """Uploads a model checkpoint and its card, as one commit.

    Args:
        directory: see `plan_push`, as for `repository`, `scores` and `license`.
        repository: made if it does not exist.
        scores: for the card.
        license: of the weights.
        private: whether a new repository is hidden from others.

    Returns:
        The address by which `load` finds exactly this: it ends with the commit.

    Raises:
        CheckpointError: if the directory is no model checkpoint, or the hub refuses or cannot be reached.
        InputError: as `plan_push`.
    """
    from huggingface_hub import CommitOperationAdd, create_commit, create_repo

    upload = plan_push(directory, repository, scores=scores, license=license)
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=file if isinstance(file, Path) else file.encode())
        for name, file in upload.files.items()
    ]
    try:
        create_repo(upload.name, private=private, exist_ok=True)
        done = create_commit(
            upload.name, operations, commit_message="Upload a vidseg checkpoint", revision=upload.revision
        )
    except Exception as error:  # as in `fetch`
        raise _unreachable(f"{HUB_PREFIX}{upload.name}", error) from error
    return f"{HUB_PREFIX}{upload.name}@{done.oid}"


def _require_as_on_hub(directory: Path, address: str, revision: str) -> None:
    """Refuses another commit than the one that was asked for, and weights that changed since they were downloaded.

    Raises:
        CheckpointError: naming the file.
    """
    if _COMMIT.fullmatch(revision) and directory.name != revision:
        raise CheckpointError(
            f"got commit {directory.name} for {address}; expected the one that was asked for; check the address"
        )
    for path in (directory / WEIGHTS, directory / OLD_WEIGHTS, *sorted(directory.glob(_SHARDS[1]))):
        stored = path.resolve()
        if stored.is_file() and _SHA256.fullmatch(stored.name) and sha256_of(stored) != stored.name:
            raise CheckpointError(
                f"got weights {path} of {address} whose sha256 is not the hub's; expected them as they were uploaded; "
                f"do: remove {stored} and load again"
            )


def _unreachable(address: str, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return CheckpointError(
        f"got no access to {address} ({reason}); expected a repository that exists and can be reached; "
        "check the name, the network and the access rights"
    )
