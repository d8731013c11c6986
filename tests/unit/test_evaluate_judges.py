"""Weight-free judges on frames with known answers: the dynamic-degree rule, freezes, clipping, sameness."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.evaluate.faults import FRAME_FAULTS, Clip
from dropletvideo.perception.dynamic_degree import (
    DynamicDegree,
    is_moving,
    largest_mean,
    pairs_needed,
    sampling_interval,
    threshold_of,
)
from dropletvideo.perception.exposure import ExposureJudge
from dropletvideo.perception.reference_fidelity import ReferenceFidelity
from dropletvideo.perception.stillness import Stillness
from dropletvideo.tables.plan import measure_video


def texture(side: int = 96) -> np.ndarray:
    noise = np.random.default_rng(3).uniform(0, 255, (24, 48, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (side * 4, side * 2), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def sliding(step: int, count: int = 17, side: int = 96) -> np.ndarray:
    canvas = texture(side)
    return np.stack([canvas[:side, step * k : step * k + side] for k in range(count)])


def measure(frames, judge, tmp_path, rate=8.0, **row):
    path = tmp_path / "video.mp4"
    media.write_video(path, frames, playback_fps=rate, crf=4)
    return measure_video(path, [judge], rows=[row])[0]


@pytest.mark.parametrize(("frames", "needed"), [(2, 0), (3, 1), (16, 4), (33, 8), (49, 12), (85, 21)])
def test_pairs_needed_is_the_published_count_with_ties_to_even(frames, needed):
    assert pairs_needed(frames) == needed


@pytest.mark.parametrize(("side", "threshold"), [(256, 6.0), (480, 11.25), (720, 16.875)])
def test_threshold_grows_with_the_short_side(side, threshold):
    assert threshold_of(side, 2 * side) == threshold_of(2 * side, side) == threshold


@pytest.mark.parametrize(("rate", "interval"), [(8, 1), (11, 1), (12, 2), (24, 3), (30, 4), (4, 1)])
def test_sampling_interval(rate, interval):
    assert sampling_interval(rate) == interval


def test_the_rule_on_given_flow():
    flow = np.zeros((100, 100, 2), np.float32)
    flow[:5, :, 0] = 8.0  # 5 % of the pixels
    assert largest_mean(flow) == pytest.approx(8.0)
    flow[:5, :, 0] = 6.0
    assert not is_moving([largest_mean(flow)] * 15, 256, 256), "the limit itself does not count"
    assert is_moving([6.001] * 4 + [0.0] * 11, 256, 256)
    assert not is_moving([6.001] * 3 + [0.0] * 12, 256, 256)
    assert is_moving([0.0], 256, 256), "two frames always move: the published fault"


def test_dynamic_degree_tells_motion_from_stillness_and_gives_the_speed(tmp_path):
    fast = measure(sliding(6), DynamicDegree(), tmp_path)
    still = measure(sliding(0), DynamicDegree(), tmp_path)
    assert (fast["dynamic_degree_dis"], still["dynamic_degree_dis"]) == (1.0, 0.0)
    assert fast["dynamic_speed"] == pytest.approx(6 * 8 / 96, rel=0.1)
    assert still["dynamic_speed"] == pytest.approx(0.0, abs=0.02)
    one = measure(sliding(6, count=1), DynamicDegree(), tmp_path)
    assert one["dynamic_degree_dis"] is None


def test_a_freeze_is_found_with_its_length_and_noise_is_none(tmp_path):
    frames = sliding(3)
    frames[4:9] = frames[4]
    found = measure(frames, Stillness(), tmp_path)
    assert found["repeated_share"] == pytest.approx(4 / 16)
    assert found["longest_freeze_seconds"] == pytest.approx(0.5)
    noisy = FRAME_FAULTS["noise"](Clip(frames=sliding(0), seed=1), 0.2)
    assert measure(noisy, Stillness(), tmp_path)["repeated_share"] == 0.0


def test_clipped_shares(tmp_path):
    frames = np.full((8, 64, 64, 3), 128, np.uint8)
    frames[:, :16] = 0
    frames[:, 48:] = 255
    found = measure(frames, ExposureJudge(), tmp_path)
    assert found["clipped_dark"] == pytest.approx(0.25, abs=0.01)
    assert found["clipped_bright"] == pytest.approx(0.25, abs=0.01)


def test_psnr_against_a_reference_is_that_of_the_noise(tmp_path):
    frames = np.full((9, 64, 64, 3), 128, np.uint8)
    clip = Clip(frames=frames, seed=1)
    noisy = FRAME_FAULTS["noise"](clip, 8 / 24)
    judge = ReferenceFidelity()
    state = judge.start({"reference_frames": iter(frames), "num_frames": 9})
    from dropletvideo.perception.judge import Chunk

    judge.update(state, Chunk(frames=noisy, times=np.arange(9) / 8, indices=np.arange(9)))
    found = judge.finish(state)
    assert found["reference_psnr"] == pytest.approx(20 * np.log10(255 / 8), abs=0.1)
    assert found["reference_frames"] == 9
    state = judge.start({"reference_frames": iter(frames[:4]), "num_frames": 9})
    judge.update(state, Chunk(frames=frames, times=np.arange(9) / 8, indices=np.arange(9)))
    assert judge.finish(state)["reference_frames"] == 4, "a reference that ends is compared as far as it goes"
    assert judge.finish(judge.start({}))["reference_psnr"] is None


@pytest.mark.parametrize("name", sorted(FRAME_FAULTS))
def test_faults_grow_from_nothing_and_are_the_same_again(name):
    frames = sliding(3, count=9)
    clip = Clip(frames=frames, seed=7)

    def changed(level: float) -> float:
        made = media.resize(FRAME_FAULTS[name](clip, level), size=(96, 96))
        return float(np.abs(made.astype(float) - frames).mean())

    assert changed(0.0) <= 0.5
    assert changed(0.0) < changed(0.5) < changed(1.0)
    assert np.array_equal(FRAME_FAULTS[name](clip, 0.5), FRAME_FAULTS[name](clip, 0.5))
