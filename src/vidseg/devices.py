"""Where tensors live and how many threads work on them."""

import torch

from vidseg.errors import InputError


def resolve_device(name: str | torch.device) -> torch.device:
    """The device for "auto" (a CUDA device where there is one, else the CPU) or torch's own names.

    Raises:
        InputError: for a name that torch does not know or a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"got device {str(name)!r} ({reason}); expected auto, cpu, or an accelerator that is there"
        ) from None
    return device


def with_index(device: torch.device) -> torch.device:
    """The same device, by the number that tensors on it have: "cuda" alone is whichever is the current one."""
    if str(device) == "cuda":  # torch declares an index to be a number always
        return torch.device("cuda", torch.cuda.current_device())
    return device


def set_threads(threads: int) -> None:
    """Sets torch's CPU threads, for the whole process.

    Raises:
        InputError: for less than one.
    """
    if threads < 1:
        raise InputError(f"got {threads} threads; expected 1 or more")
    torch.set_num_threads(threads)
