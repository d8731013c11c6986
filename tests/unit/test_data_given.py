"""Protects which frames a training window is given: shares as asked, the window's length, one clip at a time."""

import pytest
import torch
from pydantic import ValidationError

from dropletvideo.data.given import FIRST, GivenConfig, draw_given, given_mask

MIXED = GivenConfig(first=0.4, ends=0.2, opening=0.2, keyframes=0.2)


def test_every_kind_is_drawn_as_often_as_asked_and_fits_the_window():
    drawn = [given for clip in range(300) for given in draw_given(MIXED, f"clip {clip}", 6, 17, seed=0)]
    assert all(given == tuple(sorted(set(given))) and given[0] >= 0 and given[-1] < 17 for given in drawn)
    ends = sum(given == (0, 16) for given in drawn) / len(drawn)
    openings = [given for given in drawn if len(given) > 3]
    assert ends == pytest.approx(0.2, abs=0.03)
    assert len(openings) / len(drawn) == pytest.approx(0.2, abs=0.03)
    assert {len(given) for given in openings} == {5, 9}
    assert all(given == tuple(range(len(given))) for given in openings)
    assert any(given[0] > 0 for given in drawn), "keyframes need not begin with the first frame"


def test_a_clips_draws_are_its_own_and_the_default_is_the_first_frame():
    assert draw_given(MIXED, "a", 6, 17, seed=0) == draw_given(MIXED, "a", 6, 17, seed=0)
    assert draw_given(MIXED, "a", 6, 17, seed=0) != draw_given(MIXED, "b", 6, 17, seed=0)
    assert draw_given(GivenConfig(), "a", 4, 17, seed=0) == [FIRST] * 4
    assert draw_given(MIXED, "a", 3, 1, seed=0) == [FIRST] * 3


def test_the_mask_is_open_on_given_frames_alone():
    mask = given_mask([(0,), (0, 4)], torch.zeros(2, 3, 5, 8, 8))
    assert mask.shape == (2, 1, 5, 8, 8)
    assert mask[:, 0, :, 0, 0].tolist() == [[0, 1, 1, 1, 1], [0, 1, 1, 1, 0]]


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValidationError, match=r"add up to 1\.2"):
        GivenConfig(first=1.0, ends=0.2)
