"""Answers made to win must be as good as they can be: moved just as asked, else they would flatter the metrics."""

from __future__ import annotations

import cv2
import gaming
import numpy as np
import pytest

from dropletvideo.world.consistency_suite import ConsistencySuite, draw_requests


@pytest.mark.parametrize("move", ["pan_left", "roll_cw", "zoom_out"])
def test_a_still_picture_moved_as_asked_is_the_truth_where_it_reaches(move):
    config = ConsistencySuite(
        count=1, seed=1_265_000, kinds=("move",), moves=(move,), num_frames=9, height=96, width=128
    )
    (request,) = draw_requests(config)
    still = gaming.replace(request, shot=gaming.still(request.shot))
    scene = gaming.Scene(still, config)
    maps = scene.homographies()
    inside = cv2.warpPerspective(np.full((96, 128), 255, np.uint8), maps[-1], (128, 96)) == 255
    apart = np.abs(scene.moved(maps, cv2.BORDER_CONSTANT)[-1].astype(float) - scene.truth[-1])[inside]
    standing = np.abs(scene.truth[0].astype(float) - scene.truth[-1])[inside]
    assert 0.3 < inside.mean() < 1.0
    assert np.median(apart) < 0.25 * max(np.median(standing), 4.0)


def test_a_crop_shows_nothing_but_the_picture_and_every_answer_has_the_asked_frames():
    config = ConsistencySuite(
        count=2, seed=1_265_000, kinds=("move",), moves=("pan_left",), num_frames=9, height=96, width=128
    )
    one, other = (gaming.Scene(request, config) for request in draw_requests(config))
    for name in ("truth", *gaming.ANSWERS):
        frames = one.answer(name, other)
        assert frames.shape == one.truth.shape
        assert frames.dtype == np.uint8
    assert np.abs(one.crop()[0].astype(float) - one.truth[0]).mean() > 5
