"""The segmenter of each video: only policies in seconds differ from video to video."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from vidseg.flow import flow_estimator
from vidseg.models import VideoModel
from vidseg.stream.policy import Policy, parse_policy
from vidseg.stream.segmenter import Segmenter


class Segmenters:
    """One model's segmenters, one a policy for files and one for live sources, made when they are first asked for.

    Those of live sources compile in the background. A file can wait, and its end must not come before what is compiled
    is kept.

    Args:
        model: in eval mode, with class map and preprocessing.
        policy: which past frames serve as references, in the words of the command line (`parse_policy`).
        flow: what estimates motion, a name that `vidseg.flow.flow_estimator` knows; None for the segmenter's choice.
        made: told of each new one.
        **options: of `Segmenter`.

    Raises:
        InputError: for an unknown flow.
        MissingExtraError: for a flow whose package is not installed.
    """

    def __init__(
        self,
        model: VideoModel,
        policy: str = "auto",
        *,
        flow: str | None = None,
        made: Callable[[Segmenter], None] = lambda segmenter: None,
        **options: Any,
    ) -> None:
        self._model, self._policy, self._made, self._options = model, policy, made, options
        self._flow = None if flow is None else flow_estimator(flow)
        self._segmenters: dict[tuple[Policy | None, bool], Segmenter] = {}

    def at(self, fps: Fraction | None, *, is_live: bool = False) -> Segmenter:
        """The segmenter of a video.

        Args:
            fps: its frame rate; None if unknown.
            is_live: whether it cannot wait.

        Raises:
            InputError: for a model or an option that cannot be used, or a policy in seconds without a frame rate.
        """
        policy = parse_policy(self._policy, fps)
        key = (policy, is_live)
        if key not in self._segmenters:
            segmenter = Segmenter(self._model, policy=policy, flow=self._flow, background=is_live, **self._options)
            self._made(segmenter)
            self._segmenters[key] = segmenter
        return self._segmenters[key]
