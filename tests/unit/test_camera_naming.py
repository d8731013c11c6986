"""Naming from rates: what counts as an arc, as tracking, as a thing that turns, and which class lasts longest."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dropletvideo.perception import camera_segments
from dropletvideo.perception.camera_class import class_of, picture_weight, runs_of
from dropletvideo.perception.camera_segments import Rates, with_arcs, with_tracking
from dropletvideo.perception.camera_solve import _chord
from dropletvideo.perception.camera_subject import follows_subject, turns_in_place
from dropletvideo.perception.camera_tracks import TrackedFrame, Tracks
from dropletvideo.perception.camera_windows import FOCAL_RATIOS, Lens, Pair, _least_between, make_windows
from dropletvideo.records import CameraMove
from dropletvideo.world.config import WorldConfig
from dropletvideo.world.shot import draw_shot

SIDE, FOCAL_PX = 256, 280.0


def rates(*pieces, spread=60.0, explained=1.0):
    """Rates of pieces of eight windows each (quarter seconds), given as {axis: rate}."""
    values = np.zeros((8 * len(pieces), 8))
    for number, piece in enumerate(pieces):
        for axis, value in piece.items():
            values[8 * number : 8 * number + 8, camera_segments.AXES.index(axis)] = value
    count = len(values)
    edges = np.arange(count + 1) / 4
    travels = np.abs(values[:, 4:7]).max(axis=1) > 0
    return Rates(
        times=edges[:-1] + 0.125,
        starts=edges[:-1],
        ends=edges[1:],
        values=values,
        spread=np.where(travels, np.broadcast_to(np.repeat(spread, count // np.size(spread)), count), 0.0),
        travels=travels,
        speed=np.linalg.norm(values[:, 4:7], axis=1),
        explained=np.full(count, explained),
        turns=np.zeros((count, 4)),
        tracks=np.zeros(count, bool),
    )


def arcs_of(given):
    return with_arcs(given, FOCAL_PX, SIDE).values[:, 7]


def test_pan_against_truck_round_something_near_is_an_arc():
    assert (arcs_of(rates({"pan": -12.0, "truck": 0.2})) == 12.0).all()
    assert (arcs_of(rates({"pan": 12.0, "truck": 0.2})) == 0.0).all()


def test_travel_ahead_or_far_beyond_the_pivot_is_no_arc():
    assert not arcs_of(rates({"pan": -12.0, "truck": 0.1, "dolly": 0.2})).any()
    assert not arcs_of(rates({"pan": -3.0, "truck": 0.3}, spread=30.0)).any()


def test_a_pan_without_parallax_is_no_arc_and_with_some_it_is():
    weak = {"pan": -12.0, "truck": 0.2}
    assert not arcs_of(rates(weak, spread=4.0)).any()
    assert (arcs_of(rates(weak, spread=18.0)) == 12.0).all()


def test_the_arc_of_a_camera_that_looks_down_turns_and_rolls():
    # round a pivot as far as a pan of 12 degrees goes, seen from 40 degrees above: cos and sin of it
    turned = {"pan": -12.0 * np.cos(np.radians(40)), "roll": -12.0 * np.sin(np.radians(40)), "truck": 0.45}
    assert arcs_of(rates(turned)) == pytest.approx(12.0)
    assert not arcs_of(rates({**turned, "roll": 0.0})).any()  # too little turn for so much travel


@pytest.mark.parametrize(
    ("given", "tracks"),
    [
        (rates({"truck": 0.1}), True),
        (rates({"truck": 0.1}, explained=0.6), False),  # travel fits badly: things move, nothing is followed
        (rates({"pan": 4.0}, explained=0.8), True),
        (rates({"pan": 4.0}, explained=0.5), False),  # half of the points go elsewhere: the pan itself is in doubt
    ],
    ids=["travel", "travel that explains little", "pan", "pan that explains little"],
)
def test_tracking_needs_a_travel_or_a_turn_that_fits(monkeypatch, given, tracks):
    monkeypatch.setattr(camera_segments, "holds_subject", lambda *_: True)
    monkeypatch.setattr(camera_segments, "follows_subject", lambda *_: True)
    monkeypatch.setattr(camera_segments, "basis", lambda _: np.zeros((1, 2, 4)))
    window = type("W", (), {"m": None, "focal_px": FOCAL_PX})
    told = with_tracking(given, [(0, 8)], [None] * 8, [window] * 8, (SIDE, SIDE))
    assert told.tracks.all() == tracks


def test_a_moment_of_tracking_in_a_long_clip_is_none(monkeypatch):
    monkeypatch.setattr(camera_segments, "holds_subject", lambda *_: True)
    monkeypatch.setattr(camera_segments, "basis", lambda _: np.zeros((1, 2, 4)))
    window = type("W", (), {"m": None, "focal_px": FOCAL_PX})
    given = rates({"truck": 0.1}, {"truck": 0.1})
    told = with_tracking(given, [(0, 4), (4, 16)], [None] * 16, [window] * 16, (SIDE, SIDE))
    assert not told.tracks[:4].any()
    assert told.tracks[4:].all()


def panning(subject, flow_px=-20.0):
    """A pair and its window: a backdrop that goes by, and points in the middle that move as `subject` says."""
    rng = np.random.default_rng(0)
    a = rng.uniform(-120, 120, (150, 2))
    shift = np.tile([flow_px, 0.0], (150, 1))
    middle = np.abs(a).max(axis=1) < 60
    shift[middle] = subject(a[middle])
    pair = Pair(0.0, 0.5, np.arange(150), a, a + shift + rng.normal(0, 0.2, a.shape))
    return pair, make_windows([pair], Lens(4 * SIDE, 0.4))[0]


@pytest.mark.parametrize(
    ("subject", "follows"),
    [
        (lambda a: np.tile([1.0, 1.0], (len(a), 1)), True),
        (lambda a: np.tile([-20.0, 0.0], (len(a), 1)), False),  # nothing but backdrop
        (lambda a: np.tile([-45.0, 0.0], (len(a), 1)), False),  # crosses the view against the turn
    ],
    ids=["held", "backdrop", "crosses"],
)
def test_a_turn_follows_what_keeps_its_place_in_the_middle(subject, follows):
    assert follows_subject(*panning(subject), SIDE, SIDE) is follows


def test_a_small_turn_does_not_tell_whether_it_follows():
    assert follows_subject(*panning(np.zeros_like, flow_px=-3.0), SIDE, SIDE) is None


def test_a_subject_is_followed_over_turns_of_changing_speed(monkeypatch):
    monkeypatch.setattr(camera_segments, "follows_subject", lambda *_: True)
    given = rates({"pan": 4.0}, {"pan": 9.0})
    short = replace(given, starts=given.starts / 3, ends=given.ends / 3)  # 0.67 s a piece, less than half a second each
    assert with_tracking(short, [(0, 8), (8, 16)], [None] * 16, [None] * 16, (SIDE, SIDE)).tracks.all()


def test_the_moment_of_a_change_lies_between_the_samples():
    # windows of half a second every quarter; the camera starts to pan at 2.1 s
    given = rates({"pan": 0.0}, {"pan": 10.0})
    middles = np.arange(16) * 0.25 + 0.25
    share = np.clip((middles + 0.25 - 2.1) / 0.5, 0, 1)
    edges = np.concatenate([[0.0], (middles[1:] + middles[:-1]) / 2, [4.25]])
    given.values[:, 0] = 10 * share
    given = replace(given, times=middles, starts=edges[:-1], ends=edges[1:])
    windows = [type("W", (), {"seconds": 0.5})] * 16
    told, pieces = camera_segments.smooth(given, windows)
    (_, end), _ = pieces
    assert told.ends[end - 1] == pytest.approx(2.1, abs=0.06)
    assert abs(given.ends[end - 1] - 2.1) > abs(told.ends[end - 1] - 2.1)


def test_a_piece_keeps_the_rates_of_the_windows_that_agree():
    given = rates({"tilt": 6.0})
    given.travels[2] = True
    given.values[2, 4], given.values[2, 1] = 0.2, 0.0
    told, _ = camera_segments.smooth(given, [type("W", (), {"seconds": 0.5})] * 8)
    assert not told.values[:, 4].any()
    assert told.values[:, 1] == pytest.approx(6.0)


def test_a_pan_after_a_truck_is_asked_for_itself_whether_it_travels(monkeypatch):
    span, told = [type("W", (), {"seconds": 0.5})] * 12, np.zeros((12, 8))
    told[:6, 4], told[6:, 0] = 0.06, np.radians(7.0)
    lone = iter([None, "travels"])  # asked in time order: the first piece shows none, the second does
    monkeypatch.setattr(camera_segments, "_travel_of", lambda *_: next(lone))
    assert camera_segments._turns_within(span, told, Lens(280.0, 0.3), SIDE) == [(0, 6)]
    assert camera_segments._turns_within(span[:3], told[:3], Lens(280.0, 0.3), SIDE) == []  # one piece: the span itself


def names(given, shake=0.0, focal_ratio=FOCAL_PX / SIDE):
    weights, pieces = picture_weight(given, focal_ratio, SIDE), range(0, len(given.times), 8)
    return {run.axis for run in runs_of(given, [(at, at + 8) for at in pieces], weights, shake, focal_ratio)}


def test_a_pan_is_small_by_what_the_picture_shows_of_it():
    assert names(rates({"pan": 0.3})) == set()
    assert names(rates({"pan": 0.3}), focal_ratio=6.0) == {"pan"}


def test_spread_without_travel_does_not_hide_a_roll():
    assert "roll" in names(rates({"roll": 11.0, "truck": 0.01}, spread=46.0))


def test_travel_too_small_beside_a_wide_pan_is_not_named():
    assert names(rates({"pan": -30.0, "truck": 0.004}, spread=4.0)) == {"pan"}
    assert names(rates({"pan": -30.0, "truck": 0.08}, spread=60.0)) == {"pan", "truck"}


def test_of_rise_and_forward_travel_the_greater_is_named():
    assert names(rates({"pedestal": 0.1, "dolly": 0.2})) == {"dolly"}
    assert names(rates({"pedestal": 0.2, "dolly": 0.1})) == {"pedestal"}
    assert names(rates({"pedestal": 0.2, "dolly": 0.2})) == {"pedestal", "dolly"}


def test_zoom_beside_travel_is_named_where_the_travel_goes_aside():
    assert names(rates({"truck": 0.1, "zoom": 0.05})) == {"truck", "zoom"}
    assert names(rates({"dolly": 0.1, "zoom": 0.05})) == {"dolly"}
    assert names(rates({"truck": 0.1, "zoom": 0.05}, explained=0.6)) == {"truck"}


def test_an_arc_feigns_no_zoom():
    # halfway round, the way leads ahead of where the camera first looked: by half of what it turned
    turned, aside = np.radians([16.0, 0.0, 0.0, 0.0])[None], np.array([[-0.3, 0.0, 0.0]])
    assert _chord(turned, aside)[0] == pytest.approx(-0.3 * np.sin(np.radians(8.0)))
    assert _chord(-turned, -aside)[0] == pytest.approx(-0.3 * np.sin(np.radians(8.0)))
    assert _chord(turned, 0 * aside)[0] == 0


def test_of_moves_at_once_the_class_is_that_of_what_moves_the_picture_most():
    dolly = CameraMove(move="dolly_out", start=0.0, end=4.0, amount=0.3)
    assert class_of([(dolly, 0.5), (CameraMove(move="pan_left", start=0.0, end=4.0, amount=20.0), 0.3)], 4.0) == "C2"
    assert class_of([(dolly, 0.1), (CameraMove(move="pan_left", start=0.0, end=4.0, amount=3.0), 0.3)], 4.0) == "C4"


def test_zoom_beside_a_tilt_needs_a_turn_that_fits():
    assert names(rates({"tilt": 16.0, "zoom": 0.07})) == {"tilt", "zoom"}
    assert names(rates({"tilt": 16.0, "zoom": 0.07}, explained=0.7)) == {"tilt"}


def test_a_drift_within_the_shake_is_no_tilt():
    assert names(rates({"tilt": 1.5})) == {"tilt"}
    assert names(rates({"tilt": 1.5}), shake=0.8) == set()


def test_the_last_sampled_frame_lasts_until_the_next_would_come():
    pan, truck = CameraMove(move="pan_left", start=0.0, end=2.0), CameraMove(move="truck_left", start=2.0, end=3.9)
    moves = [(pan, 0.1), (truck, 0.1)]
    assert class_of(moves, 3.9) == "C2"
    assert class_of(moves, 3.9, 0.125) == "C4"


def test_the_focal_ratio_lies_between_those_that_were_tried():
    true = 1.0
    assert _least_between((np.log(FOCAL_RATIOS) - np.log(true)) ** 2) == pytest.approx(true, rel=0.01)
    assert _least_between(-np.arange(len(FOCAL_RATIOS), dtype=float)) == FOCAL_RATIOS[-1]


def tracked(thing, seconds=4.0):
    """Tracks of a still backdrop with points of a thing in front: its function of seconds gives numbers and N,2."""
    rng = np.random.default_rng(0)
    backdrop = rng.uniform(6, 250, (120, 2))
    frames = []
    for time in np.arange(0, seconds, 0.125):
        ids, places = thing(time)
        xy = np.concatenate([backdrop, places]).astype(np.float32)
        frames.append(TrackedFrame(float(time), np.concatenate([np.arange(120), 120 + ids]), xy, 1.0, (0.0, 0.0)))
    return Tracks(SIDE, SIDE, 1.0, frames)


def on_a_pillar(time):
    """Points of the front half of a pillar that turns by 50 degrees a second; others come as they go."""
    around = np.arange(-300.0, 90.0, 3.0) + 50.0 * time
    places = np.column_stack([128 + 45 * np.sin(np.radians(around)), np.tile(np.linspace(90, 170, 13), 10)])
    front = np.flatnonzero(np.abs(around) < 80)
    return front, places[front]


def sliding(time):
    grid = np.stack(np.meshgrid(np.linspace(60, 120, 8), np.linspace(90, 170, 8)), axis=-1).reshape(-1, 2)
    return np.arange(len(grid)), grid + np.array([18.0 * time, 0.0])


def swinging(time):
    ids, places = sliding(0.0)
    return ids, places + np.array([50.0 + 20 * np.sin(3 * time), 0.0])


@pytest.mark.parametrize(("thing", "turns"), [(on_a_pillar, True), (sliding, False), (swinging, False)])
def test_a_thing_that_turns_in_place_is_told_from_one_that_goes_away_or_swings(thing, turns):
    assert turns_in_place(tracked(thing), FOCAL_PX) is turns


def test_nothing_that_moves_turns():
    assert not turns_in_place(tracked(lambda _: (np.zeros(0, int), np.zeros((0, 2)))), FOCAL_PX)


def test_points_are_looked_for_where_the_picture_goes():
    # bars that repeat every 40 px: after a step of 34 the nearest alike lies 6 px on the wrong side
    rng = np.random.default_rng(1)
    tile = cv2.GaussianBlur(rng.integers(0, 255, (256, 40)).astype(np.float32), (0, 0), 2.5)
    wide = np.tile(tile, (1, 40)) + 12 * cv2.GaussianBlur(rng.normal(0, 8, (256, 1600)).astype(np.float32), (0, 0), 3)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    tracks, left = Tracks(), 0
    for time, step in enumerate([0, 8, 16, 24, 30, 34, 34, 34, 34]):
        left += step
        tracks.add(wide[:, left : left + 256], float(time))
    assert tracks.frames[-1].step[0] == pytest.approx(-34, abs=0.5)


def difficulty():
    path = Path(__file__).parents[2] / "benchmarks" / "camera_difficulty.py"
    spec = importlib.util.spec_from_file_location("camera_difficulty", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_travel_before_one_flat_wall_is_called_undecidable_by_truth_alone():
    rule = difficulty()
    only = {
        "compositions": {"single": 1.0},
        "move_weights": {"dolly": 1.0},
        "jitter_share": 0.0,
        "ranges": {"dolly": (1.2, 1.5)},
    }
    for flat in (0.0, 1.0):
        config = WorldConfig.validation().model_copy(update={**only, "flat_share": flat, "near_travel": True})
        shot = draw_shot(12, config)
        pixels = rule.evidence(shot)
        assert rule.decidable(shot, pixels) is (flat == 0.0)
        assert rule.difficulty(replace(shot, crf=35), pixels) > rule.difficulty(replace(shot, crf=18), pixels)


def _windows_of(parallax_px, noise_px):
    """Seven windows of a camera that sees all points go 12 px left, each by its own extra way as well."""
    rng = np.random.default_rng(0)
    a = rng.uniform(-110, 110, (150, 2))
    pairs = []
    for number in range(7):
        extra = parallax_px(a, rng)
        b = a + np.stack([-12 - extra, 0 * extra], axis=1) + rng.normal(0, 0.3, a.shape)
        pairs.append(Pair(number / 4, number / 4 + 0.5, np.arange(len(a)), a, b))
    lens = Lens(FOCAL_PX, noise_px)
    return make_windows(pairs, lens), lens


def _near_ground(a, rng):
    return 12 * np.clip(a[:, 1] / 110, 0, 1)


def _scattered(a, rng):
    return rng.uniform(0, 12, len(a))


@pytest.mark.parametrize(("extra", "travels"), [(_near_ground, True), (_scattered, False)])
def test_in_a_soft_picture_travel_must_leave_a_smooth_parallax(extra, travels):
    windows, lens = _windows_of(extra, noise_px=1.2)
    found = camera_segments.rates_of(windows, lens, SIDE, duration=2.0)
    assert found.travels.mean() == (1.0 if travels else 0.0)
    smooth = np.median([camera_segments.smoothness(window) for window in windows])
    assert smooth > 0.7 if travels else smooth < 0.2


def test_in_a_sharp_picture_scatter_may_be_objects_at_many_depths():
    windows, lens = _windows_of(_scattered, noise_px=0.4)
    assert camera_segments.rates_of(windows, lens, SIDE, duration=2.0).travels.all()
