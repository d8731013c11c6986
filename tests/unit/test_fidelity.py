"""First-frame fidelity: the formulas against known noise and an independent SSIM, and the abstentions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dropletvideo.errors import RequestError
from dropletvideo.perception.fidelity import FirstFrameFidelity, psnr, ssim
from dropletvideo.perception.judge import Chunk


def picture(seed: int = 0, height: int = 48, width: int = 64) -> np.ndarray:
    generator = np.random.default_rng(seed)
    coarse = generator.uniform(40, 215, (height // 8 + 1, width // 8 + 1, 3))
    rows, columns = np.arange(height) // 8, np.arange(width) // 8
    return np.clip(coarse[rows][:, columns] + generator.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)


def chunk_of(frames: np.ndarray, first: int = 0) -> Chunk:
    indices = np.arange(first, first + len(frames))
    return Chunk(frames=frames, times=indices / 8.0, indices=indices)


def test_psnr_of_known_noise_is_the_formula():
    image = np.full((200, 200, 3), 128, np.uint8)
    for sigma in (2.0, 8.0):
        noisy = np.clip(image + np.random.default_rng(1).normal(0, sigma, image.shape), 0, 255).round().astype(np.uint8)
        assert psnr(image, noisy) == pytest.approx(20 * math.log10(255 / math.sqrt(sigma**2 + 1 / 12)), abs=0.1)


def test_identical_is_capped_at_100_db_and_one():
    image = picture()
    assert psnr(image, image) == 100.0
    assert ssim(image, image) == pytest.approx(1.0)


def slow_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """The definition, window by window."""
    axis = np.arange(11) - 5
    weights = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for top in range(first.shape[0] - 10):
        for left in range(first.shape[1] - 10):
            for channel in range(3):
                x = first[top : top + 11, left : left + 11, channel].astype(float)
                y = second[top : top + 11, left : left + 11, channel].astype(float)
                mx, my = (weights * x).sum(), (weights * y).sum()
                vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
                cov = (weights * (x - mx) * (y - my)).sum()
                c1, c2 = 2.55**2, 7.65**2
                values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return float(np.mean(values))


def test_ssim_equals_the_definition():
    first, second = picture(0, 16, 20), picture(1, 16, 20)
    assert ssim(first, second) == pytest.approx(slow_ssim(first, second), abs=1e-6)


def test_ssim_abstains_where_no_window_fits():
    small = picture(0, 10, 40)
    assert ssim(small, small) is None


def test_sizes_must_agree():
    with pytest.raises(RequestError, match="one size"):
        psnr(picture(), picture(0, 32, 32))


def test_judge_compares_only_frame_zero_with_the_fitted_image():
    image = picture(0, 64, 64)
    frames = np.stack([image, picture(5, 64, 64)])
    judge = FirstFrameFidelity()
    state = judge.start({"image_frame": image})
    judge.update(state, chunk_of(frames[:1]))
    judge.update(state, chunk_of(frames[1:], first=1))
    assert judge.finish(state)["first_frame_psnr"] == 100.0
    state = judge.start({"image_frame": image})
    judge.update(state, chunk_of(frames[::-1]))
    assert judge.finish(state)["first_frame_psnr"] < 30.0


def test_judge_without_an_image_or_a_frame_says_nothing():
    judge = FirstFrameFidelity()
    state = judge.start({})
    judge.update(state, chunk_of(picture()[None]))
    assert judge.finish(state) == {"first_frame_psnr": None, "first_frame_ssim": None}
    assert judge.finish(judge.start({"image_frame": picture()})) == {"first_frame_psnr": None, "first_frame_ssim": None}
