"""The focal length of a clip, looked at closely: where turns explain pairs of frames, around what `calibrate` found.

`calibrate` knows eight focal lengths and the parabola through three of them, which lies 3 to 10 % too long, as costs
rise faster towards short lenses. A pan's angle is as wrong as the focal length. Source: `camera_windows.py`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dropletvideo.perception.camera_windows import FOCAL_COST, SOME_PAIRS, Lens, Pair, turn_cost

AROUND = np.array([-0.2, -0.13, -0.06, 0.0, 0.07])
"""Logs of the focal lengths that are tried, over the first."""
TELLS = 0.2
"""Mean cost by which they must differ: rolls and zooms look the same through every lens."""


def settled_lens(pairs: list[Pair], lens: Lens) -> Lens:
    """The lens with the focal length at the bottom of the parabola through the costs; as it was if they do not tell."""
    sizes = np.array([np.median(np.abs(pair.b - pair.a).max(axis=1)) for pair in pairs])
    some = [pairs[at] for at in np.argsort(-sizes)[:SOME_PAIRS]]
    for width in (1.0, 0.4):
        lenses = [replace(lens, focal_px=lens.focal_px * float(np.exp(step))) for step in width * AROUND]
        costs = np.array([[turn_cost(pair, each) for each in lenses] for pair in some])
        explained = costs.min(axis=1) < FOCAL_COST
        mean = costs[explained].mean(axis=0) if explained.any() else np.zeros(len(AROUND))
        square, slope, _ = np.polyfit(width * AROUND, mean, 2)
        if square <= 0 or np.ptp(mean) < TELLS * width**2:
            return lens
        best = float(np.clip(-slope / (2 * square), width * AROUND[0], width * AROUND[-1]))
        lens = replace(lens, focal_px=lens.focal_px * float(np.exp(best)))
    return lens
