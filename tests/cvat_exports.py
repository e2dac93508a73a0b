"""Exports as CVAT writes them, by hand: of a task on a video, of images, of a project.

`from cvat_exports import ...`; the XML follows CVAT's own dumper, field by field.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

LABELS = {"ground": "#808040", "disc": "#fa3253", "square": "#3d3df5"}


def rle(mask: np.ndarray) -> str:
    """Run lengths as CVAT's own code makes them, pixel by pixel: the slow twin of ours."""
    runs, value, run = [], False, 0
    for pixel in mask.ravel():
        if bool(pixel) != value:
            runs.append(run)
            value, run = not value, 0
        run += 1
    return ", ".join(map(str, [*runs, run]))


def mask_element(mask: np.ndarray, **fields: object) -> str:
    """``<mask …>`` of an HxW mask."""
    rows, columns = np.nonzero(mask)
    top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    box = {"rle": rle(mask[top:bottom, left:right]), "left": left, "top": top}
    return element("mask", **fields, **box, width=right - left, height=bottom - top, z_order=fields.get("z_order", 0))


def polygon_element(points: Sequence[tuple[float, float]], **fields: object) -> str:
    """``<polygon …>``."""
    text = ";".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return element("polygon", **{**fields, "points": text, "z_order": fields.get("z_order", 0)})


def element(tag: str, **fields: object) -> str:
    """An element without content, as CVAT's XMLGenerator writes it."""
    return f"    <{tag} " + " ".join(f'{name}="{value}"' for name, value in fields.items()) + f">\n    </{tag}>"


def track(number: int, label: str, *shapes: str, **fields: object) -> str:
    """``<track …>``."""
    more = "".join(f' {name}="{value}"' for name, value in fields.items())
    return f'  <track id="{number}" label="{label}" source="manual"{more}>\n' + "\n".join(shapes) + "\n  </track>"


def at(frame: int, *, outside: int = 0, keyframe: int = 1) -> dict[str, object]:
    """The fields of a shape in a track."""
    return {"frame": frame, "keyframe": keyframe, "outside": outside, "occluded": 0}


def image(number: int, name: str, size: tuple[int, int], *shapes: str, **fields: object) -> str:
    """``<image …>``."""
    more = "".join(f' {key}="{value}"' for key, value in fields.items())
    head = f'  <image id="{number}" name="{name}"{more} width="{size[1]}" height="{size[0]}">'
    return "\n".join([head, *shapes, "  </image>"])


def task_meta(
    *, task_id: int = 7, name: str = "walk", source: str = "", size: tuple[int, int] | None = None, subset: str = ""
) -> str:
    """``<task>`` of the meta data."""
    original = f"<original_size><width>{size[1]}</width><height>{size[0]}</height></original_size>" if size else ""
    return (
        f"<task><id>{task_id}</id><name>{name}</name><size>12</size><mode>interpolation</mode><overlap>5</overlap>"
        f"<bugtracker></bugtracker><subset>{subset}</subset><start_frame>0</start_frame><stop_frame>11</stop_frame>"
        f"<frame_filter></frame_filter>{labels_meta()}{original}<source>{source}</source></task>"
    )


def labels_meta(labels: Mapping[str, str] = LABELS) -> str:
    """``<labels>`` of the meta data."""
    return (
        "<labels>"
        + "".join(
            f"<label><name>{name}</name><color>{colour}</color><type>any</type><attributes></attributes></label>"
            for name, colour in labels.items()
        )
        + "</labels>"
    )


def document(meta: str, *body: str) -> str:
    """The whole of ``annotations.xml``."""
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>'
    return "\n".join(
        [head, meta, "<dumped>2026-11-20 10:00:00.000000+00:00</dumped>", "  </meta>", *body, "</annotations>\n"]
    )


def export(path: Path, xml: str, images: Mapping[str, bytes] | None = None) -> Path:
    """The archive that CVAT hands out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", xml)
        for name, content in (images or {}).items():
            archive.writestr(f"images/{name}", content)
    return path
