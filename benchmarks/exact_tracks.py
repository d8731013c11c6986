"""Point tracks without a tracker: corners where `Tracks` finds them, then carried by the flow that the renderer knows.

What a judge makes of them is what its reasoning is worth; what it loses with tracked points is what tracking costs.
"""

from __future__ import annotations

import numpy as np

from dropletvideo.perception.camera_tracks import Tracks
from dropletvideo.perception.flow import gray

SMOOTH_PX, SMOOTH_SHARE = 1.0, 0.1
"""Flow is interpolated where the four pixels about a point agree to within this and this share of their motion; at the
edge of a thing the nearest pixel's counts."""


class ExactTracks(Tracks):
    """Tracks of one rendered clip.

    Args:
        flow: F-1,H,W,2 pixels from each frame to the next, and hidden: F-1,H,W bool, as `render_shot` gives them.
        scale: pixels of the judged frames per rendered pixel.
    """

    def __init__(self, flow, hidden, scale):
        super().__init__()
        self._flow, self._hidden, self._scale = flow, hidden, scale

    def _follow(self, _):
        last, at = self.frames[-1], len(self.frames) - 1
        flow, hidden = self._flow[at], self._hidden[at]
        height, width = hidden.shape
        places = last.xy.astype(float) / self._scale
        left = np.clip(np.floor(places).astype(int), 0, [width - 2, height - 2])
        part = places - left
        x, y = left.T
        corners = np.stack([flow[y, x], flow[y, x + 1], flow[y + 1, x], flow[y + 1, x + 1]])
        right, low = part.T
        shares = np.stack([(1 - right) * (1 - low), right * (1 - low), (1 - right) * low, right * low])
        nearest = shares.argmax(axis=0)
        own = corners[nearest, np.arange(len(places))]
        unlike = np.abs(corners - own).max(axis=(0, 2)) > SMOOTH_PX + SMOOTH_SHARE * np.abs(own).max(axis=1)
        moved = np.where(unlike[:, None], own, (corners * shares[..., None]).sum(axis=0))
        there = (places + moved) * self._scale
        inside = (there > 2).all(axis=1) & (there[:, 0] < self.width - 3) & (there[:, 1] < self.height - 3)
        seen = inside & ~hidden[y + nearest // 2, x + nearest % 2]
        step = np.median(there[seen] - last.xy[seen], axis=0) if seen.any() else np.zeros(2)
        kept = float(seen.sum() / max(inside.sum(), 0.3 * len(seen), 1))
        return last.ids[seen], there[seen].astype(np.float32), (min(kept, 1.0), tuple(map(float, step)), 0.0)


def exact_points(frames, times, flow, hidden):
    """`TrackedFrame`s of judged frames F,h,w,3 (`times` F in seconds) of a clip rendered with `flow` and `hidden`."""
    tracks = ExactTracks(flow, hidden, frames.shape[1] / flow.shape[1])
    for frame, time in zip(frames, times, strict=True):
        tracks.add(gray(frame), float(time))
    return tracks.frames
