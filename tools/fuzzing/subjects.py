"""What is fuzzed: a maker of cases for each kind of input and entry point."""

from pathlib import Path
from random import Random

from fuzzing import class_lists, pickles, pictures, videos, weights
from fuzzing.case import Case, MakeCase

SUBJECTS: dict[str, MakeCase] = {
    "video/read": videos.read_case,
    "video/segment": videos.segment_case,
    "image/segment": pictures.image_case,
    "mask/doctor": pictures.doctor_case,
    "mask/predictions": pictures.predictions_case,
    "classes/doctor": class_lists.doctor_case,
    "classes/convert": class_lists.convert_case,
    "config/load": weights.config_case,
    "safetensors/load": weights.weights_case,
    "huggingface": weights.huggingface_case,
    "pth/convert": pickles.convert_case,
}


def kind_of(index: int) -> str:
    """The kind of a case; all take turns."""
    return list(SUBJECTS)[index % len(SUBJECTS)]


def make_case(seed: int, index: int, material: Path, folder: Path) -> Case:
    """Makes a case, always the same of one seed and index.

    Args:
        seed: of the campaign.
        index: of the case in it.
        material: what `make_material` wrote.
        folder: new; the damaged input is written there.
    """
    folder.mkdir(parents=True)
    return SUBJECTS[kind_of(index)](Random(f"{seed}/{index}"), material, folder)
