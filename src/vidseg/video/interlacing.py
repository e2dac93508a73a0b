"""Interlaced video: pictures whose even and odd lines were taken at different times."""

from collections.abc import Callable, Iterable, Iterator

import av
from av.filter import Graph


def deinterlaced(pictures: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """One progressive picture for each given one, at its time: FFmpeg's bwdif.

    It looks one picture back and one ahead; the first has none to look back at. The order of the fields is that which
    the pictures are flagged with, the upper one first where they are not.

    Args:
        pictures: in order of presentation, each with a time base; their size and format may change on the way.
    """
    graph: Graph | None = None
    layout: tuple[int, int, str] | None = None
    for picture in pictures:
        if (picture.width, picture.height, picture.format.name) != layout:
            if graph is not None:
                graph.vpush(None)
                yield from _ready(graph)
            layout = (picture.width, picture.height, picture.format.name)
            graph = _graph(picture)
        assert graph is not None
        if picture.pts is None:
            picture.pts = picture.dts  # which the filter would drop
        graph.vpush(picture)
        yield from _ready(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _ready(graph)


class InterlaceWatch:
    """Says once that a video is interlaced.

    Args:
        name: of the video.
        remark: told in one line.
    """

    def __init__(self, name: str, remark: Callable[[str], None]) -> None:
        self._name = name
        self._remark: Callable[[str], None] | None = remark

    def __call__(self, picture: av.VideoFrame) -> None:
        """Looks at a picture as it was decoded."""
        if picture.interlaced_frame and self._remark is not None:
            self._remark(
                f"{self._name} is interlaced: what moves has combed edges, which costs accuracy; do: --deinterlace"
            )
            self._remark = None


def _graph(picture: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base
    )
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:parity=auto:deint=all"), graph.add("buffersink"))
    graph.configure()
    return graph


def _ready(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            picture = graph.vpull()
        except (av.BlockingIOError, av.EOFError):  # wants more first, or has ended
            return
        yield picture
