"""Checkpoints of the VSPW authors' systems."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import official_weights as official
from image_goldens import check, converted
from vidseg.checkpoints import convert
from vidseg.checkpoints.renaming import Renaming
from vidseg.checkpoints.vspw import VSPW_SYSTEMS, System, convert_vspw
from vidseg.errors import CheckpointError
from vidseg.models import ModelConfig

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


def test_of_systems_that_share_their_keys_the_first_is_meant_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []

    def moves(name: str) -> Callable[[Renaming], ModelConfig]:
        def move(source: Renaming) -> ModelConfig:
            moved.append(name)
            raise CheckpointError(name)

        return move

    for name in ("pspnet", "another"):
        monkeypatch.setitem(VSPW_SYSTEMS, name, System(("decoder.ppm.",), moves(name)))
    for system in (None, "pspnet", "another"):
        with pytest.raises(CheckpointError):
            convert_vspw({"decoder.ppm.0.1.weight": torch.zeros(1)}, "F.pth", system)
    assert moved == ["pspnet", "pspnet", "another"]


@pytest.mark.parametrize(
    ("key", "system", "message"),
    [
        ("decoder.aspp.bn1.weight", "netwarp", "got system 'netwarp'; expected one of pspnet, ocrnet"),
        ("decoder.aspp.bn1.weight", "ocrnet", "got system 'ocrnet' for F.pth, whose keys are of deeplab"),
        ("encoder.conv1.weight", None, "a system of an unknown kind in F.pth.*expected one of pspnet"),
    ],
)
def test_what_is_wrong_is_named(key: str, system: str | None, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        convert_vspw({key: torch.zeros(1)}, "F.pth", system)


@pytest.mark.parametrize(
    ("keys", "system"),
    [
        (("decoder.ppm.0.1.weight", "decoder.conv_last_.4.bias"), "pspnet"),
        (("decoder.ppm.0.1.weight", "decoder.conv_last_.0.weight", "conv_last_.4.bias"), "etc_psp"),
        (("decoder.ppm.0.1.weight", "conv_last_.4.bias", "flowcnn.conv1.0.weight"), "netwarp_psp"),
        (("decoder.spatial_ocr_head.x", "decoder.head.bias"), "ocrnet"),
        (("decoder.spatial_ocr_head.x", "conv_last_.bias"), "etc_ocr"),
        (("decoder.spatial_ocr_head.x", "head.bias", "flowcnn.conv1.0.weight"), "netwarp_ocr"),
    ],
)
def test_keys_tell_the_system(keys: tuple[str, ...], system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def move(source: Renaming) -> ModelConfig:
        raise CheckpointError("moved")

    monkeypatch.setitem(VSPW_SYSTEMS, system, System(VSPW_SYSTEMS[system].signs, move))
    with pytest.raises(CheckpointError, match="moved"):
        convert_vspw(dict.fromkeys(keys, torch.zeros(1)), "F.pth")


def test_a_system_of_another_kind_of_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="got system 'pspnet' for kind 'cffm'"):
        convert(tmp_path / "F.pth", tmp_path / "out", "cffm", system="pspnet")
