"""Integral spatio-temporal consistency, weight-free: what a clip's point tracks say of one scene, seen by one camera.

Columns, all from frames at 8 per second and short side 256, at most the first 30 seconds:

`opening_likeness` in 0 to 1, higher is better: likeness of the first frame to the asked image (the mean of all cells
and of their worst quarter; terms of `returning.py`), None where no image is given.

`rigid_agreement` in 0 to 1, higher is better: mean over all tracks of 1 / (1 + (e / t)^2) with e the root mean square
distance of a track from what one rigid scene before the moving camera allows (`rigid_scene.py`: rotation and zoom, and
travel with one depth per point where parallax shows, the same depth in every window); a track of a thing that moves by
itself is measured against that thing (`own_motion.py`). No track is left out. t is 1.5 px, and up to 2.5 px where the
clip's own points are seen less surely, as in coarse coding (`rigid_tolerance_px`: from how far points that are followed
there and back miss their start, which neither warp nor drift makes large). `rigid_error_px` mean of e in
px, range 0 upwards, lower is better. `rigid_parallax` share of the time in which parallax shows, direction none.
`rigid_held` in 0 to 1, higher is better: share of tracks found again from one frame to the next. `rigid_by_angle`:
error by how far the camera has turned, {degrees: px} in steps of 30. `rigid_course`: the camera's course (`course.py`),
`times` in seconds from the first frame and `steps` between them.

`return_likeness`, `return_worst` in 0 to 1, higher is better: likeness of what comes back into view to what it was
(`returning.py`), mean and that of the worst quarter of the picture; None if the view never returns. `return_detail`:
pairs of frames, closing of a full turn, and degrees turned.

`revealed_share` in 0 to 1, direction none: the largest part of a frame that was not in view in the first.
`revealed_stays` in 0 to 1, higher is better: likeness of what is new to itself half a second on; `revealed_own` in 0 to
1, higher is better: share of it that is not the first frame mirrored, stretched or filled up (`revealed_look.py`).
`revealed_detail`: share by border, and coloured things that came in (`revealed.py`).

`changed_share` in 0 to 1, lower is better: largest part of the picture that changes its colour before the eyes
and `kept_look` in 0 to 1, higher is better: least likeness of what stays in view to what it was (`changed_look.py`).

`plot_share` in 0 to 1, direction none: share of the time in which something moves by itself. `plot_steadiness` in 0
to 1, higher is better: smoothness of its course once the camera's motion is taken off. `plot_detail`: the things.

What it cannot tell: a thing that moves along the camera's own travel looks like a near thing that stands still. A
column that has nothing to go by is None. Sources: as named in the modules above.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.media import Fit, fit_image
from dropletvideo.perception import plot_things, revealed, revealed_look
from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.camera_windows import calibrate, make_pairs
from dropletvideo.perception.changed_look import changed_share, kept_look
from dropletvideo.perception.colours import name_pixels
from dropletvideo.perception.course import course_of
from dropletvideo.perception.judge import Chunk, Features, Frames
from dropletvideo.perception.own_motion import Judged, judge_windows, moving_boxes
from dropletvideo.perception.point_tracks import POINT_TRACKS, SHORT_SIDE
from dropletvideo.perception.returning import SIDE, Boxes, closing, headings, likeness_of_cells, returns_of
from dropletvideo.perception.rigid_scene import RigidWindow, rigid_windows
from dropletvideo.perception.settled_lens import settled_lens
from dropletvideo.perception.view_chain import ViewChain, chain_of

MOST_FRAMES = 240
AGREES_PX, UNSURE, MOST_UNSURE_PX = 1.5, 20.0, 2.0
"""Distance from the rigid scene at which a track's agreement is a half; to it is added (as deviations are) this many
times the mean miss of points followed there and back, up to the last."""
ANGLE_STEP = 30
OPENING_CELLS = (8, 8)
COLUMNS: Mapping[str, type] = {
    "opening_likeness": float,
    "rigid_agreement": float,
    "rigid_error_px": float,
    "rigid_tolerance_px": float,
    "rigid_parallax": float,
    "rigid_held": float,
    "rigid_by_angle": dict,
    "rigid_course": dict,
    "return_likeness": float,
    "return_worst": float,
    "return_detail": dict,
    "revealed_share": float,
    "revealed_stays": float,
    "revealed_own": float,
    "revealed_detail": dict,
    "changed_share": float,
    "kept_look": float,
    "plot_share": float,
    "plot_steadiness": float,
    "plot_detail": dict,
}


@dataclass
class ConsistencyState:
    """Tracks so far, and small copies of the frames: colour names at short side 64, pictures at short side 96."""

    tracks: Tracks
    image: NDArray[np.uint8] | None = None
    fit: Fit = "crop"
    names: list[NDArray[np.int8]] = field(default_factory=list)
    pictures: list[NDArray[np.uint8]] = field(default_factory=list)


class ConsistencyJudge:
    """See the module text."""

    name = "consistency"
    version = 11
    reads = ("image", "fit")
    needs: Frames | Features = POINT_TRACKS
    columns: Mapping[str, type] = COLUMNS

    def start(self, row: Mapping[str, Any]) -> ConsistencyState:
        """State of one clip; the row may hold the asked image and how it was fitted."""
        return ConsistencyState(Tracks(), image=row.get("image_frame"), fit=row.get("fit") or "crop")

    def update(self, state: ConsistencyState, chunk: Chunk) -> None:
        """Collect the points, and keep small copies."""
        left = MOST_FRAMES - len(state.tracks.frames)
        state.tracks.take(chunk.features[POINT_TRACKS.backbone][:left], *chunk.frames.shape[1:3])
        for frame in chunk.frames[:left]:
            small = cv2.medianBlur(_shrunk(frame, revealed.NAMED_SIDE), revealed.NAMED_OVER)
            state.names.append(name_pixels(small).astype(np.int8))
            state.pictures.append(_shrunk(frame, SIDE))

    def finish(self, state: ConsistencyState) -> dict[str, Any]:
        """The columns of the clip."""
        tracks = state.tracks
        pairs = make_pairs(tracks)
        opening = {"opening_likeness": _opening(state)}
        if not pairs:
            return dict.fromkeys(COLUMNS) | opening
        lens = settled_lens(pairs, calibrate(pairs, min(tracks.height, tracks.width)))
        windows = rigid_windows(tracks, lens.focal_px, lens.noise_px)
        judged = judge_windows(windows, lens.noise_px, min(tracks.height, tracks.width))
        chain = chain_of(tracks, lens.focal_px, lens.noise_px)
        heading = headings(windows, len(tracks.frames))
        moving = moving_boxes(judged, tracks)
        return {
            **opening,
            **_rigid(judged, tracks, heading),
            "rigid_course": _course(windows, tracks),
            **_returns(state.pictures, chain, heading, moving),
            **_revealed(state, chain, moving),
            "changed_share": changed_share(state.pictures, chain, heading),
            "kept_look": kept_look(state.pictures, chain, heading),
            **_plot(judged, state),
        }


def _shrunk(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    scale = side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _opening(state: ConsistencyState) -> float | None:
    """Likeness of the first frame to the asked image, brought to its shape as the generator does."""
    if state.image is None or not state.pictures:
        return None
    first = state.pictures[0]
    asked = fit_image(state.image, first.shape[0], first.shape[1], state.fit)
    likeness = np.sort(likeness_of_cells(asked, first, OPENING_CELLS).ravel())
    return float((likeness.mean() + likeness[: len(likeness) // 4].mean()) / 2)


def _rigid(judged: list[Judged], tracks: Tracks, heading: Array) -> dict[str, Any]:
    if not judged:
        return dict.fromkeys(name for name in COLUMNS if name.startswith("rigid_"))
    scale = SHORT_SIDE / min(tracks.height, tracks.width)
    error = np.concatenate([each.error_px for each in judged]) * scale
    missed = float(np.mean([frame.back_px for frame in tracks.frames[1:]])) * scale
    agrees = float(np.hypot(AGREES_PX, min(UNSURE * missed, MOST_UNSURE_PX)))
    lengths = np.array([each.window.times[-1] - each.window.times[0] for each in judged])
    parallax = np.array([each.window.has_parallax for each in judged], float)
    by_angle: dict[str, list[float]] = {}
    for each in judged:
        turned = abs(float(np.mean(heading[each.window.first : each.window.first + len(each.window.times)])))
        if np.isfinite(turned):
            step = str(int(turned // ANGLE_STEP) * ANGLE_STEP)
            by_angle.setdefault(step, []).append(float(each.error_px.mean()) * scale)
    return {
        "rigid_agreement": float((1 / (1 + (error / agrees) ** 2)).mean()),
        "rigid_error_px": float(error.mean()),
        "rigid_tolerance_px": agrees,
        "rigid_parallax": float(np.average(parallax, weights=lengths)),
        "rigid_held": float(np.mean([frame.kept for frame in tracks.frames[1:]])),
        "rigid_by_angle": {step: round(float(np.mean(errors)), 3) for step, errors in by_angle.items()},
    }


def _course(windows: list[RigidWindow], tracks: Tracks) -> dict[str, Any]:
    steps = course_of(windows, len(tracks.frames), min(tracks.height, tracks.width))
    return {
        "times": [round(frame.time - tracks.frames[0].time, 4) for frame in tracks.frames],
        "steps": [[round(float(value), 5) for value in step] if np.isfinite(step[0]) else None for step in steps],
    }


def _returns(pictures: list[NDArray[np.uint8]], chain: ViewChain, heading: Array, moving: Boxes) -> dict[str, Any]:
    found = returns_of(pictures, chain, moving, heading)
    full = closing(pictures, heading, chain.cells)
    told = found + ([full] if full else [])
    turned = float(np.nanmax(np.abs(heading))) if np.isfinite(heading).any() else None
    return {
        "return_likeness": float(np.mean([each.likeness for each in told])) if told else None,
        "return_worst": float(np.mean([each.worst for each in told])) if told else None,
        "return_detail": {
            "pairs": [[each.first, each.last, round(each.likeness, 3), round(each.worst, 3)] for each in found],
            "closing": None if full is None else [full.last, round(full.likeness, 3), round(full.worst, 3)],
            "turned_degrees": None if turned is None else round(turned, 2),
        },
    }


def _revealed(state: ConsistencyState, chain: ViewChain, moving: Boxes) -> dict[str, Any]:
    new = revealed.new_cells(chain)
    times = np.array([frame.time for frame in state.tracks.frames]) - state.tracks.frames[0].time
    share = float(new.reshape(len(new), -1).mean(axis=1).max())
    told = share >= revealed_look.LEAST_NEW
    return {
        "revealed_share": share,
        "revealed_stays": revealed_look.holds(state.pictures, chain, new, moving) if told else None,
        "revealed_own": revealed_look.own_share(state.pictures, chain, new) if told else None,
        "revealed_detail": {
            "borders": revealed.revealed_by_border(chain, new),
            "things": [revealed.as_row(thing, times) for thing in revealed.things_in(state.names, chain, new)],
        },
    }


def _plot(judged: list[Judged], state: ConsistencyState) -> dict[str, Any]:
    if not judged:
        return dict.fromkeys(name for name in COLUMNS if name.startswith("plot"))
    things = plot_things.things_of(judged)
    start = state.tracks.frames[0].time
    rows = [plot_things.as_row(thing, judged, state.names, state.tracks.height) for thing in things]
    for row in rows:
        row["start"], row["end"] = round(row["start"] - start, 3), round(row["end"] - start, 3)
    whole = plot_things.covered([(float(e.window.times[0]), float(e.window.times[-1])) for e in judged])
    spans = [(float(e.window.times[0]), float(e.window.times[-1])) for e in judged if e.movers]
    steady = [row["steadiness"] for row in rows if row["steadiness"] is not None]
    return {
        "plot_share": plot_things.covered(spans) / whole if whole > 0 else None,
        "plot_steadiness": float(np.mean(steady)) if steady else None,
        "plot_detail": {"things": rows},
    }
