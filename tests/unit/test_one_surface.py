"""One surface that fills the picture is told from a scene by looks alone."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo.perception.one_surface import ALIKE, is_one_surface, likeness
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot


def picture(seed, **changed):
    shot = draw_shot(seed, WorldConfig.validation().model_copy(update=changed))
    return render_shot(shot, 96, 128, frame_indices=[0]).frames[0]


@pytest.mark.parametrize("seed", range(12, 18))
def test_a_wall_is_one_surface(seed):
    assert likeness(picture(seed, flat_share=1.0)) >= ALIKE


@pytest.mark.parametrize("seed", range(13, 20))
def test_a_scene_is_not(seed):
    assert likeness(picture(seed, flat_share=0.0, weak_texture_share=0.0)) < ALIKE


def test_a_strip_of_floor_leaves_a_wall_a_wall_and_half_a_picture_of_it_does_not():
    wall = picture(12, flat_share=1.0)
    floor = np.random.default_rng(0).integers(0, 60, wall.shape).astype(np.uint8) + np.array([0, 90, 0], np.uint8)
    for rows, one in ((12, True), (48, False)):
        seen = wall.copy()
        seen[-rows:] = floor[-rows:]
        assert (likeness(seen) >= ALIKE) is one


def test_without_colour_it_is_not_told():
    wall = picture(12, flat_share=1.0)
    assert likeness(wall[..., :1]) == 0.0
    assert likeness(np.repeat(wall[..., :1], 3, axis=2)) == 0.0


def test_most_frames_decide():
    assert is_one_surface([0.9, 0.9, 0.2])
    assert not is_one_surface([0.9, 0.2, 0.2])
    assert not is_one_surface([])
