"""Figures about a running job, and what waits to be sent."""

import asyncio
import json

import pytest

from vidseg.app.config import AppConfig
from vidseg.app.outbox import Outbox
from vidseg.app.preview import Pace, Progress
from vidseg.errors import InputError


def test_pace_is_the_median_of_the_last_frames() -> None:
    pace = Pace(is_live=True)
    assert (pace.frames_per_second, pace.latency) == (None, None)
    for now in (10.0, 10.5, 11.0, 19.0, 19.5):
        pace.finished(arrival=now - 0.25, now=now)
    assert pace.frames_per_second == pytest.approx(2)
    assert pace.latency == pytest.approx(0.25)
    progress = Progress(done=5, total=25, pace=pace).to_dict()
    assert progress["left"] == pytest.approx(10)
    assert Progress(done=5, total=None, pace=pace).to_dict()["left"] is None


def test_waiting_is_latency_of_live_frames_only() -> None:
    latencies = []
    for is_live in (True, False):
        pace = Pace(is_live=is_live)
        for now in (1.0, 2.0, 3.0):
            pace.finished(arrival=now - 5, now=now)
        latencies.append(pace.latency)
    assert latencies == [5, 1]


def test_a_slow_client_misses_pictures_but_no_message() -> None:
    async def main() -> list[object]:
        outbox = Outbox(asyncio.get_running_loop())
        sent: list[object] = []
        finished = asyncio.Event()

        async def send_text(text: str) -> None:
            sent.append(json.loads(text)["n"])
            if sent[-1] == "last":
                finished.set()

        async def send_bytes(picture: bytes) -> None:
            assert not outbox.wants_picture
            sent.append(picture)

        assert outbox.wants_picture
        for n in range(3):
            outbox.post({"n": n})
            outbox.show(b"%d" % n)
        assert not outbox.wants_picture
        outbox.post({"n": "last"})
        sender = asyncio.create_task(outbox.run(send_text, send_bytes))
        await finished.wait()
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        return sent

    assert asyncio.run(main()) == [b"2", 0, 1, 2, "last"]


@pytest.mark.parametrize(
    "wrong",
    [{"models": ()}, {"port": 70000}, {"port": -1}, {"max_minutes": 0}, {"max_streams": -1}, {"max_upload_mb": 0}],
)
def test_limits_are_checked(wrong) -> None:
    with pytest.raises(InputError, match="expected"):
        AppConfig(**{"models": ("m",), **wrong})
