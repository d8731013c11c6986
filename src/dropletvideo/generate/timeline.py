"""A time line of prompts: what is to be seen in turn, each entry with its own M and length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dropletvideo.errors import RequestError


class Segment(BaseModel):
    """One entry: `prompt`, and `motion` and `num_frames` where they differ from those of the call.

    `num_frames` are the frames that it adds to the video.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str
    motion: float | None = Field(default=None, gt=0)
    num_frames: int | None = Field(default=None, ge=1)


def read_timeline(entries: Sequence[Segment | Mapping[str, Any] | str]) -> list[Segment]:
    """Entries as `Segment`; a plain text is a prompt.

    Raises:
        RequestError: no entry, or one that is not valid (with its number).
    """
    if isinstance(entries, str) or not entries:
        raise RequestError("prompts is empty or a text: give a list of {prompt, motion, num_frames}, or use prompt=")
    segments = []
    for number, entry in enumerate(entries):
        try:
            given = {"prompt": entry} if isinstance(entry, str) else entry
            segments.append(given if isinstance(given, Segment) else Segment(**given))
        except (TypeError, ValidationError) as error:
            raise RequestError(f"prompts[{number}] is not valid: {' '.join(str(error).split())}") from error
    return segments
