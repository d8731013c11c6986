"""Judge: how alike a clip and the one before it look where they touch, without weights.

`link_colours`: sum of sqrt(p q) over two colour histograms p, q of 8x8x8 RGB bins (the Bhattacharyya coefficient).
`link_structure`: structure of the old frame found again in the new one once flow has moved it into place (the measure
of `alignment.Match.similarity`, whatever the exposure). Unit: none, a share; range 0 to 1 (structure may fall a little
below 0); direction: higher is more alike. None for a clip without one before it. Both high means a false cut: a flash,
fast motion, a sudden exposure. A frame of one colour (deviation of luma under 10 levels) is compared with none, for
all black frames are alike: None where no pair is left. Two takes of one place are not told, for that takes a model that
knows what it sees. Source: own rule, in the place of the two image-feature models by which MiraData (section 3.2)
stitches over-cut clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from dropletvideo.perception.alignment import Aligner
from dropletvideo.perception.judge import Picked
from dropletvideo.perception.touching import EdgeJudge, Frame, Sides, likest

BINS = 8
FLAT_LEVELS = 10.0


class LinkLookJudge(EdgeJudge):
    """See the module text."""

    name = "link_look"
    version = 1
    needs = Picked(short_side=48, colour="rgb")
    columns: Mapping[str, type] = {"link_colours": float, "link_structure": float}

    def finish(self, state: Sides) -> dict[str, Any]:
        """The likest pair, by colours and by structure."""
        told = Sides(state.edge, *([one for one in side if not is_flat(one)] for side in (state.before, state.after)))
        return {"link_colours": likest(told, colour_overlap), "link_structure": likest(told, structure_kept)}


def is_flat(frame: Frame) -> bool:
    """Whether a frame shows nothing but one colour."""
    return float(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).std()) < FLAT_LEVELS


def colour_overlap(old: Frame, new: Frame) -> float:
    """Bhattacharyya coefficient of two frames' colour histograms, 0 to 1."""
    counts = [cv2.calcHist([frame], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3).ravel() for frame in (old, new)]
    return float(np.sqrt(counts[0] / counts[0].sum() * (counts[1] / counts[1].sum())).sum())


def structure_kept(old: Frame, new: Frame) -> float:
    """Structure of `old` found again in `new`, 1 at most."""
    first, second = (np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in (old, new))
    return Aligner(*first.shape).match(first, second).similarity
