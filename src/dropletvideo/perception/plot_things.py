"""Things with a motion of their own through a clip: movers of all windows joined by the tracks that they share.

Source: own rule, on `own_motion.py` and the colour names of `colours.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.colours import _NAMES as COLOUR_NAMES
from dropletvideo.perception.own_motion import Judged, Mover

MIN_SHARED = 2
MOST_THINGS = 12
STEADY = 0.25
"""Departure from a smooth course, over its length, at which steadiness is a half."""
LEAST_PATH = 0.02
"""Shorter courses (short sides) say nothing of steadiness."""


@dataclass
class PlotThing:
    """A thing and the windows (numbers) in which it moves."""

    windows: list[int] = field(default_factory=list)
    movers: list[Mover] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)


def things_of(judged: list[Judged]) -> list[PlotThing]:
    """Movers joined over windows, those with most tracks and time first."""
    things: list[PlotThing] = []
    for number, each in enumerate(judged):
        for mover in each.movers:
            ids = {int(k) for k in each.window.ids[mover.members]}
            thing = _sharing(things, ids, number)
            if thing is None:
                thing = PlotThing()
                things.append(thing)
            thing.windows.append(number)
            thing.movers.append(mover)
            thing.ids |= ids
    return sorted(things, key=lambda thing: -sum(len(mover.members) for mover in thing.movers))[:MOST_THINGS]


def _sharing(things: list[PlotThing], ids: set[int], number: int) -> PlotThing | None:
    shared = [(len(thing.ids & ids), k) for k, thing in enumerate(things) if thing.windows[-1] < number]
    if not shared or max(shared)[0] < MIN_SHARED:
        return None
    return things[max(shared, key=lambda pair: (pair[0], -pair[1]))[1]]


def as_row(thing: PlotThing, judged: list[Judged], names: list[NDArray[np.int8]], height: int) -> dict[str, Any]:
    """JSON-able form: seconds of its first and last window, seconds in all, velocity (x, y; short sides per second),
    turning (the same, of its parts against each other), steadiness 0..1 or None, share of each colour at its tracks,
    mean number of tracks. `names` are maps of colour names of all frames, `height` that of the tracked frames."""
    spans = [(judged[k].window.times[0], judged[k].window.times[-1]) for k in thing.windows]
    lengths = np.array([end - start for start, end in spans])
    velocity = np.array([mover.path[-1] for mover in thing.movers]) / lengths[:, None]
    turning = np.array([mover.turning for mover in thing.movers]) / lengths
    steady = [
        steadiness(mover.path, judged[k].window.times) for mover, k in zip(thing.movers, thing.windows, strict=True)
    ]
    told = [value for value in steady if value is not None]
    mean = velocity.mean(axis=0)
    return {
        "start": round(float(spans[0][0]), 3),
        "end": round(float(max(end for _, end in spans)), 3),
        "seconds": round(covered(spans), 3),
        "velocity": [round(float(mean[0]), 4), round(float(mean[1]), 4)],
        "speed": round(float(np.linalg.norm(velocity, axis=1).mean()), 4),
        "turning": round(float(turning.mean()), 4),
        "steadiness": round(float(np.mean(told)), 3) if told else None,
        "colours": _colours(thing, judged, names, height),
        "tracks": round(float(np.mean([len(mover.members) for mover in thing.movers])), 1),
    }


def steadiness(path: Array, times: Array) -> float | None:
    """How smooth an own course F,2 is, 0 to 1, or None if it is too short.

    The better of 1 / (1 + (d / STEADY)^2), d the departure from a quadratic over the length, and 1 / (1 + j^2), j the
    third differences (their 40th percentile, so that a bounce is smooth) over the mean step.
    """
    places = np.concatenate([np.zeros((1, 2)), path])
    length = float(np.linalg.norm(np.ptp(places, axis=0)))
    if len(places) < 5 or length < LEAST_PATH:
        return None
    since = times[: len(places)] - times[0]
    model = np.stack([np.ones_like(since), since, since**2], axis=1)
    left = places - model @ np.linalg.lstsq(model, places, rcond=None)[0]
    departure = float(np.sqrt((left**2).sum(axis=1).mean()))
    step = float(np.linalg.norm(np.diff(places, axis=0), axis=1).mean())
    jerk = float(np.percentile(np.linalg.norm(np.diff(places, n=3, axis=0), axis=1), 40)) / max(step, 1e-9)
    return max(1 / (1 + (departure / length / STEADY) ** 2), 1 / (1 + jerk**2))


def covered(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one span runs."""
    total, until = 0.0, -np.inf
    for start, end in sorted(spans):
        total += max(end - max(start, until), 0.0)
        until = max(until, end)
    return float(total)


def _colours(
    thing: PlotThing, judged: list[Judged], names: list[NDArray[np.int8]], tracked_height: int
) -> dict[str, float]:
    votes: Counter[str] = Counter()
    for mover, number in zip(thing.movers, thing.windows, strict=True):
        window = judged[number].window
        named = names[window.first]
        height, width = named.shape
        scale = window.focal_px * height / tracked_height
        x = np.clip(np.rint(window.m[mover.members, 0] * scale + (width - 1) / 2).astype(int), 0, width - 1)
        y = np.clip(np.rint(window.m[mover.members, 1] * scale + (height - 1) / 2).astype(int), 0, height - 1)
        for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
            found = named[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
            votes.update(COLOUR_NAMES[value] for value in found)
    total = sum(votes.values())
    return {name: round(count / total, 3) for name, count in votes.most_common(4)} if total else {}
