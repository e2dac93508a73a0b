"""One row a frame, as Parquet files that a warehouse reads as one table.

```
frames/model=M/folder=F/NAME.parquet        hive partitions; F is the folder of the video's name, percent-encoded, or -
```

Columns: ``video`` its address, ``part`` its number or null, ``frame`` counted over the whole video, ``time`` seconds,
``share_CLASS`` of all pixels of the frame, 0–1, ``tc_agreement`` the share of the frame's visible pixels, 0–1, whose
label is that of the frame before there (null for a first frame, after a cut, and where it is not measured), ``error``
null. What was amiss with a video is a row with ``error`` and without a frame, so that nobody has to look elsewhere.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from vidseg.corpus.units import Unit
from vidseg.errors import extra
from vidseg.types import ClassMap, Segmentation
from vidseg.video.shares import class_shares

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "frames"
# For videos that lie in no folder below their IN. (Where all were null, pyarrow could not tell the column's type.)
_TOP = "-"


def table_path(unit: Unit, model: str) -> str:
    """Where a unit's rows lie, below the corpus's folder."""
    folder, _, name = unit.name.rpartition("/")
    return f"{FOLDER}/model={quote(model, safe='')}/folder={quote(folder, safe='') or _TOP}/{name}.parquet"


class FrameTable:
    """The rows of one unit in the making.

    Args:
        unit: whose frames they are.
        class_map: one column a class.
    """

    def __init__(self, unit: Unit, class_map: ClassMap) -> None:
        self._schema = _schema(class_map)
        self._unit = unit
        self._rows: list[dict[str, object]] = []
        self._shares = [field.name for field in self._schema if field.name.startswith("share_")]

    def add(self, segmentation: Segmentation) -> None:
        """Appends a frame."""
        shares = dict(zip(self._shares, class_shares(segmentation).tolist(), strict=True))
        self._rows.append({"frame": segmentation.frame.index, "time": segmentation.frame.time, **shares})

    def to_parquet(self, agreements: Sequence[float | None] | None = None, errors: Sequence[str] = ()) -> bytes:
        """The file.

        Args:
            agreements: one a frame; None if they were not measured.
            errors: what was amiss, a row each.
        """
        import pyarrow as pa
        from pyarrow import parquet

        for row, agreement in zip(self._rows, agreements or [None] * len(self._rows), strict=True):
            row["tc_agreement"] = agreement
        part = None if self._unit.part is None else self._unit.part.index
        about: dict[str, object] = {"video": self._unit.video.uri, "part": part}
        rows = [{**about, **row} for row in self._rows] + [{**about, "error": error} for error in errors]
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.Table.from_pylist(rows, schema=self._schema), sink)
        return bytes(sink.getvalue().to_pybytes())


def require_pyarrow() -> None:
    """Says at once if pyarrow is not installed.

    Raises:
        MissingExtraError: with what to do.
    """
    with extra("corpus"):
        import pyarrow  # noqa: F401


def _schema(class_map: ClassMap) -> "pa.Schema":
    import pyarrow as pa

    taken: set[str] = set()
    shares = []
    for index, name in enumerate(class_map.names):
        column = "share_" + (re.sub(r"\W+", "_", name).strip("_") or str(index))
        column = f"{column}_{index}" if column in taken else column
        taken.add(column)
        shares.append(pa.field(column, pa.float32(), metadata={"class": name, "id": str(index)}))
    return pa.schema(
        [
            pa.field("video", pa.string(), nullable=False),
            ("part", pa.int32()),
            ("frame", pa.int64()),
            ("time", pa.float64()),
            *shares,
            ("tc_agreement", pa.float32()),
            ("error", pa.string()),
        ]
    )
