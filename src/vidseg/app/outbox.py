"""What waits to be sent to one client: every message, but only the newest picture."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

# A page shows no more pictures a second than this of a file that is done faster.
_MOST_PICTURES = 20


class Outbox:
    """Filled from any thread, emptied by `run` in the event loop.

    Args:
        loop: the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._messages: deque[str] = deque()
        self._picture: bytes | None = None
        self._shown_at = 0.0
        self._sending = False
        self._filled = asyncio.Event()

    def post(self, message: dict[str, Any]) -> None:
        """Queues a message; none is ever lost."""
        self._messages.append(json.dumps(message, allow_nan=False))
        self._wake()

    def show(self, picture: bytes) -> None:
        """Queues a picture in place of one that was not sent yet."""
        self._picture, self._shown_at = picture, time.monotonic()
        self._wake()

    @property
    def wants_picture(self) -> bool:
        """Whether the one before is on its way and a while has passed."""
        is_free = self._picture is None and not self._sending
        return is_free and time.monotonic() - self._shown_at >= 1 / _MOST_PICTURES

    async def run(
        self, send_text: Callable[[str], Awaitable[None]], send_bytes: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """Sends what comes, for ever. A picture goes before the messages that were queued after it."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._picture is not None or self._messages:
                if self._picture is not None:
                    self._sending = True
                    picture, self._picture = self._picture, None
                    await send_bytes(picture)
                    self._sending = False
                if self._messages:
                    await send_text(self._messages.popleft())

    def _wake(self) -> None:
        # The loop may be gone when a job ends after the server.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._filled.set)
