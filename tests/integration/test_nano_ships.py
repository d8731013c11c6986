"""The nano model that ships makes a video at once, keeps the image it was given, and moves faster at a lower M.

Its soft pans are named pans: points slide in soft pictures, which must not pass for the parallax of a truck."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dropletvideo import media
from dropletvideo.generate.pipeline import DropletVideoPipeline, to_uint8
from dropletvideo.perception.camera import CameraJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.captions import caption_of
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot
from dropletvideo.world.suite import SuiteConfig, suite_seeds

MOTIONS = (4.0, 32.0)


def _asked(config, motions):
    """Images, and (image, prompt, M) of every scene of a suite at every M."""
    shots = [draw_shot(seed, WorldConfig.training()) for seed in suite_seeds(config)]
    images = [render_shot(shot, 64, 64, frame_indices=[0]).frames[0] for shot in shots]
    return images, [
        (image, caption_of(shot)["short"], motion)
        for image, shot in zip(images, shots, strict=True)
        for motion in motions
    ]


def _answers(asked, steps):
    """Videos N,F,H,W,C uint8; all M of a scene start from the same noise."""
    pipe = DropletVideoPipeline.from_pretrained("nano")
    pipe.set_progress_bar_config(disable=True)
    found = pipe(
        image=[image for image, _, _ in asked],
        prompt=[prompt for _, prompt, _ in asked],
        motion=[motion for _, _, motion in asked],
        num_inference_steps=steps,
        generator=[torch.Generator().manual_seed(number // 2) for number in range(len(asked))],
        output_type="np",
    ).frames
    return np.stack([to_uint8(video) for video in found])


@pytest.fixture(scope="module")
def sweep():
    """Images of a pan, a truck and a tilt, and their videos at both M with equal noise: image, M, F,H,W,C."""
    images, asked = _asked(SuiteConfig(images=3, moves=("pan_left", "truck_right", "tilt_up")), MOTIONS)
    videos = _answers(asked, steps=10).astype(float)
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


def test_soft_pans_are_named_pans(tmp_path):
    config = SuiteConfig(images=4, moves=("pan_left", "pan_right"), seed=1_200_000)
    _, asked = _asked(config, (8.0, 16.0))
    right = 0
    for number, ((_, prompt, _), frames) in enumerate(zip(asked, _answers(asked, steps=20), strict=True)):
        path = tmp_path / f"{number}.mp4"
        media.write_video(path, frames, playback_fps=8.0)
        (row,) = measure_video(path, [CameraJudge()])
        right += f"pan_{'left' if 'left' in prompt else 'right'}" in row["camera_moves"]
    assert right >= 6, f"{right} of 8"
