"""Segments video with an exported model: numpy, ONNX Runtime and Pillow are all it needs (PyAV for video files).

    vidseg export cffm-b0-freedoom exported --format onnx
    python onnx_consumer.py exported frames/ masks/          # a folder of images
    python onnx_consumer.py exported walk.mp4 masks/

One PNG of class ids a frame. It shows all that a program in any language must do: resize the frame, choose the
references, run the graphs that the schedule chooses, keep the context and the state that the frame leaves, and bring
the logits to the frame's size. (An export with --steady needs OpenCV, too, for the motion between frames.)

Shape letters: H, W the frame's own size, K classes, h, w size of the logits.
"""

import json
import re
import sys
from collections import deque
from collections.abc import Iterator
from functools import lru_cache, reduce
from math import ceil, floor, prod
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}


class Stream:
    """Segments the frames of one video, in order.

    Args:
        folder: what ``vidseg export`` wrote.
        frames_per_second: of the video, if it is known; steadying depends on it.
    """

    def __init__(self, folder: Path, frames_per_second: float | None = None) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.sessions = {
            name: onnxruntime.InferenceSession(folder / graph["file"], providers=["CPUExecutionProvider"])
            for name, graph in self.config["graphs"].items()
        }
        self.num_frames = 0
        # The contexts of the last frames, newest last, and the tensors that each frame hands to the next.
        self.contexts: deque[list[np.ndarray]] = deque(maxlen=max(self.config["reference_offsets"], default=1))
        self.state: dict[str, np.ndarray] = {}
        steady = self.config.get("steady")
        self.steadier = Steadier(folder, steady, frames_per_second) if steady else None

    def segment(self, image_HW3: np.ndarray) -> np.ndarray:
        """Class ids [H,W] of the next frame, uint8 RGB."""
        frame_HW3 = resize_image(image_HW3, self.config)
        if not self.state:
            self.state = blank_state(self.config, frame_HW3.shape[:2])
        references = [self.contexts[number - self.num_frames] for number in self._references()]
        outputs = self._run_steps(frame_HW3.astype(np.float32).transpose(2, 0, 1)[None], references)
        self.contexts.append([value for name, value in outputs.items() if name.startswith("context_")])
        self.num_frames += 1
        scores_1Khw = outputs["logits"]
        if self.steadier:
            scores_1Khw = self.steadier.blend(scores_1Khw, frame_HW3)
        via = scores_1Khw.shape[2:] if self.config["preprocessing"].get("geometry") else frame_HW3.shape[:2]
        return labels_at(scores_1Khw[0], via, image_HW3.shape[:2]).astype(
            np.uint8 if self.config["ignore"] <= 255 else np.uint16
        )

    def _run_steps(self, frame_13HW: np.ndarray, references: list[list[np.ndarray]]) -> dict[str, np.ndarray]:
        """Runs what the schedule chooses for this frame; returns the outputs of the last graph."""
        given = {
            f"reference_{r}_block_{b}": part for r, context in enumerate(references) for b, part in enumerate(context)
        }
        given["frame"] = frame_13HW
        schedule, t = self.config.get("schedule", {"kind": "references"}), self.num_frames
        match schedule["kind"]:
            case "references":
                return self._run(schedule.get("step", "step") if references else schedule.get("start", "start"), given)
            case "cycle":
                first = t == 0 and schedule["first"]
                return self._run(first or schedule["steps"][t % len(schedule["steps"])], given)
            case "adaptive":
                decision = self._run(schedule["probe"], given)["decision"].max()
                return self._run(schedule["above" if t == 0 or decision > schedule["threshold"] else "below"], given)
            case "repeated" if t == 0:
                return self._run(schedule["first"], given)
            case "repeated":
                decision = self._run(schedule["probe"], given)["decision"].max()
                for _ in range(schedule["most"]):
                    if decision <= schedule["threshold"]:
                        break
                    decision = self._run(schedule["repeat"], given)["decision"].max()
                return self._run(schedule["last"], given)
        sys.exit(f"got schedule {schedule['kind']!r}; expected one that this example knows")

    def _run(self, name: str, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one graph on what it takes of the given and of the state; keeps the state that it writes."""
        available = given | self.state
        inputs, outputs = (
            [port["name"] for port in self.config["graphs"][name][side]] for side in ("inputs", "outputs")
        )
        if missing := [port for port in inputs if port not in available]:
            sys.exit(f"got a model that wants {', '.join(missing)}; this example has no optical flow")
        values = self.sessions[name].run(outputs, {port: available[port] for port in inputs})
        results = dict(zip(outputs, values, strict=True))
        for entry in self.config.get("state", []):
            if entry["output"] in results:
                self.state[entry["input"]] = results[entry["output"]]
        return results

    def _references(self) -> list[int]:
        """Numbers of the frames that this frame looks back to, oldest first; none for a frame by itself."""
        start_rule, t = self.config["start_rule"], self.num_frames
        return start_rule[t] if t < len(start_rule) else [t - offset for offset in self.config["reference_offsets"]]


class Steadier:
    """Blends each frame's class scores with those of the frame before, brought along the motion.

    Args:
        folder: what ``vidseg export --steady`` wrote.
        config: the part of its config.json about it.
        frames_per_second: of the video; None for the rate that the strength is told at.
    """

    def __init__(self, folder: Path, config: dict, frames_per_second: float | None) -> None:
        import cv2

        self.config = config
        rate = config["frames_per_second"]
        self.strength = np.array(config["strength"] ** (rate / (frames_per_second or rate)), np.float32)
        self.session = onnxruntime.InferenceSession(folder / config["file"], providers=["CPUExecutionProvider"])
        self.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self.before: tuple[np.ndarray, ...] | None = None  # the frame as flow sees it, what was shown, its evidence

    def blend(self, logits_1Khw: np.ndarray, frame_HW3: np.ndarray) -> np.ndarray:
        """What to show of the next frame, in place of its logits."""
        scale = min(1.0, self.config["flow_side"] / min(frame_HW3.shape[:2]))
        small = area(frame_HW3, [round(side * scale) for side in frame_HW3.shape[:2]])
        if self.before is None:
            shown, evidence = logits_1Khw, np.ones_like(logits_1Khw[:, :1])
        else:
            previous, memory, seen = self.before
            size = logits_1Khw.shape[2:]
            inputs = {
                "logits": logits_1Khw,
                "state_steady": memory,
                "state_evidence": seen,
                "present": area(small, size).transpose(2, 0, 1)[None],
                "previous": area(previous, size).transpose(2, 0, 1)[None],
                "flow_there": self._flow(small, previous, size),
                "flow_back": self._flow(previous, small, size),
                "strength": self.strength,
            }
            shown, evidence = self.session.run(None, inputs)
        self.before = (small, shown, evidence)
        return shown

    def _flow(self, present: np.ndarray, previous: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """From one frame to another, in pixels of maps of `size`: float32 [1,2,h,w]."""
        luma = (np.rint(frame @ np.float32([0.299, 0.587, 0.114])).astype(np.uint8) for frame in (present, previous))
        flow_HW2 = self.flow.calc(*luma, None)
        rows, columns = (resize_matrix(*lengths) for lengths in zip(flow_HW2.shape, size, strict=False))
        resized = np.einsum("hH,HWc,wW->chw", rows, flow_HW2, columns, optimize=True)[None]
        factor = np.float32([size[1] / flow_HW2.shape[1], size[0] / flow_HW2.shape[0]])
        return resized * factor.reshape(1, 2, 1, 1)


def area(frame_HW3: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A frame averaged over areas to (height, width), float32."""
    rows, columns = (area_matrix(*lengths) for lengths in zip(frame_HW3.shape, size, strict=False))
    return np.einsum("hH,HWc,wW->hwc", rows, frame_HW3.astype(np.float32), columns, optimize=True)


def area_matrix(source: int, target: int) -> np.ndarray:
    """The matrix [target,source] of means over the pixels that each new one touches."""
    edges = np.arange(target + 1) * source / target
    first, last = np.floor(edges[:-1]).astype(int)[:, None], np.ceil(edges[1:]).astype(int)[:, None]
    touched = (np.arange(source) >= first) & (np.arange(source) < last)
    return (touched / touched.sum(axis=1, keepdims=True)).astype(np.float32)


def blank_state(config: dict, network: tuple[int, int]) -> dict[str, np.ndarray]:
    """Zeros for every tensor of the state, under the names that graphs take them by."""

    def length(axis: int | str) -> int:
        return axis if isinstance(axis, int) else prod(quotient(part) for part in axis.split("*"))

    def quotient(part: str) -> int:
        rounding, side, divisor = re.fullmatch(r"(ceil|floor)?\(?([HWhw])(?:/(\d+)\))?", part).groups()
        value = network["HW".index(side.upper())] / (4 if side.islower() else int(divisor or 1))
        return floor(value) if rounding == "floor" else ceil(value)

    return {
        entry["input"]: np.zeros([length(axis) for axis in entry["shape"]], entry["dtype"])
        for entry in config.get("state", [])
    }


def resize_image(image_HW3: np.ndarray, config: dict) -> np.ndarray:
    """To the largest size that fits `short` x `long`, then to the network's; each time to whole levels."""
    rule = config["preprocessing"]
    if geometry := rule.get("geometry"):
        if geometry["rule"] != "exact" or geometry["crop"] or geometry["pad"] or geometry["multiple"] > 1:
            sys.exit("this example squeezes frames to one size only; expected a model whose processor does")
        size = tuple(geometry["size"])
        return image_HW3 if image_HW3.shape[:2] == size else resize_levels(image_HW3, size, rule)
    height, width = image_HW3.shape[:2]
    scale = min(rule["long"] / max(height, width), rule["short"] / min(height, width))
    fitted = tuple(max(1, int(side * scale + 0.5)) for side in (height, width))
    multiple = rule["multiple"]
    network = config["network_size"] or [ceil(side / multiple) * multiple for side in fitted]
    for size in (fitted, tuple(network)):
        if image_HW3.shape[:2] != size:
            image_HW3 = resize_levels(image_HW3, size, rule)
    return image_HW3


def resize_levels(image_HW3: np.ndarray, size: tuple[int, int], rule: dict) -> np.ndarray:
    """One resize of uint8 levels."""
    if rule["antialias"] or rule["interpolation"] == "nearest":
        method = Image.Resampling[rule["interpolation"].upper()]  # Pillow's own always antialias
        return np.asarray(Image.fromarray(image_HW3).resize(size[::-1], method))
    if rule["interpolation"] != "bilinear":
        sys.exit("this example resizes bicubically with antialias only; expected a model trained so")
    rows, columns = (resize_matrix(*lengths) for lengths in zip(image_HW3.shape, size, strict=False))
    resized_HW3 = np.einsum("Hh,hwc,Ww->HWc", rows, image_HW3.astype(np.float32), columns, optimize=True)
    return np.rint(resized_HW3).clip(0, 255).astype(np.uint8)


def labels_at(logits_Khw: np.ndarray, network: tuple[int, int], frame: tuple[int, int], band: int = 64) -> np.ndarray:
    """The arg max [H,W] after resizing to the network's size, then to the frame's; a band of rows at a time."""
    rows, columns = (resize_matrix(*lengths) for lengths in zip(logits_Khw.shape[1:], network, frame, strict=True))
    wide_KhW = logits_Khw @ columns.T
    bands = (rows[start : start + band] @ wide_KhW for start in range(0, frame[0], band))
    return np.concatenate([band_KHW.argmax(axis=0) for band_KHW in bands])


@lru_cache(maxsize=16)
def resize_matrix(*lengths: int) -> np.ndarray:
    """The matrix [last,first] that resizes an axis linearly from length to length, pixel areas aligned."""
    return reduce(lambda done, step: step @ done, map(_one_resize, lengths, lengths[1:]))


def _one_resize(source: int, target: int) -> np.ndarray:
    position = np.maximum((np.arange(target, dtype=np.float32) + 0.5) * np.float32(source / target) - 0.5, 0)
    low = np.minimum(position.astype(int), source - 1)
    high = np.minimum(low + 1, source - 1)
    weight = position - low
    matrix = np.zeros((target, source), np.float32)
    np.add.at(matrix, (np.arange(target), low), 1 - weight)
    np.add.at(matrix, (np.arange(target), high), weight)
    return matrix


def frames(source: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and uint8 RGB image of each frame of a folder of images or a video file."""
    if source.is_dir():
        for path in sorted(path for path in source.iterdir() if path.suffix.lower() in IMAGES):
            yield path.stem, np.asarray(Image.open(path).convert("RGB"))
        return
    import av

    with av.open(str(source)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            yield f"{index:08d}", frame.to_ndarray(format="rgb24")


def rate_of(source: Path) -> float | None:
    """Frames a second of a video file; None for a folder."""
    if source.is_dir():
        return None
    import av

    with av.open(str(source)) as container:
        return float(container.streams.video[0].average_rate)


def main() -> None:
    """Runs the example."""
    if len(sys.argv) != 4:
        sys.exit("usage: python onnx_consumer.py EXPORT IN OUT")
    folder, source, output = map(Path, sys.argv[1:])
    stream = Stream(folder, rate_of(source))
    output.mkdir(parents=True, exist_ok=True)
    for name, image_HW3 in frames(source):
        Image.fromarray(stream.segment(image_HW3)).save(output / f"{name}.png")
    print(f"{stream.num_frames} frames in {output}")


if __name__ == "__main__":
    main()
