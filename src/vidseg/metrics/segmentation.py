"""All numbers of a split of videos at once, under every protocol.

Shape letters: K classes; P protocols; V values of n; R videos.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from vidseg.errors import InputError
from vidseg.metrics.confusion import class_scores, defined, mean_scores
from vidseg.metrics.labels import LabelMap
from vidseg.metrics.protocols import PROTOCOLS, Protocol
from vidseg.metrics.temporal import mean_iou_of_either
from vidseg.metrics.video import VideoTally

# A row of the per-video state: the number of frames, these scores, the number of pairs of frames that were compared for
# TC (NaN where none was to be), TC under each protocol, and the sums over windows.
_SCORES = ("mIoU", "wIoU", "pixel_accuracy", "mean_accuracy")
_HEAD = 1 + len(_SCORES) + 1 + len(PROTOCOLS)


class VideoSegmentationMetrics(Metric):
    """mIoU, wIoU, accuracies, VC_n, correct consistency and TC of a split, overall, by class and by video.

    A `torchmetrics.Metric` whose update takes a whole video, since whether a video counts is known at its
    end. Processes may share a split's videos in any way: with an initialised process group `compute` merges
    them; without one, `merge_state` adds another process's metric to one that has a video already.

    Args:
        num_classes: K.
        windows: the values of n of VC_n.
        kwargs: those of `torchmetrics.Metric`.

    Raises:
        InputError: if `num_classes` or an n is below 1, or an n is given twice.

    Example:
        >>> metrics = VideoSegmentationMetrics(num_classes=2, windows=(2,))
        >>> video = metrics.video("road")
        >>> for _ in range(20):
        ...     video.update(torch.tensor([[0, 1]]), torch.tensor([[0, 0]]))
        >>> metrics.update(video)
        >>> result = metrics.compute()["protocols"]["vspw"]
        >>> result["mIoU"], result["mVC2"], result["mCC2"]
        (0.5, 1.0, 0.5)
    """

    full_state_update = False
    higher_is_better = True
    is_differentiable = False

    confusion: Tensor
    temporal: Tensor
    rows: list[Tensor] | Tensor
    names: list[Tensor] | Tensor

    def __init__(self, num_classes: int, *, windows: Sequence[int] = (8, 16), **kwargs: Any) -> None:
        # merge_state does not drop a cached result, which would then be shown without the merged videos.
        super().__init__(**{"compute_with_cache": False} | kwargs)
        if num_classes < 1:
            raise InputError(f"got num_classes={num_classes}; expected 1 or more")
        if any(n < 1 for n in windows) or len(set(windows)) != len(windows):
            raise InputError(f"got windows={tuple(windows)}; expected different numbers of frames, each 1 or more")
        self.num_classes = num_classes
        self.windows = tuple(windows)
        empty_PKK = torch.zeros(len(PROTOCOLS), num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", empty_PKK, dist_reduce_fx="sum")
        self.add_state("temporal", empty_PKK.clone(), dist_reduce_fx="sum")
        self.add_state("rows", [], dist_reduce_fx="cat")
        # Names in UTF-8, each ended by a zero byte: only tensors travel between processes.
        self.add_state("names", [], dist_reduce_fx="cat")

    def video(self, name: str) -> VideoTally:
        """A tally for the frames of one video, to be given to `update` when complete.

        Args:
            name: unique in the split.
        """
        return VideoTally(name, self.num_classes, self.windows, self.device)

    def update(self, video: VideoTally) -> None:
        """Adds a finished video.

        Args:
            video: with its `temporal`, if TC is wanted: of every video or of none.

        Raises:
            InputError: if it has no frame, or was made for other classes or windows.
        """
        if (video.num_classes, video.consistency.windows) != (self.num_classes, self.windows):
            raise InputError(
                f"got a video for {video.num_classes} classes and windows {video.consistency.windows}; expected "
                f"{self.num_classes} and {self.windows}; make it with this metric's video()"
            )
        if not video.frames:
            raise InputError(f"got video '{video.name}' without frames; expected one or more; leave it out")
        temporal = video.temporal
        if temporal is not None and temporal.confusion.shape != self.temporal.shape:
            raise InputError(
                f"got TC for {temporal.confusion.shape[-1]} classes in a video of {self.num_classes}; expected equal "
                "numbers; give TemporalConsistency the metric's num_classes"
            )
        for p, protocol in enumerate(PROTOCOLS):
            if video.frames >= protocol.min_frames:
                self.confusion[p] += video.confusion
                if temporal is not None:
                    self.temporal[p] += temporal.confusion[p].to(self.device)
        scores = mean_scores(video.confusion)
        consistent = [torch.nan] * (1 + len(PROTOCOLS))
        if temporal is not None:
            consistent = [temporal.pairs, *mean_iou_of_either(temporal.confusion).tolist()]
        head = torch.tensor([video.frames, *(scores[name] for name in _SCORES), *consistent], dtype=torch.float64)
        assert isinstance(self.rows, list)
        assert isinstance(self.names, list)
        self.rows.append(torch.cat((head, video.consistency.sums().flatten()))[None].to(self.device))
        self.names.append(torch.tensor([*video.name.encode(), 0], dtype=torch.uint8, device=self.device))

    def update_video(self, name: str, frames: Iterable[tuple[LabelMap, LabelMap]]) -> None:
        """Adds a video, given as (prediction, ground truth) of its frames in order."""
        video = self.video(name)
        for prediction_HW, target_HW in frames:
            video.update(prediction_HW, target_HW)
        self.update(video)

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """As in `torchmetrics.Metric`; a process that got no video takes part with tables of no rows."""
        if isinstance(self.rows, list) and isinstance(self.names, list) and not self.rows:
            # What torchmetrics puts in for an empty list has one axis and another dtype, and cannot be gathered.
            self.rows.append(self._no_rows())
            self.names.append(torch.zeros(0, dtype=torch.uint8, device=self.device))
        super().sync(*args, **kwargs)

    def compute(self) -> dict[str, Any]:
        """All numbers, as values that JSON has. Scores are fractions; undefined ones are None.

        Returns:
            Four entries.

            - `protocols`: for `vspw` and `exact` mIoU, wIoU, pixel_accuracy, mean_accuracy, for every n mVC*n*
              and mCC*n* (correct consistency), mTC if videos came with it, and how many videos and frames counted.
            - `per_class`: by class id, under each protocol: pixels of ground truth, IoU, accuracy.
            - `per_video`: by name, the number of frames and the four scores of that video alone, and under
              each protocol VC*n*, CC*n* and TC; None in place of a protocol that skips it. `pairs` is the number of
              pairs of frames that count for TC under `exact`.
            - `confusion`: under each protocol KxK counts, rows = ground truth.

        Raises:
            InputError: if two videos have one name: one of them would count twice unseen.
        """
        rows = dim_zero_cat([self._no_rows(), *([self.rows] if isinstance(self.rows, Tensor) else self.rows)])
        names = self._decoded_names()
        if repeated := [name for name, count in Counter(names).items() if count > 1]:
            raise InputError(f"got video '{repeated[0]}' more than once; expected every video of the split once")
        # By name, so that results do not depend on which process had which video.
        order = sorted(range(len(names)), key=names.__getitem__)
        names, rows = [names[i] for i in order], rows.cpu()[order]
        frames_R, scores_RS = rows[:, 0], rows[:, 1 : 1 + len(_SCORES)]
        pairs_R, temporal_RP = rows[:, 1 + len(_SCORES)], rows[:, 2 + len(_SCORES) : _HEAD]
        sums_RPV3 = rows[:, _HEAD:].reshape(-1, len(PROTOCOLS), len(self.windows), 3)
        has_temporal = not pairs_R.isnan().all()

        protocols, consistencies = {}, {}
        for p, protocol in enumerate(PROTOCOLS):
            counted_R = frames_R >= protocol.min_frames
            by_video = self._by_video(sums_RPV3[:, p], counted_R)
            protocols[protocol.name] = {
                **{name: defined(value) for name, value in mean_scores(self.confusion[p]).items()},
                **self._over_videos(protocol, sums_RPV3[counted_R, p]),
            }
            if has_temporal:
                protocols[protocol.name]["mTC"] = self._temporal(p, temporal_RP[counted_R, p])
                for values, score in zip(by_video, temporal_RP[:, p].tolist(), strict=True):
                    if values is not None:
                        values["TC"] = defined(score)
            protocols[protocol.name] |= {"videos": int(counted_R.sum()), "frames": int(frames_R[counted_R].sum())}
            consistencies[protocol.name] = by_video
        per_video = [
            {
                "name": name,
                "frames": int(frames_R[r]),
                **({"pairs": int(pairs_R[r].nan_to_num())} if has_temporal else {}),
                **{score: defined(scores_RS[r, s].item()) for s, score in enumerate(_SCORES)},
                **{protocol: by_video[r] for protocol, by_video in consistencies.items()},
            }
            for r, name in enumerate(names)
        ]
        return {
            "protocols": protocols,
            "per_class": self._by_class(),
            "per_video": per_video,
            "confusion": {protocol.name: self.confusion[p].tolist() for p, protocol in enumerate(PROTOCOLS)},
        }

    def _no_rows(self) -> Tensor:
        width = _HEAD + 3 * len(PROTOCOLS) * len(self.windows)
        return torch.zeros(0, width, dtype=torch.float64, device=self.device)

    def _decoded_names(self) -> list[str]:
        parts = [self.names] if isinstance(self.names, Tensor) else self.names
        joined = b"".join(bytes(part.tolist()) for part in parts)
        return [name.decode() for name in joined.split(b"\0")[:-1]]

    def _over_videos(self, protocol: Protocol, sums_RV3: Tensor) -> dict[str, float | None]:
        consistency: dict[str, float | None] = {}
        for v, n in enumerate(self.windows):
            sums_R2, windows_R = sums_RV3[:, v, :2], sums_RV3[:, v, 2]
            if protocol.mean_over == "windows":
                means_2 = sums_R2.sum(dim=0) / windows_R.sum()
            else:
                with_windows = windows_R > 0
                means_2 = (sums_R2[with_windows] / windows_R[with_windows, None]).mean(dim=0)
            consistency[f"mVC{n}"], consistency[f"mCC{n}"] = (defined(value) for value in means_2.tolist())
        return consistency

    def _temporal(self, p: int, by_video_R: Tensor) -> float | None:
        """The split's TC under a protocol: of one matrix, or the mean over the videos that have it."""
        if PROTOCOLS[p].mean_over == "windows":
            return defined(mean_iou_of_either(self.temporal[p]).item())
        return defined(by_video_R.nanmean().item())

    def _by_video(self, sums_RV3: Tensor, counted_R: Tensor) -> list[dict[str, float | None] | None]:
        table: list[dict[str, float | None] | None] = []
        means_RV2 = sums_RV3[..., :2] / sums_RV3[..., 2:]
        for means_V2, counted in zip(means_RV2.tolist(), counted_R.tolist(), strict=True):
            values: dict[str, float | None] = {}
            for n, (consistent, right) in zip(self.windows, means_V2, strict=True):
                values |= {f"VC{n}": defined(consistent), f"CC{n}": defined(right)}
            table.append(values if counted else None)
        return table

    def _by_class(self) -> list[dict[str, dict[str, float | None]]]:
        table: list[dict[str, dict[str, float | None]]] = [{} for _ in range(self.num_classes)]
        for p, protocol in enumerate(PROTOCOLS):
            pixels_K = self.confusion[p].sum(dim=1)
            columns = (values.tolist() for values in (pixels_K, *class_scores(self.confusion[p])))
            for row, pixels, iou, accuracy in zip(table, *columns, strict=True):
                row[protocol.name] = {"pixels": pixels, "IoU": defined(iou), "accuracy": defined(accuracy)}
        return table
