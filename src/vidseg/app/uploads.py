"""Receiving a file: streamed to disk, no larger than allowed, under a name of the server's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from vidseg.app.session import Session
from vidseg.app.sources import Upload, checked_upload
from vidseg.errors import InputError, MediaError
from vidseg.video import VideoInfo

# A client that sends nothing for so long, in seconds, has gone.
_SILENCE = 30.0


class TooLargeError(InputError):
    """An upload exceeds the limit."""


def display_name(name: str) -> str:
    """The last part of a client's file name, without control characters, at most 120 long. For showing only."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    shown = "".join(character for character in last if character.isprintable())[:120]
    return shown if shown.strip(". ") else "video"


async def receive_upload(
    session: Session,
    name: str,
    chunks: AsyncIterator[bytes],
    announced: int | None,
    max_bytes: int,
    max_seconds: float,
) -> VideoInfo:
    """Stores a request's body as the session's upload, once it is known to be a video.

    Args:
        session: whose upload it is; the one before goes.
        name: the client's.
        chunks: the body.
        announced: its length, if the client says so.
        max_bytes: the largest upload.
        max_seconds: the longest video.

    Raises:
        TooLargeError: if it is larger than allowed; what came of it is removed.
        InputError: if it is no usable video; it is removed.
        MediaError: if it cannot be stored.
    """
    name = display_name(name)
    session.require_idle()
    _require_size(name, announced or 0, max_bytes)
    path = session.upload_path()
    upload = Upload(path=path, name=name)
    session.uploading = True
    kept = False
    try:
        await _store(session, name, path, chunks, max_bytes)
        info = await asyncio.to_thread(_checked, upload, max_seconds)
        session.upload = upload
        kept = True
        return info
    finally:
        session.uploading = False
        if not kept:
            path.unlink(missing_ok=True)


async def _store(session: Session, name: str, path: Path, chunks: AsyncIterator[bytes], max_bytes: int) -> None:
    received = 0
    try:
        with path.open("wb") as file:
            while True:
                async with asyncio.timeout(_SILENCE):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                received += len(chunk)
                _require_size(name, received, max_bytes)
                if not session.is_open:
                    raise InputError(f"got {name} after its page was closed; expected an open page; reload it")
                await asyncio.to_thread(file.write, chunk)
    except TimeoutError as error:
        raise InputError(f"got no more of {name} for {_SILENCE:.0f} seconds; expected all of it; try again") from error
    except OSError as error:
        raise MediaError(f"got {name}, which cannot be stored ({error.strerror}); expected room for it") from error
    if not received:
        raise InputError(f"got {name}, which is empty; expected a video")


def _checked(upload: Upload, max_seconds: float) -> VideoInfo:
    try:
        return checked_upload(upload, max_seconds)
    except InputError as error:
        raise InputError(upload.wording(str(error))) from None


def _require_size(name: str, size: int, limit: int) -> None:
    if size > limit:
        raise TooLargeError(
            f"got {name}, larger than this server takes; expected at most {limit / 1e6:g} MB; "
            "cut it, or start the server with a larger --max-upload-mb"
        )
