"""Tiny real renderings: layout, determinism, resuming, and that nothing is left behind."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidseg.errors import DataError, InputError
from vidseg.render import CLASS_MAP, RenderConfig, render, verify
from vidseg.render.engine import Session

pytest.importorskip("vizdoom")

TINY = RenderConfig(train_clips=1, val_clips=1, frames=6, resolution="160x120")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    out = tmp_path_factory.mktemp("rendered") / "set"
    seen = []
    manifest = render(out, config=TINY, progress=lambda *event: seen.append(event))
    return out, manifest, seen


def test_layout_is_that_of_vspw(rendered):
    out, manifest, seen = rendered
    assert [event[:2] for event in seen] == [(1, 2), (2, 2)]
    (train,) = (out / "train.txt").read_text().split()
    (val,) = (out / "val.txt").read_text().split()
    assert set(manifest["videos"]) == {train, val}
    described = json.loads((out / "classes.json").read_text())
    assert described["classes"] == list(CLASS_MAP.names)
    assert described["fps"] == pytest.approx(35 / 3)
    assert "Freedoom" in (out / "NOTICE").read_text(encoding="utf-8")
    for video in (train, val):
        folder = out / "data" / video
        for kind, suffix in (("origin", "jpg"), ("degraded", "jpg"), ("mask", "png")):
            assert sorted(os.listdir(folder / kind)) == [f"{n:08d}.{suffix}" for n in range(6)]
        with Image.open(folder / "mask" / "00000000.png") as mask:
            assert mask.mode == "P"
            assert mask.size == (160, 120)
            assert mask.getpalette()[:3] == list(CLASS_MAP.palette[0])
            assert set(np.unique(np.asarray(mask))) <= {*range(CLASS_MAP.num_classes), CLASS_MAP.ignore}
        record = manifest["videos"][video]
        assert sum(record["class_pixels"]) + record["ignored_pixels"] == 6 * 160 * 120
        assert len(record["degradations"]) == 6


def test_the_engines_scratch_files_stay_out_of_the_working_folder(rendered):
    assert not [name for name in os.listdir() if name.startswith("_vizdoom")]


def test_same_seed_same_manifest_whatever_the_number_of_processes(rendered, tmp_path):
    _, manifest, _ = rendered
    again = render(tmp_path, config=RenderConfig(**{**TINY.__dict__, "workers": 2}))
    assert again == manifest


def test_finished_videos_are_kept_and_half_ones_redone(rendered, tmp_path):
    out, manifest, _ = rendered
    (train,), (val,) = ((out / f"{split}.txt").read_text().split() for split in ("train", "val"))
    (out / "data" / val / "video.json").unlink()  # as if it had been copied only in part
    (out / "data" / val / "mask" / "00000003.png").unlink()
    kept = (out / "data" / train / "video.json").stat().st_mtime_ns
    seen = []
    assert render(out, config=TINY, progress=lambda *event: seen.append(event)) == manifest
    assert seen == [(2, 2, val)]
    assert (out / "data" / train / "video.json").stat().st_mtime_ns == kept


def test_verify_names_changed_videos(rendered):
    out, _, _ = rendered
    (val,) = (out / "val.txt").read_text().split()
    assert verify(out) == []
    mask = out / "data" / val / "mask" / "00000000.png"
    intact = mask.read_bytes()
    Image.new("P", (160, 120)).save(mask)
    assert verify(out) == [val]
    mask.write_bytes(b"")
    assert verify(out) == [val]
    mask.write_bytes(intact)


def test_other_settings_do_not_mix(rendered):
    out, _, _ = rendered
    with pytest.raises(InputError, match="other settings"):
        render(out, config=RenderConfig(**{**TINY.__dict__, "seed": 1}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": "123x45"}, "expected one of .*320x240"),
        ({"frames": 0}, "frames=0"),
        ({"workers": 0}, "workers=0"),
        ({"seed": -1}, "seed=-1"),
        ({"train_clips": 0, "val_clips": 0}, "0 clips"),
    ],
)
def test_bad_settings_are_refused_in_one_line(change, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        render(tmp_path, config=RenderConfig(**{**TINY.__dict__, **change}))
    assert "\n" not in str(caught.value)


def test_verify_without_a_manifest(tmp_path):
    with pytest.raises(DataError, match="render it first"):
        verify(tmp_path)


def test_a_replay_differs_in_the_sky_alone_and_label_borders_lie_on_depth_edges(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Session(map_name="e3m1", resolution="320x240", seed=1) as session:
        negatives, depths = [], []
        session.command("summon DoomImp")
        for _ in range(8):
            session.move(tics=3, forward=5, turn=10)
            negatives.append(session.observe())
            depths.append(session._game.get_state().depth_buffer.astype(int))
        replayed = dict(session._replay({negative.moment for negative in negatives}))
        observations = session.develop(negatives)
    sky_pixels = border_pixels = border_on_edge = 0
    for negative, depth, seen in zip(negatives, depths, observations, strict=True):
        differs = (negative.image != replayed[negative.moment]).any(axis=2)
        sky = seen.classes == CLASS_MAP.names.index("sky")
        assert not (differs & ~sky).any()
        assert (sky <= negative.sky_candidates).all()
        sky_pixels += sky.sum()
        # Left and right borders of things: the depth jumps there, up to a pixel.
        thing = (seen.classes > 3) & (seen.classes < CLASS_MAP.names.index("hand"))
        border = thing[:, 2:-1] != thing[:, 1:-2]
        jumps = np.abs(np.diff(depth, axis=1)) >= 1
        border_on_edge += (border & (jumps[:, :-2] | jumps[:, 1:-1] | jumps[:, 2:])).sum()
        border_pixels += border.sum()
    assert sky_pixels > 10000
    assert border_pixels > 100
    assert border_on_edge / border_pixels > 0.95


def test_the_notice_of_the_project_contains_that_of_the_data():
    root = Path(__file__).parents[2]
    notice = (root / "src" / "vidseg" / "render" / "freedoom_notice.txt").read_text(encoding="utf-8")
    assert notice in (root / "NOTICE").read_text(encoding="utf-8")
