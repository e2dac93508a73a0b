"""What is timed against what: each contender takes a decoded RGB frame and returns the class of every pixel of it.

`encoder_*` and `products` are no ways to segment but measures of what a machine can do.

Shape letters: B batch, H, W network input size, h, w frame size, K classes.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vidseg.bench.joint import JointAttention
from vidseg.bench.methods import without_context
from vidseg.bench.sizes import Size
from vidseg.errors import InputError, extra
from vidseg.flow import DISFlow, flow_estimator
from vidseg.models import MIT_SIZES, MiTConfig, VideoModel
from vidseg.models.labels import label_map
from vidseg.runtime import EXACT, EagerRuntime
from vidseg.runtime.graph import quiet
from vidseg.runtime.openvino import openvino_request
from vidseg.steady import Steady
from vidseg.stream import Policy, Segmenter, Stepper
from vidseg.stream.policy import default_policy
from vidseg.stream.preprocess import network_input
from vidseg.types import RGB, Preprocessing

Labelling = NDArray[Any] | None
# A square product large enough to run at the machine's full rate, small enough to be quick.
PRODUCT_SIDE = 1536


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """Something that is timed.

    Attributes:
        name: in the report.
        run: takes the next frame of the video; returns its labels [h,w], None for a contender that makes none.
        watch: takes a frame that is not timed; None where the past does not matter.
        needs: frames that it must have seen before it does what it is timed for.
    """

    name: str
    run: Callable[[RGB], Labelling]
    watch: Callable[[RGB], object] | None = None
    needs: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """What contenders are made from.

    Attributes:
        model: the subject, in eval mode, with preprocessing.
        size: (h, w) of the frames.
        threads: CPU threads of runtimes other than torch; None for their own choice.
        policy: of streaming contenders; None for the model's own.
        steady: how the steadied contenders are.
        precision: of the lowered contenders, in the words of `vidseg.Segmenter`.
        flow: what estimates motion for them and for a subject that needs it, a name that `vidseg.flow.flow_estimator`
            knows; None for DIS.
    """

    model: VideoModel
    size: Size
    threads: int | None = None
    policy: Policy | None = None
    steady: Steady = field(default_factory=Steady)
    precision: str = EXACT
    flow: str | None = None

    @property
    def preprocessing(self) -> Preprocessing:
        """The model's."""
        assert self.model.preprocessing is not None
        return self.model.preprocessing

    @property
    def network_size(self) -> Size:
        """(H, W)."""
        return self.preprocessing.network_size(*self.size)

    def via(self, logits: Tensor) -> Size:
        """The size that logits [B,K,h,w] pass on their way to the frame's."""
        return self.preprocessing.logits_via((logits.shape[-2], logits.shape[-1]), self.network_size)


def ours(setup: Setup, runtime: str) -> Contender:
    """The segmenter that `vidseg segment` runs."""
    flow = setup.flow if setup.model.needs_flow else None
    return _stream(f"ours_{runtime}", setup, setup.model, runtime, setup.policy, flow=flow)


def lowered(setup: Setup, precision: str) -> Contender:
    """The same in OpenVINO, in int8 or bf16."""
    flow = setup.flow if setup.model.needs_flow else None
    return _stream(f"ours_{precision}", setup, setup.model, "openvino", None, flow=flow, precision=setup.precision)


def steady(setup: Setup, runtime: str) -> Contender:
    """The same, its class scores blended along the motion."""
    return _stream(f"steady_{runtime}", setup, setup.model, runtime, setup.policy, steady=setup.steady, flow=setup.flow)


def segformer(setup: Setup, runtime: str) -> Contender:
    """Our SegFormer with the weights of the model's own per-frame path."""
    return _stream(f"segformer_{runtime}", setup, without_context(setup.model), runtime, None)


def _stream(
    name: str,
    setup: Setup,
    model: VideoModel,
    runtime: str,
    policy: Policy | None,
    *,
    steady: Steady | None = None,
    flow: str | None = None,
    precision: str = EXACT,
) -> Contender:
    estimator = None if flow is None else flow_estimator(flow)
    segmenter = Segmenter(
        model, "cpu", runtime, policy, precision=precision, threads=setup.threads, steady=steady, flow=estimator
    )
    state = segmenter.start()

    def run(image: RGB) -> Labelling:
        nonlocal state
        state, segmentation = segmenter.step(state, image)
        return segmentation.labels

    # With two more frames than are remembered, what is compiled at first use is so.
    return Contender(name=name, run=run, watch=run, needs=segmenter.policy.capacity + 2)


def naive(setup: Setup) -> Contender:
    """The model as published: a clip encoded anew for every frame, unfused, then three resizes and an arg max.

    Preprocessed frames are kept, which is in its favour. A model that hands on a state is run frame by frame.
    """
    model, size, network_size = setup.model, setup.size, setup.network_size
    if model.blank_state(1, network_size):
        return _naive_stream(setup)
    offsets = (*model.reference_offsets, 0)
    inputs: deque[Tensor] = deque(maxlen=max(offsets) + 1)

    def watch(image: RGB) -> None:
        inputs.append(network_input(image, setup.preprocessing))

    @torch.inference_mode()
    def run(image: RGB) -> Labelling:
        watch(image)
        # Where too few frames were seen, the first stands in for those before it.
        clip_1T3HW = torch.stack([inputs[max(0, len(inputs) - 1 - offset)] for offset in offsets], dim=1)
        logits_1Khw = model(clip_1T3HW).final
        return label_map(logits_1Khw, setup.via(logits_1Khw), size).labels[0].numpy()

    return Contender(name="naive", run=run, watch=watch, needs=max(offsets))


def _naive_stream(setup: Setup) -> Contender:
    """A model with a state, unaccelerated; its flow, if it needs one, is DIS's."""
    model = setup.model
    engine = Stepper(model, EagerRuntime(model, torch.device("cpu")), default_policy(model.reference_offsets))
    memory, before, estimate = engine.start(1, setup.network_size), None, DISFlow() if model.needs_flow else None

    def run(image: RGB) -> Labelling:
        nonlocal memory, before
        input_13HW = network_input(image, setup.preprocessing)
        flow = None if estimate is None or before is None else estimate(input_13HW, before)
        memory, logits_1Khw = engine.step(memory, input_13HW, flow)
        before = input_13HW
        return label_map(logits_1Khw, setup.via(logits_1Khw), setup.size).labels[0].numpy()

    return Contender(name="naive", run=run, watch=run, needs=engine.policy.capacity + 2)


def joint(setup: Setup) -> Contender:
    """The model with self-attention over all tokens of the clip in place of mining; the rest is accelerated."""
    streaming = JointAttention(setup.model)

    def run(image: RGB) -> Labelling:
        input_13HW = network_input(image, setup.preprocessing)
        return streaming.step(input_13HW, setup.network_size, setup.size)[0].numpy()

    return Contender(name="joint", run=run, needs=0)


def hf_torch(setup: Setup) -> Contender:
    """`transformers`' SegFormer as a user would run it: processor, model, upsampling, arg max. Random weights."""
    model, processor = _transformers(setup)

    @torch.inference_mode()
    def run(image: RGB) -> Labelling:
        inputs = processor(images=image, return_tensors="pt")
        logits = model(**inputs).logits
        upsampled = F.interpolate(logits, size=setup.size, mode="bilinear", align_corners=False)
        return upsampled.argmax(dim=1)[0].numpy()

    return Contender(name="hf_torch", run=run)


def hf_openvino(setup: Setup) -> Contender:
    """The same model exported to OpenVINO; processor, upsampling and arg max as before."""
    model, processor = _transformers(setup)
    infer = _exported(_Logits(model), setup)

    @torch.inference_mode()
    def run(image: RGB) -> Labelling:
        logits = infer(processor(images=image, return_tensors="pt")["pixel_values"])
        upsampled = F.interpolate(logits, size=setup.size, mode="bilinear", align_corners=False)
        return upsampled.argmax(dim=1)[0].numpy()

    return Contender(name="hf_openvino", run=run)


def encoder_torch(setup: Setup) -> Contender:
    """The model's encoder alone, on a frame that is ready for it."""
    encoder, input_13HW = setup.model.encoder, _noise(setup)

    @torch.inference_mode()
    def run(image: RGB) -> Labelling:
        encoder(input_13HW)
        return None

    return Contender(name="encoder_torch", run=run)


def encoder_openvino(setup: Setup) -> Contender:
    """The same, exported to OpenVINO."""
    infer, input_13HW = _exported(setup.model.encoder, setup), _noise(setup)

    def run(image: RGB) -> Labelling:
        infer(input_13HW)
        return None

    return Contender(name="encoder_openvino", run=run)


def products(setup: Setup) -> Contender:
    """One float32 matrix product, PRODUCT_SIDE³ multiply-adds."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(PRODUCT_SIDE, PRODUCT_SIDE, generator=generator) for _ in range(2))
    result = torch.empty_like(left)

    def run(image: RGB) -> Labelling:
        torch.mm(left, right, out=result)
        return None

    return Contender(name="products", run=run)


@dataclass(kw_only=True)
class Field:
    """The contenders of a run.

    Attributes:
        entered: those that can run here.
        absent: why others cannot, by name.
    """

    entered: list[Contender] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def enter(self, name: str, make: Callable[[], Contender]) -> None:
        """Takes a contender in or, where a package is missing, notes that."""
        try:
            self.entered.append(make())
        except (ImportError, InputError) as error:
            self.absent[name] = " ".join(str(error).split())


class _Logits(nn.Module):
    """A `transformers` model as a function from tensor to tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self.model(pixel_values=pixel_values).logits


def _transformers(setup: Setup) -> tuple[nn.Module, Any]:
    """A SegFormer with the model's encoder size and class count, and its image processor."""
    with extra("dev"):
        import transformers
    encoder = setup.model.config.encoder
    if not isinstance(encoder, MiTConfig):
        raise InputError("got an encoder that is no Mix Transformer; transformers' SegFormer has no other")
    height, width = setup.network_size
    sizes: dict[str, Any] = {
        "depths": list(encoder.depths),
        "hidden_sizes": list(encoder.widths),
        "num_attention_heads": list(encoder.heads),
        "sr_ratios": list(encoder.reductions),
        "mlp_ratios": [encoder.mlp_ratio] * 4,
        "decoder_hidden_size": _published_head(encoder),
        "num_labels": setup.model.num_classes,
    }
    with quiet():
        model = transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(**sizes)).eval()
        processor = transformers.SegformerImageProcessor(size={"height": height, "width": width})
    return model, processor


def _published_head(encoder: MiTConfig) -> int:
    """Width of the published SegFormer's head: 256 for B0 and B1, 768 from B2 on."""
    return 768 if sum(encoder.depths) > sum(MIT_SIZES["b1"].depths) else 256


def _exported(module: nn.Module, setup: Setup) -> Callable[[Tensor], Tensor]:
    """A module of one image [1,3,H,W], compiled by OpenVINO; calling it returns its first output."""
    with extra("openvino"):
        import openvino
    shape = (1, 3, *setup.network_size)
    with quiet():
        program = torch.export.export(module, (torch.zeros(shape),))
        request = openvino_request(openvino.convert_model(program, input=[openvino.PartialShape(shape)]), setup.threads)
    return lambda input_13HW: request([input_13HW])[0]


def _noise(setup: Setup) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, *setup.network_size, generator=generator)
    return noise.contiguous(memory_format=torch.channels_last)


MAKERS: dict[str, Callable[[Setup], Contender]] = {
    "naive": naive,
    "ours_torch": lambda setup: ours(setup, "torch"),
    "ours_openvino": lambda setup: ours(setup, "openvino"),
    "ours_int8": lambda setup: lowered(setup, "int8"),
    "ours_bf16": lambda setup: lowered(setup, "bf16"),
    "steady_torch": lambda setup: steady(setup, "torch"),
    "steady_openvino": lambda setup: steady(setup, "openvino"),
    "segformer_torch": lambda setup: segformer(setup, "torch"),
    "segformer_openvino": lambda setup: segformer(setup, "openvino"),
    "hf_torch": hf_torch,
    "hf_openvino": hf_openvino,
    "encoder_torch": encoder_torch,
    "encoder_openvino": encoder_openvino,
    "products": products,
    "joint": joint,
}


def assemble(setup: Setup, names: tuple[str, ...]) -> Field:
    """The contenders of these names."""
    contenders = Field()
    for name in names:
        contenders.enter(name, partial(MAKERS[name], setup))
    return contenders
