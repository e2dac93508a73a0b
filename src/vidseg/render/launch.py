"""Sets up ViZDoom: what is drawn, what is told, which buttons there are."""

from pathlib import Path
from typing import Any

from vidseg.errors import InputError, extra
from vidseg.render.maps import game_file

WEAPONS = range(1, 8)
"""Numbers of the weapons' buttons."""

_BUTTONS = ("MOVE_FORWARD_BACKWARD_DELTA", "TURN_LEFT_RIGHT_DELTA", "USE", "ATTACK")
_SHOWN = {
    # What has no label of its own must not be drawn.
    **dict.fromkeys(("hud", "crosshair", "messages", "particles", "decals", "screen_flashes"), False),
    "weapon": True,
}


def prepare(*, map_name: str, resolution: str, seed: int) -> Any:
    """A `vizdoom.DoomGame`, ready for `init`.

    Its actions are lists of: thrust, degrees to turn clockwise a tic, use, attack, and one button for each of
    `WEAPONS`.

    Args:
        map_name: one of `maps.MAPS`.
        resolution: "WIDTHxHEIGHT", one of the engine's.
        seed: of the engine's random numbers.

    Raises:
        MissingExtraError: without vizdoom.
        InputError: if the engine has no such resolution.
    """
    check_resolution(resolution)
    vizdoom = _vizdoom()
    game = vizdoom.DoomGame()
    game.set_doom_game_path(str(Path(vizdoom.__file__).with_name(game_file(map_name))))
    game.set_doom_map(map_name)
    game.set_seed(seed)
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_episode_timeout(0)
    game.set_screen_resolution(getattr(vizdoom.ScreenResolution, _member(resolution)))
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_labels_buffer_enabled(True)
    game.set_depth_buffer_enabled(True)
    game.set_objects_info_enabled(True)
    game.set_sectors_info_enabled(True)
    for part, shown in _SHOWN.items():
        getattr(game, f"set_render_{part}")(shown)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    names = (*_BUTTONS, *(f"SELECT_WEAPON{number}" for number in WEAPONS))
    game.set_available_buttons([getattr(vizdoom.Button, name) for name in names])
    return game


def pose_variables() -> list[Any]:
    """The game variables x, y, z and angle (degrees, counter-clockwise) of the player."""
    variables = _vizdoom().GameVariable
    return [variables.POSITION_X, variables.POSITION_Y, variables.POSITION_Z, variables.ANGLE]


def check_resolution(resolution: str) -> None:
    """Refuses sizes that the engine cannot draw.

    Raises:
        MissingExtraError: without vizdoom.
        InputError: naming the sizes it can.
    """
    members = _vizdoom().ScreenResolution.__members__
    if _member(resolution) not in members:
        known = ", ".join(name.removeprefix("RES_").lower() for name in members)
        raise InputError(f"got resolution {resolution!r}; expected one of {known}")


def _member(resolution: str) -> str:
    return f"RES_{resolution.upper()}"


def _vizdoom() -> Any:
    with extra("demo"):
        import vizdoom
    return vizdoom
