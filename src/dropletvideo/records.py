"""Small frozen records that every part passes around; no torch, no I/O."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

from dropletvideo.errors import RequestError
from dropletvideo.moves import check_move

BoundaryKind = Literal["cut", "fade", "dissolve", "wipe", "regime", "length"]
BOUNDARY_KINDS: tuple[BoundaryKind, ...] = ("cut", "fade", "dissolve", "wipe", "regime", "length")
EDIT_KINDS: tuple[BoundaryKind, ...] = ("cut", "fade", "dissolve", "wipe")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A logical span of a source video; no bytes are cut.

    Frame numbers count decoded frames in presentation order from 0; `end_frame` is exclusive. `start_pts` and
    `end_pts` are in units of `time_base` (a fraction such as `1/15360`); `height` and `width` are after rotation.
    """

    clip_id: str
    video_id: str
    start_frame: int
    end_frame: int
    start_pts: int
    end_pts: int
    time_base: str
    source_fps: float
    num_frames: int
    height: int
    width: int

    @property
    def start_seconds(self) -> float:
        """Time of the first frame on the file's own clock."""
        return float(self.start_pts * Fraction(self.time_base))

    @property
    def duration_seconds(self) -> float:
        """Length from the first frame to the end of the last, from timestamps."""
        return float((self.end_pts - self.start_pts) * Fraction(self.time_base))


def clip_id_of(video_id: str, start_frame: int, end_frame: int) -> str:
    """Identity of a span: the same video and span give the same id on every machine."""
    digest = hashlib.blake2b(f"{video_id}:{start_frame}:{end_frame}".encode(), digest_size=8)
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """An edit boundary. `frame` is the first frame of the new shot; a gradual one spans `frame` to `end_frame`.

    For a cut `end_frame == frame`. For a gradual transition `frame` is its first blended frame and `end_frame` the
    first frame that is wholly the new shot.
    """

    frame: int
    end_frame: int
    kind: BoundaryKind
    score: float


@dataclass(frozen=True, kw_only=True)
class CameraMove:
    """One camera move: name from `moves.MOVES`, seconds from the start of the clip, amount in the move's own unit."""

    move: str
    start: float
    end: float
    amount: float | None = None

    def __post_init__(self) -> None:
        check_move(self.move)
        if self.end < self.start:
            raise RequestError(f"camera move {self.move}: end={self.end} lies before start={self.start}")

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A row of the `errors` table: an error is never a score and never counts as filtered."""

    video_path: str
    clip_id: str | None
    stage: str
    reason: str
