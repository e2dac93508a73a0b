"""The engine: stream equals clip, causality, separate streams, constant memory, errors that say what to do."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import torch

import image_models
import tiny
from vidseg.errors import InputError, StateError, VidsegWarning
from vidseg.models.cffm import ReferenceConfig
from vidseg.models.labels import label_map
from vidseg.runtime import EagerRuntime
from vidseg.stream import CutDetector, Segmenter, none, offsets, vspw
from vidseg.stream.preprocess import network_input
from vidseg.stream.stepper import Stepper
from vidseg.types import Preprocessing

CPU = torch.device("cpu")


def _clip_logits(model, frames, t, references):
    """What the model says of frame t, given a whole clip at once."""
    clip = torch.cat([network_input(frames[index].image, model.preprocessing) for index in (*references, t)])
    with torch.inference_mode():
        return model(clip.unsqueeze(0)).final


@pytest.mark.parametrize("depth", [1, 2])
def test_stream_equals_clip_at_every_index_including_the_start_rule(depth: int) -> None:
    model = tiny.cffm(depth=depth)
    frames = tiny.video(14)
    policy = vspw()
    stepper = Stepper(model, EagerRuntime(model, CPU), policy)
    memory = stepper.start(1, (64, 96))
    for t, frame in enumerate(frames):
        memory, logits = stepper.step(memory, network_input(frame.image, model.preprocessing))
        clip = _clip_logits(model, frames, t, policy.references(t))
        torch.testing.assert_close(logits, clip, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("policy", [offsets(3, 2, 1), offsets(5, 4, 1, start="replicate"), none()])
def test_stream_equals_clip_under_other_policies(policy) -> None:
    model = tiny.cffm()
    frames = tiny.video(8)
    stepper = Stepper(model, EagerRuntime(model, CPU), policy)
    memory = stepper.start(1, (64, 96))
    for t, frame in enumerate(frames):
        memory, logits = stepper.step(memory, network_input(frame.image, model.preprocessing))
        torch.testing.assert_close(logits, _clip_logits(model, frames, t, policy.references(t)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("encoder", ["timm:tf_efficientnet_lite0", "timm:convnext_atto"])
def test_stream_equals_clip_over_other_encoders(encoder: str) -> None:
    model = image_models.built(image_models.cffm_over(encoder))
    policy = offsets(3, 2, 1)
    stepper = Stepper(model, EagerRuntime(model, CPU), policy)
    memory = stepper.start(1, (64, 96))
    frames = tiny.video(5)
    for t, frame in enumerate(frames):
        memory, logits = stepper.step(memory, network_input(frame.image, model.preprocessing))
        torch.testing.assert_close(logits, _clip_logits(model, frames, t, policy.references(t)), atol=1e-4, rtol=1e-4)


def test_an_image_model_streams_frame_by_frame() -> None:
    model = image_models.built(image_models.PSPNET_R18)
    frames = tiny.video(3)
    stepper = Stepper(model, EagerRuntime(model, CPU), none())
    memory = stepper.start(1, (64, 96))
    for t, frame in enumerate(frames):
        memory, logits = stepper.step(memory, network_input(frame.image, model.preprocessing))
        torch.testing.assert_close(logits, _clip_logits(model, frames, t, ()), atol=1e-4, rtol=1e-4)


def test_labels_are_the_arg_max_after_the_chain_of_resizes() -> None:
    model = tiny.cffm()
    frames = tiny.video(11, height=37, width=61)
    *_, last = Segmenter(model).segment(frames)
    logits = _clip_logits(model, frames, 10, (1, 4, 7))
    network_size = model.preprocessing.network_size(37, 61)
    expected = label_map(logits, network_size, (37, 61)).labels[0].numpy()
    assert last.labels.shape == (37, 61)
    assert last.labels.dtype == np.uint8
    assert (last.labels == expected).mean() > 0.999


def test_context_matters() -> None:
    model = tiny.cffm()
    frames = tiny.video(12)
    *_, with_context = Segmenter(model).segment(frames)
    *_, alone = Segmenter(model, policy=none()).segment(frames)
    assert (with_context.labels != alone.labels).any()


def test_the_past_does_not_depend_on_the_future() -> None:
    segmenter = Segmenter(tiny.cffm())
    frames = tiny.video(14)
    other = [*frames[:10], *tiny.video(4, seed=9)]
    one = [segmentation.labels for segmentation in segmenter.segment(frames)]
    two = [segmentation.labels for segmentation in segmenter.segment(other)]
    assert all((a == b).all() for a, b in zip(one[:10], two[:10], strict=True))
    assert any((a != b).any() for a, b in zip(one[10:], two[10:], strict=True))


def test_interleaved_streams_do_not_mix() -> None:
    segmenter = Segmenter(tiny.cffm())
    videos = [tiny.video(12, seed=1), tiny.video(12, height=48, width=40, seed=2)]
    alone = [[segmentation.labels for segmentation in segmenter.segment(video)] for video in videos]
    states = [segmenter.start(), segmenter.start()]
    for t in range(12):
        for which, video in enumerate(videos):
            states[which], segmentation = segmenter.step(states[which], video[t])
            assert (segmentation.labels == alone[which][t]).all()


def test_state_bytes_stay_constant_over_300_frames() -> None:
    segmenter = Segmenter(tiny.cffm())
    state = segmenter.start()
    sizes = set()
    for t in range(300):
        state, _ = segmenter.step(state, tiny.video(1, seed=t)[0])
        sizes.add(state.nbytes)
    # 9 frames, 1 block, ⌈8/7⌉ x ⌈12/7⌉ windows, 14 rows, 16 channels, 4 bytes.
    assert sizes == {9 * 1 * 2 * 2 * 14 * 16 * 4}


def test_a_segformer_needs_no_memory() -> None:
    segmenter = Segmenter(tiny.segformer())
    state, segmentation = segmenter.step(segmenter.start(), tiny.video(1)[0])
    assert state.nbytes == 0
    assert segmentation.labels.shape == (40, 56)


def test_any_size_down_to_one_pixel() -> None:
    segmenter = Segmenter(tiny.cffm())
    for height, width in [(1, 1), (1, 90), (33, 7), (101, 103)]:
        *_, last = segmenter.segment([np.zeros((height, width, 3), np.uint8)] * 4)
        assert last.labels.shape == (height, width)


def test_size_changes_the_networks_input_only() -> None:
    frames = tiny.video(10)
    segmenter = Segmenter(tiny.cffm(), size=32)
    assert segmenter.preprocessing == Preprocessing(short=32, long=64, multiple=32)
    *_, last = segmenter.segment(frames)
    assert last.labels.shape == frames[0].size


def test_confidence_is_the_winners_probability() -> None:
    first = next(iter(Segmenter(tiny.cffm(), confidence=True).segment(tiny.video(1))))
    assert first.confidence.shape == first.labels.shape
    assert first.confidence.dtype == np.float32
    assert (first.confidence >= 1 / 5 - 1e-6).all()
    assert (first.confidence <= 1).all()


def test_more_than_255_classes_give_16_bit_labels() -> None:
    first = next(iter(Segmenter(tiny.cffm(num_classes=300)).segment(tiny.video(1))))
    assert first.labels.dtype == np.uint16


def test_a_cut_starts_the_memory_anew() -> None:
    model = tiny.cffm()
    # Two still scenes: the test videos move faster than a real camera.
    before, after = tiny.video(1, seed=1) * 12, tiny.video(1, seed=5) * 12
    *_, with_cut = Segmenter(model, cut_detector=CutDetector()).segment([*before, *after])
    *_, fresh = Segmenter(model).segment(after)
    *_, without = Segmenter(model).segment([*before[:7], *after[:5]])
    *_, short = Segmenter(model, cut_detector=CutDetector()).segment([*before[:7], *after[:5]])
    assert (with_cut.labels == fresh.labels).all()
    assert (short.labels != without.labels).any()


def test_frames_of_another_size_are_refused_with_the_remedy() -> None:
    segmenter = Segmenter(tiny.cffm())
    state, _ = segmenter.step(segmenter.start(), tiny.video(1)[0])
    with pytest.raises(StateError, match=r"48x40.*40x56.*segmenter\.start"):
        segmenter.step(state, tiny.video(1, height=48, width=40)[0])
    # Nothing was lost: the state goes on.
    segmenter.step(state, tiny.video(1)[0])


def test_a_foreign_state_is_refused_with_the_remedy() -> None:
    model = tiny.cffm()
    with pytest.raises(StateError, match=r"another segmenter.*segmenter\.start"):
        Segmenter(model).step(Segmenter(model).start(), tiny.video(1)[0])
    state = Segmenter(model).start()  # of a segmenter that is gone, and whose place in memory is free
    with pytest.raises(StateError, match="another segmenter"):
        Segmenter(model).step(state, tiny.video(1)[0])


def test_a_stale_state_is_refused_with_the_remedy_and_a_copy_is_not() -> None:
    segmenter = Segmenter(tiny.cffm())
    frames = tiny.video(2)
    state = segmenter.start()
    copy = state.copy()
    segmenter.step(state, frames[0])
    with pytest.raises(StateError, match=r"state, seg = segmenter\.step"):
        segmenter.step(state, frames[1])
    segmenter.step(copy, frames[0])


def test_a_model_in_training_mode_is_refused_with_the_remedy() -> None:
    model = tiny.cffm()
    segmenter = Segmenter(model)
    model.train()
    with pytest.raises(InputError, match=r"model\.eval\(\)"):
        Segmenter(model)
    with pytest.raises(InputError, match=r"model\.eval\(\)"):
        segmenter.step(segmenter.start(), tiny.video(1)[0])


def test_a_model_without_class_map_is_refused() -> None:
    model = tiny.cffm()
    model.class_map = None
    with pytest.raises(InputError, match="class_map"):
        Segmenter(model)


@pytest.mark.parametrize("options", [{"device": "gpu"}, {"device": "cuda:77"}, {"runtime": "abacus"}])
def test_unknown_devices_and_runtimes_are_refused(options) -> None:
    with pytest.raises(InputError):
        Segmenter(tiny.cffm(), **options)


def test_a_policy_must_fit_the_model() -> None:
    with pytest.raises(InputError, match="2 references"):
        Segmenter(tiny.cffm(), policy=offsets(2, 1))
    two = (
        ReferenceConfig(offset=2, tokens_per_side=1, kernel=3),
        ReferenceConfig(offset=1, tokens_per_side=2, kernel=3),
    )
    assert Segmenter(tiny.cffm(references=two)).policy == offsets(2, 1)


def test_a_far_frame_rate_is_a_warning_that_names_seconds() -> None:
    model = tiny.cffm()
    model.training_record = {"fps": 15.0}
    segmenter = Segmenter(model)
    with pytest.warns(VidsegWarning, match=r"seconds\(0\.6, 0\.4, 0\.2, fps=60\)"):
        segmenter._warn_of_rate(Fraction(60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        segmenter._warn_of_rate(Fraction(20))
        segmenter._warn_of_rate(None)
        Segmenter(model, policy=vspw())._warn_of_rate(Fraction(60))


def test_images_need_no_frame_around_them() -> None:
    frames = tiny.video(3)
    bare = [segmentation.labels for segmentation in Segmenter(tiny.cffm()).segment([f.image for f in frames])]
    full = [segmentation.labels for segmentation in Segmenter(tiny.cffm()).segment(frames)]
    assert all((a == b).all() for a, b in zip(bare, full, strict=True))


def test_images_are_numbered_across_cuts() -> None:
    one, other = tiny.video(1, seed=1)[0].image, tiny.video(1, seed=5)[0].image
    segmenter = Segmenter(tiny.cffm(), cut_detector=CutDetector())
    assert [segmentation.frame.index for segmentation in segmenter.segment([one, other, one])] == [0, 1, 2]


def test_images_may_be_views_of_any_kind() -> None:
    image = tiny.video(1)[0].image
    read_only = image.copy()
    read_only.flags.writeable = False
    turned = np.ascontiguousarray(image[:, :, ::-1])[:, :, ::-1]
    plain, *others = (next(Segmenter(tiny.cffm()).segment([view])).labels for view in (image, read_only, turned))
    assert all((labels == plain).all() for labels in others)


@pytest.mark.parametrize("runtime", ["torch", pytest.param("openvino", marks=pytest.mark.slow)])
def test_threads_share_a_segmenter(runtime: str) -> None:
    if runtime != "torch":
        pytest.importorskip(runtime)
    segmenter = Segmenter(tiny.cffm(), "cpu", runtime)
    videos = [tiny.video(30, seed=seed) for seed in range(3)]
    expected = [[seg.labels for seg in segmenter.segment(video)] for video in videos]
    with ThreadPoolExecutor(3) as pool:
        got = list(pool.map(lambda video: [seg.labels for seg in segmenter.segment(video)], videos))
    for one, other in zip(got, expected, strict=True):
        assert all(map(np.array_equal, one, other))
