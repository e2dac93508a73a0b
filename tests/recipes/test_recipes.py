import dataclasses
import json

import pytest
import torch

from vidseg.errors import InputError
from vidseg.models import MIT_SIZES, PerFrameConfig, PriorConfig, SegFormerConfig, TimmConfig, build_model
from vidseg.models.heads import FCNConfig, UPerConfig
from vidseg.recipes import RECIPES, choices, find_recipe, option_names, override
from vidseg.train import HardPixels


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_how_to_run_it_and_is_plain_data(name):
    config = find_recipe(name)
    assert RECIPES[name].__doc__
    assert config.output.folder == f"runs/{name}"
    assert json.loads(json.dumps(dataclasses.asdict(config)))
    # Models without references have one kind of logits: of single frames, or of all frames of clips.
    if isinstance(config.model, SegFormerConfig | PerFrameConfig) and config.loss.temporal is None:
        expected = (0, 1) if config.data.clips.reference_offsets else (1, 0)
        assert (config.loss.final_weight, config.loss.frame_weight) == expected


def test_a_prior_is_trained_alone():
    config = find_recipe("cffmpp_b1_vspw")
    assert (config.schedule.iterations, config.optimizer.learning_rate, config.optimizer.head_factor) == (
        40_000,
        2e-4,
        1,
    )
    assert config.model == dataclasses.replace(find_recipe("cffm_b1_vspw").model, prior=PriorConfig())
    children = {name for name, part in build_model(config.model).named_children() if part.state_dict()}
    assert children - set(config.frozen) == {"prior"}


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        *(("cffm_b0_vspw", 4.7), ("cffm_b1_vspw", 15.5), ("cffm_b2_vspw", 26.5), ("cffm_b5_vspw", 85.5)),
        # Its papers count without the heads on single references, up to 0.1 million.
        *(("mrcfa_b0_vspw", 5.28), ("mrcfa_b1_vspw", 16.32), ("mrcfa_b2_vspw", 27.37), ("mrcfa_b5_vspw", 84.61)),
    ],
)
def test_the_papers_models_have_its_number_of_parameters(name, millions):
    model = build_model(find_recipe(name).model)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("pspnet_r101_vspw", 70.5),
        ("ocrnet_r101_vspw", 58.1),
        ("upernet_r101_vspw", 83.2),
        ("deeplabv3plus_r101_vspw", 62.7),
        ("tcb_ppm_vspw", 70.5),
        ("tcb_ocr_vspw", 58.1),
        ("etc_ocr_vspw", 58.1),
        ("fcn_mbv2_cityscapes", 9.8),
        ("pspnet_mbv2_cityscapes", 13.7),
    ],
)
def test_image_models_of_the_papers_tables_have_its_number_of_parameters(name, millions):
    with torch.device("meta"):
        model = build_model(find_recipe(name).model)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.09)


def test_the_published_training_is_the_default():
    config = find_recipe("cffm_b1_vspw")
    assert (config.optimizer.learning_rate, config.optimizer.head_factor, config.optimizer.weight_decay) == (
        6e-5,
        10,
        0.01,
    )
    assert (config.schedule.iterations, config.schedule.warmup, config.schedule.power) == (160_000, 1500, 1.0)
    assert (config.loss.final_weight, config.loss.frame_weight) == (1.0, 0.5)
    assert config.augmentation.crop_size == (480, 480)
    assert config.data.clips.reference_offsets == (9, 6, 3)


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(InputError, match="did you mean cffm_b1_vspw"):
        find_recipe("cfm_b1_vspw")


def test_any_field_can_be_overridden():
    config = override(
        find_recipe("cffm_b0_camvid"),
        {
            "model.depth": "2",
            "model.references": '[{"offset": 3, "tokens_per_side": 1, "kernel": 7}]',
            "data.clips.reference_offsets": "[3]",
            "data.root": "2024",
            "data.val_split": "null",
            "augmentation.crop_size": "[96, 128]",
            "loss.hard_pixels": '{"min_kept": 5}',
            "runtime.clip_norm": "1",
            "runtime.precision": "bf16",
            "output.tensorboard": "false",
            "optimizer.learning_rate": "1e-4",
        },
    )
    assert (config.model.depth, config.model.references[0].offset) == (2, 3)
    assert config.model.encoder == find_recipe("cffm_b0_camvid").model.encoder
    assert (config.data.root, config.data.val_split) == ("2024", None)
    assert config.augmentation.crop_size == (96, 128)
    assert config.loss.hard_pixels == HardPixels(min_kept=5)
    assert (config.runtime.clip_norm, config.runtime.precision) == (1.0, "bf16")
    assert config.output.tensorboard is False
    assert config.optimizer.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("model.depht", "2", "did you mean --model.depth"),
        ("model", "cffm", "none of that name"),
        ("model.encoder.name", "resnet18", "did you mean 'timm:resnet18'?"),
        ("model.encoder.name", "timm:resnet1", "timm does not have; did you mean 'resnet"),
        ("model.head.name", "pspp", "did you mean 'psp'"),
        ("model.depth", "two", "got --model.depth two; expected int"),
        ("runtime.batch_size", "1.5", "expected int"),
        ("runtime.precision", "fp8", "expected Literal"),
        ("augmentation.crop_size", "[1, 2, 3]", "expected tuple"),
        ("model.depth", "0", "expected 1 to 1000 mining blocks"),
        ("data.clips.reference_offsets", "[9, 6]", "change data.clips.reference_offsets or model.references"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(name, text, message):
    with pytest.raises(InputError) as caught:
        override(find_recipe("cffm_b0_vspw"), {name: text})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encoder_and_a_head_are_chosen_whole_by_name():
    config = override(
        find_recipe("cffm_b0_small"),
        {
            "model.encoder.name": "timm:tf_efficientnet_lite0",
            "model.encoder.output_stride": "16",
            "model.head.name": "uper",
            "model.head.channels": "32",
            "model.head_channels": "32",
        },
    )
    assert config.model.encoder == TimmConfig(name="tf_efficientnet_lite0", output_stride=16)
    assert config.model.head == UPerConfig(channels=32)
    assert config.model.depth == 1
    model = build_model(config.model)
    assert model.encoder.strides == (4, 8, 16, 16)
    chosen = choices(config)
    assert chosen == {"model.encoder.name": "timm:tf_efficientnet_lite0", "model.head.name": "uper"}
    back = override(config, {"model.encoder.name": "mit_b1"})
    assert back.model.encoder == MIT_SIZES["b1"]
    image_model = override(find_recipe("pspnet_r18_small"), {"model.head.name": "fcn", "model.encoder.name": "mit_b0"})
    assert (image_model.model.head, image_model.model.encoder) == (FCNConfig(), MIT_SIZES["b0"])


def test_every_option_has_a_name():
    names = list(option_names(find_recipe("cffm_b0_vspw")))
    assert len(names) == len(set(names)) > 50
    assert "model.encoder.drop_path_rate" in names


@pytest.mark.parametrize(("name", "millions"), [("segformer_lite0_vspw", 3.4), ("cffm_lite0_vspw", 4.3)])
def test_the_lite_recipes_change_the_encoder_and_the_start_alone(name, millions):
    config, original = find_recipe(name), find_recipe(name.replace("lite0", "b0"))
    assert config.initial_weights == "imagenet"
    assert (
        dataclasses.replace(
            config,
            model=original.model,
            output=original.output,
            initial_weights=original.initial_weights,
        )
        == original
    )
    model = build_model(config.model)
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.3)


def test_a_lite_cffm_starts_from_the_segformer_before_it():
    assert find_recipe("cffm_lite0_camvid").initial_weights == "runs/segformer_lite0_camvid/last"
