"""Shot boundaries without weights: hard cuts, fades, dissolves and wipes, in one pass with bounded memory.

Every frame is compared with the one before at thumbnail size, after flow has moved that one into place. Two numbers
come out: how much structure is found again, and the *change*, the part of the difference that motion does not explain.

A hard cut is a single frame in which structure is lost over a good part of the picture and the change stands far above
that of the frames beside it, and which stays so (a flash comes back to the picture before). Gradual transitions are
sums of change over windows: see `transitions.py`.

Columns: `boundaries` and `blended_spans`, frame numbers as unit; a boundary's `score` has the range 0 to 1, higher is
surer. Source: own rule, in the line of structure and histogram cut detectors; nothing is learned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dropletvideo.perception.alignment import Aligner, compare, moved
from dropletvideo.perception.edges import edges_of
from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.perception.transitions import Step, Transition, TransitionConfig, TransitionFinder
from dropletvideo.records import Boundary, BoundaryKind

_NEAR = 2
"""Frames within which a cut and a gradual transition are one."""


class CutsConfig(BaseModel):
    """Limits for hard cuts; gradual ones have their own.

    Attributes:
        most_similarity, least_changed_share: structure found again, and share of the picture where it is not.
        least_ratio: change over the larger change of the two frames beside it.
        clear_similarity, clear_changed_share, least_ratio_clear: where hardly anything is found again, a lower ratio
            will do; cuts inside fast action need it.
        least_loss_ratio: structure lost over that lost in the frames beside it: finds the cut at the bottom of a quick
            fade, where the fade's own change is as large.
        least_loss_ratio_dip, most_dip: the first where texture dips to this share of that on both sides, as at the
            bottom of a fade of a few frames.
        most_return_similarity: a later frame this similar to the one before the cut makes it a flash.
        look_ahead: frames seen after a cut before it is decided.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    short_side: int = 48
    most_similarity: float = 0.56
    least_changed_share: float = 0.36
    least_ratio: float = 3.5
    clear_similarity: float = 0.45
    clear_changed_share: float = 0.55
    least_ratio_clear: float = 1.8
    least_loss_ratio: float = 2.5
    least_loss_ratio_dip: float = 1.8
    most_dip: float = 0.7
    most_return_similarity: float = 0.6
    look_ahead: int = 4
    transitions: TransitionConfig = Field(default_factory=TransitionConfig)


@dataclass
class CutsState:
    """Frames that wait for those behind them (`settled` of `steps` are decided), the last one in colour, cuts found."""

    aligner: Aligner | None = None
    finder: TransitionFinder | None = None
    previous: NDArray[np.uint8] | None = None
    steps: deque[Step] = field(default_factory=deque)
    settled: int = 0
    cuts: list[Boundary] = field(default_factory=list)


class ShotBoundaries:
    """Edit boundaries of a whole file.

    Columns:
        boundaries: list of `records.Boundary` as dictionaries, in order of `frame`; `score` is 1 minus the structure
            found again across it (0 to 1, higher is surer). For a fade `frame` is the first frame in which the old
            shot is all but gone (or the first that shows the new one, when it rises out of one colour), since people
            put a fade's boundary there; `end_frame` is the first frame wholly of the new shot.
        blended_spans: list of [first blended frame, first frame wholly new] of gradual transitions, and of fades at
            the file's ends that lead to no other shot; clips should keep clear of these.

    A fade out with a hard cut behind it gives two boundaries, and so does a cut to black with a fade in behind it. A
    file that fades out at its end or in at its start has no boundary there. Works from 6 frames a second up; measured
    in `benchmarks/cuts_accuracy.py`.
    """

    name = "cuts"
    version = 3
    columns: Mapping[str, type] = {"boundaries": list, "blended_spans": list}

    def __init__(self, config: CutsConfig | None = None) -> None:
        self.config = config or CutsConfig()
        self.needs = Frames(rate=None, short_side=self.config.short_side, colour="rgb", span="video")

    def start(self, row: Mapping[str, Any]) -> CutsState:  # noqa: ARG002 - the contract's argument
        """Nothing of the row is used."""
        return CutsState()

    def update(self, state: CutsState, chunk: Chunk) -> None:
        """Take frames; each is decided `look_ahead` frames later."""
        for frame_HWC, seconds, index in zip(chunk.frames, chunk.times, chunk.indices, strict=True):
            state.steps.append(self._step(state, frame_HWC, float(seconds), int(index)))
            state.previous = frame_HWC.copy()
            if len(state.steps) > 2 * self.config.look_ahead + 1:
                state.steps.popleft()
                state.settled -= 1
            if len(state.steps) - state.settled > self.config.look_ahead:
                self._settle(state)

    def settled(self, state: CutsState) -> tuple[list[Boundary], int]:
        """(edges before a frame, that frame): what no later frame can change (see `tables.plan`).

        Edges are the hard cuts, and the blended spans as boundaries of their own. The frame lags the newest one by
        `look_ahead`, the longest window and half of it again, until a transition cannot be prolonged any more, and by
        the frames within which a cut may still become part of a fade.
        """
        if state.finder is None or not state.steps:
            return [], 0
        decided = state.settled < len(state.steps)
        newest = state.steps[state.settled].index if decided else state.steps[-1].index + 1
        found = state.finder.found
        frame = min(newest, state.finder.settled_before(newest)) - _NEAR
        if found and newest <= found[-1].end + _NEAR:
            frame = min(frame, found[-1].start - _NEAR)
        edges = edges_of(state.cuts, _blended(found, state.cuts))
        return [edge for edge in edges if edge.frame < frame], max(0, frame)

    def finish(self, state: CutsState) -> dict[str, Any]:
        """Boundaries in time order."""
        while state.settled < len(state.steps):
            self._settle(state)
        if state.finder is None:
            return {"boundaries": [], "blended_spans": []}
        state.finder.close()
        last = state.steps[-1].index
        gradual = [found for found in state.finder.found if found.end < last - 1]
        boundaries = sorted(_with_cuts(gradual, state.cuts), key=lambda boundary: boundary.frame)
        return {
            "boundaries": [asdict(boundary) for boundary in boundaries],
            "blended_spans": _blended(state.finder.found, state.cuts),
        }

    def _step(self, state: CutsState, frame_HWC: NDArray[np.uint8], seconds: float, index: int) -> Step:
        gray = np.asarray(cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY), np.uint8)
        half = (max(1, gray.shape[1] // 2), max(1, gray.shape[0] // 2))
        colour = np.asarray(cv2.resize(frame_HWC, half, interpolation=cv2.INTER_AREA), np.float32)
        if state.aligner is None or state.previous is None:
            state.aligner = Aligner(*gray.shape)
            state.finder = TransitionFinder(self.config.transitions, state.aligner)
            return Step(index, seconds, gray, colour, np.zeros_like(colour), 1.0, 0.0)
        older = state.steps[-1].gray
        columns, rows = state.aligner.maps(older, gray)
        expected = moved(state.previous, columns, rows)
        unexplained = cv2.subtract(frame_HWC, expected, dtype=cv2.CV_32F)
        unexplained[state.aligner.outside(columns, rows)] = 0
        change = np.asarray(cv2.resize(unexplained, half, interpolation=cv2.INTER_AREA), np.float32)
        match = compare(np.asarray(cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY), np.uint8), gray, older)
        return Step(index, seconds, gray, colour, change, match.similarity, match.changed_share)

    def _settle(self, state: CutsState) -> None:
        assert state.finder is not None
        step = state.steps[state.settled]
        is_cut = state.settled > 0 and self._is_cut(state, state.settled)
        if is_cut:
            score = round(min(1.0, max(0.0, 1 - step.similarity)), 4)
            kind: BoundaryKind = "fade" if self._is_dip(state, state.settled) else "cut"
            state.cuts.append(Boundary(frame=step.index, end_frame=step.index, kind=kind, score=score))
        state.finder.push(step, is_cut=is_cut)
        state.settled += 1

    def _is_cut(self, state: CutsState, position: int) -> bool:
        config, steps = self.config, state.steps
        step = steps[position]
        if step.similarity > config.most_similarity or step.changed_share < config.least_changed_share:
            return False
        beside = [steps[near] for near in (position - 1, position + 1) if 0 < near < len(steps)]
        ratio = step.change / (max((one.change for one in beside), default=0.0) + 0.5)
        is_clear = step.similarity <= config.clear_similarity and step.changed_share >= config.clear_changed_share
        if ratio < (config.least_ratio_clear if is_clear else config.least_ratio):
            loss = max((1 - one.similarity for one in beside), default=0.0) + 0.03
            least = config.least_loss_ratio_dip if self._is_dip(state, position) else config.least_loss_ratio
            is_alone = is_clear and 1 - step.similarity >= least * loss
            if not (is_alone and _alike(steps[position - 1].texture, step.texture)):
                return False
        assert state.aligner is not None
        before = steps[position - 1].gray
        later = range(position + 1, min(len(steps), position + config.look_ahead + 1))
        return all(
            state.aligner.match(before, steps[ahead].gray).similarity <= config.most_return_similarity
            for ahead in later
        )

    def _is_dip(self, state: CutsState, position: int) -> bool:
        """Whether both frames at a cut have lost their texture beside some frame before and some behind."""
        steps = state.steps
        before = max((steps[k].texture for k in range(position - 1)), default=0.0)
        behind = max((steps[k].texture for k in range(position + 1, len(steps))), default=0.0)
        bottom = max(steps[position - 1].texture, steps[position].texture)
        return bottom <= self.config.most_dip * min(before, behind)


def _blended(found: Sequence[Transition], cuts: Sequence[Boundary]) -> list[list[int]]:
    """[first, end] of each transition; a fade's reaches to the cuts that touch it."""
    spans = []
    for one in found:
        touching = [cut.frame for cut in cuts if one.kind == "fade" and _touches(one, cut)]
        spans.append([min([one.start, *touching]), max([one.end, *touching])])
    return spans


def _touches(one: Transition, cut: Boundary) -> bool:
    return one.start - _NEAR <= cut.frame <= one.end + _NEAR


def _with_cuts(gradual: Sequence[Transition], cuts: Sequence[Boundary]) -> list[Boundary]:
    """Boundaries of both kinds; a cut that touches gradual ones (at the bottom of a quick fade) is one with them."""
    boundaries, taken = [], set()
    for cut in cuts:
        touched = [k for k, one in enumerate(gradual) if _touches(one, cut)]
        taken.update(touched)
        end = max([cut.end_frame, *(gradual[k].end for k in touched)])
        is_fade = any(gradual[k].kind == "fade" for k in touched)
        boundaries.append(replace(cut, end_frame=end, kind="fade") if is_fade else cut)
    for k, one in enumerate(gradual):
        if k not in taken:
            boundaries.append(Boundary(frame=one.frame, end_frame=one.end, kind=one.kind, score=one.score))
    return boundaries


def _alike(first: float, second: float) -> bool:
    """Textures of one order: neither picture has faded away beside the other."""
    return min(first, second) > 1.0 and min(first, second) > 0.4 * max(first, second)
