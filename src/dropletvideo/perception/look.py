"""Judge: brightness, sharpness, colourfulness and black bars of a clip, at 2 frames per second and short side 256.

`brightness`, `brightness_p10`, `brightness_p90`: mean, 10th and 90th percentile of luma, grey levels 0 to 255, no
direction. `sharpness`: variance of the Laplacian of luma, range 0 upwards, higher is sharper; comparable within a
source, since it also rises with texture and noise. `colourfulness`: Hasler and Suesstrunk, "Measuring colourfulness in
natural images" (2003): sqrt(s_rg^2 + s_yb^2) + 0.3 sqrt(m_rg^2 + m_yb^2) with rg = R - G, yb = (R + G)/2 - B; range 0
to about 110, higher is more colourful. `letterbox_top`, `_bottom`, `_left`, `_right`: share of the height or width that
is black in every frame, 0 to 1. `black_share`: share of frames that are black all over, 0 to 1. Frame values are
averaged over the clip; a clip without a frame has None. A clip that is black all over has no bars: they cannot be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.flow import gray
from dropletvideo.perception.judge import Chunk, Features, Frames

BLACK_LEVEL = 24
"""Luma up to which a pixel counts as black: video black after lossy coding."""
_TELLING_SHARE = 0.98
"""Share of a line's pixels that must be black for the line to be a bar; a few may carry a logo's rim or noise."""
_SIDES = ("top", "bottom", "left", "right")
_COLUMNS = (
    "brightness",
    "brightness_p10",
    "brightness_p90",
    "sharpness",
    "colourfulness",
    "black_share",
    *(f"letterbox_{side}" for side in _SIDES),
)


@dataclass
class _State:
    rows: list[dict[str, float]] = field(default_factory=list)
    black: int = 0
    black_lines: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None


class LookJudge:
    """See the module text."""

    name = "look"
    version = 1
    needs: Frames | Features = Frames(rate=2.0, short_side=256)
    columns: Mapping[str, type] = dict.fromkeys(_COLUMNS, float)

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002 - the row asks nothing of this judge
        """Nothing is known before the first frame."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Measure every frame of the chunk."""
        for frame in chunk.frames:
            luma = gray(frame)
            state.rows.append(measure_frame(frame, luma))
            dark = luma <= BLACK_LEVEL
            if dark.mean() >= _TELLING_SHARE:
                state.black += 1
                continue
            lines = (dark.mean(axis=1) >= _TELLING_SHARE, dark.mean(axis=0) >= _TELLING_SHARE)
            before = state.black_lines
            state.black_lines = lines if before is None else (before[0] & lines[0], before[1] & lines[1])

    def finish(self, state: _State) -> dict[str, Any]:
        """Means over frames; bars that every frame shares."""
        if not state.rows:
            return dict.fromkeys(self.columns)
        means: dict[str, Any] = {name: float(np.mean([row[name] for row in state.rows])) for name in state.rows[0]}
        means["black_share"] = state.black / len(state.rows)
        return means | _bars(state.black_lines)


def measure_frame(frame: NDArray[np.uint8], luma: NDArray[np.uint8]) -> dict[str, float]:
    """Values of one RGB frame H,W,3 and its luma H,W."""
    low, high = np.percentile(luma, (10, 90))
    return {
        "brightness": float(luma.mean()),
        "brightness_p10": float(low),
        "brightness_p90": float(high),
        "sharpness": float(cv2.Laplacian(luma, cv2.CV_32F).var()),
        "colourfulness": colourfulness(frame),
    }


def colourfulness(frame: NDArray[np.uint8]) -> float:
    """Hasler and Suesstrunk's measure of an RGB frame H,W,3."""
    red, green, blue = (frame[..., k].astype(np.float32) for k in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    spread = float(np.hypot(rg.std(), yb.std()))
    return spread + 0.3 * float(np.hypot(rg.mean(), yb.mean()))


def _bars(lines: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None) -> dict[str, Any]:
    if lines is None:
        return {f"letterbox_{side}": None for side in _SIDES}
    rows, columns = lines
    found = (rows, rows[::-1], columns, columns[::-1])
    return {f"letterbox_{side}": _leading(line) for side, line in zip(_SIDES, found, strict=True)}


def _leading(black: NDArray[np.bool_]) -> float:
    """Share of the line up to its first entry that is not black."""
    return float(np.argmin(black)) / len(black) if not black.all() else 1.0
