"""CVAT's own XML, "CVAT for images 1.1" and "CVAT for video 1.1", of a task, a job or a project.

Areas are masks, polygons and ellipses. Frames have their number in the task's media. In tracks every frame is written
down, between key frames as well, so nothing is interpolated here; a mask belongs to its one frame.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vidseg.data.annotations.media import images_under
from vidseg.data.annotations.records import AnnotatedFrame, AnnotatedVideo, Annotations, Label, split_of
from vidseg.data.annotations.shapes import CvatMask, Ellipse, Polygons, Shape, points_of
from vidseg.data.annotations.sizes import Size
from vidseg.data.mask_keys import parse_key, rgb
from vidseg.errors import DataError, InputError, extra
from vidseg.video.mask_runs import MaskRuns

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_AREAS = ("mask", "polygon", "ellipse")
# What CVAT calls the frames of a video where it writes them as images.
_FRAME = re.compile(r"frame_(\d+)")
_OTHERS = ("box", "polyline", "points", "cuboid", "skeleton", "tag")


def recognises(folder: Path) -> bool:
    """Whether an unpacked export is CVAT's: a file of its XML."""
    return any(_is_ours(path) for path in folder.rglob("*.xml"))


def read(folder: Path) -> Annotations:
    """Reads all XML files of an export.

    Raises:
        DataError: if one is damaged, naming what.
        MissingExtraError: if the library that reads XML safely is not installed.
    """
    read_files = [_XmlFile(path, folder) for path in sorted(folder.rglob("*.xml")) if _is_ours(path)]
    labels = {label.name: label for file in read_files for label in file.labels}
    left_out: Counter[str] = sum((file.left_out for file in read_files), start=Counter())
    videos = [video for file in read_files for video in file.videos()]
    return Annotations(labels=tuple(labels.values()), videos=tuple(videos), left_out=left_out)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return b"<annotations>" in file.read(1000)


@dataclass(kw_only=True)
class _Task:
    name: str = ""
    source: str = ""
    split: str | None = None
    size: Size | None = None


@dataclass(kw_only=True)
class _Drawn:
    """What is drawn on a frame: shapes with their height in the pile."""

    piled: list[tuple[int, Shape]] = field(default_factory=list)
    size: Size | None = None

    def shapes(self) -> list[Shape]:
        return [shape for _, shape in sorted(self.piled, key=lambda one: one[0])]


class _XmlFile:
    """One file, read element by element: with masks it can be larger than memory would like."""

    def __init__(self, path: Path, folder: Path) -> None:
        with extra("labels"):
            from defusedxml import ElementTree
            from defusedxml.common import DefusedXmlException
        self._path, self._folder = path, folder
        self.labels: list[Label] = []
        self.left_out: Counter[str] = Counter()
        self._tasks: dict[str, _Task] = {}
        # By task and number in its video, and by subset, folder and name of images.
        self._video_frames: dict[str, dict[int, _Drawn]] = defaultdict(dict)
        self._image_frames: dict[tuple[str, str], dict[str, _Drawn]] = defaultdict(dict)
        try:
            for _, element in ElementTree.iterparse(path):
                match element.tag:
                    case "meta":
                        self._take_meta(element)
                    case "image":
                        self._take_image(element)
                    case "track":
                        self._take_track(element)
                    case _:
                        continue
                element.clear()
        except (ElementTree.ParseError, DefusedXmlException) as error:
            raise DataError(f"got {path}, which is no readable XML ({error}); get the export again") from error
        except (KeyError, ValueError) as error:
            if isinstance(error, InputError):
                raise DataError(f"{error}; in {path}") from error
            raise DataError(
                f"got {path} with something that CVAT does not write ({error!r}); expected CVAT for images or video 1.1"
            ) from error

    def videos(self) -> list[AnnotatedVideo]:
        """What was drawn, video by video."""
        images = images_under(self._folder / "images")
        videos = [self._of_video(task_id, frames, images) for task_id, frames in self._video_frames.items() if frames]
        return videos + [self._of_images(*key, frames, images) for key, frames in self._image_frames.items()]

    def _of_video(self, task_id: str, frames: dict[int, _Drawn], images: dict[str, Path]) -> AnnotatedVideo:
        task = self._tasks[task_id]
        name = PurePosixPath(task.source).stem or task.name or self._folder.name
        # Frames of several videos may lie in one folder, where one cannot tell whose they are.
        own = images if len(self._video_frames) == 1 else {}
        stills = {image.stem: image for image in own.values() if _FRAME.fullmatch(image.stem)}
        names = {_frame_number(stem): stem for stem in stills}
        drawn = sorted(frames.items())
        return AnnotatedVideo(
            name=name,
            split=task.split,
            source=task.source,
            images=stills,
            frames=[
                AnnotatedFrame(shapes=one.shapes(), number=number, name=names.get(number), size=one.size or task.size)
                for number, one in drawn
            ],
        )

    def _of_images(self, subset: str, place: str, frames: dict[str, _Drawn], images: dict[str, Path]) -> AnnotatedVideo:
        task = next(iter(self._tasks.values()), _Task())
        # An export of a project puts the images of each subset into a folder of its name.
        places = {PurePosixPath(place), PurePosixPath(subset, place)}
        beside = [image for path, image in images.items() if PurePosixPath(path).parent in places]
        return AnnotatedVideo(
            name=place or task.name or self._folder.name,
            split=split_of(subset) or task.split,
            images={image.stem: image for image in beside},
            frames=[
                AnnotatedFrame(shapes=one.shapes(), name=PurePosixPath(name).stem, size=one.size)
                for name, one in frames.items()
            ],
        )

    def _take_meta(self, meta: "Element") -> None:
        for task in meta.iter():
            if task.tag not in ("task", "job"):
                continue
            size = task.find("original_size")
            height, width = (None, None) if size is None else (size.findtext("height"), size.findtext("width"))
            self._tasks[task.findtext("id") or ""] = _Task(
                name=task.findtext("name") or "",
                source=task.findtext("source") or "",
                split=split_of(task.findtext("subset")),
                size=None if not height or not width else (int(height), int(width)),
            )
        for label in meta.iter("label"):
            name, colour = label.findtext("name"), label.findtext("color")
            if name and label.findtext("type", "any") not in ("skeleton", "points", "tag"):
                self.labels.append(Label(name=name, colour=rgb(parse_key(colour).code) if colour else None))

    def _take_image(self, image: "Element") -> None:
        place = PurePosixPath(image.attrib["name"].replace("\\", "/"))
        drawn = _Drawn(size=(int(image.attrib["height"]), int(image.attrib["width"])))
        for element in image:
            self._draw(drawn, element, element.get("label", ""))
        if not drawn.piled:
            return
        number = _frame_number(place.name)
        if number is not None:
            self._video_frames[self._task_of(image)][number] = drawn
        else:
            folder = "" if place.parent == PurePosixPath() else place.parent.as_posix()
            self._image_frames[image.get("subset", ""), folder][place.name] = drawn

    def _take_track(self, track: "Element") -> None:
        frames = self._video_frames[self._task_of(track)]
        for element in track:
            if element.get("outside", "0") == "1":
                continue
            number = int(element.attrib["frame"])
            self._draw(frames.setdefault(number, _Drawn()), element, track.attrib["label"])
        for number in [number for number, drawn in frames.items() if not drawn.piled]:
            del frames[number]

    def _task_of(self, element: "Element") -> str:
        task_id = element.get("task_id") or next(iter(self._tasks), "")
        self._tasks.setdefault(task_id, _Task(split=split_of(element.get("subset"))))
        return task_id

    def _draw(self, drawn: _Drawn, element: "Element", label: str) -> None:
        if element.tag in _OTHERS:
            self.left_out[element.tag] += 1
        elif element.tag in _AREAS:
            drawn.piled.append((int(element.get("z_order", "0")), _shape(element, label)))


def _frame_number(name: str) -> int | None:
    match = _FRAME.fullmatch(name)
    return None if match is None else int(match[1])


def _shape(element: "Element", label: str) -> Shape:
    match element.tag:
        case "mask":
            left, top, width, height = (int(element.attrib[name]) for name in ("left", "top", "width", "height"))
            runs = tuple(int(run) for run in element.attrib["rle"].split(","))
            return CvatMask(label=label, runs=MaskRuns(runs=runs, left=left, top=top, width=width, height=height))
        case "ellipse":
            cx, cy, rx, ry = (float(element.attrib[name]) for name in ("cx", "cy", "rx", "ry"))
            rotation = float(element.get("rotation", "0"))
            return Ellipse(label=label, centre=(cx, cy), radii=(rx, ry), rotation=rotation)
    pairs = [pair.split(",") for pair in element.attrib["points"].split(";")]
    return Polygons(label=label, rings=(points_of(pairs, f"a polygon of {label!r}"),))
