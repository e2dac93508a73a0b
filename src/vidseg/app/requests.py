"""What clients ask for, checked: nothing that comes over the wire is believed."""

from dataclasses import dataclass
from typing import Any, Literal, cast

from vidseg.app.engines import EngineChoice
from vidseg.errors import InputError
from vidseg.stream import OverlayStyle

SourceName = Literal["file", "url", "webcam"]
_SOURCES = ("file", "url", "webcam")


@dataclass(frozen=True, kw_only=True)
class Start:
    """The wish to segment a video.

    Attributes:
        source: what kind.
        url: the address, for that kind; not checked yet.
        choice: of the engine; not checked yet.
        style: of the overlay.
        keep: whether results are to be downloaded.
    """

    source: SourceName
    url: str
    choice: EngineChoice
    style: OverlayStyle
    keep: bool

    @classmethod
    def parse(cls, message: dict[str, Any]) -> "Start":
        """Reads a message.

        Raises:
            InputError: if a field is missing or of another type.
        """
        source = _field(message, "source", str)
        if source not in _SOURCES:
            raise InputError(f"got source {source[:40]!r}; expected one of {', '.join(_SOURCES)}")
        size = message.get("size")
        if size is not None and (not isinstance(size, int) or isinstance(size, bool)):
            raise InputError(f"got size {str(size)[:40]!r}; expected a number of pixels or nothing")
        choice = EngineChoice(model=_field(message, "model", str), runtime=_field(message, "runtime", str), size=size)
        return cls(
            source=cast(SourceName, source),
            url=_field(message, "url", str) if source == "url" else "",
            choice=choice,
            style=parse_style(message),
            keep=_field(message, "keep", bool),
        )


def parse_style(message: dict[str, Any]) -> OverlayStyle:
    """How the overlay is to look.

    Raises:
        InputError: if a field is missing, of another type or out of range.
    """
    opacity = message.get("opacity")
    if not isinstance(opacity, int | float) or isinstance(opacity, bool) or not 0 <= opacity <= 1:
        raise InputError(f"got opacity {str(opacity)[:40]!r}; expected 0 to 1")
    return OverlayStyle(opacity=float(opacity), outlines=_field(message, "outlines", bool))


def _field(message: dict[str, Any], name: str, kind: type) -> Any:
    value = message.get(name)
    if not isinstance(value, kind):
        raise InputError(f"got {name} {str(value)[:40]!r}; expected a {kind.__name__}")
    return value
