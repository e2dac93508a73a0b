"""How a model is steadied."""

from dataclasses import dataclass

from vidseg.errors import InputError

# The frame rate, frames a second, that the strength is told at.
REFERENCE_RATE = 15.0


@dataclass(frozen=True, kw_only=True)
class Steady:
    """A motion-compensated memory of class scores, for any model and without training.

    The defaults were chosen on rendered video with exact labels; `docs/steady.md` has the curves.

    Attributes:
        strength: largest share of the memory in what is shown, 0 to less than 1; 0 is no steadying. It holds at
            `REFERENCE_RATE`; other rates keep the same time constant.
        photometric: difference in brightness, levels of 255, at which the memory's weight has fallen to 1/e.
        round_trip: error of the way there and back at which it has fallen to 1/e, pixels of a picture whose short side
            has 240 of them.
        flow_side: short side of the frames that flow is estimated on, pixels, at most; smaller is faster.
        flow: estimator, as for `vidseg.flow.flow_estimator`.

    Raises:
        InputError: for values out of range.
    """

    strength: float = 0.75
    photometric: float = 20.0
    round_trip: float = 2.0
    flow_side: int = 240
    flow: str = "dis"

    def __post_init__(self) -> None:
        if not 0 <= self.strength < 1:
            raise InputError(f"got strength {self.strength} of steadying; expected 0 <= strength < 1, such as 0.75")
        if not (self.photometric > 0 and self.round_trip > 0):
            raise InputError(
                f"got photometric={self.photometric}, round_trip={self.round_trip}; expected more than 0 each"
            )
        if self.flow_side < 16:
            raise InputError(f"got flow_side={self.flow_side}; expected 16 pixels or more")

    def after(self, seconds: float | None) -> float:
        """The strength so long after the frame before: as much is left after a second at every frame rate.

        Args:
            seconds: since the frame before; None, or what no clock gives: as at `REFERENCE_RATE`.
        """
        if seconds is None or seconds <= 0:
            return self.strength
        return self.strength ** (seconds * REFERENCE_RATE)
