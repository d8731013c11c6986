"""The nano model that ships makes a video at once, keeps the image it was given, and moves faster at a lower M."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot
from dropletvideo.world.suite import SuiteConfig, suite_seeds

MOTIONS = (4.0, 32.0)


@pytest.fixture(scope="module")
def sweep():
    """Images of a pan, a truck and a tilt, and their videos at both M with equal noise: image, M, F,H,W,C."""
    moves = ("pan_left", "truck_right", "tilt_up")
    shots = [draw_shot(seed, WorldConfig.training()) for seed in suite_seeds(SuiteConfig(images=3, moves=moves))]
    images = [render_shot(shot, 64, 64, frame_indices=[0]).frames[0] for shot in shots]
    asked = [(image, caption_of(shot)["short"], m) for image, shot in zip(images, shots, strict=True) for m in MOTIONS]
    pipe = DropletVideoPipeline.from_pretrained("nano")
    pipe.set_progress_bar_config(disable=True)
    frames = pipe(
        image=[image for image, _, _ in asked],
        prompt=[prompt for _, prompt, _ in asked],
        motion=[motion for _, _, motion in asked],
        num_inference_steps=10,
        generator=[torch.Generator().manual_seed(number // 2) for number in range(len(asked))],
        output_type="np",
    ).frames
    videos = np.stack([to_uint8(video) for video in frames]).astype(float)
    return np.stack(images).astype(float), videos.reshape(3, 2, *videos.shape[1:])


def test_first_frame_is_the_given_image(sweep):
    images, videos = sweep
    error = ((videos[:, :, 0] - images[:, None]) ** 2).mean(axis=(2, 3, 4))
    assert (10 * np.log10(255**2 / error)).mean() > 22
    assert videos.shape[2:] == (17, 64, 64, 3)


def test_low_motion_number_moves_faster_in_every_scene(sweep):
    _, videos = sweep
    away = np.abs(videos[:, :, 4] - videos[:, :, 0]).mean(axis=(2, 3, 4))  # early frames: later ones may leave the view
    assert (away[:, 0] > 1.2 * away[:, 1]).all(), away
