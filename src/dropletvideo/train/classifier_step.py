"""What one step of the camera classifier draws: a batch of windows, changed in ways that keep their class, and loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropletvideo.perception.camera_class_swin import NetworkConfig, middle, normalised
from dropletvideo.train.classifier_bank import SPANS, Bank
from dropletvideo.train.classifier_clips import CLASSES, Frames

WHOLE_SHARE = 0.5
"""Share of the windows that show the whole clip where a part has a known class too."""
LEAST_CROP, MOST_NOISE = 0.8, 3.0
GAIN, SHIFT = (0.85, 1.15), 15.0


@dataclass(frozen=True)
class Batch:
    """Pixels B,3,F,H,W (normalised) and class shares B,6."""

    pixels: Tensor
    shares: Tensor


def step_numbers(seed: int, step: int) -> np.random.Generator:
    """What a step draws from: a function of its arguments alone."""
    return np.random.default_rng([seed, step, 17])


def draw_batch(bank: Bank, config: NetworkConfig, size: int, numbers: np.random.Generator, *, augment: bool) -> Batch:
    """A batch of `size` windows of clips drawn at random."""
    chosen = numbers.choice(bank.there, size)
    drawn = [draw_window(bank, config, int(number), numbers, augment=augment) for number in chosen]
    pixels = torch.from_numpy(np.stack([pixels for pixels, _ in drawn]))
    return Batch(pixels, torch.from_numpy(np.stack([shares for _, shares in drawn])))


def draw_window(
    bank: Bank, config: NetworkConfig, number: int, numbers: np.random.Generator, *, augment: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One window of a clip, 3,F,H,W, and its six shares."""
    known = [span for span in range(1, len(SPANS)) if augment and bank.shares[number, span].any()]
    span = int(numbers.choice(known)) if known and numbers.random() >= WHOLE_SHARE else 0
    low, high = SPANS[span]
    places = np.linspace(low, high, config.frames) * (bank.shape[1] - 1)
    frames = bank.frames(number, places.round().astype(int).tolist())
    frames = changed(frames, config.crop, numbers) if augment else cropped(frames, config.crop)
    return normalised(frames), bank.shares[number, span]


def cropped(frames: Frames, crop: int) -> Frames:
    """The middle of every frame, as the judge sees it."""
    return np.stack([middle(frame, crop) for frame in frames])


def changed(frames: Frames, crop: int, numbers: np.random.Generator) -> Frames:
    """Frames F,S,S,3 mirrored, reversed in time, cut, tinted and made noisy: F,crop,crop,3.

    None of it changes a class of C1 to C6: they name no side and no direction of time, and one cut and tint for all
    frames adds no motion.
    """
    if numbers.random() < 0.5:
        frames = frames[:, :, ::-1]
    if numbers.random() < 0.5:
        frames = frames[::-1]
    side = frames.shape[1]
    cut = round(side * float(numbers.uniform(LEAST_CROP, 1.0)))
    top, left = (int(numbers.integers(0, side - cut + 1)) for _ in range(2))
    gain = numbers.uniform(*GAIN, 3).astype(np.float32) * np.float32(numbers.uniform(*GAIN))
    shift = np.float32(numbers.uniform(-SHIFT, SHIFT))
    noise = float(numbers.uniform(0, MOST_NOISE))
    out = []
    for frame in frames[:, top : top + cut, left : left + cut]:
        small = cv2.resize(np.ascontiguousarray(frame), (crop, crop), interpolation=cv2.INTER_LINEAR)
        grain = numbers.standard_normal(small.shape, dtype=np.float32) * noise
        out.append(np.clip(small.astype(np.float32) * gain + shift + grain, 0, 255).astype(np.uint8))
    return np.stack(out)


def class_weights(shares_CN: NDArray[np.float32]) -> Tensor:
    """Weight per class, inverse to its share of the clips: N_present^-1 / share, nought for a class without a clip."""
    share = shares_CN.mean(axis=0)
    present = share > 0
    weights = np.zeros(len(CLASSES), np.float32)
    weights[present] = 1 / (share[present] * present.sum())
    return torch.from_numpy(weights)


def soft_loss(logits_BC: Tensor, shares_BC: Tensor, weights_C: Tensor) -> Tensor:
    """Mean over the batch of -sum_c w_c q_c log p_c, q the shares, divided by the mean weight of the batch."""
    weighted = shares_BC * weights_C
    losses = -(weighted * logits_BC.float().log_softmax(dim=-1)).sum(dim=-1)
    return losses.sum() / weighted.sum().clamp_min(1e-6)


def accepted(shares: Sequence[float] | NDArray[np.float32]) -> tuple[str, ...]:
    """Classes with a share, the largest first."""
    order = np.argsort(-np.asarray(shares), kind="stable")
    return tuple(CLASSES[k] for k in order if shares[k] > 0)
