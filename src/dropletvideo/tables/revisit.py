"""Frames that are picked by number: read by seeking after the sequential pass, when the clips are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from dropletvideo import media
from dropletvideo.perception.judge import Judge, Picked
from dropletvideo.tables.spans import Costs, SpanRun


class Picker(Protocol):
    """A judge whose `needs` are `Picked` frames."""

    def pick(self, row: Mapping[str, Any]) -> Sequence[int]:
        """Frame numbers in the file; `row` holds the clip's `start_frame` and `end_frame`."""
        ...


def revisit(
    path: str | Path,
    judges: Sequence[Judge],
    clips: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    outcomes: Sequence[dict[str, dict[str, Any] | Exception]],
    costs: Costs,
    tolerate: tuple[type[Exception], ...],
) -> int:
    """Serve the judges of picked frames, clip by clip, and put their columns into `outcomes`.

    Args:
        path: the video.
        judges: all with `Picked` needs.
        clips: rows of the clips, with `start_frame` and `end_frame`.
        rows: what else the judges are given: one per clip, or a single one for all.
        outcomes: one per clip; filled.
        costs: where seconds are counted.
        tolerate: exceptions of a judge or of reading that become its outcome.

    Returns:
        Number of places in the file that were sought.
    """
    reads = 0
    for number, (clip, outcome) in enumerate(zip(clips, outcomes, strict=True)):
        own = rows[number if len(rows) > number else 0] if rows else {}
        row = {"path": str(path), **clip, **own, "start_frame": clip["start_frame"], "end_frame": clip["end_frame"]}
        for judge in judges:
            run = SpanRun(row, [(judge, 0)], {}, costs, tolerate)
            try:
                reads += _feed(path, judge, run, row, costs)
            except tolerate as error:
                run.outcome[judge.name] = error
            outcome.update(run.finish())
    return reads


def _feed(path: str | Path, judge: Judge, run: SpanRun, row: Mapping[str, Any], costs: Costs) -> int:
    needs = judge.needs
    assert isinstance(needs, Picked)
    wanted = sorted({int(number) for number in cast(Picker, judge).pick(row)}) if judge.name not in run.outcome else []
    if not wanted:
        return 0
    found = media.stream_picked(path, wanted, short_side=needs.short_side, colour=needs.colour)
    while True:
        with costs.of("decode"):
            chunk = next(found, None)
        if chunk is None:
            return len(media.neighbour_groups(path, wanted))
        run.feed(0, chunk)
