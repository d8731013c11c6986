"""Flicker and consistent motion: test vectors of the definition, and moving scenes with known noise and speed."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from dropletvideo.perception import consistent_flow as module
from dropletvideo.perception.consistent_flow import ConsistentFlow, consistent_flow
from dropletvideo.perception.flicker import TemporalFlickering
from dropletvideo.perception.judge import Chunk

SIDE = 128


def texture(height: int = SIDE, width: int = SIDE * 2) -> np.ndarray:
    noise = np.random.default_rng(3).uniform(0, 255, (height // 8 + 2, width // 8 + 2)).astype(np.float32)
    return np.clip(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)


def moving(num_frames: int, step: float, noise: float = 0.0) -> np.ndarray:
    """A texture that slides left by `step` px per frame, F,H,W,1, with white noise of deviation `noise`."""
    generator = np.random.default_rng(7)
    canvas, frames = texture(), []
    for index in range(num_frames):
        matrix = np.array([[1, 0, -step * index], [0, 1, 0]], np.float32)
        frame = cv2.warpAffine(canvas, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
        frames.append(np.clip(frame + generator.normal(0, noise, frame.shape) if noise else frame, 0, 255))
    return np.stack(frames).round().astype(np.uint8)[..., None]


def measure(judge, frames: np.ndarray, rate: float = 8.0, cut: int | None = None) -> dict:
    state = judge.start({})
    edges = [0, cut, len(frames)] if cut else [0, len(frames)]
    for low, high in pairwise(edges):
        indices = np.arange(low, high)
        judge.update(state, Chunk(frames=frames[low:high], times=indices / rate, indices=indices))
    return judge.finish(state)


def test_constant_is_one_and_alternating_black_white_is_zero():
    grey = np.full((5, 20, 30, 3), 90, np.uint8)
    assert measure(TemporalFlickering(), grey)["temporal_flickering"] == 1.0
    blinking = np.zeros((6, 20, 30, 3), np.uint8)
    blinking[::2] = 255
    assert measure(TemporalFlickering(), blinking)["temporal_flickering"] == 0.0


def test_plain_flicker_is_the_mean_absolute_difference():
    frames = np.random.default_rng(0).integers(0, 256, (4, 9, 13, 3)).astype(np.uint8)
    expected = 1 - np.abs(np.diff(frames.astype(float), axis=0)).mean() / 255
    assert measure(TemporalFlickering(), frames)["temporal_flickering"] == pytest.approx(expected)
    assert measure(TemporalFlickering(), frames, cut=2)["temporal_flickering"] == pytest.approx(expected)


def test_compensation_removes_motion_and_keeps_noise():
    clean = measure(ConsistentFlow(), moving(5, 2.0))
    still = measure(ConsistentFlow(), moving(5, 0.0, noise=6.0))
    noisy = measure(ConsistentFlow(), moving(5, 2.0, noise=6.0))
    plain = 255 * (1 - measure(TemporalFlickering(), moving(5, 2.0))["temporal_flickering"])
    assert clean["compensated_flicker"] < 0.25 * plain
    assert clean["compensated_share"] > 0.8
    assert still["compensated_flicker"] == pytest.approx(6.0 * 2 / np.sqrt(np.pi), rel=0.2)
    assert noisy["compensated_flicker"] > 3 * clean["compensated_flicker"]


def test_exposure_flicker_is_measured_in_grey_levels():
    frames = np.repeat(texture(SIDE, SIDE)[None, ..., None] * 0.8 + 20, 6, axis=0)
    frames[1::2] += 5
    value = measure(ConsistentFlow(), frames.round().astype(np.uint8))["compensated_flicker"]
    assert value == pytest.approx(5.0, abs=1.0)


def test_consistent_flow_finds_a_shift_and_distrusts_what_left_the_frame():
    frames = moving(2, 4.0)[..., 0]
    pair = consistent_flow(frames[0], frames[1])
    flow, consistent = pair.flow, pair.consistent
    inner = (slice(16, -16), slice(24, -16))
    assert np.median(flow[inner][..., 0]) == pytest.approx(-4.0, abs=0.3)
    assert consistent[inner].mean() > 0.9
    assert not consistent[:, :2].any()


def test_consistent_motion_has_the_unit_of_motion_score():
    value = measure(ConsistentFlow(), moving(6, 3.0), rate=8.0)
    assert value["motion_score_consistent"] == pytest.approx(3.0 * 8.0 / np.hypot(SIDE, SIDE), rel=0.1)
    assert value["consistent_share"] > 0.8
    half = measure(ConsistentFlow(), moving(6, 3.0), rate=4.0)
    assert half["motion_score_consistent"] == pytest.approx(value["motion_score_consistent"] / 2, rel=1e-6)
    fast = measure(ConsistentFlow(), moving(11, 1.5), rate=16.0)
    assert fast["motion_score_consistent"] == pytest.approx(value["motion_score_consistent"], rel=0.05)


@pytest.mark.parametrize(("rate", "flows_per_frame"), [(8.0, 1.0), (4.0, 1.0), (24.0, 2 / 3)])
def test_one_pair_serves_motion_and_flicker_where_it_can(monkeypatch, rate, flows_per_frame):
    calls = []
    monkeypatch.setattr(module, "consistent_flow", lambda a, b: calls.append(1) or consistent_flow(a, b))
    frames = moving(25, 1.0)
    whole = measure(ConsistentFlow(), frames, rate=rate)
    assert len(calls) == pytest.approx(24 * flows_per_frame, abs=1)
    assert measure(ConsistentFlow(), frames, rate=rate, cut=10) == whole


def test_flicker_of_neighbours_is_seen_at_every_file_rate():
    frames = np.repeat(texture(SIDE, SIDE)[None, ..., None] * 0.8 + 20, 12, axis=0)
    frames[1::2] += 5
    value = measure(ConsistentFlow(), frames.round().astype(np.uint8), rate=16.0)
    assert value["compensated_flicker"] == pytest.approx(5.0, abs=1.0)


def test_invented_flow_does_not_count_as_motion():
    noise = np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE, 1)).astype(np.uint8)
    value = measure(ConsistentFlow(), noise)
    assert value["consistent_share"] < 0.5
    still = np.repeat(moving(1, 0.0), 4, axis=0)
    assert measure(ConsistentFlow(), still)["motion_score_consistent"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("judge", [TemporalFlickering(), ConsistentFlow()])
def test_one_frame_gives_no_number(judge):
    channels = 3 if isinstance(judge, TemporalFlickering) else 1
    one = np.zeros((1, 32, 32, channels), np.uint8)
    assert set(measure(judge, one).values()) == {None}
