"""What tells a fade, a dissolve and a wipe from motion, on a run of thumbnails; plain functions of arrays.

F frames, h,w small height and width, C colours. `summed_FhwC` is the running sum of the change that motion does not
explain (see `transitions.py`).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def contrast(colour_hwC: Floats) -> float:
    """Mean distance of the pixels from the picture's mean colour, in levels."""
    return float(np.abs(colour_hwC - colour_hwC.mean(axis=(0, 1))).mean())


def texture(gray_HW: NDArray[np.uint8]) -> float:
    """Mean local standard deviation over 5x5 boxes, in levels."""
    gray = gray_HW.astype(np.float32)
    mean = cv2.blur(gray, (5, 5))
    return float(np.sqrt(np.maximum(cv2.blur(gray * gray, (5, 5)) - mean * mean, 0)).mean())


def changed_mask(difference_hwC: Floats) -> NDArray[np.bool_]:
    """Pixels that changed by at least half of the mean change."""
    amount = np.abs(difference_hwC).sum(axis=-1)
    return np.asarray(amount > 0.5 * float(amount.mean()), np.bool_)


def spread(colour_hwC: Floats, mask_hw: NDArray[np.bool_]) -> float:
    """Standard deviation of the colours inside a mask: near 0 where the picture has gone to one colour."""
    chosen = colour_hwC[mask_hw]
    return float(chosen.std(axis=0).mean()) if len(chosen) else 0.0


def is_constant(spread_here: float, spread_there: float) -> bool:
    """True when a picture has lost its contrast beside another one of the same transition."""
    return spread_there > 4.0 and spread_here < 0.15 * spread_there + 1.0


def texture_dip(textures: NDArray[np.float64]) -> float:
    """Least texture of the middle half over that on a line between the ends.

    Two unrelated pictures on top of each other have less of it than either, so a dissolve is below 1.
    """
    expected = np.linspace(textures[0], textures[-1], len(textures))
    middle = _middle_half(len(textures))
    return float((textures[middle] / np.maximum(expected[middle], 0.5)).min())


def blend_explained(colour_FhwC: Floats) -> float:
    """How well the middle half is `(1 - a) first + a last`: 1 for a dissolve between still shots, 0 for none."""
    pictures = np.stack([cv2.blur(colour, (3, 3)) for colour in colour_FhwC]).reshape(len(colour_FhwC), -1)
    first, last = pictures[0], pictures[-1]
    direction = last - first
    energy = float(direction @ direction) + 1.0
    explained = []
    for picture in pictures[_middle_half(len(pictures))]:
        offset = picture - first
        share = float(np.clip(offset @ direction / energy, 0, 1))
        rest = offset - share * direction
        nearest = min(float(offset @ offset), float((picture - last) @ (picture - last)))
        explained.append(1 - float(rest @ rest) / max(nearest, 1.0))
    return float(np.median(explained))


def _middle_half(length: int) -> slice:
    quarter = max(1, length // 4)
    return slice(quarter, -quarter)


def wipe_order(summed_FhwC: Floats) -> tuple[float, float, float]:
    """(how well the moment of change follows from the place, first and last such moment in steps of the run).

    In a wipe each pixel changes at once when the edge passes, so that moment is a smooth function of the place: a plane
    for a straight edge, a roof or a bowl for one that opens. Weighted least squares gives the share explained (R2, at
    most 1); 0 when pixels change slowly instead.
    """
    sizes = np.stack([cv2.blur(np.abs(step).sum(axis=-1), (3, 3)) for step in np.diff(summed_FhwC, axis=0)])
    moment = sizes.argmax(axis=0).astype(np.float64)
    peak, total = sizes.max(axis=0), np.maximum(sizes.sum(axis=0), 1.0)
    at_once = np.where(peak > 12, peak / total, 0.0).astype(np.float64)
    if (at_once > 0.1 + 1.3 / len(sizes)).mean() < 0.5:
        return 0.0, 0.0, 0.0
    weight = np.minimum(at_once, 0.3)  # so that a title that comes and goes does not speak for the whole picture
    design = _surface(*moment.shape)
    root = np.sqrt(weight.ravel())
    fit, *_ = np.linalg.lstsq(design * root[:, None], moment.ravel() * root, rcond=None)
    predicted = (design @ fit).reshape(moment.shape)
    centre = float((moment * weight).sum() / weight.sum())
    unexplained = float(((moment - predicted) ** 2 * weight).sum())
    variance = float(((moment - centre) ** 2 * weight).sum())
    low, high = np.percentile(predicted[weight > 0], [6, 97])
    last = len(sizes) - 1.0
    return 1 - unexplained / max(variance, 1e-6), float(np.clip(low, 0, last)), float(np.clip(high, 0, last))


def _surface(height: int, width: int) -> NDArray[np.float64]:
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None] - 0.5
    columns = (np.ones_like(x), x, y, np.abs(x), np.abs(y), x * x, y * y, x * y)
    return np.stack(columns, axis=-1).reshape(-1, len(columns))
