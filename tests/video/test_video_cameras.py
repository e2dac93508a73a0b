"""Streams of real servers: GStreamer over RTSP, motion JPEG and progressive mp4 over HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import tiny
from cameras import motion_jpeg, progressive, rtsp, web_server
from vidseg.errors import MediaError
from vidseg.types import Frame
from vidseg.video import read_video


def rises(frames: list[Frame]) -> bool:
    """Whether numbers and times do."""
    pairs = list(pairwise(frames))
    return all(a.index < b.index and (a.time or 0) < (b.time or 0) for a, b in pairs)


def take(frames: Iterator[Frame], count: int) -> list[Frame]:
    return [next(frames) for _ in range(count)]


def said_by(error: BaseException | None) -> str:
    """The text of an exception and of all its causes and contexts."""
    said = ""
    while error is not None:
        said += f"{error!r} {error} {getattr(error, 'filename', '')}"
        error = error.__cause__ or error.__context__
    return said


@pytest.mark.slow
def test_dropping_bounds_how_far_a_slow_consumer_is_behind() -> None:
    with rtsp(fps=30) as server, read_video(server.address, on_lag="drop") as reader:
        assert (reader.info.width, reader.info.height, reader.info.fps, reader.info.is_live) == (320, 240, 30, True)
        frames, behind = iter(reader), []
        taken = take(frames, 1)
        for _ in range(8):
            time.sleep(0.5)  # about 15 frames come meanwhile
            received = reader._source._outages._last  # type: ignore[attr-defined]  # time of the newest picture
            taken.append(next(frames))
            behind.append(round((float(received) - (taken[-1].time or 0.0)) * 30))
        assert rises(taken)
        assert max(behind) <= 4  # the length of the queue
        lost = taken[-1].index + 1 - len(taken)  # of those before the last
        assert 0 < lost <= reader.dropped <= lost + 15


@pytest.mark.slow
def test_waiting_loses_no_frame_of_a_camera() -> None:
    with rtsp() as server, read_video(server.address) as reader:
        taken = take(iter(reader), 45)
        assert [frame.index for frame in taken] == list(range(45))
        assert rises(taken)
        steps = [(b.time or 0) - (a.time or 0) for a, b in pairwise(taken)]
        assert steps == pytest.approx([1 / 15] * 44, abs=0.002)
        assert reader.dropped == 0
    assert reader.problems == ()


@pytest.mark.slow
def test_a_camera_that_dies_and_returns_is_taken_up_again_and_the_gap_is_said() -> None:
    with rtsp() as first, read_video(first.address, reconnect=8) as reader:
        frames = iter(reader)
        before = take(frames, 10)
        first.kill()
        with rtsp(port=first.port):
            while len(before) < 2 or (before[-1].time or 0) - (before[-2].time or 0) < 0.4:
                before.append(next(frames))
            after = [before.pop(), *take(frames, 10)]
            reader.close()
    assert rises(before + after)
    problem, *others = reader.problems
    assert others == []
    gap = (after[0].time or 0) - (before[-1].time or 0)
    assert "***" not in reader.info.name
    assert problem.startswith(f"{reader.info.name}: the connection was lost once (at ")
    assert problem.endswith(f" s); {gap:.1f} s are missing")


@pytest.mark.slow
def test_a_camera_that_stays_away_is_said_to_be() -> None:
    with rtsp() as server, read_video(server.address, reconnect=1) as reader:
        frames = iter(reader)
        take(frames, 5)
        server.kill()
        assert rises(list(frames))
    assert reader.problems == (f"{reader.info.name} ended; 1 attempts to reconnect failed",)
    with rtsp() as server, read_video(server.address, reconnect=30) as reader:
        frames = iter(reader)
        take(frames, 5)
        server.kill()
        threading.Timer(3, reader.stop).start()
        list(frames)
    assert reader.problems[0].startswith(f"{reader.info.name}: the connection was lost at ")
    assert reader.problems[0].endswith(" s and was not back when the reading was ended")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_a_camera_s_password_is_used_and_shown_nowhere(scheme: str) -> None:
    with rtsp(login="me:right-secret", scheme=scheme) as server:
        address = server.address.replace("://", "://me:right-secret@")
        with read_video(address) as reader:
            take(iter(reader), 3)
            said = f"{reader.info} {reader.problems} {reader._source._address}"  # type: ignore[attr-defined]
        with pytest.raises(MediaError, match=r"^got rtsp://\*\*\*@127\.0\.0\.1:\d+/test, .*401") as refused:
            read_video(address.replace("right", "wrong"))
        with pytest.raises(MediaError, match="401"):
            read_video(server.address)
    assert "secret" not in said + said_by(refused.value)


def test_a_web_camera_s_password_is_used_and_shown_nowhere() -> None:
    with web_server(motion_jpeg(tiny.video(4), fps=50), login="me:right-secret") as host:
        with read_video(f"http://me:right-secret@{host}/?token=secret", reconnect=0) as reader:
            assert len(list(reader)) == 4
            said = f"{reader.info} {reader.problems} {reader._source._address}"  # type: ignore[attr-defined]
        with pytest.raises(MediaError, match=r"^got http://\*\*\*@127\.0\.0\.1:\d+/\?\*\*\*, .*401") as refused:
            read_video(f"http://me:wrong-secret@{host}/?token=secret")
    assert "secret" not in said + said_by(refused.value)


def test_motion_jpeg_has_the_times_at_which_it_came() -> None:
    with web_server(motion_jpeg(tiny.video(12, height=48, width=64), fps=10)) as host:
        with read_video(f"http://{host}/", reconnect=0) as reader:
            assert (reader.info.is_live, reader.info.fps, reader.info.width) == (True, None, 64)
            frames = list(reader)
        assert [frame.index for frame in frames] == list(range(12))
        assert rises(frames)
        # By FFmpeg's invention of 25 frames a second the last would be at 0.44.
        assert (frames[-1].time or 0.0) >= 0.8


def test_a_progressive_mp4_is_a_file_that_ends(make_video: Callable[..., Path]) -> None:
    file = make_video(count=20, muxer={"movflags": "+faststart"})
    with web_server(progressive(file)) as host, read_video(f"http://{host}/video.mp4", on_lag="drop") as reader:
        assert (reader.info.is_live, reader.info.frame_count) == (False, 20)
        assert [frame.index for frame in reader] == list(range(20))
        assert (reader.problems, reader.dropped) == ((), 0)
