"""Which colour or value of a mask file is which class: tables of several tools, and those made of what was found."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from vidseg.data.mask_keys import Key, KeyKind, colour, rgb
from vidseg.data.street_classes import street_class_map
from vidseg.errors import InputError
from vidseg.types import IGNORE_8BIT, IGNORE_16BIT, ClassMap, default_ignore
from vidseg.viz.palette import Colour, generate_palette

VOID = -1

_BLACK, _WHITE = 0, 0xFFFFFF
_ONE_AS_GREY = 0x010101

_VOC_NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
_VOC_VOID = (224, 224, 192)
# Of Cityscapes' colour files; those that share the colour of a class cannot be told from it.
_STREET_VOID = (
    *((0, 0, 0), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180), (150, 100, 100)),
    *((150, 120, 90), (0, 0, 90), (0, 0, 110)),
)


@dataclass(frozen=True, kw_only=True)
class MaskTable:
    """The class of every colour, or of every value.

    Attributes:
        kind: what the codes are.
        names: of the classes, by id.
        classes: class ids by code, `VOID` for pixels without a label.
        palette: of the classes; None for generated colours.
    """

    kind: KeyKind
    names: tuple[str, ...]
    classes: Mapping[int, int]
    palette: tuple[Colour, ...] | None = None

    def class_map(self) -> ClassMap:
        """The same as a class list, with the palette of a colour table.

        Raises:
            InputError: if there is no class.
        """
        palette = self.palette
        if palette is None and self.kind == "colour":
            firsts = {index: code for code, index in reversed(list(self.classes.items()))}
            palette = tuple(rgb(firsts[index]) for index in range(len(self.names)))
        return ClassMap(
            names=self.names,
            palette=palette or generate_palette(max(1, len(self.names))),
            ignore=default_ignore(len(self.names)),
        )

    def with_void(self, key: Key) -> "MaskTable":
        """The same with one more code for pixels without a label; a class that loses its only code goes.

        Raises:
            InputError: if the key is of the other kind.
        """
        entries = [(name, Key(self.kind, code)) for code, name in self._named() if code != key.code]
        return build_table([*entries, (None, key)], palette=self._palette_by_name())

    def without_class(self, name: str) -> "MaskTable":
        """The same with a class's pixels as pixels without a label."""
        entries = [(None if other == name else other, Key(self.kind, code)) for code, other in self._named()]
        return build_table(entries, palette=self._palette_by_name())

    def with_classes(self, entries: Iterable[tuple[str, Key]]) -> "MaskTable":
        """The same with more classes, or more keys of those that it has.

        Raises:
            InputError: if a key is of the other kind or of another class.
        """
        return build_table([*((name, Key(self.kind, code)) for code, name in self._named()), *entries])

    def with_palette(self, palette: Sequence[Colour]) -> "MaskTable":
        """The same with other colours for the classes."""
        return replace(self, palette=tuple(palette))

    def _named(self) -> list[tuple[int, str | None]]:
        return [(code, None if index == VOID else self.names[index]) for code, index in self.classes.items()]

    def _palette_by_name(self) -> dict[str, Colour] | None:
        return None if self.palette is None else dict(zip(self.names, self.palette, strict=True))


def build_table(entries: Iterable[tuple[str | None, Key]], palette: Mapping[str, Colour] | None = None) -> MaskTable:
    """Makes a table of (class name, key) in order of class ids; the name None is for pixels without a label.

    A name that stands more than once has several colours or values.

    Raises:
        InputError: if two classes share a key, or colours and values are mixed.
    """
    entries = list(entries)
    names = tuple(dict.fromkeys(name for name, _ in entries if name is not None))
    ids: dict[str | None, int] = {None: VOID, **{name: index for index, name in enumerate(names)}}
    classes: dict[int, int] = {}
    for name, key in entries:
        if key.kind != entries[0][1].kind:
            raise InputError(f"got {entries[0][1]} and {key}; expected either colours or values, not both")
        if classes.setdefault(key.code, ids[name]) != ids[name]:
            other = classes[key.code]
            raise InputError(
                f"got {key.kind} {key} for {name or 'no label'} and for {'no label' if other < 0 else names[other]}; "
                "expected another one for each class"
            )
    return MaskTable(
        kind=entries[0][1].kind if entries else "colour",
        names=names,
        classes=classes,
        palette=None if palette is None else tuple(palette[name] for name in names),
    )


def known_table(name: str) -> MaskTable | None:
    """The table of a published data set's colour files: "voc" or "cityscapes"; None for other names."""
    match name:
        case "voc":
            classes = list(zip(_VOC_NAMES, map(_voc_colour, range(len(_VOC_NAMES))), strict=True))
            void: tuple[Colour, ...] = (_VOC_VOID,)
        case "cityscapes":
            streets = street_class_map()
            classes, void = list(zip(streets.names, streets.palette, strict=True)), _STREET_VOID
        case _:
            return None
    entries = [(name, colour(*parts)) for name, parts in classes]
    return build_table([*entries, *((None, colour(*parts)) for parts in void)])


def id_table(found: Collection[int], names: Sequence[str] | None, *, first: int = 0) -> MaskTable:
    """The table of masks whose values are class ids, or one more.

    Args:
        found: the values that occur; without names the largest tells the number of classes.
        names: of the classes.
        first: the value of class 0. 1 makes 0 a pixel without label.

    255 is no class but means no label, as everywhere; with more than 255 classes 65535 does.
    """
    if names is None:
        # Of more than 255 classes 255 is one, which shows in the values above it.
        wide = any(IGNORE_8BIT < value < IGNORE_16BIT for value in found)
        ignored = {IGNORE_16BIT} if wide else {IGNORE_8BIT, IGNORE_16BIT}
        count = max((value for value in found if value not in ignored), default=first) - first + 1
        names = [f"class_{index}" for index in range(max(1, count))]
    void = {default_ignore(len(names)), *range(first)}
    values: list[tuple[str | None, Key]] = [(name, Key("value", first + index)) for index, name in enumerate(names)]
    # One-based masks of 255 classes use 255 for the last.
    taken = {key.code for _, key in values}
    return build_table([*values, *((None, Key("value", value)) for value in sorted(void - taken))])


def binary_table(found: Collection[int], names: Sequence[str] | None) -> MaskTable:
    """The table of black and white masks: 0 and 255, or 0 and 1 where nothing else is found.

    Raises:
        InputError: if there are other than two names.
    """
    white = _ONE_AS_GREY if _ONE_AS_GREY in found and set(found) <= {_BLACK, _ONE_AS_GREY} else _WHITE
    chosen = ("background", "foreground") if names is None else names
    if len(chosen) != 2:
        raise InputError(f"got {len(chosen)} names for black and white masks; expected two")
    table = build_table([(chosen[0], Key("colour", _BLACK)), (chosen[1], Key("colour", white))])
    return replace(table, palette=generate_palette(2))


def colour_table(found: Iterable[int]) -> MaskTable:
    """A class for every colour that was found, named by it, in order of red, green and blue."""
    return build_table([(f"colour_{code:06x}", Key("colour", code)) for code in sorted(found)])


def _voc_colour(index: int) -> Colour:
    """Pascal VOC's customary colour of a class: its bits spread over the high bits of red, green and blue."""
    parts = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            parts[channel] |= (index >> (3 * place + channel) & 1) << (7 - place)
    return parts[0], parts[1], parts[2]
