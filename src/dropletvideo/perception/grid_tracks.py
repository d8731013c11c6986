"""Judges: 100 points of the first frame followed through the video by CoTracker2; need the programs `cotracker2`, `cotracker2-online`.

`GridTracks`: `four_point_moves`, the moves that `four_points.py` names, on places cut to whole px as the published code
does; `four_point_moves_even`, on two points an edge and uncut places; `tracking_strength`: mean over points and frames
of the distance from the first place, px of the video; `tracking_strength_share`, the same over the short side.
`OnlineTracks` `tracking_strength_online`: the same distance over what MiraBench's released code collects: every step of
the online tracker gives all places so far, all are put one behind the other, so that early frames count many times.

Unit px or short sides, range 0 upwards, direction none for the distances (more is farther, not better). None for one
frame. Source: Karaev et al., "CoTracker" (2023) as VBench++ and MiraBench call it: 10 x 10 points, 384 x 512 px.

The programs take 1,T,3,384,512 float32 of 0 to 255 and give places 1,T',100,2 px of 384 x 512, row by row; T' = T, or
for the online one all steps together. They are traced for their T (`shaped_programs.py`). A video is held whole, 2.4 MB
a frame: at most 400 frames.
"""  # noqa: E501  the first line names the weights

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.errors import RequestError
from dropletvideo.perception.four_points import GRID, labels
from dropletvideo.perception.frame_pixels import as_tensor
from dropletvideo.perception.judge import Chunk, Features, Frames
from dropletvideo.perception.shaped_programs import shaped_program

if TYPE_CHECKING:
    import torch

WEIGHTS, ONLINE = "cotracker2", "cotracker2-online"
SIDES = (384, 512)
MOST_FRAMES = 400


@dataclass
class _Seen:
    size: tuple[int, int] = (0, 0)
    frames: list[torch.Tensor] = field(default_factory=list)


def strength(places: NDArray[np.float64]) -> float:
    """Mean distance of T,N,2 places from those of the first frame."""
    return float(np.sqrt(((places - places[0]) ** 2).sum(axis=-1)).mean())


class GridTracks:
    """See the module text.

    Args:
        path: the folder of programs; looked for among the weights by default.
    """

    name = "grid_tracks"
    version = 2
    program = WEIGHTS
    weights: tuple[str, ...] = (WEIGHTS,)
    needs: Frames | Features = Frames(rate=None, short_side=None)
    columns: Mapping[str, type] = {
        "four_point_moves": list,
        "four_point_moves_even": list,
        "tracking_strength": float,
        "tracking_strength_share": float,
    }

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = path

    def start(self, row: Mapping[str, Any]) -> _Seen:  # noqa: ARG002  asks nothing of the row
        """Frames so far."""
        return _Seen()

    def update(self, state: _Seen, chunk: Chunk) -> None:
        """Keep the frames at the tracker's size."""
        from torch.nn.functional import interpolate

        state.size = (chunk.frames.shape[1], chunk.frames.shape[2])
        if len(state.frames) + len(chunk.frames) > MOST_FRAMES:
            raise RequestError(
                f"the video has more than {MOST_FRAMES} frames: tracks hold it whole, give a shorter one"
            )
        for frame in chunk.frames:
            resized = interpolate(as_tensor(frame[None]), SIDES, mode="bilinear", align_corners=True)
            state.frames.append(resized[0])

    def places(self, state: _Seen) -> NDArray[np.float64] | None:
        """T',100,2 in px of the video; None for fewer than two frames."""
        import torch

        if len(state.frames) < 2:
            return None
        program, device = shaped_program(self.program, str(len(state.frames)), self.path)
        with torch.inference_mode():
            found = program(torch.stack(state.frames)[None].to(device))[0].double().cpu().numpy()
        height, width = state.size
        return np.asarray(found * np.array([(width - 1) / (SIDES[1] - 1), (height - 1) / (SIDES[0] - 1)]))

    def finish(self, state: _Seen) -> dict[str, Any]:
        """Moves and distances."""
        places = self.places(state)
        if places is None:
            return dict.fromkeys(self.columns)
        short = min(state.size)
        grids = places.reshape(len(places), GRID, GRID, 2)
        distance = strength(places)
        return {
            "four_point_moves": labels(np.trunc(grids[0]), np.trunc(grids[-1]), short),
            "four_point_moves_even": labels(grids[0], grids[-1], short, points=2),
            "tracking_strength": distance,
            "tracking_strength_share": distance / short,
        }


class OnlineTracks(GridTracks):
    """See the module text."""

    name = "online_tracks"
    version = 1
    program = ONLINE
    weights = (ONLINE,)
    columns: Mapping[str, type] = {"tracking_strength_online": float}

    def finish(self, state: _Seen) -> dict[str, Any]:
        """The distance over all that the online tracker gave."""
        places = self.places(state)
        return {"tracking_strength_online": None if places is None else strength(places)}
