"""Which Freedoom maps a clip may be filmed on, and which clips a data set has.

Training and validation never share a map. Validation takes one map from each stretch of the two games,
so that its textures, light and openness spread like those of training. Arenas with a single room
(e2m8, e3m8, map30) and the hidden joke map (map31) are left out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "val"]

VALIDATION_MAPS = ("e1m3", "e2m4", "e3m5", "e4m4", "map04", "map10", "map17", "map24")
TRAINING_MAPS = (
    *("e1m1", "e1m2", "e1m4", "e1m5", "e1m6", "e1m7", "e1m9"),
    *("e2m1", "e2m2", "e2m3", "e2m5", "e2m6", "e2m7", "e2m9"),
    *("e3m1", "e3m2", "e3m3", "e3m4", "e3m6", "e3m7", "e3m9"),
    *("e4m1", "e4m2", "e4m3", "e4m5", "e4m6", "e4m7", "e4m8", "e4m9"),
    *("map01", "map02", "map03", "map05", "map06", "map07", "map08", "map09", "map11"),
    *("map12", "map13", "map14", "map15", "map16", "map18", "map19", "map20", "map21"),
    *("map22", "map23", "map25", "map26", "map27", "map28", "map29", "map32"),
)
MAPS: dict[Split, tuple[str, ...]] = {"train": TRAINING_MAPS, "val": VALIDATION_MAPS}


@dataclass(frozen=True, kw_only=True)
class ClipPlan:
    """One video to be rendered.

    Attributes:
        name: of the video: the map and a running number.
        split: the list it belongs to.
        map_name: as the engine calls it, lower case.
        seed: of everything random in it; depends on the data set's seed and the name alone.
    """

    name: str
    split: Split
    map_name: str
    seed: int


def game_file(map_name: str) -> str:
    """The WAD file, bundled with vizdoom, that holds the map."""
    return "freedoom1.wad" if map_name.startswith("e") else "freedoom2.wad"


def plan(*, split: Split, clips: int, seed: int, maps: Sequence[str] = ()) -> list[ClipPlan]:
    """The clips of a split, dealt out to its maps in turn.

    More clips than asked for before keep the plans of the earlier ones: a data set can grow.

    Args:
        split: train or val.
        clips: how many.
        seed: of the data set.
        maps: instead of all maps of the split.
    """
    maps = maps or _spread(MAPS[split])
    names = [(maps[i % len(maps)], i // len(maps)) for i in range(clips)]
    return [
        ClipPlan(
            name=f"{map_name}_{number:02d}",
            split=split,
            map_name=map_name,
            seed=_derived_seed(seed, f"{map_name}_{number:02d}"),
        )
        for map_name, number in names
    ]


def _spread(maps: Sequence[str], stride: int = 7) -> list[str]:
    """The same maps, every `stride`-th first, so that a small data set also sees all episodes."""
    return [map_name for start in range(stride) for map_name in maps[start::stride]]


def _derived_seed(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big") >> 1
