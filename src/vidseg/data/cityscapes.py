"""Cityscapes with its sequence set: 30-frame snippets at 17 Hz, of which only the 20th frame is labelled.

``leftImg8bit/<split>/<city>/<city>_<seq>_<frame>_leftImg8bit.png`` (labelled frames),
``leftImg8bit_sequence/…`` (all frames of the snippets) and
``gtFine/<split>/<city>/<city>_<seq>_<frame>_gtFine_labelTrainIds.png``, or ``labelIds``, which are mapped.

One video a labelled frame, named ``<city>/<city>_<seq>_<frame>``, because some cities number all their
snippets as one long sequence. References go by frame number; an absent one is an error that names its file.
"""

import re
from collections import defaultdict

from vidseg.data.listing import Finder, require_folder
from vidseg.data.records import DatasetSpec, FrameRecord, VideoDataset, VideoRecord
from vidseg.data.street_classes import label_id_values, street_class_map, train_id_values
from vidseg.data.trees import Tree
from vidseg.errors import DataError

_IMAGES, _SEQUENCES, _LABELS = "leftImg8bit", "leftImg8bit_sequence", "gtFine"
_BEFORE, _AFTER = 19, 10

# (sequence, frame number) -> path
_Paths = dict[tuple[str, int], str]


def open_split(tree: Tree, split: str) -> VideoDataset:
    """Lists one split.

    Raises:
        DataError: if the root has no images of the split.
    """
    finder = Finder(tree)
    cities = sorted({*tree.folders(f"{_IMAGES}/{split}"), *tree.folders(f"{_SEQUENCES}/{split}")})
    if not cities:
        require_folder(tree, f"{_IMAGES}/{split}", "cityscapes", "one folder a city")
        raise DataError(f"got no city in {tree.address(f'{_IMAGES}/{split}')}; expected one folder a city")
    kind = _label_kind(tree, f"{_LABELS}/{split}")
    videos: list[VideoRecord] = []
    for city in cities:
        videos += _snippets(tree, split, city, kind, finder)
    spec = DatasetSpec(
        class_map=street_class_map(),
        file_values=train_id_values() if kind == "labelTrainIds" else label_id_values(),
        reference_unit="frame",
        frame_rate=17,
    )
    return VideoDataset(
        tree=tree, layout="cityscapes", split=split, spec=spec, videos=tuple(videos), damage=tuple(finder.damage)
    )


def splits(tree: Tree) -> tuple[str, ...]:
    """The splits that the root has images of."""
    return tuple(sorted({*tree.folders(_IMAGES), *tree.folders(_SEQUENCES)}))


def _label_kind(tree: Tree, folder: str) -> str:
    """Train ids if there are any, because they are final; else label ids."""
    final = (tree.files(f"{folder}/{city}", ("_labeltrainids.png",)) for city in tree.folders(folder))
    return "labelTrainIds" if any(final) else "labelIds"


def _snippets(tree: Tree, split: str, city: str, kind: str, finder: Finder) -> list[VideoRecord]:
    single = _paths(finder, f"{_IMAGES}/{split}/{city}", "_leftImg8bit")
    images = {**single, **_paths(finder, f"{_SEQUENCES}/{split}/{city}", "_leftImg8bit")}
    labels = _paths(finder, f"{_LABELS}/{split}/{city}", f"_gtFine_{kind}")
    by_sequence: dict[str, list[int]] = defaultdict(list)
    for sequence, number in sorted(images):
        by_sequence[sequence].append(number)
    # It becomes part of a str.format pattern, so braces in its own name are escaped.
    folder = tree.address(f"{_SEQUENCES}/{split}/{city}").replace("{", "{{").replace("}", "}}")
    videos = []
    for sequence, middle in sorted(single.keys() | labels.keys()):
        frames = tuple(
            FrameRecord(
                name=f"{sequence}_{number:06d}",
                number=number,
                image=images[sequence, number],
                # A neighbouring snippet's label is not this one's.
                label=labels.get((sequence, number)) if number == middle else None,
            )
            for number in by_sequence[sequence]
            if middle - _BEFORE <= number <= middle + _AFTER
        )
        if middle not in {frame.number for frame in frames}:
            finder.note(labels[sequence, middle], "is the mask of an image that is not there", "get the image")
            continue
        if labels and (sequence, middle) not in labels:
            finder.note(single[sequence, middle], "has no mask; it counts as unlabelled", "get its mask")
        videos.append(
            VideoRecord(
                name=f"{city}/{sequence}_{middle:06d}",
                tree=tree,
                frames=frames,
                rate=17,
                image_of_number=f"{folder}/{sequence}_{{number:06d}}_leftImg8bit.png",
            )
        )
    return videos


def _paths(finder: Finder, folder: str, ending: str) -> _Paths:
    pattern = re.compile(rf"(.+_\d+)_(\d+){ending}")
    matches = ((pattern.fullmatch(stem), path) for stem, path in finder.files(folder, (".png",)).items())
    return {(match[1], int(match[2])): path for match, path in matches if match}
