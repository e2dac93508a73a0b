"""``vidseg segment`` on cameras and web servers, as a process: what it leaves when it is ended, and what it says."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest

import tiny
from cameras import motion_jpeg, progressive, rtsp, web_server
from interrupts import obey_interrupts
from rtsp_server import Server

RunSegment = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def segment(tiny_model: Path, tmp_path: Path) -> Iterator[RunSegment]:
    """Starts the command, with live.mp4, masks/ and report.json in the test's folder."""
    begun = []

    def start(source: str, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "vidseg", "segment", source, "-o", "live.mp4", "-o", "masks", *words]
        command += ["--model", str(tiny_model), "--runtime", "torch", "--json", "report.json"]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=obey_interrupts,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def times_in(path: Path) -> list[float]:
    """Of all frames of a video, in seconds."""
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]


def wait_for_masks(folder: Path, count: int) -> None:
    """Until the command has written so many; they lie in a folder beside it until it ends."""
    deadline = time.monotonic() + 120
    while len(list(folder.rglob("*.png"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupt_completes_the_outputs_of_a_camera_and_says_so(
    segment: RunSegment, tmp_path: Path, number: int, code: int, word: str
) -> None:
    with rtsp(login="me:secret", scheme="digest") as server:
        process = segment(server.address.replace("://", "://me:secret@"), "--on-lag", "drop")
        wait_for_masks(tmp_path, 20)
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == code
    assert said.splitlines()[-1] == f"vidseg: {word}; the outputs are complete"
    assert "removed" not in said
    (row,) = json.loads((tmp_path / "report.json").read_text())["videos"]
    assert row["frames"] >= 20
    times = times_in(tmp_path / "live.mp4")
    assert len(times) == len(list((tmp_path / "masks").glob("*.png"))) == row["frames"]
    assert all(after > before for before, after in pairwise(times))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["live.mp4", "masks", "report.json"]
    for text in (said, (tmp_path / "report.json").read_text(), (tmp_path / "live.mp4").read_bytes().decode("latin-1")):
        assert "secret" not in text


@pytest.mark.slow
def test_an_interrupt_before_the_first_frame_leaves_nothing_and_says_so(segment: RunSegment, tmp_path: Path) -> None:
    silence = lambda request: (request.send_response(200), request.end_headers(), time.sleep(60))  # noqa: E731
    with web_server(silence) as host:
        process = segment(f"http://{host}/")
        time.sleep(5)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, "vidseg: interrupted; unfinished outputs were removed\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_camera_that_returns_is_a_warning_and_the_outputs_go_on(segment: RunSegment, tmp_path: Path) -> None:
    with rtsp() as first:
        process = segment(first.address, "--on-lag", "drop", "--reconnect", "8", "--end", "45")
        wait_for_masks(tmp_path, 10)
        first.kill()
        with rtsp(port=first.port):
            said, _ = process.communicate(timeout=180)
    assert process.returncode == 1  # done in part: there is a gap
    assert "warning: rtsp://127.0.0.1" in said
    assert "the connection was lost once (at " in said
    assert said.count("\n") == 2  # the warning and the summary
    times = times_in(tmp_path / "live.mp4")
    assert all(after > before for before, after in pairwise(times))
    assert max(after - before for before, after in pairwise(times)) > 0.4
    assert times[-1] > 15


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["basic", "digest", "http"])
def test_a_wrong_password_is_one_line_without_it(segment: RunSegment, tmp_path: Path, scheme: str) -> None:
    with (
        web_server(motion_jpeg(tiny.video(2), fps=10), login="me:right-secret")
        if scheme == "http"
        else rtsp(login="me:right-secret", scheme=scheme)
    ) as place:
        address = place.address if isinstance(place, Server) else f"http://{place}/"
        process = segment(address.replace("://", "://me:wrong-secret@"))
        said, _ = process.communicate(timeout=120)
    assert (process.returncode, said.count("\n")) == (2, 1)
    assert "***@127.0.0.1" in said
    assert "401" in said
    assert "secret" not in said + (tmp_path / "report.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.slow
def test_a_progressive_mp4_ends_with_exit_code_0_and_motion_jpeg_when_it_stays_away(
    segment: RunSegment, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("served") / "video.mp4"
    with av.open(str(file), "w", options={"movflags": "+faststart"}) as output:
        stream = output.add_stream("libx264", rate=10, width=64, height=48, pix_fmt="yuv420p")
        for frame in tiny.video(12, height=48, width=64):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image)))
        output.mux(stream.encode(None))
    with web_server(progressive(file)) as host:
        process = segment(f"http://{host}/video.mp4")
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert len(times_in(tmp_path / "live.mp4")) == 12
    with web_server(motion_jpeg(tiny.video(12, height=48, width=64), fps=10)) as host:
        process = segment(f"http://{host}/", "--reconnect", "0")
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "ended; 0 attempts to reconnect failed" in said
    assert len(times_in(tmp_path / "live.mp4")) == 12
