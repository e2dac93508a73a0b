"""Tables of every reference policy."""

import pytest

from vidseg.errors import InputError
from vidseg.stream.policy import default_policy, none, offsets, parse_policy, seconds, vspw


def test_vspw_follows_the_released_evaluation() -> None:
    table = {
        0: (),
        1: (),
        2: (),
        3: (0, 1, 2),
        4: (0, 2, 3),
        5: (0, 2, 4),
        6: (0, 2, 4),
        7: (0, 3, 5),
        8: (0, 3, 6),
        9: (0, 3, 6),
        10: (1, 4, 7),
        100: (91, 94, 97),
    }
    assert {t: vspw().references(t) for t in table} == table


def test_offsets_start_per_frame() -> None:
    policy = offsets(4, 2, 1)
    assert [policy.references(t) for t in range(6)] == [(), (), (), (), (0, 2, 3), (1, 3, 4)]


def test_offsets_start_replicated() -> None:
    policy = offsets(4, 2, 1, start="replicate")
    assert [policy.references(t) for t in range(5)] == [(), (0, 0, 0), (0, 0, 1), (0, 1, 2), (0, 2, 3)]


def test_seconds_are_offsets_at_another_rate() -> None:
    assert seconds(0.6, 0.4, 0.2, fps=15) == offsets(9, 6, 3)
    assert seconds(0.6, 0.4, 0.2, fps=30) == offsets(18, 12, 6)
    assert seconds(0.6, 0.4, 0.2, fps=1) == offsets(1, 1, 1)


def test_none_has_no_references() -> None:
    assert (none().references(50), none().capacity, none().num_references) == ((), 0, 0)


@pytest.mark.parametrize("policy", [vspw(), offsets(5, 1), offsets(7, 7, start="replicate"), none()])
def test_references_lie_in_the_memory(policy) -> None:
    for t in range(40):
        references = policy.references(t)
        assert len(references) in (0, policy.num_references)
        assert list(references) == sorted(references)
        assert all(max(0, t - policy.capacity) <= reference < t for reference in references)


def test_default_policy_is_what_the_model_was_trained_for() -> None:
    assert default_policy((9, 6, 3)) == vspw()
    assert default_policy((3, 2, 1)) == offsets(3, 2, 1)
    assert default_policy(()) == none()


def test_policies_are_read_from_text() -> None:
    assert parse_policy("auto", None) is None
    assert parse_policy("vspw", None) == vspw()
    assert parse_policy("none", None) == none()
    assert parse_policy("offsets:3,2,1", None) == offsets(3, 2, 1)
    assert parse_policy("offsets:3,2,1:replicate", None) == offsets(3, 2, 1, start="replicate")
    assert parse_policy("seconds:0.6,0.4,0.2", 30) == offsets(18, 12, 6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vsp",
        "offsets",
        "offsets:",
        "offsets:a",
        "offsets:3,2:twice",
        "offsets:1,2",
        "seconds:0",
        "seconds:inf",
        "none:1",
    ],
)
def test_bad_policies_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_policy(text, 15)
    assert "\n" not in str(refused.value)


def test_seconds_need_a_rate() -> None:
    with pytest.raises(InputError, match="--fps"):
        parse_policy("seconds:0.6", None)
