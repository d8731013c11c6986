"""Gradual transitions between two cuts: fades, dissolves and wipes, found while frames stream by.

What motion does not explain of each frame (the *change*, see `cuts.py`) is added up over windows. Motion leaves noise
that cancels; a transition leaves at every pixel changes of one sign, be it in many small steps (dissolve, fade) or in
one (wipe), that add up to the difference between two scenes. So a window is a candidate when its sum is large and wide,
coherent (`sum |sum of changes| / sum of |changes|` well above noise), and its last frame does not show its first.
`transition_evidence.py` then says which kind it is, if any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from dropletvideo.perception import transition_evidence as evidence
from dropletvideo.perception.alignment import Aligner
from dropletvideo.records import BoundaryKind


class TransitionConfig(BaseModel):
    """Limits of the search. Windows are in frames, of which at most `most_per_second` a second are looked at.

    Attributes:
        windows: (length, looked at every so many frames).
        least_change, least_change_dark: mean change of a window in levels; the second where it is coherent.
        least_relative: the same over the contrast of the pictures.
        least_share: share of the picture that changes.
        most_similarity: structure of the first frame found again in the last.
        least_blend: share of the middle frames that the ends explain, for dissolves.
        least_blend_score: of `coherence + blend explained - texture dip - 1.2 similarity`, for dissolves.
        most_texture_dip: a dissolve's middle has less texture than its ends; a scene that brightens has not.
        most_return_similarity: a frame after the transition that looks like one before it (a flash, something passing).
        least_gap_seconds: two transitions nearer than this are one.
        most_constant_seconds: a fade out and a fade in with no more than this of one colour between them are one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: tuple[tuple[int, int], ...] = ((5, 2), (10, 2), (20, 4), (40, 8))
    most_per_second: float = 32.0
    most_seconds: float = 3.0
    least_change: float = 5.0
    least_change_dark: float = 2.5
    least_relative: float = 0.45
    least_share: float = 0.5
    least_coherence: float = 0.33
    most_similarity: float = 0.5
    least_blend_score: float = 0.15
    least_blend: float = 0.35
    most_texture_dip: float = 0.95
    least_fade_coherence: float = 0.78
    least_fade_relative: float = 0.8
    least_wipe_order: float = 0.75
    least_wipe_relative: float = 0.6
    most_return_similarity: float = 0.55
    least_gap_seconds: float = 0.5
    most_constant_seconds: float = 1.5


@dataclass(frozen=True, slots=True)
class Step:
    """One frame: place in the file, thumbnails, and what motion does not explain of it.

    Attributes:
        gray: H,W uint8.
        colour: h,w,3 float32 at half that size.
        change_hwc: h,w,3 float32, the difference to the frame before after motion, in levels.
        similarity, changed_share: of `alignment.Match` with the frame before.
    """

    index: int
    seconds: float
    gray: NDArray[np.uint8]
    colour: NDArray[np.float32]
    change_hwc: NDArray[np.float32]
    similarity: float
    changed_share: float

    @property
    def texture(self) -> float:
        """Mean local contrast in levels."""
        return evidence.texture(self.gray)

    @property
    def change(self) -> float:
        """Mean size of the change in levels."""
        return float(np.abs(self.change_hwc).mean())


@dataclass(frozen=True, slots=True)
class Transition:
    """A gradual transition.

    Attributes:
        start, end: first blended frame, first frame wholly of the new shot.
        frame: `start`; for a fade the first frame in which the old shot is nearly gone.
        before: gray thumbnail (H,W) of the old shot.
        from_constant, to_constant: whether it starts from or ends in a picture of one colour.
    """

    start: int
    end: int
    frame: int
    kind: BoundaryKind
    score: float
    start_seconds: float
    end_seconds: float
    before: NDArray[np.uint8]
    from_constant: bool = False
    to_constant: bool = False


@dataclass(slots=True)
class _Entry:
    step: Step
    summed: NDArray[np.float32]
    summed_size: NDArray[np.float32]
    texture: float


@dataclass(slots=True)
class _Window:
    first: int
    last: int
    kind: BoundaryKind
    strength: float
    similarity: float


class TransitionFinder:
    """Takes settled frames one by one; `found` grows as transitions end. Memory is bounded by the longest window."""

    def __init__(self, config: TransitionConfig, aligner: Aligner) -> None:
        self.config = config
        self.aligner = aligner
        self.found: list[Transition] = []
        longest = max(length for length, _ in config.windows)
        self._patience = max(every for _, every in config.windows) + 2
        self._entries: deque[_Entry] = deque(maxlen=3 * longest)
        self._count = 0
        self._open: _Window | None = None
        self._sums: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._last_cut = -1
        self._done = 0

    def push(self, step: Step, *, is_cut: bool) -> None:
        """Take the next frame; at a hard cut everything before it is closed."""
        if is_cut:
            self.close()
            self._last_cut = step.index
        if self._sums is None:
            zero = np.zeros_like(step.change_hwc)
            self._sums = (zero, zero)
        else:
            self._sums = (self._sums[0] + step.change_hwc, self._sums[1] + np.abs(step.change_hwc))
        if self._entries and step.seconds - self._entries[-1].step.seconds < 1 / self.config.most_per_second - 1e-6:
            return
        self._entries.append(_Entry(step, *self._sums, evidence.texture(step.gray)))
        self._count += 1
        self._look()

    def close(self) -> None:
        """End of a run without cuts: look a last time at every window, settle, forget the frames."""
        if self._entries:
            self._look(at_end=True)
        self._settle()
        self._entries.clear()
        self._sums = None
        self._count = self._done = 0

    def settled_before(self, newest: int) -> int:
        """The frame before which neither a transition still to come nor one found can change anything.

        A window yet to be looked at reaches back by the longest length, and its transition by half of that before it;
        transitions found may still be joined with one that begins soon after them.
        """
        if not self._entries:
            return newest
        longest = max(length for length, _ in self.config.windows)
        reach = max(6, longest // 2)
        place = len(self._entries) - 2 - longest - reach
        if self._open is not None:
            place = min(place, self._open.first - (self._count - len(self._entries)) - reach)
        bound = self._entries[max(0, place)].step
        gap = max(self.config.most_constant_seconds, self.config.least_gap_seconds)
        frame = bound.index
        for last in reversed(self.found):  # the last may turn out a flash and go, and leave the one before it open
            if last.start <= self._last_cut or bound.seconds - last.end_seconds > gap:
                break
            frame = min(frame, last.start)
        return frame

    # --- windows

    def _look(self, *, at_end: bool = False) -> None:
        total = len(self._entries)
        dropped = self._count - total
        seen = False
        for length, every in self.config.windows:
            if total <= length or (self._count % every and not at_end):
                continue
            if total - 1 - length + dropped < self._done:
                continue
            window = self._judge(total - 1 - length, total - 1)
            if window is None:
                continue
            seen = True
            window = replace(window, first=window.first + dropped, last=window.last + dropped)
            if self._open is not None and window.first >= self._open.last:
                self._settle()
            if self._open is None or window.strength > self._open.strength:
                self._open = window
        if self._open is not None and not seen and self._count - self._open.last > self._patience:
            self._settle()

    def _judge(self, first: int, last: int) -> _Window | None:
        config = self.config
        older, newer = self._entries[first], self._entries[last]
        if newer.step.seconds - older.step.seconds > config.most_seconds:
            return None
        amount = np.abs(newer.summed - older.summed).sum(axis=-1)
        mean_change = float(amount.mean()) / 3
        coherence = float(amount.sum()) / max(float((newer.summed_size - older.summed_size).sum()), 1e-3)
        if coherence < config.least_coherence:
            return None
        if mean_change < (config.least_change if coherence < 0.9 else config.least_change_dark):
            return None
        contrast = (evidence.contrast(older.step.colour) + evidence.contrast(newer.step.colour)) / 2
        relative = mean_change / max(contrast, 1e-3)
        is_wide = float((amount > max(4.5, 1.35 * mean_change)).mean()) >= config.least_share
        if relative < config.least_relative or not is_wide:
            return None
        kind, quality, similarity = self._kind(first, last, coherence, relative)
        if kind is None:
            return None
        size = min(1.2, relative) * mean_change / (mean_change + 10)  # the tail of a fade is less than the whole
        strength = quality * coherence * (1 - similarity) * size
        return _Window(first, last, kind, strength, similarity)

    def _kind(
        self, first: int, last: int, coherence: float, relative: float
    ) -> tuple[BoundaryKind | None, float, float]:
        """(transition that a window of large, wide change holds, or None; how clearly; similarity of its ends)."""
        config = self.config
        run = [self._entries[k] for k in range(first, last + 1)]
        similarity = self._similarity(run[0], run[-1])
        mask = evidence.changed_mask(run[-1].summed - run[0].summed)
        ends = [evidence.spread(entry.step.colour, mask) for entry in (run[0], run[-1])]
        is_even = coherence >= config.least_fade_coherence and relative >= config.least_fade_relative
        if is_even and evidence.is_constant(min(ends), max(ends)):
            return "fade", coherence, min(similarity, config.most_similarity)
        if similarity > config.most_similarity:
            return None, 0.0, similarity
        if relative >= config.least_wipe_relative and len(run) > 6:
            order, _, _ = evidence.wipe_order(_summed(run))
            if order >= config.least_wipe_order:
                return "wipe", order, similarity
        blend = evidence.blend_explained(np.stack([entry.step.colour for entry in run]))
        dip = evidence.texture_dip(np.array([entry.texture for entry in run]))
        score = coherence + blend - dip - 1.2 * similarity
        is_blend = score >= config.least_blend_score and blend >= config.least_blend and dip <= config.most_texture_dip
        return ("dissolve" if is_blend else None), min(1.0, score), similarity

    # --- one transition

    def _settle(self) -> None:
        window, self._open = self._open, None
        if window is None:
            return
        dropped = self._count - len(self._entries)
        first, last = max(0, window.first - dropped), window.last - dropped
        entries = list(self._entries)
        if window.kind == "wipe":
            _, low, high = evidence.wipe_order(_summed(entries[first : last + 1]))
            begin, end = first + 1 + int(np.ceil(low)), min(first + 2 + int(high), len(entries) - 1)
        else:
            begin, end = _extent(entries, first, last, 0.05 if window.kind == "fade" else 0.12)
        self._done = end + dropped - 2
        if end - begin < (1 if window.kind == "fade" else 2) or self._comes_back(entries, begin, end):
            return
        self._add(self._transition(entries, begin, end, window))

    def _comes_back(self, entries: Sequence[_Entry], begin: int, end: int) -> bool:
        """True when some frame after it looks like some frame before it; faded frames tell nothing."""
        before = [entries[begin - back] for back in (1, 4, 10) if begin - back >= 0]
        after = [entries[end + ahead] for ahead in (0, 4, 10) if end + ahead < len(entries)]
        return any(
            min(old.texture, new.texture) > 0.5 * max(old.texture, new.texture)
            and self._similarity(old, new) > self.config.most_return_similarity
            for old in before
            for new in after
        )

    def _similarity(self, old: _Entry, new: _Entry) -> float:
        return self.aligner.match(old.step.gray, new.step.gray).similarity

    def _transition(self, entries: Sequence[_Entry], begin: int, end: int, window: _Window) -> Transition:
        old, new = entries[max(0, begin - 1)], entries[end]
        mask = evidence.changed_mask(new.summed - old.summed)
        old_spread = evidence.spread(old.step.colour, mask)
        new_spread = evidence.spread(new.step.colour, mask)
        first = min(evidence.spread(entry.step.colour, mask) for entry in entries[max(0, begin - 3) : begin + 1])
        last = min(evidence.spread(entry.step.colour, mask) for entry in entries[end : end + 4])
        from_constant = evidence.is_constant(first, new_spread)
        to_constant = evidence.is_constant(last, old_spread)
        is_fade = from_constant or to_constant
        frame = begin
        if to_constant:
            spreads = [evidence.spread(entry.step.colour, mask) for entry in entries[begin : end + 1]]
            gone = np.flatnonzero(np.array(spreads) <= 0.1 * old_spread + 0.5)
            frame = begin + int(gone[0]) if len(gone) else end
        return Transition(
            start=entries[begin].step.index,
            end=new.step.index,
            frame=entries[frame].step.index,
            kind="fade" if is_fade else "dissolve" if window.kind == "fade" else window.kind,
            score=round(float(np.clip(1 - window.similarity, 0, 1)), 4),
            start_seconds=entries[begin].step.seconds,
            end_seconds=new.step.seconds,
            before=old.step.gray,
            from_constant=from_constant,
            to_constant=to_constant,
        )

    def _add(self, new: Transition) -> None:
        old = self.found[-1] if self.found else None
        if old is None or old.start <= self._last_cut:
            self.found.append(new)
            return
        is_dip = old.to_constant and new.from_constant
        is_fade = is_dip or "fade" in (old.kind, new.kind)
        if (old.from_constant and not old.to_constant) or (new.to_constant and not new.from_constant):
            is_fade = False  # a shot that fades in and soon out again lies between them
        gap = self.config.most_constant_seconds if is_dip else self.config.least_gap_seconds if is_fade else 0.0
        if new.start_seconds - old.end_seconds > gap:
            self.found.append(new)
            return
        self.found.pop()
        last = self._entries[-1].step.gray
        if is_dip and self.aligner.match(old.before, last).similarity > self.config.most_return_similarity:
            return  # the same picture again: a flash
        self.found.append(
            replace(
                old,
                end=max(old.end, new.end),
                end_seconds=max(old.end_seconds, new.end_seconds),
                kind="fade" if is_fade else old.kind,
                frame=new.frame if is_fade and new.from_constant and not old.to_constant else old.frame,
                score=max(old.score, new.score),
                to_constant=new.to_constant,
            )
        )


def _summed(run: Sequence[_Entry]) -> NDArray[np.float32]:
    return np.stack([entry.summed for entry in run])


def _extent(entries: Sequence[_Entry], first: int, last: int, begun: float) -> tuple[int, int]:
    """(first blended entry, first wholly new one): where the change has come `begun` and 92 % of its way."""
    total = entries[last].summed - entries[first].summed
    reach = max(6, (last - first) // 2)
    low, high = max(0, first - reach), min(len(entries) - 1, last + reach)
    way = np.array([float(((entry.summed - entries[first].summed) * total).sum()) for entry in entries[low : high + 1]])
    top = max(float(way[first - low :].max()), 1e-6)
    early = np.flatnonzero(way[: last - low] < begun * top)
    begin = int(early[-1]) + 1 if len(early) else 0
    late = np.flatnonzero(way[begin:] >= 0.92 * top)
    end = begin + int(late[0]) if len(late) else len(way) - 1
    return low + begin, low + end
