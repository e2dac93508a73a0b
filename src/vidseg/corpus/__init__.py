"""Many videos, from and to any store, on one machine or a Ray cluster: found, handed out, and accounted for."""

from vidseg.corpus.manifest import Manifest
from vidseg.corpus.one_process import OneProcess
from vidseg.corpus.ray_workers import RayWorkers
from vidseg.corpus.running import Corpus, Tally
from vidseg.corpus.units import Outcome, Part, Unit
from vidseg.corpus.videos import Video, find_videos
from vidseg.corpus.worker import Assignment, Kind, Worker

__all__ = [
    "Assignment",
    "Corpus",
    "Kind",
    "Manifest",
    "OneProcess",
    "Outcome",
    "Part",
    "RayWorkers",
    "Tally",
    "Unit",
    "Video",
    "Worker",
    "find_videos",
]
