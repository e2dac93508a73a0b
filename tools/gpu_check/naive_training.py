"""The training loop that ours is measured against: the step as a paper's code is first written.

"Naive" means exactly this. Every frame of a clip goes through encoder and head by itself, one after the other, so that
T frames are T passes; float32, with torch's own settings (TensorFloat-32 in convolutions, none in products); tensors
and weights in torch's default memory format; nothing compiled, nothing recorded, no autocast; `torch.optim.AdamW` as it
comes; the loss is read on the host at every step. Model, loss, learning rates, batches and their loader are ours.

Shape letters: B clips, T frames of a clip, H, W size.
"""

import torch
from torch import Tensor

from vidseg.data.clip_dataset import ClipSample
from vidseg.models import ReferenceModel
from vidseg.models.contract import ClipLogits
from vidseg.train import TrainConfig
from vidseg.train.losses import clip_loss
from vidseg.train.optimizer import build_optimizer, learning_rate_factor, set_learning_rate


class NaiveLoop:
    """A model in training.

    Args:
        model: on the device already.
        config: of the run; of its runtime nothing is looked at.
        ignore: label of pixels that cost nothing.
    """

    def __init__(self, model: ReferenceModel, config: TrainConfig, ignore: int) -> None:
        self._model, self._config, self._ignore = model.train(), config, ignore
        self._optimizer = build_optimizer(model, config.optimizer)
        self._device = next(model.parameters()).device

    def iterate(self, batch: ClipSample, iteration: int) -> float:
        """Forward, backward and update; returns the loss."""
        self._optimizer.zero_grad()
        clip, labels = batch.clip.to(self._device), batch.labels.to(self._device)
        loss = clip_loss(frame_by_frame(self._model, clip), labels, self._config.loss, ignore=self._ignore)
        loss.backward()
        set_learning_rate(self._optimizer, learning_rate_factor(self._config.schedule, iteration))
        self._optimizer.step()
        return loss.item()


def frame_by_frame(model: ReferenceModel, clip_BT3HW: Tensor) -> ClipLogits:
    """What `model(clip)` gives, but that in training the statistics of normalisation are those of single frames."""
    features = [model.encode(frame_B3HW) for frame_B3HW in clip_BT3HW.unbind(1)]
    frames = torch.stack([model.decode(each) for each in features], dim=1)
    references = [model.context(each) for each in features[:-1]]
    return ClipLogits(final=model.decode(features[-1], references), frames=frames)
