"""Checkpoints of the VSPW authors' systems."""

from pathlib import Path

import pytest
import torch

import official_weights as official
from image_goldens import check, converted
from vidseg.checkpoints import convert
from vidseg.checkpoints.vspw import VSPW_SYSTEMS, System, convert_vspw
from vidseg.errors import CheckpointError

# Millions of parameters, as the paper counts them; of DeepLab the table has mmsegmentation's.
SYSTEMS = {"pspnet": 70.5, "ocrnet": 58.1, "upernet": 83.2, "deeplab": 59.5}


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize("name", SYSTEMS)
def test_logits_are_the_authors(name: str, goldens: Path, tmp_path: Path) -> None:
    shapes = official.read_shapes(goldens / "systems" / f"{name}_r101s_official_keys.json")
    model = converted(shapes, "vspw", tmp_path)
    assert model.class_map is not None
    assert model.class_map.names[:2] == ("wall", "ceiling")
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(SYSTEMS[name], abs=0.06)
    found = sorted((goldens / "systems").glob(f"{name}_r101s_*_seed*.npz"))
    assert len(found) == 2
    for golden in found:
        check(model, golden)


def test_systems_that_share_their_keys_must_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VSPW_SYSTEMS, "another", System("decoder.ppm.", VSPW_SYSTEMS["pspnet"].move))
    tensors = {"decoder.ppm.0.1.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="pspnet, another; expected to be told; say --system pspnet"):
        convert_vspw(tensors, "F.pth")
    with pytest.raises(CheckpointError, match=r"no key 'decoder\.conv_last_\.4\.bias'"):
        convert_vspw(tensors, "F.pth", "another")


@pytest.mark.parametrize(
    ("key", "system", "message"),
    [
        ("decoder.ppm.0.1.weight", "netwarp", "got system 'netwarp'; expected one of pspnet, ocrnet"),
        ("decoder.ppm.0.1.weight", "ocrnet", "got system 'ocrnet' for F.pth, whose keys are of pspnet"),
        ("encoder.conv1.weight", None, "a system of an unknown kind in F.pth.*expected one of pspnet"),
    ],
)
def test_what_is_wrong_is_named(key: str, system: str | None, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        convert_vspw({key: torch.zeros(1)}, "F.pth", system)


def test_a_system_of_another_kind_of_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="got system 'pspnet' for kind 'cffm'"):
        convert(tmp_path / "F.pth", tmp_path / "out", "cffm", system="pspnet")
