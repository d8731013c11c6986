"""What the shot detector calls settled while frames stream by is what it says in the end, and it lags by seconds."""

from __future__ import annotations

import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.perception.cuts import ShotBoundaries
from dropletvideo.perception.edges import edges_of
from dropletvideo.perception.judge import Chunk, Frames
from dropletvideo.perception.look import LookJudge
from dropletvideo.tables.plan import watch_video
from dropletvideo.tables.spans import boundary_of

RATE = 24


def footage(seed):
    """Panned textures joined by cuts, dissolves, fades and wipes; a fade in at the start and out at the end."""
    rng = np.random.default_rng(seed)
    shots = []
    for _ in range(6):
        texture = media.resize(rng.integers(0, 255, (8, 14, 3), dtype=np.uint8), size=(48, 220))
        step = rng.integers(0, 3)
        shots.append(np.stack([texture[:, step * k : step * k + 80] for k in range(60)]).astype(np.float32))
    frames = list(shots[0])
    frames[:10] = [frame * k / 10 for k, frame in enumerate(frames[:10])]
    for shot in shots[1:]:
        kind, length = rng.choice(["cut", "dissolve", "fade", "wipe"]), int(rng.integers(8, 24))
        old, new = frames[-length:], list(shot[:length])
        if kind != "cut":
            frames[-length:] = [
                mix(kind, a, b, (k + 1) / (length + 1)) for k, (a, b) in enumerate(zip(old, new, strict=True))
            ]
        frames += list(shot if kind == "cut" else shot[length:])
    frames[-12:] = [frame * (11 - k) / 12 for k, frame in enumerate(frames[-12:])]
    return np.stack(frames).clip(0, 255).astype(np.uint8)


def mix(kind, old, new, share):
    if kind == "dissolve":
        return old * (1 - share) + new * share
    if kind == "fade":
        return old * max(0.0, 1 - 2 * share) + new * max(0.0, 2 * share - 1)
    at = round(share * old.shape[1])
    return np.concatenate([new[:, :at], old[:, at:]], axis=1)


def risen(seed, colour):
    """A shot cut off hard, then another that rises out of one colour: the cut and the fade touch, and are one."""
    frames = footage(seed).astype(np.float32)
    first, second = frames[10:58], frames[-60:-12]
    rise = np.linspace(0.05, 1, 18)[:, None, None, None]
    second[:18] = second[:18] * rise + colour * (1 - rise)
    return np.concatenate([first, second, first]).clip(0, 255).astype(np.uint8)


def told_and_final(frames, size):
    """(what `settled` said after each chunk, final edges)."""
    judge = ShotBoundaries()
    state, told = judge.start({}), []
    for at in range(0, len(frames), size):
        index = np.arange(at, min(at + size, len(frames)))
        judge.update(state, Chunk(frames=frames[index], times=index / RATE, indices=index))
        told.append((int(index[-1]), *judge.settled(state)))
    final = judge.finish(state)
    return told, edges_of([boundary_of(found) for found in final["boundaries"]], final["blended_spans"])


RISEN = {f"risen from {colour}, {seed}": (seed, colour) for seed in range(3) for colour in (0, 255)}


@pytest.mark.parametrize("frames_of", [*range(4), *RISEN])
@pytest.mark.parametrize("size", [3, 32])
def test_nothing_settled_is_taken_back(frames_of, size):
    told, final = told_and_final(risen(*RISEN[frames_of]) if frames_of in RISEN else footage(frames_of), size)
    assert len(final) >= 2, "the footage has transitions to find"
    before = 0
    for newest, edges, frame in told:
        assert edges == [edge for edge in final if edge.frame < frame]
        assert frame >= before, "the settled frame fell"
        assert newest - frame <= 5.5 * RATE
        before = frame


@pytest.mark.parametrize("frames", [lambda: footage(2), lambda: risen(1, 0)], ids=["mixed", "risen"])
def test_one_decode_and_clips_clear_of_blended_frames(tmp_path, frames):
    media.write_video(tmp_path / "edited.mp4", frames(), playback_fps=RATE)
    watched = watch_video(tmp_path / "edited.mp4", [LookJudge()], detector=ShotBoundaries())
    again = watch_video(tmp_path / "edited.mp4", [LookJudge()], detector=Unsettled())
    assert (watched.decodes, again.decodes) == (1, 2)
    assert watched.outcomes == again.outcomes
    assert watched.clips == again.clips
    blended = {frame for start, end in watched.video["cuts"]["blended_spans"] for frame in range(start, end)}
    inside = {frame for clip in watched.clips for frame in range(clip["start_frame"], clip["end_frame"])}
    assert blended
    assert not blended & inside
    assert len(blended | inside) == watched.num_frames


class Unsettled(ShotBoundaries):
    """The same detector, which says nothing before the end."""

    settled = property()  # no such attribute for `hasattr`


class Diary:
    """A judge that notes when its clips begin and end."""

    name, version = "diary", 1
    needs = Frames(rate=4.0, short_side=32)
    columns = {"noted": int}  # noqa: RUF012

    def __init__(self):
        self.log = []

    def start(self, row):
        self.log.append(("start", row["start_frame"]))
        return row["start_frame"]

    def update(self, state, chunk):
        """Nothing is measured."""

    def finish(self, state):
        self.log.append(("finish", state))
        return {"noted": state}


def test_a_clip_is_done_with_as_soon_as_the_pass_has_gone_by(tmp_path):
    media.write_video(tmp_path / "edited.mp4", footage(2), playback_fps=RATE)
    diary = Diary()
    watched = watch_video(tmp_path / "edited.mp4", [diary], detector=ShotBoundaries())
    starts = [clip["start_frame"] for clip in watched.clips]
    assert len(starts) >= 4
    first_end, last_start = diary.log.index(("finish", starts[0])), diary.log.index(("start", starts[-1]))
    assert first_end < last_start, "states of finished clips pile up with the length of the video"
