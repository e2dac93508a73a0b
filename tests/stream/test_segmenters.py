from fractions import Fraction
from types import SimpleNamespace

import pytest

from toys import Referring
from vidseg.stream import Segmenters


def test_only_live_sources_go_on_while_the_network_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def segmenter(*_: object, background: bool, **__: object) -> SimpleNamespace:
        made.append(background)
        return SimpleNamespace()

    monkeypatch.setattr("vidseg.stream.segmenters.Segmenter", segmenter)
    engines = Segmenters(Referring())
    assert engines.at(None) is engines.at(Fraction(25))
    assert engines.at(None, is_live=True) is not engines.at(None)
    assert made == [False, True]
