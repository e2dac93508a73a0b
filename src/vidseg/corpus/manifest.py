"""What became of each video of a corpus: JSON lines beside the outputs, read again when the command is given again.

```
OUT/_manifest/20270131T120000-3f2a9c-00000.jsonl     a hundred lines at most, then the next file
```

The first line of a file has what its records have in common: model and settings. Each other is a record, and lacks
what is as in the first. A line is written as soon as a unit is finished, after its outputs; the newest line of a unit
counts. Stores know no appending, so the current file is written anew with each line, whole. A run has files of its own:
two at once could only do work twice.
"""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from vidseg.errors import InputError
from vidseg.places import Place

FOLDER = "_manifest"
FORMAT = 1
_LINES = 100
_COMMON = ("format", "model", "settings")

Record = dict[str, Any]


class Manifest:
    """The records of a corpus.

    Args:
        out: the corpus's folder.

    Attributes:
        records: the newest of each unit, by its video's address and its part.

    Raises:
        InputError: if a line cannot be read.
    """

    def __init__(self, out: Place) -> None:
        self._place = out.child(FOLDER)
        self._run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
        self._lines: list[str] = []
        self._common: Record = {}
        self._file = 0
        self.records: dict[str, dict[int | None, Record]] = {}
        names = sorted(name for name in self._place.files() if name.endswith(".jsonl")) if self._place.exists() else []
        for record in (record for name in names for record in _read(self._place.child(name))):
            self._keep(record)

    @property
    def names(self) -> dict[str, str]:
        """The name that each video has, by its address."""
        return {video: next(iter(records.values()))["name"] for video, records in self.records.items()}

    def begin(self, common: Record) -> None:
        """Begins the records of a run, in the folder, too: whether that can be written should show before any work.

        Args:
            common: what the records have in common: model and settings.

        Raises:
            OSError: if it cannot be written.
        """
        self._common = {"format": FORMAT, **common}
        self._lines = []
        self._write(self._common)

    def note(self, record: Record) -> None:
        """Adds a record, in the common terms where it says nothing else; it is kept when this returns.

        Raises:
            OSError: if it cannot be written.
        """
        record = {**self._common, **record}
        self._keep(record)
        if len(self._lines) > _LINES:
            self._lines, self._file = self._lines[:1], self._file + 1
        self._write({key: value for key, value in record.items() if self._common.get(key, ...) != value})

    def _write(self, line: Record) -> None:
        self._lines.append(json.dumps(line, allow_nan=False))
        content = "".join(f"{line}\n" for line in self._lines)
        self._place.child(f"{self._run}-{self._file:05d}.jsonl").write(content.encode())

    def _keep(self, record: Record) -> None:
        self.records.setdefault(record["video"], {})[record["part"]] = record


def _read(place: Place) -> Iterable[Record]:
    common: Record = {}
    for number, line in enumerate(place.read().splitlines(), start=1):
        try:
            record = json.loads(line)
            if number == 1:
                common = {key: record[key] for key in _COMMON}
                if common["format"] != FORMAT:
                    raise ValueError(f"format {common['format']}")
                continue
            yield {**common, **record, "video": str(record["video"]), "part": record["part"], "name": record["name"]}
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"got manifest {place.uri}, whose line {number} cannot be read ({error!r}); expected what vidseg "
                "corpus writes; do: remove the file, and its videos are done again"
            ) from error
