"""Protects: every kind of edit is found once, at its place and under its name, and what only looks like one is not."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dropletvideo import media
from dropletvideo.perception.cuts import ShotBoundaries
from dropletvideo.perception.judge import Chunk

CLIPS = Path(__file__).parents[2].parent / "shared" / "clips"
HEIGHT, WIDTH = 48, 85


def shot(seed, count, *, speed=0.5, rate=24.0):
    """A textured scene under a camera that moves `speed` pixels of 1/24 s sideways and half of that down."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((HEIGHT * 4, WIDTH * 4, 3), np.float32)
    for cells, strength in ((4, 60), (12, 45), (40, 25)):
        layer = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        canvas += cv2.resize(layer, (WIDTH * 4, HEIGHT * 4), interpolation=cv2.INTER_CUBIC)
    canvas = np.clip(canvas + rng.uniform(70, 170, 3), 0, 255).astype(np.uint8)
    frames = []
    for index in range(count):
        x = WIDTH + speed * index * 24 / rate
        y = HEIGHT + speed * index * 12 / rate
        place = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        frames.append(
            cv2.warpAffine(canvas, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        )
    return np.stack(frames)


def mixed(old, new, share):
    """`old` under `new`; `share` broadcasts over F,H,W,1."""
    return np.rint(old * (1 - share) + new * share).astype(np.uint8)


def ramp(length):
    return (np.arange(1, length + 1) / (length + 1))[:, None, None, None]


def joined(old, new, share):
    """The last frames of `old` and the first of `new` laid over each other by `share` F,H,W,1."""
    length = len(share)
    middle = mixed(old[-length:].astype(np.float32), new[:length].astype(np.float32), share)
    return np.concatenate([old[:-length], middle, new[length:]])


def wipe_share(length, way):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / np.array([HEIGHT, WIDTH])[:, None, None]
    place = {"right": x, "left": 1 - x, "down": y, "up": 1 - y, "iris": np.hypot(x - 0.5, y - 0.5) / 0.71}[way]
    return np.clip((ramp(length)[..., 0] - place) * 40 + 0.5, 0, 1)[..., None]


def faded(frames, length, *, colour=0, at_end=True):
    """Goes to (or comes from) one colour over `length` frames, which it reaches in the last (first) of them."""
    share = (np.arange(1, length + 1) / length)[:, None, None, None]
    out = frames.copy()
    plain = np.full_like(frames[:length], colour, np.float32)
    if at_end:
        out[-length:] = mixed(frames[-length:].astype(np.float32), plain, share)
    else:
        out[:length] = mixed(frames[:length].astype(np.float32), plain, share[::-1])
    return out


def judged(frames, *, rate=24.0, chunk=32):
    judge = ShotBoundaries()
    state = judge.start({})
    for start in range(0, len(frames), chunk):
        part = frames[start : start + chunk]
        indices = np.arange(start, start + len(part))
        judge.update(state, Chunk(frames=part, times=indices / rate, indices=indices))
    return judge.finish(state)


def found(frames, **how):
    return [(one["frame"], one["end_frame"], one["kind"]) for one in judged(frames, **how)["boundaries"]]


@pytest.mark.parametrize("seed", range(4))
def test_hard_cuts_are_found_at_their_frame(seed):
    frames = np.concatenate([shot(3 * seed + k, length) for k, length in enumerate((40, 23, 51))])
    assert found(frames) == [(40, 40, "cut"), (63, 63, "cut")]


@pytest.mark.parametrize("length", [6, 16, 30])
@pytest.mark.parametrize("seed", [1, 2])
def test_dissolves_are_found_once_inside_their_span(seed, length):
    frames = joined(shot(seed, 60), shot(seed + 20, 60), ramp(length))
    [(frame, end, kind)] = found(frames)
    assert kind == "dissolve"
    assert 60 - length <= frame <= 60 - length + max(2, length // 4)
    assert abs(end - 60) <= max(2, length // 4)


@pytest.mark.parametrize("way", ["right", "left", "down", "up", "iris"])
def test_wipes_are_found_once_inside_their_span(way):
    frames = joined(shot(5, 60), shot(6, 60), wipe_share(20, way))
    [(frame, end, kind)] = found(frames)
    assert kind == "wipe"
    assert 40 <= frame <= 45
    assert 55 <= end <= 62


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("gap", [0, 12])
def test_a_fade_through_one_colour_is_one_boundary(colour, gap):
    dark = np.full((gap, HEIGHT, WIDTH, 3), colour, np.uint8)
    old, new = faded(shot(7, 60), 14, colour=colour), faded(shot(8, 60), 14, colour=colour, at_end=False)
    frames = np.concatenate([old, dark, new])
    [(frame, end, kind)] = found(frames)
    assert kind == "fade"
    assert 46 <= frame <= 60
    assert 60 + gap <= end <= 76 + gap
    [[start, stop]] = judged(frames)["blended_spans"]
    assert 46 <= start <= 50
    assert stop == end


@pytest.mark.parametrize("seed", [7, 12, 15])
@pytest.mark.parametrize("colour", [0, 255])
def test_a_fade_of_a_few_frames_is_found_at_its_bottom_and_named(seed, colour):
    old, new = shot(seed, 40, rate=8.0), shot(seed + 1, 40, rate=8.0)
    for share, frame in zip((0.3, 0.65), (38, 39), strict=True):
        old[frame] = mixed(old[frame].astype(np.float32), float(colour), share)
        new[39 - frame] = mixed(new[39 - frame].astype(np.float32), float(colour), share)
    [(frame, end, kind)] = found(np.concatenate([old, new]), rate=8.0)
    assert kind == "fade"
    assert 38 <= frame <= 42
    assert end <= 43


def test_cut_to_black_and_fade_in_are_two_and_so_are_fade_out_and_cut():
    dark = np.zeros((12, HEIGHT, WIDTH, 3), np.uint8)
    frames = np.concatenate([shot(1, 50), dark, faded(shot(2, 50), 14, at_end=False)])
    assert [kind for _, _, kind in found(frames)] == ["cut", "fade"]
    frames = np.concatenate([faded(shot(1, 50), 14), dark, shot(2, 50)])
    assert [kind for _, _, kind in found(frames)] == ["fade", "cut"]


def test_a_fade_that_leads_to_no_shot_is_no_boundary_but_a_blended_span():
    result = judged(faded(shot(4, 80), 20))
    assert result["boundaries"] == []
    [[start, stop]] = result["blended_spans"]
    assert 60 <= start <= 66
    assert stop >= 76


def flashing():
    frames = shot(9, 80)
    frames[40:46] = mixed(
        frames[40:46].astype(np.float32), 255.0, np.array([0.5, 0.9, 1, 1, 0.8, 0.4])[:, None, None, None]
    )
    return frames


def brightening():
    frames = shot(10, 80).astype(np.float32)
    gain = np.clip(np.linspace(0.4, 1.1, 80), 0.45, 1.0)[:, None, None, None]
    return np.clip(frames * gain, 0, 255).astype(np.uint8)


def overlaid():
    frames = shot(11, 90)
    frames[20:60, 36:44, 10:75] = 250  # a title
    frames[50:80, 2:18, 50:80] = shot(12, 90)[50:80, 2:18, 50:80]  # a picture in the picture
    return frames


QUIET = {
    "still": lambda: shot(1, 80, speed=0.0),
    "slow": lambda: shot(2, 80, speed=0.7),
    "fast pan": lambda: shot(3, 80, speed=6.0),
    "flash": flashing,
    "brightening": brightening,
    "overlays": overlaid,
    "black": lambda: np.zeros((40, HEIGHT, WIDTH, 3), np.uint8),
    "noise": lambda: np.random.default_rng(0).integers(100, 140, (60, HEIGHT, WIDTH, 3), np.uint8),
}


@pytest.mark.parametrize("kind", QUIET)
def test_what_is_no_edit_is_not_found(kind):
    assert found(QUIET[kind]()) == []


def test_bars_hide_nothing():
    old, new = shot(13, 50), shot(14, 50)
    for frames in (np.concatenate([old, new]), joined(old, new, ramp(16))):
        frames[:, :6] = frames[:, -6:] = 0
        assert len(found(frames)) == 1


@pytest.mark.parametrize("rate", [8.0, 12.0, 30.0, 60.0])
def test_edits_are_found_at_any_rate(rate):
    length, half = round(2.5 * rate), round(0.7 * rate)
    parts = [shot(seed, length, rate=rate) for seed in (21, 22, 23)]
    frames = np.concatenate([joined(parts[0], parts[1], ramp(half)), parts[2]])
    boundaries = found(frames, rate=rate)
    assert [kind for _, _, kind in boundaries] == ["dissolve", "cut"]
    assert length - half <= boundaries[0][0] <= length
    assert boundaries[1][0] == 2 * length - half


def test_the_size_of_chunks_changes_nothing():
    frames = np.concatenate([joined(shot(1, 50), shot(2, 50), ramp(12)), shot(3, 30)])
    assert judged(frames, chunk=1) == judged(frames, chunk=7) == judged(frames, chunk=1000)


def test_memory_does_not_grow_with_length():
    judge = ShotBoundaries()
    state = judge.start({})
    frames = shot(1, 100)
    for start in range(0, 1500, 100):
        indices = np.arange(start, start + 100)
        judge.update(state, Chunk(frames=frames[:: 1 if start % 200 else -1], times=indices / 24, indices=indices))
    assert state.finder is not None
    assert len(state.steps) < 12
    assert len(state.finder._entries) <= 120


def test_a_short_file_is_one_shot():
    for count in (0, 1, 2, 3):
        assert judged(shot(1, count) if count else np.zeros((0, HEIGHT, WIDTH, 3), np.uint8))["boundaries"] == []
    assert found(np.concatenate([shot(1, 2), shot(2, 2)])) == [(2, 2, "cut")]


@pytest.mark.parametrize("name", ["cartoon_three_shots.mp4", "shaving_closeup.mp4", "bear_walking.mp4"])
def test_real_clips(name):
    if not (CLIPS / name).exists():
        pytest.skip("real clips are not beside this checkout")
    cuts = json.loads((CLIPS / "labels.json").read_text())["clips"][name]["cuts"]
    frames = found_in_file(CLIPS / name)
    assert len(frames) == len(cuts)
    assert all(abs(frame - cut) <= 2 for frame, cut in zip(frames, cuts, strict=True))


def found_in_file(path):
    judge = ShotBoundaries()
    state = judge.start({})
    for run in media.stream(path, short_side=judge.needs.short_side):
        judge.update(state, Chunk(frames=run.frames, times=run.times, indices=run.indices))
    return [one["frame"] for one in judge.finish(state)["boundaries"]]


def test_rendered_footage(tmp_path):
    """A whole path: render, encode, decode, find."""
    from dropletvideo.world.editing import FootageConfig
    from dropletvideo.world.footage import write_footage

    config = FootageConfig(shots=(3, 3), seconds=(1.4, 1.8), effect_share=0.0)
    [path] = write_footage(tmp_path, 4711, 1, config, size=(72, 128))
    truth = json.loads(path.with_suffix(".truth.json").read_text())["boundaries"]
    frames = found_in_file(path)
    assert len(frames) == len(truth)
    for frame, true in zip(frames, truth, strict=True):
        assert true["frame"] - 2 <= frame <= true["end_frame"] + 2
