"""Trim and limits of length for clips that are made already, behind `stitch` or `motion_regimes` (`curate.lengths`).

The same rule as in `segment`, on clips in place of shots: trim at both ends, split what is too long, drop what is too
short. `min_seconds_by_source` is MiraData's rule where one run mixes sources (section 3.2: over 40 s from YouTube, over
10 s from stock sites); it reads `source`, which the stage `origin` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field

from dropletvideo.curate.lengths import Lengths, LengthsConfig
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.spans import Shot
from dropletvideo.tables.stage import Stage

Rows = Sequence[Mapping[str, Any]]


class Config(LengthsConfig):
    """See `curate.lengths`; `min_seconds_by_source` stands in place of `min_seconds` for the sources that it names."""

    min_seconds_by_source: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trim:
    """The function of the stage: clips of one video in, clips out."""

    lengths: Lengths
    by_source: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, rows: Rows, clock: Callable[[], FrameClock]) -> list[dict[str, int]]:
        """Spans of what is left of each clip, in order."""
        found = []
        for row in rows:
            start, end = int(row["start_frame"]), int(row["end_frame"])
            shot = Shot(start_frame=start, end_frame=end, is_closed=True, clock=clock())
            found += [{"start_frame": start, "end_frame": end} for start, end in self._rule(row)(shot)]
        return found

    def _rule(self, row: Mapping[str, Any]) -> Lengths:
        least = self.by_source.get(str(row.get("source") or "").lower())
        return self.lengths if least is None else replace(self.lengths, min_seconds=least)


def build(config: Config) -> Stage:
    """The stage."""
    by_source = {name.lower(): seconds for name, seconds in sorted(config.min_seconds_by_source.items())}
    lengths = config.lengths()
    return Stage(
        name="trim",
        version=1,
        kind="clips->clips",
        params={**lengths.as_dict(), "min_seconds_by_source": by_source},
        function=Trim(lengths=lengths, by_source=by_source),
        needs_columns=("source",) if by_source else (),
    )
