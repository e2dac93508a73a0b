"""Named training configurations: functions that return a `TrainConfig`; their docstrings say how to run them."""

from collections.abc import Callable
from difflib import get_close_matches

from vidseg.errors import InputError
from vidseg.recipes import (
    ablations,
    cffmpp,
    cityscapes,
    everyday,
    freedoom,
    image_models,
    key_frames,
    lite,
    mrcfa,
    neighbours,
    small,
    tcb,
    vspw,
    warping,
)
from vidseg.recipes.overriding import choices, option_names, override
from vidseg.train import TrainConfig

Recipe = Callable[[], TrainConfig]

_FUNCTIONS: tuple[Recipe, ...] = (
    vspw.segformer_b0_vspw,
    vspw.segformer_b1_vspw,
    vspw.segformer_b2_vspw,
    vspw.segformer_b5_vspw,
    vspw.cffm_b0_vspw,
    vspw.cffm_b1_vspw,
    vspw.cffm_b2_vspw,
    vspw.cffm_b5_vspw,
    cffmpp.cffmpp_b0_vspw,
    cffmpp.cffmpp_b1_vspw,
    mrcfa.mrcfa_b0_vspw,
    mrcfa.mrcfa_b1_vspw,
    mrcfa.mrcfa_b2_vspw,
    mrcfa.mrcfa_b5_vspw,
    cityscapes.segformer_b0_cityscapes,
    cityscapes.segformer_b1_cityscapes,
    cityscapes.cffm_b0_cityscapes,
    cityscapes.cffm_b1_cityscapes,
    mrcfa.mrcfa_b0_cityscapes,
    small.segformer_b0_camvid,
    small.cffm_b0_camvid,
    small.segformer_b0_davis,
    small.cffm_b0_davis,
    mrcfa.mrcfa_b0_camvid,
    mrcfa.mrcfa_b0_davis,
    small.segformer_b0_small,
    small.cffm_b0_small,
    lite.segformer_lite0_vspw,
    lite.segformer_lite2_vspw,
    lite.cffm_lite0_vspw,
    lite.cffm_lite2_vspw,
    lite.segformer_lite0_cityscapes,
    lite.cffm_lite0_cityscapes,
    lite.segformer_lite0_camvid,
    lite.cffm_lite0_camvid,
    lite.segformer_lite0_davis,
    lite.cffm_lite0_davis,
    lite.segformer_lite0_freedoom,
    lite.cffm_lite0_freedoom,
    lite.segformer_lite0_small,
    lite.cffm_lite0_small,
    everyday.segformer_lite0_everyday,
    image_models.pspnet_r18_small,
    image_models.pspnet_r101_vspw,
    image_models.ocrnet_r101_vspw,
    image_models.upernet_r101_vspw,
    image_models.deeplabv3plus_r101_vspw,
    image_models.fcn_mbv2_cityscapes,
    image_models.pspnet_mbv2_cityscapes,
    tcb.tcb_ppm_vspw,
    tcb.tcb_ocr_vspw,
    tcb.tcb_r18_small,
    warping.netwarp_psp_vspw,
    warping.netwarp_ocr_vspw,
    warping.netwarp_r18_small,
    warping.etc_psp_vspw,
    warping.etc_ocr_vspw,
    warping.etc_r18_cityscapes,
    warping.etc_r18_small,
    warping.grfp_r101_cityscapes,
    warping.grfp_r18_small,
    key_frames.dff_r101_cityscapes,
    key_frames.dff_r18_small,
    key_frames.accel_r18_cityscapes,
    key_frames.accel_r34_cityscapes,
    key_frames.accel_r50_cityscapes,
    key_frames.accel_r101_cityscapes,
    key_frames.accel_r18_small,
    key_frames.clockwork_r101_cityscapes,
    key_frames.clockwork_r18_small,
    neighbours.lmanet_r101_cityscapes,
    neighbours.lmanet_r18_small,
    neighbours.stt_r18_cityscapes,
    neighbours.stt_r18_small,
    key_frames.dvsnet_r101_cityscapes,
    key_frames.dvsnet_r18_small,
    freedoom.segformer_b0_freedoom_scratch,
    freedoom.segformer_b0_freedoom,
    freedoom.cffm_b0_freedoom,
    freedoom.cffm_b0_freedoom_depth2,
    freedoom.cffm_b0_freedoom_references3,
    freedoom.cffm_b0_freedoom_references6,
    freedoom.cffm_b0_freedoom_references9,
    freedoom.cffm_b0_freedoom_references321,
    freedoom.cffm_b0_freedoom_assembling,
    ablations.cffm_b0_vspw_depth2,
    ablations.cffm_b1_vspw_depth1,
    ablations.cffm_b1_vspw_depth3,
    ablations.cffm_b1_vspw_depth4,
    ablations.cffm_b1_vspw_references3,
    ablations.cffm_b1_vspw_references6,
    ablations.cffm_b1_vspw_references9,
    ablations.cffm_b1_vspw_references321,
    ablations.cffm_b1_vspw_assembling,
)

RECIPES: dict[str, Recipe] = {function.__name__: function for function in _FUNCTIONS}


def find_recipe(name: str) -> TrainConfig:
    """The configuration of a recipe.

    Raises:
        InputError: for an unknown name; the nearest is named.
    """
    if name not in RECIPES:
        nearest = get_close_matches(name, RECIPES, n=1, cutoff=0.4)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        raise InputError(f"got recipe {name!r}; {hint}see vidseg recipes")
    return RECIPES[name]()


__all__ = ["RECIPES", "Recipe", "choices", "find_recipe", "option_names", "override"]
