"""Clips are split where the motion changes, there alone, and no frame is lost."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from dropletvideo import media
from dropletvideo.curate.run import curate
from dropletvideo.curate.stages.motion_regimes import SplitRegimes
from dropletvideo.perception.motion_changes import MotionChangesJudge, changes_of, motion_of
from dropletvideo.tables.clock import FrameClock
from dropletvideo.tables.plan import measure_video
from dropletvideo.tables.views import open_views

RATE, HEIGHT, WIDTH = 16, 144, 256


def panned(steps, path, seed=0):
    """A texture seen through a window that moves `steps` (right, down) in px per frame; one pair per frame."""
    canvas = media.resize(np.random.default_rng(seed).integers(0, 255, (24, 40, 3), dtype=np.uint8), size=(700, 1200))
    places = np.cumsum([(400, 250), *steps], axis=0).astype(int)
    frames = np.stack([canvas[y : y + HEIGHT, x : x + WIDTH] for x, y in places])
    media.write_video(path, frames, playback_fps=RATE, crf=14)
    return path


def changes(path):
    [row] = measure_video(path, [MotionChangesJudge()])
    return row["motion_changes"]


@pytest.mark.parametrize(
    ("before", "after"),
    [((3, 0), (-3, 0)), ((0, 0), (4, 0)), ((4, 0), (0, 0)), ((2, 0), (0, 2)), ((1, 0), (6, 0))],
    ids=["turns back", "starts", "stops", "pan then tilt", "speeds up"],
)
def test_a_change_of_motion_is_told_at_its_frame(tmp_path, before, after):
    [(frame, strength)] = changes(panned([before] * 40 + [after] * 40, tmp_path / "change.mp4"))
    assert abs(frame - 40) <= 4
    assert strength > 0.9


@pytest.mark.parametrize("step", [(0, 0), (3, 0), (0, -2)], ids=["rest", "pan", "tilt"])
def test_steady_motion_is_one_regime(tmp_path, step):
    assert changes(panned([step] * 70, tmp_path / "steady.mp4")) == []


def test_what_is_too_short_to_tell_is_none(tmp_path):
    assert changes(panned([(3, 0)] * 12, tmp_path / "short.mp4")) is None


def test_growth_and_turn_are_read_from_the_flow():
    rows, columns = np.mgrid[0:144, 0:256].astype(np.float32)
    x, y = columns - 128, rows - 72
    diagonal = np.hypot(144, 256)
    grown = motion_of(np.stack([0.02 * x, 0.02 * y], axis=-1))
    assert grown == pytest.approx([0, 0, 0.02 / 4, 0, 0], abs=1e-4)
    turned = motion_of(np.stack([-0.03 * y, 0.03 * x], axis=-1))
    assert turned == pytest.approx([0, 0, 0, 0.03 / 4, 0], abs=1e-4)
    moved = np.zeros((144, 256, 2), np.float32)
    moved[40:100, 60:160] = (8, 0)  # a subject of a sixth of the picture
    shift = motion_of(moved)
    assert shift[:4] == pytest.approx([0, 0, 0, 0], abs=1e-4)
    assert shift[4] == pytest.approx(60 * 100 / (144 * 256) * 8 / diagonal, rel=0.1)


def test_a_long_clip_takes_time_by_its_length_and_is_not_cut_for_it():
    rng = np.random.default_rng(4)
    long = np.repeat([[0.0] * 5, [1.5] * 5, [0.0] * 5], (3000, 40, 3000), axis=0)
    found = changes_of(long + rng.normal(0, 0.05, long.shape), np.full(len(long), 1 / 8))
    assert [pair for pair, _ in found] == [3000, 3040], "pieces of one long stretch meet without a change"


def test_pieces_keep_every_frame_and_the_stronger_of_two_near_changes_wins():
    clock = FrameClock("1/10", 10.0)
    row = {"start_frame": 5, "end_frame": 95, "motion_changes": [[9, 9.0], [40, 1.0], [46, 2.0], [70, 0.5], [90, 3.0]]}
    found = SplitRegimes(min_strength=0.9, min_seconds=1.0)([row], lambda: clock)
    assert [(one["start_frame"], one["end_frame"]) for one in found] == [(5, 46), (46, 95)]
    weak = SplitRegimes(min_strength=0.4, min_seconds=0.5)([row], lambda: clock)
    assert [one["start_frame"] for one in weak] == [5, 40, 46, 70, 90]
    assert [one.get("score") for one in weak] == [None, 0.25, 0.5, 0.125, 0.75]
    untold = SplitRegimes(min_strength=0.4, min_seconds=0.5)([{**row, "motion_changes": None}], lambda: clock)
    assert untold == [{"start_frame": 5, "end_frame": 95}]


def test_a_recipe_splits_and_measures_the_pieces(tmp_path):
    video = panned([(4, 0)] * 40 + [(0, 0)] * 40, tmp_path / "start_stop.mp4")
    recipe = tmp_path / "regimes.yaml"
    stages = {"segment": {}, "motion_changes": {}, "motion_regimes": {}, "trim": {"min_seconds": 1.0}, "motion": {}}
    recipe.write_text(yaml.safe_dump({"kind": "curate", "stages": stages}, sort_keys=False))
    done = curate([video], tmp_path / "set", recipe=str(recipe), in_process=True, with_report=False)
    with open_views(tmp_path / "set") as connection:
        rows = connection.execute("SELECT start_frame, end_frame, motion_score FROM clips ORDER BY 1").fetchall()
        boundaries = connection.execute("SELECT frame, end_frame, kind, score > 0 FROM boundaries").fetchall()
    assert len(rows) == 2
    assert rows[0][0] == 0
    assert rows[0][1] == rows[1][0]
    assert rows[1][1] == 81
    assert boundaries == [(rows[1][0], rows[1][0], "regime", True)], "told through the stage behind too"
    assert rows[0][2] > 5 * rows[1][2]
    assert done.summary.decodes == 2, "one for the whole clips, one for the pieces"
