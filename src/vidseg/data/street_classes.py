"""The 19 classes of Cityscapes (Cordts et al., CVPR 2016), which KITTI-STEP shares."""

from vidseg.types import IGNORE_8BIT, ClassMap

# Name, colour, and the id in Cityscapes' labelIds files; the position is the train id.
_CLASSES: tuple[tuple[str, tuple[int, int, int], int], ...] = (
    ("road", (128, 64, 128), 7),
    ("sidewalk", (244, 35, 232), 8),
    ("building", (70, 70, 70), 11),
    ("wall", (102, 102, 156), 12),
    ("fence", (190, 153, 153), 13),
    ("pole", (153, 153, 153), 17),
    ("traffic light", (250, 170, 30), 19),
    ("traffic sign", (220, 220, 0), 20),
    ("vegetation", (107, 142, 35), 21),
    ("terrain", (152, 251, 152), 22),
    ("sky", (70, 130, 180), 23),
    ("person", (220, 20, 60), 24),
    ("rider", (255, 0, 0), 25),
    ("car", (0, 0, 142), 26),
    ("truck", (0, 0, 70), 27),
    ("bus", (0, 60, 100), 28),
    ("train", (0, 80, 100), 31),
    ("motorcycle", (0, 0, 230), 32),
    ("bicycle", (119, 11, 32), 33),
)
_NUM_LABEL_IDS = 34


def street_class_map() -> ClassMap:
    """The classes by train id, 0–18; 255 is ignored."""
    return ClassMap(names=tuple(name for name, _, _ in _CLASSES), palette=tuple(colour for _, colour, _ in _CLASSES))


def train_id_values() -> dict[int, int]:
    """What the values of labelTrainIds files mean: themselves."""
    return {**{index: index for index in range(len(_CLASSES))}, IGNORE_8BIT: IGNORE_8BIT}


def label_id_values() -> dict[int, int]:
    """What the values of labelIds files mean: 0–33, of which 19 are evaluated and the others ignored."""
    known = {label_id: index for index, (_, _, label_id) in enumerate(_CLASSES)}
    return {**dict.fromkeys((*range(_NUM_LABEL_IDS), IGNORE_8BIT), IGNORE_8BIT), **known}
