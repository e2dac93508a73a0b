"""The split by maps, and the plan of clips."""

from vidseg.render.maps import MAPS, game_file, plan


def test_no_map_is_in_both_splits_and_both_are_large_enough():
    assert not set(MAPS["train"]) & set(MAPS["val"])
    assert len(set(MAPS["train"])) == 55
    assert len(set(MAPS["val"])) == 8


def test_clips_are_dealt_out_evenly_under_distinct_names():
    clips = plan(split="train", clips=80, seed=0)
    assert len({clip.name for clip in clips}) == len({clip.seed for clip in clips}) == 80
    assert len({clip.map_name for clip in clips}) == 55


def test_more_clips_keep_the_earlier_ones_and_seeds_differ():
    assert plan(split="val", clips=20, seed=3)[:5] == plan(split="val", clips=5, seed=3)
    assert plan(split="val", clips=1, seed=3)[0].seed != plan(split="val", clips=1, seed=4)[0].seed


def test_maps_are_found_in_the_game_they_belong_to():
    assert game_file("e1m1") == "freedoom1.wad"
    assert game_file("map01") == "freedoom2.wad"
