"""From shots to clips: trim, then length limits. Works while a video is still being decoded.

A shot longer than `max_seconds` is cut from its front into pieces of that length. The last piece is no scrap: it takes
what it lacks to a quarter of `max_seconds` (or `min_seconds`, if that is more) from the piece before. A split loses no
frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dropletvideo.tables.spans import Shot

LEAST_SHARE = 0.25


class LengthsConfig(BaseModel):
    """Trim and limits of length, for stages that make clips; see `Lengths`.

    Neither paper cuts long shots. MiraData keeps clips over 40 s (YouTube) and over 10 s (stock sites), which its tiers
    do as selections; DropletVideo names no limit, and trains on 49 to 85 frames of the middle 80 % of a clip, which
    takes `min_frames: 107`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trim_start_seconds: float = Field(default=0.0, ge=0)
    trim_end_seconds: float = Field(default=0.0, ge=0)
    min_seconds: float = Field(default=1.0, ge=0)
    min_frames: int = Field(default=1, ge=1)
    max_seconds: float | None = Field(default=30.0, gt=0)

    @model_validator(mode="after")
    def _room_to_split(self) -> LengthsConfig:
        if self.max_seconds is not None and self.max_seconds < 2 * self.min_seconds:
            raise ValueError(f"max_seconds={self.max_seconds} must be at least twice min_seconds={self.min_seconds}")
        return self

    def lengths(self) -> Lengths:
        """The clip rule."""
        return Lengths(**{name: getattr(self, name) for name in LengthsConfig.model_fields})


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """A clip rule (see `tables.plan`): pure, and what it promises for an open shot it keeps.

    Args:
        trim_start_seconds, trim_end_seconds: taken off each shot at its start and end.
        min_seconds, min_frames: a shorter clip is dropped.
        max_seconds: a longer one is split; at least twice `min_seconds`. None splits nothing.
    """

    trim_start_seconds: float = 0.0
    trim_end_seconds: float = 0.0
    min_seconds: float = 1.0
    min_frames: int = 1
    max_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)

    @property
    def least_piece_seconds(self) -> float:
        """Shortest piece of a split shot."""
        return max(self.min_seconds, LEAST_SHARE * (self.max_seconds or 0.0))

    def __call__(self, shot: Shot) -> Sequence[tuple[int, int]]:
        """Spans (start_frame, end_frame) of the shot's clips, in order."""
        clock = shot.clock
        start = self._after(shot, shot.start_frame, self.trim_start_seconds)
        end = self._before(shot, shot.end_frame, self.trim_end_seconds)
        pieces: list[tuple[int, int]] = []
        if self.max_seconds is not None:
            while start < end:
                cut = self._within(shot, start, self.max_seconds)
                # the piece is whole only once enough is known behind it to make another
                if cut >= end or clock.seconds(end) - clock.seconds(cut) < self.least_piece_seconds - 1e-6:
                    break
                pieces.append((start, cut))
                start = cut
        pieces.extend(self._last(shot, start, end))
        return [piece for piece in pieces if not shot.is_closed or self._is_long(shot, piece)]

    def _last(self, shot: Shot, start: int, end: int) -> list[tuple[int, int]]:
        """What is left behind the whole pieces: one clip, or two where it is over length by less than a clip."""
        if end <= start:
            return []
        cut = self._within(shot, start, self.max_seconds) if self.max_seconds is not None else end
        if not shot.is_closed:
            # frames that a later split may still need are not promised to this piece
            held = end if self.max_seconds is None else min(cut, self._before(shot, end, self.least_piece_seconds))
            return [(start, held)] if held > start else []
        if cut >= end:
            return [(start, end)]
        middle = max(start + 1, self._before(shot, end, self.least_piece_seconds))
        return [(start, middle), (middle, end)]

    def _is_long(self, shot: Shot, piece: tuple[int, int]) -> bool:
        if piece[1] - piece[0] < self.min_frames:
            return False
        return shot.clock.seconds(piece[1]) - shot.clock.seconds(piece[0]) >= self.min_seconds - 1e-6

    @staticmethod
    def _after(shot: Shot, frame: int, seconds: float) -> int:
        """First frame at least `seconds` after `frame`."""
        return shot.clock.frame_at(shot.clock.seconds(frame) + seconds) if seconds > 0 else frame

    @staticmethod
    def _within(shot: Shot, frame: int, seconds: float) -> int:
        """Last frame at most `seconds` after `frame`, and behind it in any case."""
        return max(frame + 1, _last_at(shot, shot.clock.seconds(frame) + seconds))

    @staticmethod
    def _before(shot: Shot, frame: int, seconds: float) -> int:
        """Last frame at least `seconds` before `frame`."""
        return _last_at(shot, shot.clock.seconds(frame) - seconds) if seconds > 0 else frame


def _last_at(shot: Shot, seconds: float) -> int:
    """Last frame shown at `seconds` or earlier."""
    found = shot.clock.frame_at(seconds)
    return found if shot.clock.seconds(found) <= seconds + 1e-6 else found - 1
