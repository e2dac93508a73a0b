"""What a model in training knows of whole videos (CFFM++: "a clip uses the prototypes of its own video")."""

from collections.abc import Sequence

import torch

from vidseg.data import VideoRecord
from vidseg.data.reading import read_frames
from vidseg.models import State, VideoModel
from vidseg.stream.preprocess import network_input
from vidseg.stream.prior import spread
from vidseg.types import Preprocessing


class VideoPriors:
    """The priors of a data set's videos, each made when a clip of its video first comes along, and kept.

    They are made once, so the parts that make them must not learn; see `can_be_kept`.

    Args:
        model: whose `make_prior` makes them.
        videos: that clips are cut from.
        preprocessing: the size that their frames are seen at.
        device: where the model is.
    """

    def __init__(
        self, model: VideoModel, videos: Sequence[VideoRecord], preprocessing: Preprocessing, device: torch.device
    ) -> None:
        self._model, self._preprocessing, self._device = model, preprocessing, device
        self._videos = {video.name: video for video in videos}
        self._made: dict[str, State] = {}

    @staticmethod
    def can_be_kept(model: VideoModel, frozen: Sequence[str]) -> bool:
        """Whether a model makes priors, and with frozen parts only."""
        return model.prior_frames > 0 and set(model.prior_parts) <= set(frozen)

    def of(self, names: Sequence[str]) -> State:
        """The priors of a batch of clips, by the names of their videos.

        Raises:
            DataError: if a frame of a video is missing or damaged.
        """
        priors = [self._prior(name) for name in names]
        return {key: torch.cat([prior[key] for prior in priors]) for key in self._model.prior_names}

    def _prior(self, name: str) -> State:
        if name not in self._made:
            video = self._videos[name]
            images = read_frames(video, spread(len(video.frames), self._model.prior_frames))
            # Not inference_mode, whose tensors no backward pass may use.
            with torch.no_grad():
                frames = [network_input(image, self._preprocessing)[0].to(self._device) for image in images]
                self._made[name] = self._model.make_prior(frames)
        return self._made[name]
