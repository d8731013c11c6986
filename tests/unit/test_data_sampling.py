"""Protects the meaning of M: no frame twice, M never above the source rate, M true to the frames taken."""

import numpy as np
import pytest

from dropletvideo.data.sampling import FrameClock, FrameSample, Skipped, sample_whole, sample_window
from dropletvideo.errors import RequestError

RATES = (8.0, 23.976, 25.0, 29.97, 32.0, 60.0)


def uneven_clock(rng: np.random.Generator, num_frames: int) -> FrameClock:
    """A variable-rate clock whose intervals differ by up to five times, not starting at zero."""
    return FrameClock.from_times(np.cumsum(rng.uniform(0.01, 0.05, num_frames)) + rng.uniform(0, 100))


def check(sample: FrameSample, clock: FrameClock, num_frames: int) -> None:
    assert sample.indices.shape == (num_frames,)
    assert (np.diff(sample.indices) >= 1).all(), "a frame was used twice"
    first, last = int(sample.indices[0]), int(sample.indices[-1])
    assert first >= 0
    assert last < clock.num_frames
    assert sample.motion == pytest.approx(num_frames / clock.spanned(first, last))
    local_rate = (last - first + 1) / clock.spanned(first, last)
    assert sample.motion <= local_rate * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(300))
def test_window_holds_its_promises_at_any_rate_and_length(seed):
    rng = np.random.default_rng(seed)
    constant = seed % 2 == 0
    frames = int(rng.integers(5, 400))
    clock = FrameClock.constant(frames, float(rng.choice(RATES))) if constant else uneven_clock(rng, frames)
    num_frames = int(rng.choice([5, 9, 17, 33]))
    sample = sample_window(clock, num_frames, (4.0, 32.0), rng)
    if isinstance(sample, Skipped):
        return
    check(sample, clock, num_frames)
    if constant:  # the window is rounded to whole frames, so M is off the range by half a frame at most
        spanned_frames = num_frames * clock.source_fps / sample.motion
        assert spanned_frames == pytest.approx(round(spanned_frames))
        assert sample.motion >= num_frames / (num_frames / 4.0 + 0.51 / clock.source_fps)
        assert sample.motion <= max(num_frames / (num_frames / 32.0 - 0.51 / clock.source_fps), 32.0)


@pytest.mark.parametrize("seed", range(60))
def test_whole_spans_all_but_the_trim(seed):
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(40, 500))
    clock = FrameClock.constant(frames, float(rng.choice(RATES)))
    sample = sample_whole(clock, 17)
    assert isinstance(sample, FrameSample)
    check(sample, clock, 17)
    assert sample.indices[0] == int(np.ceil(frames * 0.1 - 1e-6))
    assert sample.indices[-1] == int(np.floor(frames * 0.9 + 1e-6)) - 1
    assert (np.diff(np.diff(sample.indices)) <= 1).all(), "the frames are not even"


def test_whole_on_an_uneven_clock_is_even_in_time_not_in_frames():
    times = np.concatenate([np.arange(100) * 0.01, 1.0 + np.arange(100) * 0.05])  # 100 fps, then 20 fps
    clock = FrameClock.from_times(times)
    sample = sample_whole(clock, 17)
    assert isinstance(sample, FrameSample)
    check(sample, clock, 17)
    gaps = np.diff(clock.edges[sample.indices])
    assert gaps.max() - gaps.min() <= 0.1 + 1e-9
    assert np.diff(sample.indices).max() > 2 * np.diff(sample.indices).min()


def test_motion_is_log_uniform_over_the_range():
    rng = np.random.default_rng(0)
    clock = FrameClock.constant(400, 32.0)
    drawn = [sample_window(clock, 17, (4.0, 32.0), rng) for _ in range(3000)]
    logs = np.log2([sample.motion for sample in drawn if isinstance(sample, FrameSample)])
    assert len(logs) == 3000
    thirds = np.histogram(logs, bins=[1.98, 3, 4, 5.01])[0] / 3000
    assert np.abs(thirds - 1 / 3).max() < 0.04


def test_a_window_may_start_anywhere():
    rng = np.random.default_rng(0)
    clock = FrameClock.constant(64, 32.0)
    firsts = {int(sample_window(clock, 17, (16.0, 16.0), rng).indices[0]) for _ in range(800)}
    assert firsts == set(range(64 - 34 + 1))


def test_same_generator_same_sample():
    clock = FrameClock.constant(200, 30.0)
    one, two = (sample_window(clock, 17, (4.0, 32.0), np.random.default_rng(7)) for _ in range(2))
    assert (one.indices == two.indices).all()
    assert one.motion == two.motion


@pytest.mark.parametrize(
    ("clock", "reason"),
    [
        (FrameClock.constant(16, 32.0), "too_few_frames"),
        (FrameClock.constant(100, 3.0), "rate_too_low"),
    ],
)
def test_clips_that_cannot_serve_are_skipped_with_the_reason(clock, reason):
    skipped = sample_window(clock, 17, (4.0, 32.0), np.random.default_rng(0))
    assert isinstance(skipped, Skipped)
    assert skipped.reason == reason
    assert any(letter.isdigit() for letter in skipped.detail)


def test_short_clip_at_high_rate_is_too_short_when_its_least_motion_is_outside_the_range():
    skipped = sample_window(FrameClock.constant(20, 60.0), 17, (4.0, 32.0), np.random.default_rng(0))
    assert isinstance(skipped, Skipped)
    assert skipped.reason == "too_short"


def test_a_clip_of_exactly_n_frames_gives_them_all():
    sample = sample_window(FrameClock.constant(17, 24.0), 17, (4.0, 32.0), np.random.default_rng(0))
    assert (sample.indices == np.arange(17)).all()
    assert sample.motion == pytest.approx(24.0)


def test_whole_skips_what_the_trim_leaves_too_short():
    skipped = sample_whole(FrameClock.constant(20, 24.0), 17)
    assert isinstance(skipped, Skipped)
    assert "16 frames" in skipped.detail


def test_a_clock_that_does_not_run_is_refused():
    with pytest.raises(RequestError, match="above the one before"):
        FrameClock.from_times(np.array([0.0, 0.1, 0.1]))
    with pytest.raises(RequestError, match="must be > 0"):
        FrameClock.constant(10, 0.0)
