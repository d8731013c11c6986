"""What the camera reveals: parts of the picture that were not in view before, and the coloured things in them.

A cell of a frame is new if nothing of it was in view in the clip's first frame (`view_chain.py`). A coloured thing is
a patch of one named colour that lies in the new part; it is followed by where the view takes it, so that one can tell
at which border it came in, how long it should have stayed in view, and how long it did.

Source: own rule; colour names of `colours.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dropletvideo.perception.camera_fit import Array
from dropletvideo.perception.colours import _NAMES as COLOUR_NAMES
from dropletvideo.perception.view_chain import BORDERS, ViewChain

NAMED_SIDE = 64
"""Short side at which colours are named."""
NAMED_OVER = 5
"""Side of the square over whose middle colour they are named: noise on grey ground has every colour."""
MIN_AREA = 0.003
"""Share of the picture that a patch must fill."""
MIN_NEW = 0.6
"""Share of a patch that must be new."""
FOLLOW = 0.12
"""A patch is the same thing if it lies within this of where the view takes it, in short sides."""
MOST_THINGS = 24


@dataclass
class Thing:
    """A coloured thing that came into view; `frames` and `areas` (shares of the picture) of its sightings."""

    colour: str
    border: str
    frames: list[int] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    fills: list[tuple[float, float, float]] = field(default_factory=list)
    place: Array = field(default_factory=lambda: np.zeros(2))
    due: int = 0


def new_cells(chain: ViewChain) -> NDArray[np.bool_]:
    """F,rows,columns True where nothing was in view in the first frame (False where the chain is broken)."""
    rows, columns = chain.cells
    grid, first = chain.grid(), np.zeros(1, np.int64)
    new = np.stack([~chain.inside(chain.carried(grid, k, first))[0] for k in range(len(chain.zoom))])
    new &= (chain.piece == chain.piece[0])[:, None]
    return new.reshape(-1, rows, columns)


def revealed_by_border(chain: ViewChain, new: NDArray[np.bool_]) -> dict[str, float]:
    """Share of the picture, at the frame that shows most that is new, which came in at each border."""
    most = int(new.reshape(len(new), -1).sum(axis=1).argmax())
    places = chain.grid()[new[most].ravel()]
    shares = dict.fromkeys(BORDERS, 0.0)
    if not len(places):
        return shares
    before = np.arange(most + 1)
    path = chain.carried(places, most, before)
    entered = chain.inside(path).argmax(axis=0)
    for number, frame in enumerate(entered):
        shares[chain.border_at(path[frame, number])] += 1 / new[most].size
    return {border: round(share, 4) for border, share in shares.items()}


def things_in(names: list[NDArray[np.int8]], chain: ViewChain, new: NDArray[np.bool_]) -> list[Thing]:
    """Coloured things that came into view, from the maps of colour names (F of h,w) of all frames."""
    open_things: list[Thing] = []
    for k, named in enumerate(names):
        if not new[k].any():
            continue
        for thing in open_things:
            _move_on(thing, chain, k)
        mask = cv2.resize(new[k].astype(np.uint8), named.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        for patch in _patches(named, mask, chain):
            thing = _same(open_things, patch, chain) or _begun(open_things, patch, chain, k)
            if thing.frames and thing.frames[-1] == k:
                continue
            thing.frames.append(k)
            thing.areas.append(patch.area)
            thing.fills.append(patch.shape)
            thing.place = patch.place
    return sorted(open_things, key=lambda thing: -sum(thing.areas))[:MOST_THINGS]


@dataclass(frozen=True)
class _Patch:
    colour: str
    place: Array
    area: float
    shape: tuple[float, float, float]


def _patches(named: NDArray[np.int8], new: NDArray[np.bool_], chain: ViewChain) -> list[_Patch]:
    height, width = named.shape
    found = []
    for number, colour in enumerate(COLOUR_NAMES):
        mask = named == number
        if (mask & new).mean() < MIN_AREA * MIN_NEW:
            continue
        closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        count, labels, stats, centres = cv2.connectedComponentsWithStats(closed, connectivity=4)
        fresh = np.bincount(labels[new].ravel(), minlength=count)
        for label in range(1, count):
            x, y, wide, tall, area = (float(value) for value in stats[label])
            if area < MIN_AREA * height * width or fresh[label] < MIN_NEW * area:
                continue
            place = (centres[label] + 0.5) / [width, height] * [chain.width, chain.height]
            touches = x <= 0 or y <= 0 or x + wide >= width or y + tall >= height
            shape = (area / (wide * tall), wide / tall, float(touches))
            found.append(_Patch(colour, place - [chain.width / 2, chain.height / 2], area / (height * width), shape))
    return found


def _move_on(thing: Thing, chain: ViewChain, frame: int) -> None:
    """Carry a thing's place from the frame before to this one; a frame in whose view it lies is one where it is due."""
    thing.place = chain.carried(thing.place[None], frame - 1, np.array([frame]))[0, 0]
    margin = np.array([chain.width, chain.height]) * 0.47
    thing.due += bool((np.abs(thing.place) < margin).all())


def _same(things: list[Thing], patch: _Patch, chain: ViewChain) -> Thing | None:
    short_side = min(chain.height, chain.width)
    near = [
        (float(np.linalg.norm(thing.place - patch.place)), number)
        for number, thing in enumerate(things)
        if thing.colour == patch.colour
    ]
    if not near or min(near)[0] > (FOLLOW + np.sqrt(patch.area) / 2) * short_side:
        return None
    return things[min(near)[1]]


def _begun(things: list[Thing], patch: _Patch, chain: ViewChain, frame: int) -> Thing:
    path = chain.carried(patch.place[None], frame, np.arange(frame + 1))[:, 0]
    entered = int(chain.inside(path).argmax())
    thing = Thing(patch.colour, chain.border_at(path[entered]), due=1)
    things.append(thing)
    return thing


def as_row(thing: Thing, times: Array) -> dict[str, Any]:
    """JSON-able form: colour, border, seconds of first and last sight, share of the frames due in which it is seen,
    largest area, and of the largest whole sighting its fill of the box around it and its width over height."""
    whole = [k for k, shape in enumerate(thing.fills) if not shape[2]] or list(range(len(thing.fills)))
    best = max(whole, key=lambda k: thing.areas[k])
    return {
        "colour": thing.colour,
        "border": thing.border,
        "start": round(float(times[thing.frames[0]]), 3),
        "end": round(float(times[thing.frames[-1]]), 3),
        "stays": round(min(1.0, len(thing.frames) / max(thing.due, 1)), 3),
        "sightings": len(thing.frames),
        "due": thing.due,
        "area": round(max(thing.areas), 4),
        "fill": round(thing.fills[best][0], 3),
        "aspect": round(thing.fills[best][1], 3),
    }
