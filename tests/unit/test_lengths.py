"""The clip rule keeps its promises while a shot is being decoded, loses no frame to a split, and obeys its limits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dropletvideo.curate.lengths import Lengths
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.spans import Shot


def clock_of(num_frames, source_fps=25.0, times=None):
    clock = FrameClock("1/1000", source_fps)
    seconds = np.arange(num_frames) / source_fps if times is None else times
    clock.add(np.arange(num_frames), np.round(seconds * 1000).astype(np.int64))
    return clock


def shot(start, end, clock, is_closed=True):
    return Shot(start_frame=start, end_frame=end, is_closed=is_closed, clock=clock)


def test_a_short_shot_is_dropped_only_when_it_is_closed():
    rule = Lengths(min_seconds=1.0)
    clock = clock_of(100)
    assert rule(shot(0, 24, clock)) == []
    assert rule(shot(0, 25, clock)) == [(0, 25)]
    assert rule(shot(0, 10, clock, is_closed=False)) == [(0, 10)]


def test_trim_takes_both_ends_and_may_leave_nothing():
    rule = Lengths(min_seconds=0.0, trim_start_seconds=0.2, trim_end_seconds=0.4)
    assert rule(shot(50, 100, clock_of(200))) == [(55, 90)]
    assert rule(shot(50, 60, clock_of(200))) == []


@pytest.mark.parametrize("length", [74, 75, 76, 80, 99, 100, 101, 149, 150, 151, 170, 300])
def test_a_split_loses_no_frame_and_every_piece_is_within_limits(length):
    rule = Lengths(min_seconds=1.0, max_seconds=3.0)
    pieces = rule(shot(7, 7 + length, clock_of(400)))
    assert pieces[0][0] == 7
    assert pieces[-1][1] == 7 + length
    assert all(a[1] == b[0] for a, b in pairwise(pieces))
    assert all(25 <= end - start <= 75 for start, end in pieces)
    assert len(pieces) == -(-length // 75)


def test_the_last_piece_is_no_scrap():
    pieces = Lengths(min_seconds=0.1, max_seconds=4.0)(shot(0, 103, clock_of(200)))
    assert pieces == [(0, 78), (78, 103)]


def test_a_clip_of_too_few_frames_is_dropped_however_long_it_lasts():
    rule = Lengths(min_seconds=0.0, min_frames=30)
    assert rule(shot(0, 29, clock_of(100, 2.0))) == []
    assert rule(shot(0, 30, clock_of(100, 2.0))) == [(0, 30)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "limits", [{}, {"max_seconds": 2.0, "min_seconds": 0.9}, {"max_seconds": 3.1, "trim_end_seconds": 0.3}]
)
def test_promises_of_an_open_shot_are_kept_to_its_end(seed, limits):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.02, 0.09, 260))  # variable rate
    rule, clock = Lengths(**limits), clock_of(260, times=times)
    start, end = 3, int(rng.integers(30, 255))
    promised = {}
    for known in [*range(start + 1, end, int(rng.integers(1, 17))), end]:
        pieces = rule(shot(start, known, clock, is_closed=False))
        assert all(high <= known for _, high in pieces)
        now = dict(pieces)
        assert all(now.get(low, -1) >= high for low, high in promised.items()), "a span vanished or shrank"
        promised = now
    final = dict(rule(shot(start, end, clock)))
    longest = limits.get("max_seconds", np.inf) + 1e-6
    assert all(clock.seconds(high) - clock.seconds(low) <= longest for low, high in final.items())
    for low, high in promised.items():
        assert low not in final or final[low] >= high
    kept = sum(high - low for low, high in final.items())
    trimmed = sum(
        clock.seconds(end) - clock.seconds(f) < limits.get("trim_end_seconds", 0.0) for f in range(start, end)
    )
    assert kept == 0 or abs(kept + trimmed - (end - start)) <= 1
