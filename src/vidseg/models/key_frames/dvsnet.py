"""DVSNet (Xu et al., "Dynamic Video Segmentation Network", CVPR 2018): each region has key frames of its own.

The frame is in 2x2 overlapping regions. At every frame a small decision net says of each region how well the labels of
its last key frame, warped along the flow, would agree with those that the segmentation network would give (§3, the
expected confidence score). A region that falls short of the target is segmented anew, and the frame is its key frame
from then on; the others' scores follow the flow.

Some things are ours. The paper's flow and the features that its decision net sees are FlowNet's; here the flow is that
of `vidseg.flow`, from frame to frame, put together at the size of the scores, and the decision net sees it, the frame
and the warped key frame. A region's key frame is kept as a whole, with what all regions said of it, so that what moves
in from a neighbour has its scores with it. The decision is told as its opposite, the expected share of changed labels.

Shape letters: B batch, T frames, N frames of any clip, R regions, K classes, C channels, H, W image size, h, w size of
the scores, H', W', h', w' the same of a region.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from vidseg.errors import InputError
from vidseg.flow.warping import resize_flow, warp
from vidseg.models.contract import ClipLogits, Decisions, FrameInputs, FrameOutputs, State, Step, prepare_state
from vidseg.models.encoders import EncoderConfig, build_encoder
from vidseg.models.heads import HeadConfig, build_head
from vidseg.models.key_frames.dff import CHANGE_CHANNELS, change, check_lone_head
from vidseg.models.key_frames.regions import NUM_REGIONS, join, own_regions, split
from vidseg.models.layers import ConvBNReLU, Normalization, resize_bilinear
from vidseg.models.schedules import Repeated
from vidseg.models.segformer import check_head
from vidseg.models.stateful_model import StatefulModel, check_clip

_DECISION_CHANNELS = 32
# In place of the expected change of a region that was segmented anew in this frame: below every threshold.
_DONE = -1.0


@dataclass(frozen=True, kw_only=True)
class DVSNetConfig:
    """The size of a DVSNet.

    Attributes:
        encoder: of regions.
        head: of regions. Any but OCR's, which needs an auxiliary head.
        num_classes: K.
        dropout: rate of channel dropout before the classifier, 0–1.
        threshold: the target; a region of which a smaller share of the labels is expected to agree is segmented anew.
            Per cent: at 100 every region of every frame is, at 0 those of the first frame alone.
    """

    encoder: EncoderConfig
    head: HeadConfig
    num_classes: int
    dropout: float = 0.1
    threshold: float = 90.0
    reference_offsets: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        check_head(self.num_classes, self.head.channels, self.dropout)
        check_lone_head(self.head)
        if not 0 <= self.threshold <= 100:
            raise InputError(f"got threshold={self.threshold}; expected per cent of labels that agree, 0 to 100")


class DecisionNet(nn.Module):
    """Which share of a region's labels is expected to change, from what changed in the picture (§3).

    Never 0, so that a target of all labels is never met, and never above 1, so that one of none always is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvBNReLU(CHANGE_CHANNELS, _DECISION_CHANNELS, 3), ConvBNReLU(_DECISION_CHANNELS, _DECISION_CHANNELS, 3)
        )
        self.output = nn.Linear(_DECISION_CHANNELS, 1)

    def forward(self, change_NChw: Tensor) -> Tensor:
        """Returns [N], 0–1; see `vidseg.models.key_frames.dff.change` for what it sees."""
        return self.output(self.convolutions(change_NChw).mean(dim=(2, 3))).sigmoid().squeeze(1)


class DVSNet(StatefulModel):
    """A class for every pixel of a frame, region by region: segmented anew, or as the region's key frame says.

    Attributes:
        tolerated: per cent of a region's labels; where more are expected to change it is segmented anew.
    """

    needs_flow = True
    # How large regions are follows from the image's size by more rounding than a tracer can see through.
    any_size = False

    def __init__(self, config: DVSNetConfig) -> None:
        super().__init__()
        self.config, self.num_classes = config, config.num_classes
        self.tolerated = 100 - config.threshold
        self.schedule = Repeated(
            first="key", probe="decide", repeat="renew", last="settle", threshold=self.tolerated, most=NUM_REGIONS
        )
        self.encoder = build_encoder(config.encoder)
        self.normalization = Normalization(self.encoder.mean, self.encoder.std)
        self.head = build_head(config.head, self.encoder)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classifier = nn.Conv2d(self.head.channels, config.num_classes, kernel_size=1)
        self.decision_net = DecisionNet()

    def steps(self) -> Mapping[str, Step]:
        """Of the first frame "key"; of others "decide", "renew" as often as regions need it, and "settle"."""
        kept, pending = ("scores", "frames", "flows"), ("present", "due")
        return {
            "key": Step(self._key, writes=kept),
            "decide": Step(self._decide, flow=True, reads=kept, writes=("flows", *pending), probe=True),
            "renew": Step(self._renew, reads=pending, writes=pending, probe=True),
            "settle": Step(self._settle, reads=(*kept, *pending), writes=kept),
        }

    def blank_state(self, batch_size: int, image_size: tuple[int, int]) -> dict[str, Tensor]:
        """Of each region's key frame the scores, itself and the flow to it; and what one step leaves for another.

        scores [B,R,K,h,w], frames [B,R,3,h,w] and flows [B,R,2,h,w], in pixels of that size, are of whole frames;
        present [B,K,h,w] are the scores of the frame as far as they are known, due [B,R] is the expected change.
        """
        zeros = self.classifier.weight.new_zeros
        size = self._size(image_size)
        return {
            "scores": zeros(batch_size, NUM_REGIONS, self.num_classes, *size),
            "frames": zeros(batch_size, NUM_REGIONS, 3, *size),
            "flows": zeros(batch_size, NUM_REGIONS, 2, *size),
            "present": zeros(batch_size, self.num_classes, *size),
            "due": zeros(batch_size, NUM_REGIONS),
        }

    def forward(
        self, clip_BT3HW: Tensor, *, flow: Tensor | None = None, prior: Tensor | State | None = None
    ) -> ClipLogits:
        """Logits of clips; see `VideoModel.forward`.

        In training every frame is segmented, as by an image model. The decision net, whose gradient ends at the frames,
        is to say how the labels of the first one, warped, agree with the labels of each of the others.
        """
        if not self.training:
            return super().forward(clip_BT3HW, flow=flow, prior=prior)
        check_clip(self, clip_BT3HW, flow)
        prepare_state(self, {}, prior)
        B, T = clip_BT3HW.shape[:2]
        feature = self._feature(clip_BT3HW.flatten(0, 1))
        frames_BTKhw = self._classify(feature).unflatten(0, (B, T))
        decisions = None
        if flow is not None and T > 1:
            # What dropout changes from frame to frame is no change.
            decisions = self._decisions(clip_BT3HW, flow, self.classifier(feature.detach()).unflatten(0, (B, T)))
        return ClipLogits(final=frames_BTKhw[:, -1], frames=frames_BTKhw, decisions=decisions)

    def _key(self, inputs: FrameInputs) -> FrameOutputs:
        scores = self._classify(self._feature(inputs.frame))
        frame = self._small(inputs.frame, (scores.shape[-2], scores.shape[-1]))
        state = {"scores": _for_all(scores), "frames": _for_all(frame), "flows": _for_all(frame[:, :2] * 0)}
        return FrameOutputs(scores, state=state)

    def _decide(self, inputs: FrameInputs) -> FrameOutputs:
        assert inputs.flow is not None
        key = inputs.state
        size = (key["scores"].shape[-2], key["scores"].shape[-1])
        flow_BR2hw = _for_all(resize_flow(inputs.flow, size))
        # To the frame before, and from where that leads on to the key frames.
        flows = flow_BR2hw + _warp_each(key["flows"], flow_BR2hw)
        present = join(own_regions(_warp_each(key["scores"], flows)), size)
        frame = self._small(inputs.frame, size)
        due = 100 * self._expected_change(flows, frame, _warp_each(key["frames"], flows))
        return FrameOutputs(None, state={"flows": flows, "present": present, "due": due}, decision=due.amax(dim=1))

    def _renew(self, inputs: FrameInputs) -> FrameOutputs:
        """Segments the region that needs it most; of streams that go in step each its own."""
        present, due = inputs.state["present"], inputs.state["due"]
        size = (present.shape[-2], present.shape[-1])
        index_B = due.argmax(dim=1)
        regions = split(inputs.frame, self.head.stride)
        scores = self._classify(
            self._feature_of_regions(regions[torch.arange(len(index_B), device=due.device), index_B])
        )
        # A stream that needs nothing more keeps what it has.
        urgent_B1 = due.amax(dim=1, keepdim=True) > self.tolerated
        chosen_BR = urgent_B1 & (torch.arange(NUM_REGIONS, device=due.device) == index_B.unsqueeze(1))
        fresh = join(_for_all(scores), size)
        chosen_B1hw = join(chosen_BR[:, :, None, None, None].expand(-1, -1, 1, *scores.shape[-2:]), size)
        due = due.masked_fill(chosen_BR, _DONE)
        present = torch.where(chosen_B1hw, fresh, present)
        return FrameOutputs(None, state={"present": present, "due": due}, decision=due.amax(dim=1))

    def _settle(self, inputs: FrameInputs) -> FrameOutputs:
        """Makes the frame the key frame of the regions that were segmented anew."""
        present = inputs.state["present"]
        frame = self._small(inputs.frame, (present.shape[-2], present.shape[-1]))
        renewed_BR111 = (inputs.state["due"] < 0)[:, :, None, None, None]
        fresh = {"scores": present, "frames": frame, "flows": frame[:, :2] * 0}
        state = {name: torch.where(renewed_BR111, _for_all(fresh[name]), inputs.state[name]) for name in fresh}
        # A tensor of its own: compiled steps hand on no input as it is.
        return FrameOutputs(present * 1, state=state)

    def _feature(self, frame_B3HW: Tensor) -> Tensor:
        """The head's feature [B,C,h,w] of whole frames, region by region."""
        regions = split(frame_B3HW, self.head.stride)
        feature = self._feature_of_regions(regions.flatten(0, 1)).unflatten(0, (-1, NUM_REGIONS))
        return join(feature, self._size((frame_B3HW.shape[-2], frame_B3HW.shape[-1])))

    def _feature_of_regions(self, region_N3HW: Tensor) -> Tensor:
        """The same [N,C,h',w'] of regions [N,3,H',W']."""
        return self.head(self.encoder(self.normalization(region_N3HW)))

    def _classify(self, feature_BChw: Tensor) -> Tensor:
        return self.classifier(self.dropout(feature_BChw))

    def _expected_change(self, flows_BR2hw: Tensor, frame_B3hw: Tensor, keys_BR3hw: Tensor) -> Tensor:
        """[B,R], 0–1; the key frames are warped along the flows."""
        seen = own_regions(change(flows_BR2hw, _for_all(frame_B3hw), keys_BR3hw))
        return self.decision_net(seen.flatten(0, 1)).unflatten(0, (-1, NUM_REGIONS))

    def _decisions(self, clip_BT3HW: Tensor, flow_BT2HW: Tensor, frames_BTKhw: Tensor) -> Decisions:
        """What is expected of each region, and true, at every frame but the first, which is the key frame."""
        B, T = clip_BT3HW.shape[:2]
        size = (frames_BTKhw.shape[-2], frames_BTKhw.shape[-1])
        small_BT3hw = self._small(clip_BT3HW.flatten(0, 1), size).unflatten(0, (B, T))
        flow_BT2hw = resize_flow(flow_BT2HW.flatten(0, 1), size).unflatten(0, (B, T))
        flows = [flow_BT2hw[:, 0] * 0]
        for t in range(1, T):
            flows.append(flow_BT2hw[:, t] + warp(flows[-1], flow_BT2hw[:, t]))
        flow_N2hw = torch.stack(flows[1:], dim=1).flatten(0, 1)

        def warped(first_BChw: Tensor) -> Tensor:
            return warp(first_BChw.unsqueeze(1).expand(-1, T - 1, -1, -1, -1).flatten(0, 1), flow_N2hw)

        labels_Nhw, warped_Nhw = frames_BTKhw[:, 1:].flatten(0, 1).argmax(dim=1), warped(frames_BTKhw[:, 0]).argmax(1)
        changed_N1hw = (labels_Nhw != warped_Nhw).to(flow_N2hw.dtype).unsqueeze(1)
        expected_NR = self._expected_change(
            _for_all(flow_N2hw), small_BT3hw[:, 1:].flatten(0, 1), _for_all(warped(small_BT3hw[:, 0]))
        )
        true_NR = split(changed_N1hw).mean(dim=(2, 3, 4))
        return Decisions(expected_NR.reshape(B, -1), true_NR.reshape(B, -1))

    def _small(self, frame_B3HW: Tensor, size: tuple[int, int]) -> Tensor:
        """Normalised, of the scores' size."""
        return resize_bilinear(self.normalization(frame_B3HW), size)

    def _size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """(h, w) of an image of (height, width)."""
        height, width = (-(-side // self.head.stride) for side in image_size)
        return height, width


def _for_all(map_BChw: Tensor) -> Tensor:
    """The same map for every region, [B,R,C,h,w], in memory of its own."""
    return map_BChw.unsqueeze(1).repeat(1, NUM_REGIONS, 1, 1, 1)


def _warp_each(maps_BRChw: Tensor, flows_BR2hw: Tensor) -> Tensor:
    """Every region's map along its flow."""
    return warp(maps_BRChw.flatten(0, 1), flows_BR2hw.flatten(0, 1)).unflatten(0, (-1, NUM_REGIONS))
