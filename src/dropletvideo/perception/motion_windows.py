"""Judge: histograms of point motion in windows of a video, for the Frechet video motion distance (FVMD).

`fvmd_fixed`, `fvmd_compat`: N,1024 float32, one row for each window of 16 consecutive frames, windows one frame apart;
no unit, range 0 upwards, no direction. A video under 16 frames has None. `fixed` takes acceleration from velocities,
`compat` repeats the fault of the released code. Formula and source: `track_histograms.py`.

Tracks: PIPs++ as the exported program `pips2-tracks`. It takes frames 1,16,3,256,256 float32 in 0 to 255 and points
1,400,2 (x, y) px of the first frame, and gives 1,16,400,2 after 16 rounds of refinement. Points: 20 x 20, 8 px from the
border. Frames are brought to 256 x 256 by a bilinear filter without low-pass, aspect lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.perception.programs import load_program
from dropletvideo.perception.track_histograms import GRID, WINDOW, motion_histogram

if TYPE_CHECKING:
    import torch

SIDE, MARGIN = 256, 8
WEIGHTS = "pips2-tracks"


@dataclass
class _State:
    window: deque[torch.Tensor] = field(default_factory=lambda: deque(maxlen=WINDOW))
    fixed: list[NDArray[np.float64]] = field(default_factory=list)
    compat: list[NDArray[np.float64]] = field(default_factory=list)


class MotionWindows:
    """See the module text.

    Args:
        path: the exported program; looked for among the weights by default.
    """

    name = "motion_windows"
    version = 1
    weights = (WEIGHTS,)
    needs = Frames(rate=None, short_side=None)
    columns: Mapping[str, type] = {"fvmd_fixed": np.ndarray, "fvmd_compat": np.ndarray}

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def start(self, row: Mapping[str, Any]) -> _State:  # noqa: ARG002  asks nothing of the row
        """No frame yet."""
        return _State()

    def update(self, state: _State, chunk: Chunk) -> None:
        """Each frame from the 16th on ends a window."""
        for frame in chunk.frames:
            state.window.append(brought_to_size(frame))
            if len(state.window) == WINDOW:
                tracks = self._tracks(state.window)
                state.fixed.append(motion_histogram(tracks, "velocity"))
                state.compat.append(motion_histogram(tracks, "position"))

    def finish(self, state: _State) -> dict[str, Any]:
        """Rows of all windows."""
        if not state.fixed:
            return dict.fromkeys(self.columns)
        return {
            "fvmd_fixed": np.stack(state.fixed).astype(np.float32),
            "fvmd_compat": np.stack(state.compat).astype(np.float32),
        }

    def _tracks(self, window: deque[torch.Tensor]) -> NDArray[np.float32]:
        import torch

        program, device = load_program(WEIGHTS, self.path)
        frames, points = torch.stack(list(window))[None].to(device), torch.from_numpy(grid_points())[None].to(device)
        with torch.inference_mode():
            tracks = program(frames, points)
        return np.asarray(tracks[0].float().cpu().numpy(), np.float32)


def grid_points() -> NDArray[np.float32]:
    """400,2 places (x, y) in px, row by row."""
    along = np.linspace(MARGIN, SIDE - MARGIN, GRID, dtype=np.float32)
    down, across = np.meshgrid(along, along, indexing="ij")
    return np.stack((across.ravel(), down.ravel()), axis=1)


def brought_to_size(frame: NDArray[np.uint8]) -> torch.Tensor:
    """H,W,3 uint8 to 3,256,256 float32 in 0 to 255."""
    import torch

    pixels = torch.from_numpy(frame.astype(np.float32)).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(pixels, size=(SIDE, SIDE), mode="bilinear", align_corners=False)[0]
