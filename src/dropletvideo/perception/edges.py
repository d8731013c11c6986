"""Where shots end and begin, from what a shot detector says: its cuts, and the spans of frames that are of no shot."""

from __future__ import annotations

from collections.abc import Sequence

from dropletvideo.records import Boundary


def edges_of(boundaries: Sequence[Boundary], blended_spans: Sequence[Sequence[int]] | None) -> list[Boundary]:
    """The boundaries in order; where a detector tells blended spans, its cuts outside of them and those spans.

    A cut inside a blended span, or at either end of it, is part of that span.
    """
    if blended_spans is None:
        return list(boundaries)
    cuts = [
        one
        for one in boundaries
        if one.frame == one.end_frame and not any(start <= one.frame <= end for start, end in blended_spans)
    ]
    blended = [Boundary(frame=int(a), end_frame=int(b), kind="dissolve", score=1.0) for a, b in blended_spans]
    return sorted([*cuts, *blended], key=lambda edge: (edge.frame, edge.end_frame))
