"""Subjects: tracking shots, in which the background flows one way while something in the middle of the view keeps its
place, and things that turn before a still camera.

A far backdrop keeps its place too when the camera travels, and so does the pivot of an arc; so the held points must
be compact, near the middle, with flowing points on both sides and below, and all that flows must go one way (round a
pivot, near and far go opposite ways).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import MIN_POINTS, Array, fit_turn
from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.camera_windows import Pair, Window

MIN_FLOW = 0.012
"""Flow of the background over a pair, in short sides, below which nothing can be told."""
HELD = 0.3
"""Held points move less than this share of the background's flow."""
MIN_HELD, MAX_HELD = 4, 0.5
SAME_WAY = 0.85
ROW = 0.05
"""Half the height of the band in which a held point's neighbours are looked at, in picture heights."""
MIDDLE, LOW_MIDDLE = 0.28, (0.12, 0.42)
"""Distance of the held points' centre from the picture's, as a share of its width and height, at most; and aside and
down for a subject that stands low: far backdrops keep their place too, but above."""
FOLLOWING_FLOW, OFF_TURN, NEARLY_HELD = 0.03, 0.5, 0.6
"""Who follows by turning: least flow of the background in short sides; what the subject's points are off the turn, at
least, and move in the picture, at most, over that flow."""
FOLLOWED_REACH, COMPACT, FOLLOWED_SHARE = 0.35, 0.6, 0.2
"""Half the region about such points that must hold most of them, in short sides, and their share of its points."""
TURN_SECONDS = 0.375
TURN_SHIFT = 0.006
"""What moves by this over that time, in short sides, beside the still rest may belong to a thing that turns."""
TURN_REACH, TURN_SIZE, TURN_CENTRE = 0.3, 0.22, 0.2
"""Half the region round the middle of what moves that is looked at, and the least width and height of what moves in
it, in short sides; distance of its centre from the picture's, in widths and heights, at most."""
TURN_POINTS, TURN_TIME = 0.055, 0.8
"""Share of the points that move there, on average, and of the time in which four do, at least."""
SURE_WAY, SURELY_STAYS, SURELY_ROUND = 0.97, 0.08, 2.0
SLIM, SLIM_POINTS = (0.12, 0.2), 0.03
"""What goes round beyond doubt (all one way, in its place, by twice its width) may be slim: least width, height, share
of the points."""
MANY_POINTS, MANY_WAY = 0.15, 0.86
"""Of so large a share of the points some may go another way: least share of moves in one direction."""
ONE_WAY, LEVEL, STAYS, GOES_ROUND = 0.9, 0.35, 0.25, 0.6
"""Share of moves in one direction at least; up and down moves over those to a side, and drift of the region over the
speed in it, at most; way of its points over its width, at least."""


def holds_subject(pair: Pair, turning: Array | float, height: int, width: int) -> bool | None:
    """Whether a pair shows a held subject; None if the background hardly moves.

    `turning` N,2 (pixels) is what the camera's turns did and is taken off: hand-held shake moves the subject too.
    """
    shift = pair.b - pair.a - turning
    size = np.linalg.norm(shift, axis=1)
    flow = float(np.percentile(size, 65))
    if flow < MIN_FLOW * min(height, width):
        return None
    flows = size > 2 * HELD * flow
    held = _compact(pair.a, _among_flow(pair.a, size < HELD * flow, flows, height), min(height, width))
    if held.sum() < MIN_HELD or held.mean() > MAX_HELD or flows.sum() < 2 * MIN_HELD:
        return False
    way = np.median(shift[flows], axis=0)
    same = float((shift[flows] @ way > 0.7 * size[flows] * np.linalg.norm(way)).mean())
    aside, down = np.median(pair.a[held], axis=0) / (width, height)
    central = bool(max(abs(aside), abs(down)) < MIDDLE or (abs(aside) < LOW_MIDDLE[0] and 0 < down < LOW_MIDDLE[1]))
    return bool(same > SAME_WAY and central and _is_enclosed(pair.a, held, flows))


def follows_subject(pair: Pair, window: Window, height: int, width: int) -> bool | None:
    """Whether something compact in the middle keeps its place, or nearly, while the camera turns past the rest; None if
    the turn is too small. `window` has the turn of the pair.
    """
    size = np.linalg.norm(pair.b - pair.a, axis=1)
    flow = float(np.percentile(size, 65))
    if flow < FOLLOWING_FLOW * min(height, width):
        return None
    off = (np.linalg.norm(window.left, axis=1) * window.focal_px > OFF_TURN * flow) & (size < NEARLY_HELD * flow)
    if off.sum() < MIN_HELD:
        return False
    centre = np.median(pair.a[off], axis=0)
    near = np.abs(pair.a - centre).max(axis=1) < FOLLOWED_REACH * min(height, width)
    central = max(np.abs(centre) / (width, height)) < MIDDLE
    compact = (off & near).sum() > COMPACT * off.sum()
    return bool(central and compact and off[near].mean() > FOLLOWED_SHARE)


def _among_flow(places: Array, held: NDArray[np.bool_], flows: NDArray[np.bool_], height: int) -> NDArray[np.bool_]:
    """The held points in whose row most points flow, on both sides: a far backdrop fills its rows."""
    row = np.abs(places[held, None, 1] - places[None, :, 1]) < ROW * height
    left = places[None, :, 0] < places[held, None, 0]
    sides = np.minimum((row & left & flows).sum(axis=1), (row & ~left & flows).sum(axis=1))
    among = held.copy()
    among[held] = (sides >= 2) & ((row & flows).sum(axis=1) > 0.3 * row.sum(axis=1))
    return among


def _compact(places: Array, held: NDArray[np.bool_], short_side: int) -> NDArray[np.bool_]:
    """The held points near their median place: a subject, not a strip of far backdrop."""
    if not held.any():
        return held
    centre = np.median(places[held], axis=0)
    near = np.abs(places - centre).max(axis=1) < 0.4 * short_side
    return held & near if (held & near).sum() > 0.6 * held.sum() else np.zeros_like(held)


def _is_enclosed(places: Array, held: NDArray[np.bool_], flows: NDArray[np.bool_]) -> bool:
    low, high = np.percentile(places[held], [10, 90], axis=0)
    rows = (places[:, 1] > low[1] - 10) & (places[:, 1] < high[1] + 10) & flows
    left, right = rows & (places[:, 0] < low[0]), rows & (places[:, 0] > high[0])
    below = flows & (places[:, 1] > high[1])
    return bool(left.sum() >= 2 and right.sum() >= 2 and below.sum() >= 2)


def turns_in_place(tracks: Tracks, focal_px: float) -> bool:
    """Whether a still camera shows a thing in the middle that turns about an upright axis: its front moves to one side
    all the time, yet it stays where it is (what slides takes its place along; what swings moves both ways)."""
    short_side = min(tracks.height, tracks.width)
    moments = _moving_points(tracks, focal_px)
    if not moments or not sum(len(places) for _, places, _, _ in moments):
        return False
    middle = np.median(np.concatenate([places for _, places, _, _ in moments]), axis=0)
    found, times, share = [], [], []
    for time, places, shifts, count in moments:
        near = np.abs(places - middle).max(axis=1) < TURN_REACH * short_side
        share.append(near.sum() / count)
        if near.sum() >= MIN_HELD:
            found.append((places[near], shifts[near]))
            times.append(time)
    if len(found) < max(MIN_HELD, TURN_TIME * len(moments)):
        return False
    return _goes_round(found, np.array(times), tracks, float(np.mean(share)))


def _moving_points(tracks: Tracks, focal_px: float) -> list[tuple[float, Array, Array, int]]:
    """Of each moment: time, places and shifts per second of the points that move (pixels from the centre), and how
    many points there are; what the hand that holds the camera does is taken off."""
    frames, short_side = tracks.frames, min(tracks.height, tracks.width)
    step = (frames[-1].time - frames[0].time) / max(len(frames) - 1, 1)
    hop = max(1, round(TURN_SECONDS / max(step, 1e-6)))
    centre = np.array([(tracks.width - 1) / 2, (tracks.height - 1) / 2])
    moments = []
    for first in range(0, len(frames) - hop, max(1, hop // 2)):
        ids, a, b = tracks.pair(first, first + hop)
        if len(ids) >= MIN_POINTS:
            _, left = fit_turn((a - centre) / focal_px, (b - centre) / focal_px, np.full(len(ids), 0.5 / focal_px))
            shifts = left * focal_px
            moving = np.linalg.norm(shifts, axis=1) > TURN_SHIFT * short_side
            moments.append((frames[first].time, (a - centre)[moving], shifts[moving] / (hop * step), len(ids)))
    return moments


def _goes_round(found: list[tuple[Array, Array]], times: Array, tracks: Tracks, share: float) -> bool:
    """Whether places and shifts per second of what moves are those of a thing that turns; `share` of all points."""
    places = np.concatenate([place for place, _ in found])
    shifts = np.concatenate([shift for _, shift in found])
    speed = float(np.median(shifts[:, 0]))
    one_way = float((np.sign(shifts[:, 0]) == np.sign(speed)).mean())
    level = np.abs(shifts[:, 1]).mean() < LEVEL * np.abs(shifts[:, 0]).mean()
    weight = np.sqrt([len(place) for place, _ in found])
    drift = float(np.polyfit(times, [np.median(place[:, 0]) for place, _ in found], 1, w=weight)[0])
    width, height = np.ptp(np.percentile(places, [8, 92], axis=0), axis=0)
    off = np.abs(np.median(places, axis=0)) / (tracks.width, tracks.height)
    ways = abs(speed) * float(np.ptp(times)) / max(float(width), 1e-6)
    stays = abs(drift) < STAYS * abs(speed)
    short_side = min(tracks.height, tracks.width)
    surely = one_way > SURE_WAY and abs(drift) < SURELY_STAYS * abs(speed) and ways > SURELY_ROUND
    if surely:
        large = width > SLIM[0] * short_side and height > SLIM[1] * short_side and share > SLIM_POINTS
    else:
        large = min(width, height) > TURN_SIZE * short_side and share > TURN_POINTS
    least_way = ONE_WAY if share < MANY_POINTS else MANY_WAY
    return bool(large and off.max() < TURN_CENTRE and level and stays and one_way > least_way and ways > GOES_ROUND)
