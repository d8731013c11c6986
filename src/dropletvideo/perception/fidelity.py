"""First-frame fidelity: how near frame 0 of a generated video is to the image that was asked for.

Columns: `first_frame_psnr` in dB, range 0 to 100, higher is nearer (identical frames are capped at 100, since the
formula gives infinity); `first_frame_ssim` without unit, range -1 to 1, higher is nearer.

Formulas: PSNR = 10 log10(255^2 / MSE), MSE over all pixels and channels of the frame. SSIM is the mean over the three
RGB channels of the index with an 11x11 Gaussian window of deviation 1.5, K1 = 0.01, K2 = 0.03, L = 255, population
variance, borders of 5 pixels left out. The asked image is fitted to the frame the way the generator fits it (`fit` of
the row).

Sources: PSNR by definition; SSIM from Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE TIP 13(4),
2004. What it cannot tell: everything after frame 0. A frozen picture has a perfect score here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import RequestError
from dropletvideo.media import Fit, fit_image
from dropletvideo.perception.judge import Chunk, Features, Frames

PSNR_CAP_DB = 100.0
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
_MIDDLE = np.float32(128)


def psnr(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio of two images of one size in dB, 100 when identical.

    Raises:
        RequestError: the sizes differ.
    """
    _check_same_size(image, other)
    error = cv2.norm(image, other, cv2.NORM_L2SQR) / image.size
    if error == 0.0:
        return PSNR_CAP_DB
    return min(PSNR_CAP_DB, 10.0 * math.log10(255.0**2 / error))


def ssim(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> float | None:
    """Structural similarity of two HWC images, mean over channels; None where a side is under 11 pixels.

    Raises:
        RequestError: the sizes differ.
    """
    _check_same_size(image, other)
    if min(image.shape[:2]) < SSIM_WINDOW:
        return None
    # about the middle level, so that single precision loses nothing in the differences of squares
    x, y = image.astype(np.float32) - _MIDDLE, other.astype(np.float32) - _MIDDLE
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    mean_x, mean_y = mean_x + _MIDDLE, mean_y + _MIDDLE
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float(np.mean(luminance * structure))


@dataclass
class _State:
    image: NDArray[np.uint8] | None
    fit: Fit
    first: NDArray[np.uint8] | None = None


class FirstFrameFidelity:
    """PSNR and SSIM of frame 0 against `row["image_frame"]` (HWC uint8 RGB); None where the row asks for no image."""

    name = "first_frame_fidelity"
    version = 2
    reads = ("image", "fit")
    needs: Frames | Features = Frames(rate=None, short_side=None, colour="rgb")
    columns: Mapping[str, type] = {"first_frame_psnr": float, "first_frame_ssim": float}

    def start(self, row: Mapping[str, Any]) -> _State:
        """Take the asked image (`image_frame`) and how it is fitted (`fit`, "crop" unless told)."""
        return _State(image=row.get("image_frame"), fit=row.get("fit") or "crop")

    def update(self, state: _State, chunk: Chunk) -> None:
        """Keep the first frame; later ones are not looked at."""
        if state.first is None and len(chunk.frames):
            state.first = chunk.frames[0].copy()

    def finish(self, state: _State) -> dict[str, Any]:
        """Both scores, or None for both without an image or without a frame."""
        if state.image is None or state.first is None:
            return dict.fromkeys(self.columns)
        height, width = state.first.shape[:2]
        asked = fit_image(state.image, height, width, state.fit)
        return {"first_frame_psnr": psnr(state.first, asked), "first_frame_ssim": ssim(state.first, asked)}


def _window_mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian mean around each pixel whose 11x11 window lies wholly inside."""
    blurred = cv2.GaussianBlur(plane, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA)
    edge = SSIM_WINDOW // 2
    return np.asarray(blurred[edge : blurred.shape[0] - edge, edge : blurred.shape[1] - edge], dtype=np.float32)


def _check_same_size(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> None:
    if image.shape != other.shape:
        raise RequestError(
            f"images of {image.shape} and {other.shape} cannot be compared: bring them to one size first"
        )
