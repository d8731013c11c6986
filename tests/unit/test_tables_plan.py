"""The decode plan: one decode for everybody, and each frame at the right judge exactly once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tables_footage import Levels, trim_and_cut, write_shots

from dropletvideo import media
from dropletvideo.errors import MediaError
from dropletvideo.perception.judge import Features, Frames
from dropletvideo.tables import plan
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.plan import measure_video, watch_video
from dropletvideo.tables.spans import ENDLESS


class Seen:
    """Remembers which frames it was given."""

    version = 1

    def __init__(self, name="seen", needs=None):
        self.name, self.needs = name, needs or Frames(rate=None, short_side=32)
        self.columns = {name: list}

    def start(self, row):
        return []

    def update(self, state, chunk):
        state.extend(chunk.indices.tolist())

    def finish(self, state):
        return {self.name: list(state)}


class LateLevels(Levels):
    """The same detector, which says nothing before the end."""

    settled = property()


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    return write_shots(tmp_path_factory.mktemp("plan") / "shots.mp4")


@pytest.fixture
def decodes(monkeypatch):
    """Counts sequential decodes by counting calls of the one function that makes them."""
    calls = []
    original = media.stream_many

    def counted(path, wants, **options):
        calls.append(len(wants))
        return original(path, wants, **options)

    monkeypatch.setattr(media, "stream_many", counted)
    return calls


def test_one_decode_serves_all_judges_and_equal_wants_are_grouped(footage, decodes):
    judges = [
        Seen("a"),
        Seen("b"),
        Seen("c", Frames(rate=5.0, short_side=16)),
        Seen("d", Frames(rate=5.0, short_side=16)),
    ]
    (row,) = measure_video(footage, judges)
    assert decodes == [2]
    assert row["a"] == row["b"] == list(range(125))
    assert row["c"] == row["d"] == list(range(0, 125, 5))
    assert (row["start_frame"], row["end_frame"], row["num_frames"]) == (0, 125, 125)
    assert row["duration_seconds"] == pytest.approx(5.0)


def test_spans_see_their_own_frames_even_where_they_overlap(footage, decodes):
    rows = measure_video(footage, [Seen()], spans=[(10, 50), (40, 60), (100, None)], rows=[{}, {}, {}])
    assert [row["seen"] for row in rows] == [list(range(10, 50)), list(range(40, 60)), list(range(100, 125))]
    assert len(decodes) == 1


@pytest.mark.parametrize("lag", [0, 1, 7, 60, 500])
def test_clips_are_cut_and_measured_in_the_same_pass(footage, decodes, lag):
    judges = [Seen("dense"), Seen("sparse", Frames(rate=5.0, short_side=16))]
    watched = watch_video(footage, judges, detector=Levels(lag), rule=trim_and_cut)
    assert [b.frame for b in watched.boundaries] == [40, 43, 113]
    spans = [(clip["start_frame"], clip["end_frame"]) for clip in watched.clips]
    assert spans == [(2, 27), (27, 38), (45, 70), (70, 95), (95, 111), (115, 123)]
    for (start, end), outcome in zip(spans, watched.outcomes, strict=True):
        assert outcome["dense"] == {"dense": list(range(start, end))}
        assert outcome["sparse"] == {"sparse": [frame for frame in range(0, 125, 5) if start <= frame < end]}
    assert watched.decodes == len(decodes) == 1


@pytest.mark.parametrize(("detector", "limit"), [(LateLevels(), 1 << 30), (Levels(60), 10_000)])
def test_a_detector_that_settles_late_costs_a_second_decode_and_no_frame(footage, decodes, detector, limit):
    watched = watch_video(footage, [Seen()], detector=detector, rule=trim_and_cut, max_waiting_bytes=limit)
    spans = [(clip["start_frame"], clip["end_frame"]) for clip in watched.clips]
    assert spans == [(2, 27), (27, 38), (45, 70), (70, 95), (95, 111), (115, 123)]
    assert [o["seen"]["seen"] for o in watched.outcomes] == [list(range(*span)) for span in spans]
    assert watched.decodes == len(decodes) == 2


class Forgetful(Levels):
    """A detector that breaks its word: it misses the second boundary until the end."""

    def settled(self, state):
        found, frame = super().settled(state)
        return found[:1] + found[2:], frame


def test_a_detector_that_takes_back_what_was_settled_costs_a_decode_and_gives_the_truth(footage, decodes, caplog):
    watched = watch_video(footage, [Seen()], detector=Forgetful(2), rule=trim_and_cut)
    spans = [(clip["start_frame"], clip["end_frame"]) for clip in watched.clips]
    assert spans == [(2, 27), (27, 38), (45, 70), (70, 95), (95, 111), (115, 123)]
    assert [o["seen"]["seen"] for o in watched.outcomes] == [list(range(*span)) for span in spans]
    assert watched.decodes == len(decodes) == 2
    assert "took back" in caplog.text


def test_added_later_gives_the_same_as_in_the_streaming_pass(footage):
    judge = Seen("sparse", Frames(rate=7.0, short_side=16))
    watched = watch_video(footage, [judge], detector=Levels(9), rule=trim_and_cut)
    spans = [(clip["start_frame"], clip["end_frame"]) for clip in watched.clips]
    later = measure_video(footage, [judge], spans=spans, rows=[{}] * len(spans))
    assert [row["sparse"] for row in later] == [outcome["sparse"]["sparse"] for outcome in watched.outcomes]


class Mean:
    """A backbone: mean level of each frame and of the one before it in the clip; counts its calls."""

    calls = 0

    def start(self, row):
        return [None]

    def __call__(self, state, chunk):
        Mean.calls += len(chunk.indices)
        levels = chunk.frames.mean(axis=(1, 2, 3))
        before = [levels[0] if state[0] is None else state[0], *levels[:-1]]
        state[0] = levels[-1]
        return list(zip(before, levels, strict=True))


class Jump(Seen):
    """Largest step of the mean level between frames of the clip, by the backbone."""

    def update(self, state, chunk):
        state += [abs(b - a) for a, b in chunk.features["mean"]]
        assert len(chunk.frames) == len(chunk.features["mean"])

    def finish(self, state):
        return {self.name: max(state)}


def test_a_backbone_runs_once_per_frame_for_all_and_begins_anew_with_each_clip(footage, decodes, monkeypatch):
    monkeypatch.setattr(plan, "_backbone", {"mean": Mean()}.__getitem__)
    Mean.calls = 0
    needs = Features(backbone="mean", rate=None, short_side=16)
    rows = measure_video(footage, [Jump("a", needs), Jump("b", needs), Seen()], spans=[(0, 40), (40, 43), (0, 60)])
    assert Mean.calls == 40 + 3 + 60
    assert [row["a"] == row["b"] for row in rows] == [True] * 3
    assert [row["a"] > 50 for row in rows] == [False, False, True]
    assert decodes == [2]


def test_a_failing_backbone_fails_those_who_asked_for_it(footage, monkeypatch):
    class Broken(Mean):
        def __call__(self, state, chunk):
            raise ZeroDivisionError("no features")

    monkeypatch.setattr(plan, "_backbone", {"mean": Broken()}.__getitem__)
    needs = Features(backbone="mean", rate=None, short_side=16)
    watched = watch_video(footage, [Jump("a", needs), Seen()], spans=[(0, 40)], tolerate=(Exception,))
    assert isinstance(watched.outcomes[0]["a"], ZeroDivisionError)
    assert len(watched.outcomes[0]["seen"]["seen"]) == 40


def test_decoding_ends_with_the_last_span(footage, monkeypatch):
    wants = []
    original = media.stream_many
    monkeypatch.setattr(media, "stream_many", lambda path, w, **o: (wants.extend(w), original(path, w, **o))[1])
    (row,) = measure_video(footage, [Seen()], spans=[(5, 20)])
    assert wants[0].end_frame == 20
    assert (row["end_frame"], row["seen"]) == (20, list(range(5, 20)))


def test_spans_beyond_the_end_are_cut_to_it(footage):
    rows = measure_video(footage, [Seen()], spans=[(120, 400), (300, 400)])
    assert [(row["end_frame"], row["num_frames"], row["seen"]) for row in rows] == [
        (125, 5, list(range(120, 125))),
        (125, 0, []),
    ]


def test_sampled_judges_alone_still_tell_the_whole_length(footage):
    (row,) = measure_video(footage, [Seen("sparse", Frames(rate=2.0, short_side=16))])
    assert (row["end_frame"], row["duration_seconds"]) == (125, pytest.approx(5.0))


def test_waiting_frames_are_bounded_by_the_look_ahead(tmp_path):
    path = tmp_path / "long.mp4"
    media.write_video(path, (np.zeros((48, 64, 3), np.uint8) for _ in range(600)), playback_fps=25)
    highest = 0
    original = plan.Spans.take

    class Watching(plan.Spans):
        def take(self, want, run):
            nonlocal highest
            original(self, want, run)
            highest = max(highest, self.waiting_bytes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "Spans", Watching)
        watched = watch_video(path, [Seen()], detector=Levels(10))
    assert watched.decodes == 1
    assert 0 < highest <= (10 + 64) * 32 * 43 * 3


def test_a_judge_that_fails_is_an_outcome_only_where_that_is_asked_for(footage):
    class Fails(Seen):
        def update(self, state, chunk):
            raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError):
        measure_video(footage, [Fails(), Seen("other")])
    watched = watch_video(footage, [Fails(), Seen("other")], spans=[(0, None)], tolerate=(Exception,))
    assert isinstance(watched.outcomes[0]["seen"], ZeroDivisionError)
    assert len(watched.outcomes[0]["other"]["other"]) == 125


def test_costs_are_counted_by_judge_and_for_the_decode(footage):
    watched = watch_video(footage, [Seen()], spans=[(0, None)])
    assert watched.costs.cpu_seconds["decode"] > 0
    assert "seen" in watched.costs.wall_seconds


def test_a_broken_file_raises_ours(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"not a video at all")
    with pytest.raises(MediaError):
        measure_video(tmp_path / "x.mp4", [Seen()])


def test_clock_follows_timestamps_of_a_variable_rate():
    clock = FrameClock(Fraction(1, 100), 25.0)
    clock.add(np.arange(5), np.array([10, 14, 18, 30, 42]))
    assert clock.seconds(3) == pytest.approx(0.30)
    assert [clock.frame_at(seconds) for seconds in (0.0, 0.14, 0.19, 0.42)] == [0, 1, 3, 4]
    assert clock.pts(6) == 42 + 16
    assert clock.frame_at(0.43) == 5
    assert ENDLESS > 10**15
