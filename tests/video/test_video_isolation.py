"""Reading in a process of its own: the same frames, and whatever becomes of that process is an error."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from decoder_decoys import (
    abort,
    decoy,
    hang,
    leave,
    note_and_hang,
    note_process,
    nothing,
    print_much,
    raise_lookup_error,
    raise_unsendable,
    read_at_null,
    require_isolation,
    segfault,
    spin,
    take_all_memory,
    take_long_but_live,
    warn,
)
from interrupts import obey_interrupts
from vidseg.errors import InputError, MediaError, VidsegWarning
from vidseg.types import Frame
from vidseg.video import VideoReader, isolated, read_isolated, read_video

MakeVideo = Callable[..., Path]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No process, descriptor or thread outlives a test."""
    gc.collect()
    before, children = len(os.listdir("/proc/self/fd")), _children()
    yield
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidseg")]
    assert len(os.listdir("/proc/self/fd")) <= before
    assert _children() <= children  # other tests in this process may have left helpers of multiprocessing


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def _facts(frame: Frame) -> tuple[object, ...]:
    return frame.index, frame.time, frame.duration, frame.name, frame.size


def _agree(source: Path | str, **options: Any) -> VideoReader:
    with read_video(source, **options) as expected, read_isolated(source, **options) as got:
        assert got.info == expected.info
        assert got.expected_frames == expected.expected_frames
        frames = list(expected)
        for _ in range(2):
            count = 0
            for one, two in zip(got, frames, strict=True):
                assert _facts(one) == _facts(two)
                assert np.array_equal(one.image, two.image)
                assert one.image.flags.c_contiguous
                assert one.image.flags.writeable
                count += 1
            assert count == len(frames)
            assert got.problems == expected.problems
    return got


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("v.mp4", "libx264", "yuv420p"), ("v.avi", "mpeg4", "yuv420p"), ("v.gif", "gif", "bgr8")],
)
def test_it_gives_what_a_reader_in_this_process_gives(
    make_video: MakeVideo, name: str, codec: str, pix_fmt: str
) -> None:
    path = make_video(name, codec=codec, pix_fmt=pix_fmt)
    _agree(path)
    _agree(path, start=0.3, end=0.7, every=2)


def test_rotation_sound_and_odd_sizes(make_video: MakeVideo) -> None:
    path = make_video("v.mp4", size=(47, 63), pix_fmt="yuv444p", rotation=90, audio="aac")
    assert _agree(path).info.has_audio


def test_problems_come_along(make_video: MakeVideo, tmp_path: Path) -> None:
    whole = make_video("v.mkv", count=60).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    assert _agree(tmp_path / "cut.mkv").problems


def test_frames_of_any_size(make_video: MakeVideo, tmp_path: Path) -> None:
    options = {"bf": "0", "g": "5"}
    small = make_video("small.ts", count=5, options=options).read_bytes()
    large = make_video("large.ts", count=5, size=(800, 960), options=options).read_bytes()
    (tmp_path / "both.ts").write_bytes(small + large)
    _agree(tmp_path / "both.ts")


def test_images(tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    for index in range(5):
        Image.fromarray(np.full((9 + index, 11, 3), 40 * index, np.uint8)).save(folder / f"{index}.png")
    (folder / "2.png").write_bytes(b"no image")
    assert _agree(folder, fps=Fraction(10), start=0.1).problems
    _agree(f"{folder}/[013].png")
    _agree(folder / "1.png")


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("empty.mp4", b"", {}),
        ("text.mp4", b"no video " * 100, {}),
        ("a.png", b"no image", {}),
        (None, b"", {"start": 9.0}),
        (None, b"", {"fps": 3}),
        (None, b"", {"every": 0}),
    ],
)
def test_errors_are_the_same(
    make_video: MakeVideo, tmp_path: Path, name: str | None, content: bytes, options: dict[str, Any]
) -> None:
    path = tmp_path / (name or "video.mp4")
    if name is None:
        make_video()
    else:
        path.write_bytes(content)

    def error(read: Callable[..., VideoReader]) -> Exception:
        with pytest.raises(InputError) as caught, read(path, **options) as reader:
            list(reader)
        return caught.value

    one, two = error(read_video), error(read_isolated)
    assert (type(one), str(one)) == (type(two), str(two))


def test_what_does_not_exist_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    with pytest.raises(InputError, match="which does not exist"):
        read_isolated("nothing.mp4")


def test_warnings_come_along() -> None:
    with isolated(decoy(warn), "a.mp4") as reader, pytest.warns(VidsegWarning, match="odd colours"):
        assert len(list(reader)) == 10
    with isolated(decoy(warn), "a.mp4") as reader, warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(VidsegWarning, match="odd colours"):
            list(reader)


@pytest.mark.parametrize(
    ("deed", "at", "words"),
    [
        (segfault, -1, "crashed (SIGSEGV)"),
        (segfault, 0, "crashed (SIGSEGV)"),
        (read_at_null, 3, "crashed (SIGSEGV)"),
        (abort, 3, "crashed (SIGABRT: malloc(): corrupted top size)"),
        (leave, 9, "crashed (exit code 3)"),
    ],
)
def test_a_crash_is_an_error_of_one_line(deed: Callable[[], None], at: int, words: str) -> None:
    frames: list[Frame] = []
    with pytest.raises(MediaError) as caught:
        frames.extend(isolated(decoy(deed, at), "a.mp4"))
    assert str(caught.value) == (
        f"got a.mp4, on which the decoder, after {max(at, 0)} frames, {words}; expected one that can be decoded; "
        "do: leave it out, or convert it with another program"
    )
    assert [frame.index for frame in frames] == list(range(at))


def test_after_a_crash_it_can_be_read_again(tmp_path: Path) -> None:
    with isolated(decoy(segfault), "a.mp4") as reader:
        for _ in range(2):
            with pytest.raises(MediaError, match="after 3 frames, crashed"):
                list(reader)


@pytest.mark.parametrize(("deed", "at"), [(hang, -1), (spin, 3)])
def test_a_hang_is_an_error_of_one_line(deed: Callable[[], None], at: int) -> None:
    # Opening takes its time on a busy machine, so the limit is not as tight as it could be.
    with (
        pytest.raises(MediaError, match=f"after {max(at, 0)} frames, did nothing for 4 seconds; expected"),
        isolated(decoy(deed, at), "a.mp4", patience=4) as reader,
    ):
        list(reader)


def test_work_without_frames_is_no_hang_and_a_slow_consumer_is_none_either() -> None:
    with isolated(decoy(take_long_but_live), "a.mp4", patience=3) as reader:
        for frame in reader:
            if frame.index == 5:
                time.sleep(4)
        assert reader.problems == ("looks odd", "ended")


def test_a_process_stopped_for_a_while_is_no_hang(tmp_path: Path) -> None:
    """Ctrl-Z stops both; here the other one only, for less than the limit."""
    with isolated(decoy(partial(note_process, tmp_path / "pid"), 0), "a.mp4", patience=60) as reader:
        frames = iter(reader)
        next(frames)
        process = int((tmp_path / "pid").read_text())
        os.kill(process, signal.SIGSTOP)

        def go_on() -> None:
            with suppress(ProcessLookupError):  # all frames lay in the pipe, and it is gone
                os.kill(process, signal.SIGCONT)

        later = threading.Timer(1.5, go_on)
        later.start()
        assert len(list(frames)) == 9
        later.join()


def test_bombs_are_errors_of_one_line() -> None:
    with pytest.raises(MediaError, match=r"got a.mp4, which takes more memory than [\d.]+ GB") as caught:
        list(isolated(decoy(take_all_memory), "a.mp4"))
    assert "\n" not in str(caught.value)


def test_bugs_are_seen_with_their_trace() -> None:
    with pytest.raises(LookupError, match="a bug") as caught:
        list(isolated(decoy(raise_lookup_error), "a.mp4"))
    assert "raise_lookup_error" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="UnsendableError: 1 and 2"):
        list(isolated(decoy(raise_unsendable), "a.mp4"))


def test_problems_before_an_error_are_kept() -> None:
    reader = isolated(decoy(raise_lookup_error), "a.mp4")
    with pytest.raises(LookupError):
        list(reader)
    assert reader.problems == ("looks odd", "ended")


def test_the_process_is_small_and_bounded_and_may_print() -> None:
    assert len(list(isolated(decoy(require_isolation), "a.mp4"))) == 10
    assert len(list(isolated(decoy(print_much), "a.mp4"))) == 10


def test_nothing_is_left_of_a_reading_that_is_left() -> None:
    with isolated(decoy(nothing), "a.mp4") as reader:
        for frame in reader:
            if frame.index == 2:
                break
        assert len(list(reader)) == 10
        next(iter(reader))
    isolated(decoy(nothing), "a.mp4").close()
    isolated(decoy(nothing), "a.mp4")  # nobody closes it


def test_a_reading_ended_by_another_thread_never_looks_complete(tmp_path: Path) -> None:
    reader = isolated(decoy(hang), "a.mp4")
    threading.Timer(0.5, reader.stop).start()
    with pytest.raises(MediaError, match="whose reading was ended"):
        list(reader)


def test_a_live_source_is_ended_in_good_order() -> None:
    reader = isolated(decoy(nothing, is_live=True), "camera")
    frames = iter(reader)
    assert [next(frames).index for _ in range(100)] == list(range(100))
    reader.stop()
    assert len(list(frames)) < 50_000
    assert reader.problems == ("looks odd", "ended")
    with pytest.raises(InputError, match="which is live; do: open it again"):
        list(reader)


def test_a_live_source_that_is_left_tells_its_problems() -> None:
    with isolated(decoy(nothing, is_live=True), "camera") as reader:
        next(iter(reader))
    assert reader.problems == ("looks odd", "ended")


SCRIPT = """
import sys, time
from decoder_decoys import decoy, note_and_hang, note_process
from functools import partial
from pathlib import Path
from vidseg.video import isolated

deed, path = sys.argv[1:]
reader = isolated(decoy(partial(globals()[deed], Path(path))), "a.mp4")
for frame in reader:
    if frame.index == 5:
        print("read", flush=True)
        time.sleep(1000)
"""


@pytest.mark.parametrize("deed", [note_and_hang, note_process])
def test_it_ends_with_its_parent(deed: Callable[[Path], None], tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    note = tmp_path / "pid"
    command = [sys.executable, "-c", SCRIPT, deed.__name__, str(note)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        while not (note.exists() and note.read_text()):
            assert parent.poll() is None
            time.sleep(0.05)
        parent.kill()
        parent.wait()
    process = int(note.read_text())
    for _ in range(600):
        if not _runs(process):
            return
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    pytest.fail("the process outlived its parent")


def test_ctrl_c_is_its_parents_to_obey(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, "note_process", str(tmp_path / "pid")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
        preexec_fn=obey_interrupts,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        parent.stdout.readline()
        process = int((tmp_path / "pid").read_text())
        os.killpg(parent.pid, signal.SIGINT)
        err = parent.stderr.read().decode()
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "Error" not in err
    assert not _runs(process)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
