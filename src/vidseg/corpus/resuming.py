"""What is left to do of a corpus: a unit is done while its source, model, settings and outputs are as they were."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vidseg.corpus.identity import identity_of
from vidseg.corpus.manifest import Manifest, Record
from vidseg.corpus.units import Part, Unit
from vidseg.corpus.videos import Video
from vidseg.corpus.worker import Assignment
from vidseg.stream.ledger import Conditions, Identity

# Requests to a store that wait at once.
_AT_ONCE = 16
_DONE = ("done", "partly")


@dataclass(frozen=True, kw_only=True, eq=False)
class Left:
    """What is left to do of one video.

    Attributes:
        video: the video.
        units: that are to be worked on; none if it is done.
        done: the records of the others.
        reason: why it is not done, although it was once; empty if it never was.
    """

    video: Video
    units: tuple[Unit, ...]
    done: tuple[Record, ...] = ()
    reason: str = ""


def what_is_left(
    videos: Sequence[Video], manifest: Manifest, conditions: Conditions, assignment: Assignment
) -> Iterator[Left]:
    """What is left of each video, in their order."""

    def look(video: Video) -> Left:
        try:
            return _left_of(video, manifest.records.get(video.uri, {}), conditions, assignment)
        except (KeyError, TypeError, AttributeError):
            return Left(video=video, units=(Unit(video=video),), reason="its record lacks something")
        except (OSError, ValueError) as error:  # gone, or unreadable: its turn will tell
            return Left(video=video, units=(Unit(video=video),), reason=" ".join(str(error).split()))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(look, videos)


def _left_of(video: Video, records: dict[int | None, Record], conditions: Conditions, assignment: Assignment) -> Left:
    whole = records.get(None)
    if whole is None or whole["status"] == "removed":
        return Left(video=video, units=(Unit(video=video),))
    source = video.identity()
    reason = _reason(whole, Unit(video=video), source, conditions, assignment)
    if reason:
        return Left(video=video, units=(Unit(video=video),), reason=reason)
    if whole["status"] != "cut":
        return Left(video=video, units=(), done=(whole,))
    units, done = [], []
    for part in whole["parts"]:
        unit = Unit(video=video, part=Part(**part))
        record = records.get(unit.key[1])
        if record is None or _reason(record, unit, source, conditions, assignment):
            units.append(unit)
        else:
            done.append(record)
    return Left(video=video, units=tuple(units), done=tuple(done))


def _reason(record: Record, unit: Unit, source: Identity | None, conditions: Conditions, assignment: Assignment) -> str:
    """Why a unit with this record is not done, in a few words; empty if it is."""
    if record["status"] not in (*_DONE, "cut"):
        return f"it {record['status']} before"
    if difference := conditions.difference(record, source):
        return difference
    if record["status"] == "cut":
        return ""
    for path in assignment.paths(unit):
        before = record["outputs"].get(path)
        place = assignment.out.child(path)
        if before is None:
            return f"{place.uri} was not among its outputs"
        try:
            if before != identity_of(place):
                return f"{place.uri} is not as it was written"
        except FileNotFoundError:
            return f"{place.uri} is gone"
    return ""
