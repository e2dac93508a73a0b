"""Models by name: bundled, local, Hugging Face's, the hub's."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from official_weights import make_weights, mit_shapes
from vidseg.checkpoints import bundled_models, convert, describe, load, load_encoder, push, save_checkpoint
from vidseg.checkpoints import load as load_model
from vidseg.checkpoints.load import find_checkpoint
from vidseg.checkpoints.tensors import sha256_of
from vidseg.errors import CheckpointError, InputError
from vidseg.models import SegFormer
from vidseg.types import ClassMap, Preprocessing

transformers = pytest.importorskip("transformers", reason="transformers, which makes the directories, is not installed")


@pytest.fixture
def saved(tmp_path: Path, segformer: SegFormer, classes: ClassMap) -> Path:
    save_checkpoint(tmp_path / "saved", segformer, class_map=classes, preprocessing=Preprocessing())
    return tmp_path / "saved"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A directory of transformers, with a processor."""
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 16, 20, 32], depths=[1, 1, 1, 1], decoder_hidden_size=16, id2label={0: "cat", 1: "dog"}
    )
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(tmp_path / "theirs")
    size = {"height": 256, "width": 384}
    transformers.SegformerImageProcessor(size=size, resample=3).save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_every_bundled_model_loads() -> None:
    for name in bundled_models():
        assert load(name).class_map == describe(name).class_map
        assert find_checkpoint(name).name == name


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(CheckpointError, match=r"'cffm-b9', which is no bundled model \(.+\).*hf://owner/name"):
        load("cffm-b9")


def test_a_file_wants_converting(tmp_path: Path) -> None:
    (tmp_path / "F.pth").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"do: vidseg convert .*F\.pth OUT_DIR --from KIND"):
        load(tmp_path / "F.pth")


def test_an_empty_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no file .*config\.json"):
        load(tmp_path)


def test_a_hugging_face_directory_as_it_is(theirs: Path) -> None:
    model = load(theirs)
    assert isinstance(model, SegFormer)
    assert model.class_map is not None
    assert model.class_map.names == ("cat", "dog")
    assert model.preprocessing == Preprocessing(short=256, long=1024, interpolation="bicubic", antialias=True)
    record = describe(theirs)
    assert (record.config, record.class_map) == (model.config, model.class_map)


def test_converting_it_changes_nothing(theirs: Path, tmp_path: Path) -> None:
    summary = convert(theirs, tmp_path / "out", "hf")
    assert (summary.architecture, summary.num_classes) == ("segformer", 2)
    assert describe(tmp_path / "out") == describe(theirs)
    ours, direct = load(tmp_path / "out").state_dict(), load(theirs).state_dict()
    assert all(torch.equal(ours[key], tensor) for key, tensor in direct.items())


def test_old_weight_files(theirs: Path) -> None:
    expected = load(theirs).state_dict()
    torch.save(load_file(theirs / "model.safetensors"), theirs / "pytorch_model.bin")
    (theirs / "model.safetensors").unlink()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in load(theirs).state_dict().items())


def test_a_bare_encoder_is_initial_weights_only(tmp_path: Path) -> None:
    config = transformers.SegformerConfig(hidden_sizes=[8, 16, 20, 32], depths=[1, 1, 1, 1])
    for cls in (transformers.SegformerModel, transformers.SegformerForImageClassification):
        directory = tmp_path / cls.__name__
        cls(config).save_pretrained(directory)
        with pytest.raises(CheckpointError, match="initial weights for training"):
            load(directory)
        assert convert(directory, tmp_path / "out", "hf").architecture == "mit"
        assert load_encoder(tmp_path / "out").config.widths == (8, 16, 20, 32)
        assert load_encoder(tmp_path / "out").config.block_norm_eps == 1e-5


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"model_type": "bert"}, r"model_type 'bert'.*model_type 'segformer'.*cffm\|segformer\|mit"),
        ("config.json", {"patch_sizes": [4, 2, 2, 2]}, r"patch_sizes \[4, 2, 2, 2\].*expected \[7, 3, 3, 3\]"),
        ("config.json", {"mlp_ratios": [4, 4, 4, 2]}, "mlp_ratios.*four equal"),
        ("config.json", {"hidden_sizes": "wide"}, "'wide' as 'widths'"),
        ("config.json", {"hidden_sizes": [8, 16, 20, 40]}, r"shape \[32.*expected shape \[40"),
        ("config.json", {"depths": [1, 1, 1, 2]}, r"no key 'segformer\.encoder\.block\.3\.1\."),
        ("config.json", {"depths": [1, 1, 2, 1]}, r"no key 'segformer\.encoder\.block\.2\.1\."),
        ("config.json", {"id2label": {"0": "cat", "2": "dog"}}, "'id2label'.*a name for every id from 0"),
        ("config.json", {"id2label": {"0": "cat"}}, r"'decode_head\.classifier\.(weight|bias)'"),
        ("preprocessor_config.json", {"image_mean": [0.5, 0.5, 0.5]}, "another normalisation"),
        ("preprocessor_config.json", {"do_normalize": False}, "another normalisation"),
        ("preprocessor_config.json", {"size": {"height": "big"}}, "size"),
        ("preprocessor_config.json", {"resample": 1}, "resample 1"),
    ],
)
def test_what_does_not_fit_is_named(theirs: Path, file: str, changes: dict[str, object], message: str) -> None:
    edit(theirs / file, **changes)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(theirs)
    assert str(theirs) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["key", "query"])
def test_wrong_attention_weights_are_named(theirs: Path, part: str) -> None:
    tensors = load_file(theirs / "model.safetensors")
    key = f"segformer.encoder.block.1.0.attention.self.{part}.weight"
    tensors[key] = tensors[key][:-1].clone()
    save_file(tensors, theirs / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"model\.safetensors") as caught:
        load(theirs)
    assert f"attention.self.{part}.weight" in str(caught.value)


def test_unknown_keys_are_named(theirs: Path) -> None:
    tensors = load_file(theirs / "model.safetensors") | {"decode_head.extra": torch.ones(1)}
    save_file(tensors, theirs / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"unknown key.*model\.safetensors.*'decode_head\.extra'"):
        load(theirs)


class FakeHub:
    """In place of the network: repositories are folders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, repositories: dict[str, Path]) -> None:
        self.repositories = repositories
        self.uploaded: dict[str, bytes] = {}
        self.called: dict[str, object] = {}
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.download)
        monkeypatch.setattr(huggingface_hub, "create_repo", lambda name, **options: self.called.update(options))
        monkeypatch.setattr(huggingface_hub, "create_commit", self.commit)

    def commit(self, name: str, operations: list, **options: object) -> SimpleNamespace:
        self.called |= {"name": name, **options}
        for operation in operations:
            with operation.as_file() as file:
                self.uploaded[operation.path_in_repo] = file.read()
        return SimpleNamespace(oid="0123456789abcdef" * 2 + "01234567")

    def download(self, name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        assert "config.json" in allow_patterns
        if name not in self.repositories:
            raise OSError(f"404\nno repository {name}")
        return os.fspath(self.repositories[name] if revision is None else self.repositories[name] / revision)


def test_a_repository_of_ours_and_one_of_hugging_face(
    saved: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeHub(monkeypatch, {"me/ours": saved, "they/theirs": theirs, "me/all": saved.parent})
    assert load_model("hf://me/ours").class_map == load(saved).class_map
    assert load_model("hf://they/theirs").class_map == load(theirs).class_map
    assert load_model("hf://me/all@saved").class_map == load(saved).class_map


def test_a_repository_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeHub(monkeypatch, {})
    with pytest.raises(
        CheckpointError, match=r"no access to hf://me/nothing \(404 no repository me/nothing\)"
    ) as caught:
        load("hf://me/nothing")
    assert "\n" not in str(caught.value)


def test_without_a_network_the_hub_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="no access to hf://nobody/nothing") as caught:
        load("hf://nobody/nothing")
    assert "\n" not in str(caught.value)


def test_pushing_uploads_the_checkpoint_and_a_card(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub(monkeypatch, {})
    assert push(saved, "me/ours") == "hf://me/ours@0123456789abcdef0123456789abcdef01234567"
    assert sorted(hub.uploaded) == ["README.md", "config.json", "model.safetensors"]
    assert hub.uploaded["model.safetensors"] == (saved / "model.safetensors").read_bytes()
    assert b"hf://me/ours" in hub.uploaded["README.md"]
    assert (hub.called["name"], hub.called["private"], hub.called["revision"]) == ("me/ours", False, None)
    push(saved, "hf://me/ours@next", private=True)
    assert (hub.called["name"], hub.called["private"], hub.called["revision"]) == ("me/ours", True, "next")


def test_a_card_that_is_there_is_pushed_as_it_is(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub(monkeypatch, {})
    shutil.copytree(saved, tmp_path / "own")
    (tmp_path / "own" / "README.md").write_text("# by hand")
    push(tmp_path / "own", "me/ours")
    assert hub.uploaded["README.md"] == b"# by hand"
    with pytest.raises(InputError, match="a card that is there already"):
        push(tmp_path / "own", "me/ours", license="mit")


def test_what_is_damaged_or_has_no_name_is_not_pushed(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = FakeHub(monkeypatch, {})
    for name in ("ours", "me/ours/more", "s3://me/ours", "me/", ""):
        with pytest.raises(InputError, match="expected hf://owner/name"):
            push(saved, name)
    shutil.copytree(saved, tmp_path / "damaged")
    weights = bytearray((tmp_path / "damaged" / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "damaged" / "model.safetensors").write_bytes(weights)
    with pytest.raises(CheckpointError, match="weights_sha256"):
        push(tmp_path / "damaged", "me/ours")
    with pytest.raises(InputError, match=r"got scores of weights 000.*do: vidseg evaluate --model"):
        push(saved, "me/ours", scores=[{"model": {"weights_sha256": "0" * 64}}])
    assert not hub.uploaded


def cached(saved: Path, cache: Path, commit: str) -> Path:
    """A repository in the layout in which the hub's client keeps it: large files by their hash, linked by name."""
    repository = cache / "models--me--ours"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    shutil.copy(saved / "config.json", snapshot)
    blob = repository / "blobs" / sha256_of(saved / "model.safetensors")
    shutil.copy(saved / "model.safetensors", blob)
    (snapshot / "model.safetensors").symlink_to(blob)
    return blob


def test_a_pinned_commit_is_loaded_and_its_weights_are_verified(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "a" * 40
    blob = cached(saved, tmp_path, commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert load_model(f"hf://me/ours@{commit}").class_map == load(saved).class_map
    with pytest.raises(CheckpointError, match=r"no access to hf://me/ours@bbbb"):
        load(f"hf://me/ours@{'b' * 40}")
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"sha256 is not the hub's.*do: remove {blob}"):
        load(f"hf://me/ours@{commit}")


def test_another_commit_than_the_pinned_one_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(saved))
    with pytest.raises(CheckpointError, match="expected the one that was asked for"):
        load(f"hf://me/ours@{'c' * 40}")


def test_an_encoder_is_not_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub(monkeypatch, {})
    torch.save(make_weights(mit_shapes((8, 16, 20, 32), (1, 1, 1, 1))), tmp_path / "F.pth")
    convert(tmp_path / "F.pth", tmp_path / "mit", "mit")
    with pytest.raises(CheckpointError, match="expected a whole model"):
        push(tmp_path / "mit", "me/mit")
    assert not hub.uploaded
