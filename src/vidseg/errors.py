"""The one exception tree of vidseg.

Every message says in one line what was got, what was expected and what to do. `InputError` and its
children are kinds of `ValueError`, so callers who do not know vidseg can catch them as usual.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class VidsegError(Exception):
    """Base of everything that vidseg raises on purpose."""


class InputError(VidsegError, ValueError):
    """The caller gave something that cannot be used; nothing was changed."""


class MediaError(InputError):
    """A video or image cannot be opened, decoded or written."""


class CheckpointError(InputError):
    """Weights or their config are missing, damaged or of another shape."""


class DataError(InputError):
    """A data set on disk is incomplete or inconsistent."""


class StateError(InputError):
    """A stream's memory belongs to another model, frame size or point in time."""


class TrainingError(VidsegError):
    """Training cannot go on; what it stored before is intact."""


class MissingExtraError(VidsegError, ImportError):
    """A feature needs an optional dependency that is not installed."""


class VidsegWarning(UserWarning):
    """The result is complete but the user should know something about it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was too little memory for something."""
    # By its words, because torch has a class for it on GPUs only, and is not worth importing here.
    signs = ("out of memory", "can't allocate memory", "storage size calculation overflowed")
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in signs)


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turns a failing optional import in the body into a hint how to install it.

    Args:
        name: the extra of the distribution that brings the package, e.g. ``"train"``.

    Raises:
        MissingExtraError: if an import in the body fails.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            f"got no package '{error.name}', which this feature needs; do: pip install 'vidseg[{name}]'"
        ) from error
