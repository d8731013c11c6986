"""The camera benchmark credits "cannot tell" only where the truth leaves two answers open."""

from __future__ import annotations

import camera_accuracy as accuracy
import camera_difficulty as rule
import pytest

from dropletvideo.world.config import WorldConfig
from dropletvideo.world.shot import draw_shot


def one_move(axis, amounts, flat):
    config = WorldConfig.validation().model_copy(
        update={
            "compositions": {"single": 1.0},
            "move_weights": {axis: 1.0},
            "jitter_share": 0.0,
            "ranges": {axis: amounts},
            "flat_share": flat,
            "near_travel": True,
        }
    )
    return draw_shot(12, config)


@pytest.mark.parametrize(("axis", "amounts"), [("truck", (1.0, 1.2)), ("dolly", (1.2, 1.5)), ("zoom", (1.3, 1.4))])
def test_travel_and_zoom_are_ambiguous_before_a_flat_wall_only(axis, amounts):
    twins = {"truck": "pan", "dolly": "zoom", "zoom": "dolly"}
    flat, deep = one_move(axis, amounts, 1.0), one_move(axis, amounts, 0.0)
    ((move, twin),) = rule.ambiguous(flat, rule.evidence(flat)).items()
    assert (move.split("_")[0], twin.split("_")[0]) == (axis, twins[axis])
    assert move.split("_")[1] == twin.split("_")[1]
    assert rule.ambiguous(deep, rule.evidence(deep)) == {}


def columns(moves, unclear, camera_class):
    return {
        "camera_moves": moves,
        "camera_unclear": [{"moves": list(names)} for names in unclear],
        "camera_class": camera_class,
    }


def test_cannot_tell_is_right_only_where_the_truth_is_ambiguous():
    twins = {"truck_left": "pan_left"}
    either = columns([], [("pan_left", "truck_left")], None)
    assert accuracy.credited({"truck_left"}, either, "C4", twins) == ({"truck_left"}, "C4")
    assert accuracy.credited({"truck_left"}, either, "C4", {}) == (set(), None)
    assert accuracy.credited({"truck_left"}, columns([], [("tilt_up", "pedestal_up")], None), "C4", twins)[0] == set()
    wrong = columns(["pan_left"], [], "C2")
    assert accuracy.credited({"truck_left"}, wrong, "C4", twins) == ({"pan_left"}, "C2")
    silent = columns([], [], None)
    assert accuracy.credited({"truck_left"}, silent, "C4", twins) == (set(), None)


def test_shots_of_several_runs_count_as_one_and_quartiles_are_taken_among_all():
    def shot(difficulty, moves):
        hard = {"difficulty": difficulty, "ambiguous": {}}
        return ["pan_left"], columns(moves, [], "C2"), "C2", hard, 5.0

    first, second = [shot(k, ["pan_left"]) for k in range(8)], [shot(8 + k, ["tilt_up"]) for k in range(8)]
    rows = {row["group"]: row for row in accuracy.result_rows([*first, *second]) if "group" in row}
    assert rows["all"]["f1"] == 0.5
    low, high = rows["all"]["f1_interval"]
    assert 0.2 < low < 0.5 < high < 0.8
    assert [rows[f"difficulty quartile {k} of 4"]["f1"] for k in (1, 2, 3, 4)] == [1.0, 1.0, 0.0, 0.0]
    assert rows["difficulty quartile 1 of 4"]["f1_interval"] == [1.0, 1.0]
    assert {row["f1"] for row in accuracy.result_rows(second) if "quartile" in row.get("group", "")} == {0.0}


def test_a_kept_clip_is_not_rendered_again(tmp_path):
    made = []

    def clip(seed):
        made.append(seed)
        return seed, "frames"

    assert accuracy.kept(clip, 7, tmp_path) == accuracy.kept(clip, 7, tmp_path) == (7, "frames")
    assert made == [7]
