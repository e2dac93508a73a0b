"""Making a report: choosing what to show, reading it, writing the file."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vidseg import __version__
from vidseg.data import VideoDataset
from vidseg.errors import InputError, VidsegWarning
from vidseg.evaluate import listed_rate, select_videos
from vidseg.files import atomic_file
from vidseg.report.clips import read_clip
from vidseg.report.contents import contents
from vidseg.report.packing import FIDELITIES, Fidelity, PackedClip, pack
from vidseg.report.page import build_page
from vidseg.report.results import Entry, require_comparable
from vidseg.report.samples import choose_stretch, choose_videos

# Of the file: what mail and issue trackers still take, and what opens at once.
MAX_BYTES = 15_000_000
# What saying where a frame lies takes, at most.
_PLACE = 24


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """How much a report shows.

    Attributes:
        videos: at most so many.
        frames: at most so many of each, consecutive.
        lines: height of the frames, pixels.
    """

    videos: int = 10
    frames: int = 90
    lines: int = 240

    def __post_init__(self) -> None:
        for name in ("videos", "frames", "lines"):
            if getattr(self, name) < 1:
                raise InputError(f"got {getattr(self, name)} {name} for a report; expected 1 or more")


def write_report(
    path: str | os.PathLike[str],
    entries: Sequence[Entry],
    dataset: VideoDataset,
    config: ReportConfig | None = None,
    *,
    command: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes one HTML file that shows the scores of one model or several, and what they make of some videos.

    The file is smaller than 15 MB: its frames get the best fidelity that fits, and shorter parts of videos are shown,
    with a warning, where none does.

    Args:
        path: of the file.
        entries: what is shown beside each other; all of the same data.
        dataset: that data; the whole split.
        config: how much is shown.
        command: that the page names as the one that made it.
        progress: called with (frames done, frames in all).

    Returns:
        The size of the file in bytes.

    Raises:
        InputError: for results of different data.
        DataError: if the data or the mask files are not those that were scored.
    """
    config = config or ReportConfig()
    require_comparable(entries, dataset)
    results = [entry.result for entry in entries]
    choice = choose_videos(results, config.videos)
    videos = {video.name: video for video in select_videos(dataset, choice.names).videos}
    spans = {
        name: choose_stretch([result["per_frame"][name]["mIoU"] for result in results], config.frames)
        for name in choice.names
    }
    total, done = sum(stop for _, stop in spans.values()), 0

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(done, total)

    clips = [read_clip(videos[name], entries, dataset, spans[name], config.lines, advance) for name in choice.names]
    rates = {name: None if (rate := listed_rate(video)) is None else float(rate) for name, video in videos.items()}

    date = datetime.now(UTC).isoformat(timespec="seconds")

    def page(packed: Sequence[PackedClip], fidelity: Fidelity) -> bytes:
        made = {"vidseg": __version__, "command": command, "date": date, "frames": str(fidelity)}
        said = contents(entries, dataset.class_map, choice, packed, rates, made)
        return build_page(said, [one.data for one in packed]).encode()

    bare = page([PackedClip(clip=clip, data="", parts={}) for clip in clips], FIDELITIES[-1])
    packed, fidelity = pack(clips, MAX_BYTES - len(bare) - _PLACE * sum(len(clip.frame_names) for clip in clips))
    if any(len(one.clip.frame_names) < len(clip.frame_names) for one, clip in zip(packed, clips, strict=True)):
        warnings.warn(
            f"the report shows shorter parts of videos than {config.frames} frames, to stay below "
            f"{MAX_BYTES // 1_000_000} MB; fewer videos or lines leave room for more",
            VidsegWarning,
            stacklevel=2,
        )
    text = page(packed, fidelity)
    with atomic_file(path) as temporary:
        temporary.write_bytes(text)
    return len(text)
