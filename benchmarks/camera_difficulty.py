"""What a rendered shot gives a camera judge to see, told from its truth alone: parallax in pixels, and how hard it is.

Travel past what lies at one depth moves the picture as a turn or a zoom does. `parallax` is what no turn and zoom
explains, through a lens of whatever focal length, over two seconds at most; below PARALLAX_PX the two cannot be told
apart. `ambiguous` names the moves of a shot for which this holds, and zooms of scenes in which a dolly that magnifies
as much would show no parallax either: of these, "cannot tell" is the right answer. `difficulty` adds up what makes a
shot hard; quartiles of it are taken over the shots of a run.
"""

from __future__ import annotations

import numpy as np

from dropletvideo.perception.camera_fit import fit_turn
from dropletvideo.world.tracer import FIRST_OBJECT, cast, nearest, points_of, rectangles

SHORT_SIDE = 256
GRID = 12
SECONDS = 2.0
PLACES = 3
FOCAL_RATIOS = (0.75, 1.1, 1.7, 6.0)
PARALLAX_PX = 3.0
"""About three deviations of a tracked point's shift; pixels at short side 256."""
TWINS = {
    "truck_left": "pan_left", "truck_right": "pan_right", "pedestal_up": "tilt_up", "pedestal_down": "tilt_down",
    "dolly_in": "zoom_in", "dolly_out": "zoom_out",
}  # fmt: skip
"""Travel past something flat, and what looks the same."""
TRAVELS = ("truck", "pedestal", "dolly", "arc", "tracking")
CLEAR_PX = 16.0
"""Motion from which on a move is no longer called faint."""


def seen_shift(shot, begin, end):
    """Where still points of the view at `begin` lie (N,2 pixels from the centre), there and at `end`; and the focal
    length in pixels."""
    scale = SHORT_SIDE / min(shot.height, shot.width)
    height, width = round(shot.height * scale), round(shot.width * scale)
    cameras = shot.cameras_at(height, width, np.array([begin, end]))
    y, x = np.meshgrid(np.linspace(4, height - 5, GRID), np.linspace(4, width - 5, GRID), indexing="ij")
    rays = cast(cameras, 0, x.ravel().astype(np.float32), y.ravel().astype(np.float32))
    poses = shot.stage.poses(begin)
    found, depth = nearest(shot.stage, poses, rays, rectangles(shot.stage, poses, cameras, 0))
    moving = [FIRST_OBJECT + k for k, thing in enumerate(shot.scene.objects) if thing.motion.kind != "still"]
    points = np.stack(points_of(rays, depth), axis=1).astype(float)[~np.isin(found, moving)]
    a, _ = cameras.project(points, 0)
    b, ahead = cameras.project(points, 1)
    inside = (ahead > 0.05) & (b > 0).all(axis=1) & (b[:, 0] < width) & (b[:, 1] < height)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    return a[inside] - centre, b[inside] - centre, float(cameras.K[0, 0, 0])


def moments(shot, move):
    """Pairs of times inside a move, two seconds apart or as far as it lasts."""
    last = min(move.end, shot.last_time)
    apart = min(SECONDS, last - move.start)
    return [(begin, begin + apart) for begin in np.linspace(move.start, max(last - apart, move.start), PLACES)]


def parallax(shot, move):
    """Largest parallax of a move in pixels: 90th percentile over points of what the best turn and zoom leaves."""
    found = [0.0]
    for begin, end in moments(shot, move):
        a, b, focal = seen_shift(shot, begin, end)
        if len(a) >= GRID:
            found.append(min(left_by_turning(a, b, f) for f in (*(r * SHORT_SIDE for r in FOCAL_RATIOS), focal))[1])
    return max(found)


def left_by_turning(a, b, focal_px):
    """Truncated root mean square and 90th percentile (pixels) of what rotation and zoom leave unexplained."""
    _, left = fit_turn(a / focal_px, b / focal_px, np.full(len(a), 2.0 / focal_px))
    size = np.linalg.norm(left, axis=1) * focal_px
    return float(np.sqrt((np.minimum(size, 10.0) ** 2).mean())), float(np.percentile(size, 90))


def dolly_parallax(shot, move):
    """Parallax in pixels that a dolly would show in place of a zoom, magnifying the middle distance as much."""
    begin = move.start
    scale = SHORT_SIDE / min(shot.height, shot.width)
    height, width = round(shot.height * scale), round(shot.width * scale)
    cameras = shot.cameras_at(height, width, np.array([begin]))
    y, x = np.meshgrid(np.linspace(4, height - 5, GRID), np.linspace(4, width - 5, GRID), indexing="ij")
    rays = cast(cameras, 0, x.ravel().astype(np.float32), y.ravel().astype(np.float32))
    poses = shot.stage.poses(begin)
    _, depth = nearest(shot.stage, poses, rays, rectangles(shot.stage, poses, cameras, 0))
    depth, focal = depth.astype(float), float(cameras.K[0, 0, 0])
    middle = np.median(depth)
    ratio = float(move.amount) ** min(SECONDS / max(move.end - move.start, 1e-6), 1.0)
    way = middle * (1 - 1 / ratio)
    a = np.stack([x.ravel() - (width - 1) / 2, y.ravel() - (height - 1) / 2], axis=1)
    keep = depth - way > 0.2 * middle
    b = a[keep] * (depth[keep] / (depth[keep] - way))[:, None]
    return min(left_by_turning(a[keep], b, f) for f in (*(r * SHORT_SIDE for r in FOCAL_RATIOS), focal))[1]


def ambiguous(shot, pixels):
    """Moves of a shot that no parallax tells from their twins, each with its twin; `pixels` of `evidence`."""
    found = {}
    for move in shot.moves:
        if move.move in TWINS and pixels[move.move] < PARALLAX_PX:
            found[move.move] = TWINS[move.move]
        if move.move.startswith("zoom") and dolly_parallax(shot, move) < PARALLAX_PX:
            found[move.move] = move.move.replace("zoom", "dolly")
    return found


def picture_motion(shot, move):
    """Largest median shift of the picture in pixels over the pairs of a move."""
    found = [0.0]
    for begin, end in moments(shot, move):
        a, b, _ = seen_shift(shot, begin, end)
        found += [float(np.median(np.linalg.norm(b - a, axis=1)))] if len(a) >= GRID else [CLEAR_PX]
    return max(found)


def evidence(shot):
    """Pixels that each move but shake and static gives to see: parallax of travel, else motion of the picture."""
    moves = [move for move in shot.moves if move.move not in ("shake", "static")]
    return {move.move: (parallax if is_travel(move) else picture_motion)(shot, move) for move in moves}


def is_travel(move):
    """Whether only parallax tells the move from a turn or a zoom."""
    return move.move.split("_")[0] in TRAVELS


def decidable(shot, pixels):
    """Whether every move that travels shows parallax; `pixels` of `evidence`."""
    return all(pixels[move.move] >= PARALLAX_PX for move in shot.moves if move.move in pixels and is_travel(move))


def difficulty(shot, pixels):
    """0 upwards: flat scene 1, weak texture 0.5, each degree of shake 1, each tenth of moving pixels 0.25, each further
    move 0.5, a faint move up to 1, few pixels up to 1, compression up to 0.5. `pixels` of `evidence`."""
    shake = sum(move.amount for move in shot.moves if move.move == "shake")
    extra = max(len([move for move in shot.moves if move.move != "shake"]) - 1, 0)
    faint = np.log2(CLEAR_PX / max(min(pixels.values(), default=CLEAR_PX), 1.0)) / np.log2(CLEAR_PX)
    few = np.log2(SHORT_SIDE / min(shot.height, shot.width))
    return float(
        shot.scene.flat
        + 0.5 * shot.scene.weak
        + shake
        + 2.5 * shot.moving_share(shot.seconds / 2)
        + 0.5 * extra
        + np.clip(faint, 0, 1)
        + np.clip(few, 0, 1)
        + 0.5 * (shot.crf - 18) / 17
    )
