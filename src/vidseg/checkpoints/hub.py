"""Checkpoints from and to the Hugging Face hub."""

import os
from pathlib import Path

from vidseg.checkpoints.folder import CONFIG, WEIGHTS
from vidseg.checkpoints.huggingface import OLD_WEIGHTS
from vidseg.checkpoints.processors import PREPROCESSOR, PROCESSOR, VIDEO_PREPROCESSOR
from vidseg.checkpoints.store import read_record
from vidseg.errors import CheckpointError

HUB_PREFIX = "hf://"
_MODEL_CARD = "README.md"

# What says how a network is fed: processors, and the tokenizer of OneFormer.
_BESIDE = (
    *(PREPROCESSOR, VIDEO_PREPROCESSOR, PROCESSOR),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"),
)
# Of large networks: the list of the files, and those.
_SHARDS = ("model.safetensors.index.json", "model-*.safetensors")


def fetch(address: str) -> Path:
    """Downloads a repository's checkpoint, or finds it among those downloaded before.

    Args:
        address: ``hf://owner/name`` or ``hf://owner/name@revision``.

    Returns:
        The local directory.

    Raises:
        CheckpointError: if the repository does not exist, holds no checkpoint, or cannot be reached.
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
    return directory


def push(directory: str | os.PathLike[str], repository: str, *, private: bool = False) -> str:
    """Uploads a model checkpoint, and the ``README.md`` beside it if there is one.

    Args:
        directory: written by `save_checkpoint`.
        repository: "owner/name"; made if it does not exist.
        private: whether a new repository is hidden from others.

    Returns:
        The address by which `load` finds it.

    Raises:
        CheckpointError: if the directory is no model checkpoint, or the hub refuses.
    """
    from huggingface_hub import create_repo, upload_folder

    read_record(directory)
    try:
        create_repo(repository, private=private, exist_ok=True)
        upload_folder(
            repo_id=repository,
            folder_path=Path(directory),
            allow_patterns=[CONFIG, WEIGHTS, _MODEL_CARD],
            commit_message="Upload a vidseg checkpoint",
        )
    except Exception as error:  # as in `fetch`
        raise _unreachable(f"{HUB_PREFIX}{repository}", error) from error
    return f"{HUB_PREFIX}{repository}"


def _unreachable(address: str, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return CheckpointError(
        f"got no access to {address} ({reason}); expected a repository that exists and can be reached; "
        "check the name, the network and the access rights"
    )
