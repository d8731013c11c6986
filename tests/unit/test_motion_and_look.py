"""Motion is measured in diagonals per second against exact flow; look against constructed frames."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.perception.look import LookJudge, colourfulness
from dropletvideo.perception.motion import MotionJudge
from dropletvideo.tables.plan import measure_video
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.render import render_shot
from dropletvideo.world.shot import draw_shot


@pytest.fixture(scope="module")
def texture():
    rng = np.random.default_rng(5)
    octaves = [rng.integers(0, 255, (6 * 2**k, 10 * 2**k, 3), dtype=np.uint8) for k in range(5)]
    grown = [media.resize(octave[None], size=(384, 640))[0] for octave in octaves]  # natural images hold every scale
    return np.mean(grown, axis=0).astype(np.uint8)


def _sliding(texture, pixels_per_frame, count=16, side=128):
    return np.stack(
        [texture[40 : 40 + side, 8 + k * pixels_per_frame : 8 + k * pixels_per_frame + side] for k in range(count)]
    )


def _measure(tmp_path, frames, judge, playback_fps=8):
    path = tmp_path / "clip.mp4"
    media.write_video(path, frames, playback_fps=playback_fps, crf=12)
    return measure_video(path, [judge])[0]


def test_sliding_texture_has_the_score_of_its_speed(tmp_path, texture):
    found = _measure(tmp_path, _sliding(texture, 4), MotionJudge())
    # 4 px of a 128 px side per frame at 8 Hz, over the diagonal of a square
    assert found["motion_score"] == pytest.approx(4 / 128 * 8 / np.sqrt(2), rel=0.08)
    # 16 px of 128 in half a second, at short side 256
    assert found["flow_2fps_px"] == pytest.approx(32, rel=0.15)


def test_score_is_of_time_and_not_of_the_files_rate(tmp_path, texture):
    slow = _measure(tmp_path, _sliding(texture, 4, count=12), MotionJudge(), playback_fps=8)
    fast = _measure(tmp_path, _sliding(texture, 1, count=48), MotionJudge(), playback_fps=32)
    assert fast["motion_score"] == pytest.approx(slow["motion_score"], rel=0.08)


def test_still_picture_scores_near_zero_and_one_frame_has_no_score(tmp_path, texture):
    still = np.repeat(texture[None, :128, :128], 10, axis=0)
    assert _measure(tmp_path, still, MotionJudge())["motion_score"] < 0.002
    alone = _measure(tmp_path, still[:1], MotionJudge())
    assert alone["motion_score"] is None
    assert alone["flow_2fps_px"] is None


def test_score_agrees_with_the_exact_flow_of_rendered_shots(tmp_path):
    for seed in (300, 301, 305):
        shot = draw_shot(seed, WorldConfig.training())
        indices = list(range(0, 48, 4))
        rendered = render_shot(shot, 256, 256, frame_indices=indices, flow=True)
        exact = np.linalg.norm(rendered.flow, axis=-1).mean() * 8 / np.hypot(256, 256)
        found = _measure(tmp_path, rendered.frames, MotionJudge())["motion_score"]
        assert found == pytest.approx(exact, rel=0.15, abs=0.004)


def test_black_bars_are_shares_of_the_sides(tmp_path, texture):
    frames = _sliding(texture, 2, count=12).copy()
    frames[:, :16] = 0
    frames[:, -8:] = 0
    found = _measure(tmp_path, frames, LookJudge())
    assert found["letterbox_top"] == pytest.approx(16 / 128, abs=0.02)
    assert found["letterbox_bottom"] == pytest.approx(8 / 128, abs=0.02)
    assert found["letterbox_left"] == found["letterbox_right"] == 0


def test_black_clip_has_no_bars_to_tell(tmp_path):
    found = _measure(tmp_path, np.zeros((8, 64, 64, 3), np.uint8), LookJudge())
    assert found["black_share"] == 1
    assert found["letterbox_top"] is None
    assert found["brightness"] < 3


def test_blur_lowers_sharpness_and_grey_has_no_colour(tmp_path, texture):
    frames = _sliding(texture, 2, count=6)
    small = media.resize(frames, size=(8, 8))
    sharp, soft = (_measure(tmp_path, f, LookJudge()) for f in (frames, media.resize(small, size=(128, 128))))
    assert soft["sharpness"] < 0.7 * sharp["sharpness"]
    assert colourfulness(np.full((8, 8, 3), 90, np.uint8)) == 0
    # pure red: rg = 255, yb = 127.5, no spread
    assert colourfulness(np.full((8, 8, 3), (255, 0, 0), np.uint8)) == pytest.approx(0.3 * np.hypot(255, 127.5))
